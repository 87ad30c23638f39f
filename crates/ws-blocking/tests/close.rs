//! How connections end.

mod common;

use std::net::Shutdown;
use std::time::Duration;

use common::{PATIENCE, Raw, Serving, close_payload, in_thread, masked, unmasked};
use ws_blocking::{
    CloseCode, Config, ConnectionError, Error, Message, ProtocolError, SendError, Side, Timeout, connect,
};

#[test]
fn a_client_closes_and_both_sides_know() {
    let (raw_side, server_side) = std::sync::mpsc::channel();
    let server = Serving::start(ws_blocking::Server::bind("127.0.0.1:0").unwrap(), move |incoming| {
        let mut ws = incoming.accept(ws_blocking::Accept::new()).unwrap();
        assert_eq!(ws.recv().unwrap(), None);
        raw_side.send(*ws.ending().unwrap()).unwrap();
    });
    let mut ws = connect(&server.url()).unwrap();
    ws.close(CloseCode::new(4000), "my reason").unwrap();
    let ending = ws.ending().unwrap();
    assert!(ending.is_clean());
    assert_eq!((ending.code(), ending.first), (CloseCode::new(4000), Some(Side::Local)));
    let ending = server_side.recv().unwrap();
    assert!(ending.is_clean());
    assert_eq!((ending.code(), ending.reason()), (CloseCode::new(4000), "my reason"));
    assert_eq!(ending.first, Some(Side::Peer));
}

#[test]
fn a_server_closes_and_ends_the_transport() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    let closing = in_thread(move || ws.close(CloseCode::GOING_AWAY, "bye").map(|()| ws));
    assert_eq!(raw.expect_close(1001), "bye");
    raw.write(masked(0x88, &close_payload(1001, "")));
    raw.expect_eof();
    drop(raw);
    let ws = closing().unwrap();
    assert!(ws.ending().unwrap().is_clean());
}

#[test]
fn the_end_stays_the_end() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    raw.write(masked(0x88, &close_payload(1000, "")));
    raw.stream.shutdown(Shutdown::Write).unwrap();
    for _ in 0..3 {
        assert_eq!(ws.recv().unwrap(), None);
        assert!(matches!(ws.send("late"), Err(Error::Send(SendError::Closed))));
        ws.close(CloseCode::NORMAL, "").unwrap();
    }
    raw.expect_close(1000);
    raw.expect_eof();
}

#[test]
fn what_came_before_the_close_is_delivered_first() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    ws.start_close(CloseCode::NORMAL, "").unwrap();
    raw.write(
        [
            masked(0x81, b"one"),
            masked(0x81, b"two"),
            masked(0x88, &close_payload(1000, "")),
        ]
        .concat(),
    );
    raw.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(ws.recv().unwrap(), Some("one".into()));
    assert_eq!(ws.recv().unwrap(), Some("two".into()));
    assert_eq!(ws.recv().unwrap(), None);
}

#[test]
fn an_end_without_close_is_an_error_and_says_1006() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    raw.write(masked(0x81, b"last words"));
    raw.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(ws.recv().unwrap(), Some("last words".into()));
    for _ in 0..2 {
        let error = ws.recv().unwrap_err();
        assert!(
            matches!(error, Error::Connection(ConnectionError::Disconnected)),
            "{error:?}"
        );
    }
    assert_eq!(ws.ending().unwrap().code(), CloseCode::ABNORMAL);
    raw.expect_eof();
}

#[test]
fn a_reset_is_the_same_error_every_time() {
    let (raw, mut ws) = Raw::to_server(Config::default());
    ws.send("never read").unwrap();
    // Dropped with input unread, the peer's socket resets the connection.
    raw.stream.peek(&mut [0]).unwrap();
    drop(raw);
    for _ in 0..3 {
        let error = ws.recv().unwrap_err();
        assert!(
            matches!(&error, Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionReset),
            "{error:?}"
        );
    }
}

