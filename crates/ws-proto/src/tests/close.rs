//! The closing handshake, its end as a value, and what the transport is told.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::peers::{Peer, Seen, last_close_code, masked, plain_close};
use crate::{
    CloseCode, Config, Connection, ConnectionError, Input, Instant, Message, Outbox, ProtocolError, SendError, Side,
    Timeout, Transport,
};

#[test]
fn the_peer_closes() {
    let mut server = Peer::server(Config::default());
    let mut client = Peer::client(Config::default());
    client.close(CloseCode::new(4000), "done");
    assert_eq!(client.conn.transport(), Transport::KeepOpen, "the answer is awaited");
    client.exchange(&mut server);

    assert_eq!(server.take_seen(), [Seen::close(CloseCode::new(4000), "done")]);
    assert_eq!(
        client.take_seen(),
        [Seen::close(CloseCode::new(4000), "")],
        "the code is echoed"
    );
    assert_eq!(
        server.conn.transport(),
        Transport::HalfClose,
        "the server ends the transport"
    );
    assert_eq!(client.conn.transport(), Transport::AwaitEof);

    let ending = server.conn.ending().unwrap();
    assert!(ending.is_clean());
    assert_eq!(
        (ending.code(), ending.reason(), ending.first),
        (CloseCode::new(4000), "done", Some(Side::Peer))
    );
    let ending = client.conn.ending().unwrap();
    assert!(ending.is_clean());
    assert_eq!((ending.code(), ending.first), (CloseCode::new(4000), Some(Side::Local)));
    assert_eq!(ending.sent.unwrap().reason(), "done");

    assert_eq!(client.conn.handle_eof(), Ok(()));
    assert_eq!(client.conn.transport(), Transport::FlushThenClose);
}

#[test]
fn a_close_without_a_code_is_answered_without_one() {
    let mut server = Peer::server(Config::default());
    server.feed(&masked(0x88, b""));
    assert_eq!(server.take_seen(), [Seen::Close(None, "".into())]);
    assert_eq!(server.take_out(), [0x88, 0]);
    assert_eq!(server.conn.ending().unwrap().code(), CloseCode::NO_STATUS);
    assert!(server.conn.ending().unwrap().is_clean());
}

#[test]
fn both_close_at_once() {
    let mut server = Peer::server(Config::default());
    let mut client = Peer::client(Config::default());
    server.close(CloseCode::GOING_AWAY, "");
    client.close(CloseCode::NORMAL, "");
    client.exchange(&mut server);
    assert_eq!(server.take_seen(), [Seen::close(CloseCode::NORMAL, "")]);
    assert_eq!(client.take_seen(), [Seen::close(CloseCode::GOING_AWAY, "")]);
    for peer in [&server, &client] {
        let ending = peer.conn.ending().unwrap();
        assert!(ending.is_clean());
        assert_eq!(ending.first, Some(Side::Local));
    }
}

#[test]
fn messages_before_the_peers_close_are_delivered_after_ours() {
    let mut server = Peer::server(Config::default());
    server.close(CloseCode::NORMAL, "");
    server.feed(&[masked(0x81, b"still"), masked(0x89, b"ping"), masked(0x88, &[3, 0xe8])].concat());
    assert_eq!(
        server.take_seen(),
        [
            Seen::text("still"),
            Seen::Ping(b"ping".to_vec()),
            Seen::close(CloseCode::NORMAL, "")
        ]
    );
    assert_eq!(
        server.take_out(),
        plain_close(CloseCode::NORMAL, ""),
        "nothing follows our Close, no pong either"
    );
}

#[test]
fn nothing_can_be_sent_after_a_close() {
    let mut server = Peer::server(Config::default());
    server.conn.close(CloseCode::NORMAL, "").unwrap();
    let mut outbox = Outbox::new(&Config::default().limits);
    for written in [false, true] {
        let sender = server.conn.sender();
        assert_eq!(sender.message("x", &mut server.out), Err(SendError::Closed));
        assert_eq!(
            sender.fragment(crate::DataKind::Text, true, b"x", &mut server.out),
            Err(SendError::Closed)
        );
        assert_eq!(sender.ping(b"", &mut server.out), Err(SendError::Closed));
        assert_eq!(sender.pong(b"", &mut server.out), Err(SendError::Closed));
        assert_eq!(sender.header("x").map(|_| ()), Err(SendError::Closed));
        assert_eq!(sender.queue(&Message::from("x"), &mut outbox), Err(SendError::Closed));
        assert_eq!(server.conn.close(CloseCode::NORMAL, ""), Err(SendError::Closed));
        assert!(outbox.is_empty());
        if !written {
            assert!(server.out.is_empty());
            server.conn.poll_transmit(&mut server.out);
        }
    }
    assert_eq!(server.take_out(), plain_close(CloseCode::NORMAL, ""));
}

