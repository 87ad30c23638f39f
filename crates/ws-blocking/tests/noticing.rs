//! How ends are noticed, and what waiting for them costs; by itself, since it counts the processor time of the process.

#![cfg(target_os = "linux")]

mod common;
#[path = "common/proc.rs"]
mod proc;

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use common::{PATIENCE, REQUEST, Raw};
use proc::{threads_and_descriptors, ticks, wait_for_threads_and_descriptors};
use socket2::SockRef;
use ws_blocking::hub::{Event, Hub, Wire};
use ws_blocking::{Config, ConnectionError, Error, Server, Timeout, raw};

#[test]
fn waiting_and_ending_take_no_processor_time() {
    let before = threads_and_descriptors();
    plain_bytes();
    wait_for_threads_and_descriptors(before);
    ends_without_deadlines();
    wait_for_threads_and_descriptors(before);
    silence();
    wait_for_threads_and_descriptors(before);
}

/// Nothing but the transport tells of these ends.
fn ends_without_deadlines() {
    let mut config = Config::default();
    config.timeouts.ping_interval = None;
    config.timeouts.idle = None;
    let hub = server().config(config).hub().start().unwrap();
    let address = hub.running().local_addr().unwrap();
    let [closing, ending, resetting] = [0; 3].map(|_| {
        let raw = upgraded(address);
        assert!(matches!(next(&hub), Event::Connected(_)));
        raw
    });
    nothing_happens(&hub);

    let mut closing = closing;
    closing.write(common::masked(0x88, &common::close_payload(1000, "")));
    closing.expect_close(1000);
    closing.expect_eof();
    assert!(matches!(next(&hub), Event::Disconnected(_)));

    drop(ending);
    let Event::Error(record) = next(&hub) else {
        panic!("an end without a Close is none")
    };
    assert!(matches!(
        *record.error,
        Error::Connection(ConnectionError::Disconnected)
    ));
    assert!(matches!(next(&hub), Event::Disconnected(_)));

    reset(resetting.stream);
    let Event::Error(record) = next(&hub) else {
        panic!("a reset is an error")
    };
    assert!(matches!(&*record.error, Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionReset));
    assert!(matches!(next(&hub), Event::Disconnected(_)));
    nothing_happens(&hub);
}

/// A peer that answers nothing is noticed at its deadline, and waiting for it costs nothing either.
fn silence() {
    let mut config = Config::default();
    config.timeouts.ping_interval = Some(Duration::from_millis(150));
    config.timeouts.ping_timeout = Some(Duration::from_millis(150));
    let hub = server().config(config).hub().start().unwrap();
    let raw = upgraded(hub.running().local_addr().unwrap());
    assert!(matches!(next(&hub), Event::Connected(_)));
    let before = ticks();
    let Event::Error(record) = next(&hub) else {
        panic!("silence is an error")
    };
    assert!(matches!(
        *record.error,
        Error::Connection(ConnectionError::Timeout(Timeout::Ping))
    ));
    assert!(ticks() - before < MAX_TICKS);
    assert!(matches!(next(&hub), Event::Disconnected(_)));
    nothing_happens(&hub);
    drop(raw);
}

fn plain_bytes() {
    let hub = raw::Server::bind("127.0.0.1:0").unwrap().hub().start().unwrap();
    let address = hub.running().local_addr().unwrap();
    let [ending, resetting] = [0; 2].map(|_| {
        let stream = TcpStream::connect(address).unwrap();
        assert!(matches!(next(&hub), Event::Connected(_)));
        stream
    });
    nothing_happens(&hub);
    drop(ending);
    assert!(matches!(next(&hub), Event::Disconnected(_)));
    reset(resetting);
    assert!(matches!(next(&hub), Event::Error(_)));
    assert!(matches!(next(&hub), Event::Disconnected(_)));
    nothing_happens(&hub);
}

fn server() -> Server {
    Server::bind("127.0.0.1:0").unwrap()
}

fn upgraded(address: SocketAddr) -> Raw {
    let mut raw = Raw::connect(address);
    raw.write(REQUEST);
    raw.read_head();
    raw
}

fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

fn next<W: Wire>(hub: &Hub<W>) -> Event<W> {
    hub.next_event(Some(PATIENCE)).expect("an event")
}

/// And no thread uses time for that.
fn nothing_happens<W: Wire>(hub: &Hub<W>) {
    let before = ticks();
    assert!(hub.next_event(Some(Duration::from_millis(300))).is_none());
    assert!(ticks() - before < MAX_TICKS);
}

/// Of the 30 that one thread would use that does not wait but looks again and again.
const MAX_TICKS: u64 = 10;