#[test]
fn a_protocol_error_is_told_before_the_transport_ends() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    // Unread input behind the fault must not turn the end into a reset.
    raw.write([masked(0x81, b"good"), unmasked(0x81, b"unmasked"), vec![0; 100_000]].concat());
    raw.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(ws.recv().unwrap(), Some("good".into()));
    let error = ws.recv().unwrap_err();
    assert!(
        matches!(
            error,
            Error::Connection(ConnectionError::Protocol(ProtocolError::Unmasked))
        ),
        "{error:?}"
    );
    raw.expect_close(1002);
    raw.expect_eof();
}

#[test]
fn a_message_that_is_too_big_is_told_1009() {
    let mut config = Config::default();
    config.limits.max_message = 1000;
    let (mut raw, mut ws) = Raw::to_server(config);
    raw.write(masked(0x82, &[0; 1000]));
    raw.write(&masked(0x82, &[0; 1001])[..20]);
    raw.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(ws.recv().unwrap().map(|message| message.len()), Some(1000));
    let error = ws.recv().unwrap_err();
    assert!(
        matches!(
            error,
            Error::Connection(ConnectionError::Protocol(ProtocolError::MessageTooBig))
        ),
        "{error:?}"
    );
    raw.expect_close(1009);
    raw.expect_eof();
}

#[test]
fn what_was_sent_before_a_close_is_not_lost_though_input_is_unread() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    // Input that the server never looks at, and behind it the answer to its Close.
    raw.write(masked(0x82, &[0; 100_000]));
    let closing = in_thread(move || {
        ws.send(vec![7; 500_000])?;
        ws.close(CloseCode::NORMAL, "")
    });
    raw.expect(unmasked(0x82, &[7; 500_000]));
    raw.expect_close(1000);
    raw.write(masked(0x88, &close_payload(1000, "")));
    raw.expect_eof();
    drop(raw);
    closing().unwrap();
}

#[test]
fn a_peer_that_does_not_answer_the_close_is_given_up() {
    let mut config = Config::default();
    config.timeouts.close = Some(Duration::from_millis(50));
    let (mut raw, mut ws) = Raw::to_client(config);
    let error = ws.close(CloseCode::NORMAL, "").unwrap_err();
    assert!(
        matches!(error, Error::Connection(ConnectionError::Timeout(Timeout::Close))),
        "{error:?}"
    );
    raw.read_to_end();
}

#[test]
fn a_client_that_stays_after_both_closes_is_dropped() {
    let mut config = Config::default();
    config.timeouts.linger = Some(Duration::from_millis(50));
    let (mut raw, mut ws) = Raw::to_server(config);
    raw.write(masked(0x88, &close_payload(1000, "")));
    assert_eq!(ws.recv().unwrap(), None);
    raw.expect_close(1000);
    raw.expect_eof();
}

#[test]
fn a_client_waits_for_the_server_to_end_the_transport() {
    let mut config = Config::default();
    // It waits however slow the machine.
    config.timeouts.linger = Some(1000 * PATIENCE);
    let (mut raw, mut ws) = Raw::to_client(config);
    raw.write(unmasked(0x88, &close_payload(1000, "")));
    let receiving = in_thread(move || ws.recv().map(|message| (message, ws)));
    let mut answer = [0; 8];
    std::io::Read::read_exact(&mut raw.stream, &mut answer).unwrap();
    assert_eq!(answer[..2], [0x88, 0x80 | 2]);
    // More than the system buffers, so that the client must be reading it: no reset comes back.
    raw.write(vec![0; 32 << 20]);
    // And it has not ended its direction.
    raw.stream.set_nonblocking(true).unwrap();
    let error = std::io::Read::read(&mut raw.stream, &mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    raw.stream.set_nonblocking(false).unwrap();
    raw.stream.shutdown(Shutdown::Write).unwrap();
    raw.expect_eof();
    assert_eq!(receiving().unwrap().0, None);
}

#[test]
fn a_handle_closes_while_the_thread_waits() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    let handle = ws.handle();
    let receiving = in_thread(move || {
        let first = ws.recv();
        (first, ws.recv(), *ws.ending().unwrap())
    });
    handle.close(CloseCode::new(4001), "enough").unwrap();
    handle.close(CloseCode::new(4002), "only the first counts").unwrap();
    assert_eq!(raw.expect_close(4001), "enough");
    raw.write([masked(0x81, b"in between"), masked(0x88, &close_payload(4001, ""))].concat());
    raw.expect_eof();
    drop(raw);
    let (message, end, ending) = receiving();
    assert_eq!(message.unwrap(), Some("in between".into()));
    assert_eq!(end.unwrap(), None);
    assert!(ending.is_clean());
    assert_eq!(ending.first, Some(Side::Local));
}

