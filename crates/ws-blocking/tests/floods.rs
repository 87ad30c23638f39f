//! Peers that never stop: nothing they send may hold a call beyond its deadline.

mod common;

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::{PATIENCE, Raw, in_thread, masked};
use ws_blocking::{Config, Error, accept_with};

/// Writes the same over and over again until it is dropped, or nobody takes it any more.
struct Flood {
    stream: TcpStream,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    fn start(mut into: TcpStream, bytes: Vec<u8>) -> Self {
        let stream = into.try_clone().unwrap();
        let thread = thread::spawn(move || while into.write_all(&bytes).is_ok() {});
        Self {
            stream,
            thread: Some(thread),
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        // It may wait for somebody who reads. The connection may have ended.
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// More than the system buffers, at any time: every read is full.
fn pings() -> Vec<u8> {
    masked(0x8a, b"").repeat(100_000)
}

#[test]
fn pongs_without_end_do_not_hold_a_receiver() {
    let (raw, mut ws) = Raw::to_server(Config::default());
    let _flood = Flood::start(raw.stream, pings());
    let receiving = in_thread(move || {
        for _ in 0..3 {
            assert!(matches!(
                ws.recv_timeout(Duration::from_millis(20)),
                Err(Error::NothingYet)
            ));
            assert!(matches!(ws.try_recv(), Err(Error::NothingYet)));
            assert!(matches!(
                ws.measure_round_trip(Duration::from_millis(20)),
                Err(Error::NothingYet)
            ));
        }
    });
    receiving();
}

#[test]
fn pongs_without_end_do_not_keep_a_reader_from_being_interrupted() {
    let (raw, ws) = Raw::to_server(Config::default());
    let (mut reader, _writer) = ws.split();
    let interrupter = reader.interrupter().unwrap();
    let _flood = Flood::start(raw.stream, pings());
    let reading = in_thread(move || {
        assert!(matches!(reader.recv(), Err(Error::NothingYet)));
    });
    interrupter.interrupt();
    reading();
}

/// What is there is taken in, a read at a time.
#[test]
fn asking_without_waiting_comes_to_the_message_in_the_end() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    let writing = in_thread(move || {
        raw.write(masked(0x8a, &[7; 100]).repeat(10_000));
        raw.write(masked(0x81, b"at last"));
        raw
    });
    let asking = in_thread(move || {
        loop {
            match ws.try_recv() {
                Err(Error::NothingYet) => {}
                result => return result,
            }
        }
    });
    assert_eq!(asking().unwrap(), Some("at last".into()));
    writing();
}

#[test]
fn empty_messages_before_a_pong_are_put_by_up_to_a_bound() {
    let mut config = Config::default();
    config.limits.output_high_water = 100_000;
    let (raw, mut ws) = Raw::to_server(config);
    let _flood = Flood::start(raw.stream, masked(0x81, b"").repeat(100_000));
    let measuring = in_thread(move || {
        // Long before that time, there are more of them than may be kept.
        assert!(matches!(ws.measure_round_trip(10 * PATIENCE), Err(Error::NothingYet)));
        ws
    });
    let mut ws = measuring();
    assert_eq!(ws.recv().unwrap(), Some("".into()));
}

#[test]
fn a_stranger_who_goes_on_talking_is_not_listened_to_for_ever() {
    let mut config = Config::default();
    config.timeouts.linger = Some(Duration::from_millis(50));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let raw = Raw::connect(listener.local_addr().unwrap());
    let accepting = in_thread(move || accept_with(listener.accept().unwrap().0, config).map(drop));
    let _flood = Flood::start(raw.stream, b"nonsense\r\n\r\n".repeat(100_000));
    assert!(matches!(accepting(), Err(Error::Handshake(_))));
}