#[test]
fn bad_codes_and_long_reasons_cannot_be_sent() {
    let mut server = Peer::server(Config::default());
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
        assert!(
            matches!(server.conn.close(CloseCode::new(code), ""), Err(SendError::Close(_))),
            "{code}"
        );
    }
    let long = core::str::from_utf8(&[b'a'; 124]).unwrap();
    assert!(matches!(
        server.conn.close(CloseCode::NORMAL, long),
        Err(SendError::Close(_))
    ));
    assert_eq!(server.conn.ending(), None, "the connection is as before");
    assert_eq!(server.conn.sender().message("x", &mut server.out), Ok(()));
    assert_eq!(server.conn.close(CloseCode::NORMAL, &long[1..]), Ok(()));
}

#[test]
fn an_end_without_a_close_is_told_apart() {
    let mut server = Peer::server(Config::default());
    server.feed(&masked(0x81, b"last words"));
    assert_eq!(server.conn.handle_eof(), Err(ConnectionError::Disconnected));
    assert_eq!(server.take_seen(), [Seen::text("last words")]);
    let ending = server.conn.ending().unwrap();
    assert_eq!(
        (ending.code(), ending.is_clean(), ending.first),
        (CloseCode::ABNORMAL, false, None)
    );
    assert_eq!(
        server.conn.transport(),
        Transport::FlushThenClose,
        "a peer that only half-closed may still read"
    );
    assert_eq!(server.advance(Duration::from_secs(2)), Ok(()));
    assert_eq!(server.conn.transport(), Transport::Drop, "but not for ever");
}

#[test]
fn an_end_after_our_close_without_an_answer_is_not_clean() {
    let mut client = Peer::client(Config::default());
    client.close(CloseCode::NORMAL, "");
    assert_eq!(client.conn.handle_eof(), Err(ConnectionError::Disconnected));
    assert!(!client.conn.ending().unwrap().is_clean());
    assert_eq!(client.conn.ending().unwrap().code(), CloseCode::ABNORMAL);
}

#[test]
fn a_close_after_the_peer_has_gone_awaits_no_answer() {
    let mut server = Peer::server(Config::default());
    assert_eq!(server.conn.handle_eof(), Err(ConnectionError::Disconnected));
    server.close(CloseCode::NORMAL, "");
    assert_eq!(server.conn.transport(), Transport::FlushThenClose);
    assert_eq!(server.advance(Duration::from_secs(1)), Ok(()));
    assert_eq!(server.conn.transport(), Transport::Drop);
    assert_eq!(server.conn.ending().unwrap().code(), CloseCode::ABNORMAL);
}

#[test]
fn nothing_is_delivered_after_a_failure_or_an_end() {
    let mut idle = Config::default();
    idle.timeouts.idle = Some(Duration::from_secs(1));
    let mut failed = Peer::server(idle);
    let error = failed.advance(Duration::from_secs(1)).unwrap_err();
    failed.feed(&masked(0x81, b"late"));
    assert_eq!(failed.take_seen(), [Seen::Error(error)]);

    let mut ended = Peer::server(Config::default());
    let error = ended.conn.handle_eof().unwrap_err();
    ended.feed(&masked(0x81, b"late"));
    assert_eq!(ended.take_seen(), [Seen::Error(error)]);
}

#[test]
fn an_end_told_twice_is_told_once() {
    let mut server = Peer::server(Config::default());
    assert_eq!(server.conn.handle_eof(), Err(ConnectionError::Disconnected));
    server.conn.handle_timeout(server.now).unwrap();
    let due = server.conn.poll_timeout();
    assert_eq!(server.conn.handle_eof(), Ok(()));
    assert_eq!(server.conn.poll_timeout(), due, "the wait does not begin anew");
}