#[test]
fn a_handle_does_not_wait_for_a_thread_that_writes() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    let handle = ws.handle();
    let message = Message::binary(vec![7; 32 << 20]);
    let sending = in_thread(move || {
        ws.send(message)?;
        while ws.recv()?.is_some() {}
        Ok::<_, Error>(())
    });
    // The first byte shows that the thread is in the middle of writing more than the system buffers.
    raw.expect(&unmasked(0x82, &[7; 32 << 20])[..1]);
    handle.close(CloseCode::GOING_AWAY, "").unwrap();
    raw.expect(&unmasked(0x82, &[7; 32 << 20])[1..]);
    raw.expect_close(1001);
    raw.write(masked(0x88, &close_payload(1001, "")));
    raw.expect_eof();
    drop(raw);
    sending().unwrap();
}

#[test]
fn a_close_by_handle_that_is_not_answered_ends_as_well() {
    let mut config = Config::default();
    config.timeouts.close = Some(Duration::from_millis(50));
    let (mut raw, mut ws) = Raw::to_server(config);
    let handle = ws.handle();
    let receiving = in_thread(move || ws.recv().unwrap_err());
    handle.close(CloseCode::NORMAL, "").unwrap();
    raw.expect_close(1000);
    let error = receiving();
    assert!(
        matches!(error, Error::Connection(ConnectionError::Timeout(Timeout::Close))),
        "{error:?}"
    );
}

#[test]
fn a_handle_ends_the_transport_under_a_waiting_thread() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    let handle = ws.handle();
    let receiving = in_thread(move || ws.recv().unwrap_err());
    handle.shutdown();
    assert!(matches!(receiving(), Error::Connection(ConnectionError::Disconnected)));
    raw.expect_eof();
    // The connection is gone, which the handle does not mind.
    handle.shutdown();
    handle.close(CloseCode::NORMAL, "").unwrap();
}

#[test]
fn dropping_ends_the_transport_though_handles_are_about() {
    let (mut raw, ws) = Raw::to_server(Config::default());
    let handle = ws.handle();
    drop(ws);
    raw.expect_eof();
    drop(handle);
}

#[test]
fn codes_that_must_not_be_sent_are_refused() {
    let (_raw, mut ws) = Raw::to_server(Config::default());
    for code in [CloseCode::NO_STATUS, CloseCode::ABNORMAL, CloseCode::new(999)] {
        assert!(matches!(ws.close(code, ""), Err(Error::Send(SendError::Close(_)))));
        assert!(matches!(ws.handle().close(code, ""), Err(SendError::Close(_))));
    }
    assert!(matches!(
        ws.close(CloseCode::NORMAL, &"x".repeat(124)),
        Err(Error::Send(SendError::Close(_)))
    ));
    ws.send("still open").unwrap();
}

#[test]
fn closes_can_be_answered_by_hand() {
    let mut config = Config::default();
    config.replies.close = false;
    let (mut raw, mut ws) = Raw::to_server(config);
    raw.write(masked(0x88, &close_payload(4000, "now")));
    raw.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(ws.recv().unwrap(), None);
    ws.send("one more thing").unwrap();
    ws.close(CloseCode::new(4001), "as you wish").unwrap();
    raw.expect(b"\x81\x0eone more thing");
    assert_eq!(raw.expect_close(4001), "as you wish");
    raw.expect_eof();
}
