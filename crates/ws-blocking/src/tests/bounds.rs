//! How much a peer can make a connection hold.

use std::io;
use std::time::Duration;

use ws_proto::Config;

use super::pair;
use crate::{CloseCode, ConnectionError, Error, Message, Timeout};

#[test]
fn pings_of_a_peer_that_does_not_read_cost_a_bounded_queue() {
    let mut config = Config::default();
    config.limits.output_high_water = 10_000;
    let mut input = b"\x89\x84\0\0\0\0ping".repeat(100_000);
    input.extend_from_slice(b"\x81\x82\0\0\0\0ok");
    let (_peer, mut ws) = pair(config, &input);
    assert_eq!(ws.recv().unwrap(), Some(Message::text("ok")));
    let queued = ws.shared().queued();
    assert!(
        (10_000..10_100).contains(&queued),
        "full, and no more than that: {queued}"
    );
}

#[test]
fn a_peer_that_does_not_read_is_given_up() {
    let mut config = Config::default();
    config.timeouts.ping_timeout = Some(Duration::from_millis(50));
    let (_peer, mut ws) = pair(config, &[]);
    let error = loop {
        if let Err(error) = ws.send(vec![0; 1024 * 1024]) {
            break error;
        }
    };
    assert!(
        matches!(&error, Error::Io(error) if error.kind() == io::ErrorKind::TimedOut),
        "{error:?}"
    );
    let queued = ws.shared().queued();
    assert_eq!(queued, 0, "what can't be sent is not kept");
    assert!(matches!(ws.send("more"), Err(Error::Io(_))));
    for _ in 0..2 {
        let error = ws.recv().unwrap_err();
        assert!(
            matches!(&error, Error::Io(error) if error.kind() == io::ErrorKind::TimedOut),
            "{error:?}"
        );
    }
}

/// A peer that takes in a long message can't answer the ping before it, and lives all the same.
#[test]
fn a_write_that_moved_on_is_a_sign_of_life() {
    for moved in [true, false] {
        let (_peer, mut ws) = pair(Config::default(), &[]);
        // As if nothing had come until the ping was due, and then the wait for its answer.
        let receiver = ws.reader_for_test().receiver_for_test();
        receiver.handle_timeout(ws_proto::Instant::ZERO).unwrap();
        let due = receiver.poll_timeout().unwrap();
        receiver.handle_timeout(due).unwrap();
        assert!(matches!(receiver.take_reply(), Some(ws_proto::Reply::Ping(_))));
        ws.shared().set_progressed(moved);
        ws.reader_for_test().prepare_for_test();
        let receiver = ws.reader_for_test().receiver_for_test();
        let due = receiver.poll_timeout().unwrap();
        assert_eq!(receiver.handle_timeout(due).is_ok(), moved);
    }
}

#[test]
fn a_close_that_nobody_reads_is_given_up_as_well() {
    let mut config = Config::default();
    config.timeouts.close = Some(Duration::from_millis(50));
    let (_peer, mut ws) = pair(config, &[]);
    let error = ws.close(CloseCode::NORMAL, "").unwrap_err();
    assert!(
        matches!(error, Error::Connection(ConnectionError::Timeout(Timeout::Close))),
        "{error:?}"
    );
}