#[test]
fn with_the_peers_answer_the_wait_for_it_is_over() {
    let mut client = Peer::client(Config::default());
    client.close(CloseCode::NORMAL, "");
    client.advance(Duration::from_secs(4)).unwrap();
    client.feed(&plain_close(CloseCode::NORMAL, ""));
    assert_eq!(client.advance(Duration::from_millis(999)), Ok(()));
    assert_eq!(client.conn.transport(), Transport::AwaitEof);
    assert_eq!(client.advance(Duration::from_millis(1)), Ok(()));
    assert_eq!(client.conn.transport(), Transport::Drop);
    assert!(client.conn.ending().unwrap().is_clean());
}

#[test]
fn a_breach_after_our_close_leaves_our_close_as_it_was() {
    let mut server = Peer::server(Config::default());
    server.close(CloseCode::GOING_AWAY, "");
    server.feed(&[0x81, 0x00]);
    assert_eq!(server.take_seen(), [Seen::Error(ProtocolError::Unmasked.into())]);
    assert_eq!(server.take_out(), plain_close(CloseCode::GOING_AWAY, ""));
    assert_eq!(
        server.conn.ending().unwrap().sent.unwrap().code(),
        Some(CloseCode::GOING_AWAY)
    );
    assert_eq!(server.conn.transport(), Transport::HalfClose);
}

/// The halves are in different places: the peer's Close, or a failure, and ours cross on the way between them.
#[test]
fn a_close_of_the_other_half_is_the_one_that_was_sent() {
    for (bytes, clean) in [(&masked(0x88, &[3, 0xe8]), true), (&vec![0x81, 0x00], false)] {
        let (mut receiver, mut sender) = Connection::server(Config::default()).split();
        let frame = sender.close(CloseCode::new(4000), "").unwrap();
        assert_eq!(receiver.next_event(&mut Input::new(&mut bytes.clone())).is_ok(), clean);
        sender.reply(receiver.take_reply().unwrap());
        receiver.handle_local_close(frame);
        let mut out = Vec::new();
        sender.poll_transmit(&mut out);
        assert_eq!(out, plain_close(CloseCode::new(4000), ""));

        let ending = receiver.ending().unwrap();
        assert_eq!((ending.sent, ending.is_clean()), (Some(frame), clean));
        assert_eq!(receiver.transport(&sender), Transport::HalfClose);
        let now = Instant::from_millis(1);
        receiver.handle_timeout(now).unwrap();
        assert_eq!(
            receiver.poll_timeout(),
            Some(now + Duration::from_secs(1)),
            "nothing more is awaited"
        );
    }
}

/// As `Connection::close` would: the same deadline, the same ending.
#[test]
fn a_close_by_the_sending_half_of_a_whole_connection_is_seen() {
    for queued in [false, true] {
        let mut server = Peer::server(Config::default());
        server.conn.sender().close(CloseCode::GOING_AWAY, "bye").unwrap();
        if queued {
            let mut outbox = Outbox::new(&Config::default().limits);
            assert!(server.conn.poll_outbox(&mut outbox));
        } else {
            assert!(server.conn.poll_transmit(&mut server.out));
        }
        let ending = *server.conn.ending().unwrap();
        assert_eq!(ending.first, Some(Side::Local));
        assert_eq!(ending.sent.unwrap().reason(), "bye");
        assert_eq!(
            server.advance(Duration::from_secs(6)),
            Err(ConnectionError::Timeout(Timeout::Close))
        );
    }
}

#[test]
fn after_a_breach_the_code_is_out_before_the_transport_ends() {
    let mut server = Peer::server(Config::default());
    server.feed(&[0x81, 0x00]);
    assert_eq!(last_close_code(&server.take_out()), Some(1002));
    assert_eq!(server.conn.transport(), Transport::HalfClose);
    let ending = server.conn.ending().unwrap();
    assert_eq!(ending.error, Some(ProtocolError::Unmasked.into()));
    assert_eq!(ending.sent.unwrap().code(), Some(CloseCode::PROTOCOL_ERROR));
    assert_eq!(ending.first, Some(Side::Local), "the only Close is ours");
    assert!(!ending.is_clean());
    assert_eq!(server.conn.handle_eof(), Ok(()), "the end was expected");
}

