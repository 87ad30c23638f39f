//! Deadlines hold although the thread blocks.

mod common;

use std::time::Duration;

use common::{Raw, close_payload, in_thread, masked};
use ws_blocking::{Config, ConnectionError, Error, SendError, Timeout};

const SHORT: Option<Duration> = Some(Duration::from_millis(50));

#[test]
fn a_silent_peer_is_pinged_and_its_pong_keeps_it() {
    let mut config = Config::default();
    config.timeouts.ping_interval = SHORT;
    let (mut raw, mut ws) = Raw::to_server(config);
    let receiving = in_thread(move || ws.recv().map(|message| (message, ws.round_trip().is_some())));
    for number in 1..=3 {
        raw.expect([0x89, 4, 0, 0, 0, number]);
        raw.write(masked(0x8a, &[0, 0, 0, number]));
    }
    raw.write(masked(0x81, b"here"));
    assert_eq!(receiving().unwrap(), (Some("here".into()), true));
}

#[test]
fn a_peer_that_answers_no_ping_is_given_up() {
    let mut config = Config::default();
    config.timeouts.ping_interval = SHORT;
    config.timeouts.ping_timeout = SHORT;
    let (mut raw, mut ws) = Raw::to_server(config);
    let receiving = in_thread(move || ws.recv().unwrap_err());
    raw.expect(b"\x89\x04\0\0\0\x01");
    assert!(matches!(
        receiving(),
        Error::Connection(ConnectionError::Timeout(Timeout::Ping))
    ));
    raw.expect_close(1011);
    raw.expect_eof();
}

#[test]
fn an_idle_connection_is_closed() {
    let mut config = Config::default();
    config.timeouts.idle = SHORT;
    let (mut raw, mut ws) = Raw::to_server(config);
    let receiving = in_thread(move || ws.recv().unwrap_err());
    raw.expect_close(1001);
    raw.write(masked(0x88, &close_payload(1001, "")));
    raw.expect_eof();
    drop(raw);
    assert!(matches!(
        receiving(),
        Error::Connection(ConnectionError::Timeout(Timeout::Idle))
    ));
}

#[test]
fn a_message_that_takes_too_long_is_an_error() {
    let mut config = Config::default();
    config.timeouts.assembly = SHORT;
    config.timeouts.linger = SHORT;
    // Small enough to be read through the buffer, and large enough to be read past it.
    for len in [100, 100_000] {
        let (mut raw, mut ws) = Raw::to_server(config.clone());
        raw.write(&masked(0x82, &vec![0; len])[..50]);
        let error = ws.recv().unwrap_err();
        assert!(
            matches!(error, Error::Connection(ConnectionError::Timeout(Timeout::Assembly))),
            "{error:?}"
        );
        raw.expect_close(1008);
        raw.expect_eof();
    }
}

#[test]
fn pings_are_answered_while_the_thread_waits() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    let receiving = in_thread(move || ws.recv());
    for payload in [&b""[..], b"are you there?", &[7; 125]] {
        raw.write(masked(0x89, payload));
        raw.expect([&[0x8a, payload.len() as u8], payload].concat());
    }
    raw.write(masked(0x81, b"good"));
    assert_eq!(receiving().unwrap(), Some("good".into()));
}

#[test]
fn pings_go_out_by_hand_too() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    ws.ping(b"hello?").unwrap();
    raw.expect(b"\x89\x06hello?");
    assert!(matches!(
        ws.ping(&[0; 126]),
        Err(Error::Send(SendError::ControlTooLong))
    ));
}

#[test]
fn without_deadlines_nothing_is_sent() {
    let mut config = Config::default();
    config.timeouts.ping_interval = None;
    config.timeouts.assembly = None;
    let (mut raw, mut ws) = Raw::to_server(config);
    let receiving = in_thread(move || ws.recv());
    raw.write(masked(0x81, b"at last"));
    assert_eq!(receiving().unwrap(), Some("at last".into()));
    raw.expect_eof();
}

/// Blocked for a while, a thread has used no time of its processor's.
#[cfg(target_os = "linux")]
#[test]
fn waiting_costs_no_processor_time() {
    let (_raw, mut ws) = Raw::to_server(Config::default());
    let before = ticks();
    assert!(matches!(
        ws.recv_timeout(Duration::from_millis(300)),
        Err(Error::NothingYet)
    ));
    // Of 30 that a busy wait would take.
    assert!(ticks() - before < 10);
}

/// What this thread has used, in hundredths of a second.
#[cfg(target_os = "linux")]
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<_> = fields.split_whitespace().collect();
    [11, 12].iter().map(|&at| fields[at].parse::<u64>().unwrap()).sum()
}