#[test]
fn the_transport_stays_open_until_the_close_is_written() {
    let mut server = Peer::server(Config::default());
    let mut bytes = masked(0x88, b"");
    server.conn.next_event(&mut Input::new(&mut bytes)).unwrap();
    assert_eq!(
        server.conn.transport(),
        Transport::KeepOpen,
        "our Close still waits in its slot"
    );
    server.conn.poll_transmit(&mut server.out);
    assert_eq!(server.conn.transport(), Transport::HalfClose);
}

#[test]
fn an_unanswered_close_ends_by_its_deadline() {
    let mut client = Peer::client(Config::default());
    client.close(CloseCode::NORMAL, "");
    assert_eq!(client.advance(Duration::from_millis(4_999)), Ok(()));
    assert_eq!(client.conn.transport(), Transport::KeepOpen);
    assert_eq!(
        client.advance(Duration::from_millis(2)),
        Err(ConnectionError::Timeout(Timeout::Close))
    );
    assert_eq!(client.conn.transport(), Transport::Drop);
    assert_eq!(client.conn.poll_timeout(), None);
    assert!(!client.conn.ending().unwrap().is_clean());
}

#[test]
fn the_wait_for_the_end_of_the_transport_has_a_deadline() {
    let mut server = Peer::server(Config::default());
    server.feed(&masked(0x88, &[3, 0xe8]));
    assert_eq!(server.advance(Duration::from_millis(999)), Ok(()));
    assert_eq!(server.conn.transport(), Transport::HalfClose);
    assert_eq!(server.advance(Duration::from_millis(2)), Ok(()));
    assert_eq!(server.conn.transport(), Transport::Drop);
    assert!(
        server.conn.ending().unwrap().is_clean(),
        "the closing handshake had been completed"
    );
}

#[test]
fn replies_by_hand() {
    let mut config = Config::default();
    config.replies.pong = false;
    config.replies.close = false;
    let mut server = Peer::server(config);
    server.feed(&masked(0x89, b"?"));
    assert_eq!(server.take_out(), []);
    server.conn.sender().pong(b"?", &mut server.out).unwrap();
    assert_eq!(server.take_out(), [0x8a, 1, b'?']);

    server.feed(&masked(0x88, &[3, 0xe8]));
    assert_eq!(server.take_out(), []);
    assert_eq!(server.conn.transport(), Transport::KeepOpen);
    server.conn.sender().message("last", &mut server.out).unwrap();
    server.close(CloseCode::GOING_AWAY, "bye");
    assert_eq!(
        server.take_out(),
        [b"\x81\x04last".to_vec(), plain_close(CloseCode::GOING_AWAY, "bye")].concat()
    );
    assert_eq!(server.conn.transport(), Transport::HalfClose);
    assert_eq!(server.conn.ending().unwrap().first, Some(Side::Peer));
}

#[test]
fn a_close_that_is_never_answered_by_hand_ends_too() {
    let mut config = Config::default();
    config.replies.close = false;
    let mut server = Peer::server(config);
    server.feed(&masked(0x88, &[3, 0xe8]));
    assert_eq!(
        server.advance(Duration::from_secs(6)),
        Err(ConnectionError::Timeout(Timeout::Close))
    );
    assert_eq!(server.conn.transport(), Transport::Drop);
}

/// A slow reader gets what was queued before the Close, as long as it takes some of it now and then.
#[test]
fn the_waits_of_the_end_start_anew_while_output_moves_on() {
    let mut server = Peer::server(Config::default());
    server.close(CloseCode::NORMAL, "");
    for _ in 0..10 {
        assert_eq!(server.advance(Duration::from_secs(4)), Ok(()));
        server.conn.handle_progress();
    }
    server.feed(&masked(0x88, &[3, 0xe8]));
    for _ in 0..10 {
        assert_eq!(server.advance(Duration::from_millis(900)), Ok(()));
        server.conn.handle_progress();
    }
    assert_eq!(server.conn.transport(), Transport::HalfClose);
    assert_eq!(server.advance(Duration::from_millis(1_001)), Ok(()));
    assert_eq!(server.conn.transport(), Transport::Drop);
    server.conn.handle_progress();
    assert_eq!(server.conn.poll_timeout(), None, "the end is the end");
}
