//! Sending: vectors, masks, fragments, prepared messages, the queue.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use super::peers::{MASK, Peer, Seen, masked, plain};
use crate::{Config, Connection, DataKind, Limits, Message, Outbox, Prepared, SendError};

/// RFC 6455 §5.7, as far as it is sent by one role.
#[test]
fn rfc_vectors() {
    let mut server = Peer::server(Config::default());
    server.conn.sender().message("Hello", &mut server.out).unwrap();
    server
        .conn
        .sender()
        .fragment(DataKind::Text, false, b"Hel", &mut server.out)
        .unwrap();
    server
        .conn
        .sender()
        .fragment(DataKind::Text, true, b"lo", &mut server.out)
        .unwrap();
    server.conn.sender().ping(b"Hello", &mut server.out).unwrap();
    assert_eq!(server.take_out(), b"\x81\x05Hello\x01\x03Hel\x80\x02lo\x89\x05Hello");

    let mut client = Peer::client(Config::default());
    client.conn.sender().message("Hello", &mut client.out).unwrap();
    client.conn.sender().pong(b"Hello", &mut client.out).unwrap();
    let hello = [0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(
        client.take_out(),
        [&[0x81, 0x85][..], &hello, &[0x8a, 0x85], &hello].concat()
    );
}

#[test]
fn every_length_form_in_both_roles() {
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
        let payload = vec![0x5a; len];
        let mut server = Peer::server(Config::default());
        server.conn.sender().message(&payload, &mut server.out).unwrap();
        assert_eq!(server.take_out(), plain(0x82, &payload));
        let header = server.conn.sender().header(&payload).unwrap();
        assert_eq!([&header[..], &payload].concat(), plain(0x82, &payload));
        let mut client = Peer::client(Config::default());
        client.conn.sender().message(&payload, &mut client.out).unwrap();
        assert_eq!(client.take_out(), masked(0x82, &payload));
    }
}

#[test]
fn every_client_frame_has_a_fresh_mask() {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let mut client = Connection::client(Config::default(), || {
        NEXT.fetch_add(0x0101_0101, Ordering::Relaxed).to_be_bytes()
    });
    let mut out = Vec::new();
    client.sender().message("a", &mut out).unwrap();
    client
        .sender()
        .fragment(DataKind::Binary, false, b"b", &mut out)
        .unwrap();
    client.sender().ping(b"c", &mut out).unwrap();
    let masks: Vec<&[u8]> = out.chunks(7).map(|frame| &frame[2..6]).collect();
    assert_eq!(masks, [&[0, 0, 0, 1][..], &[1, 1, 1, 2], &[2, 2, 2, 3]]);
}

#[test]
fn fragments_keep_their_order() {
    let mut server = Peer::server(Config::default());
    let out = &mut Vec::new();
    let sender = server.conn.sender();
    sender.fragment(DataKind::Text, false, b"a", out).unwrap();
    let before = out.len();
    assert_eq!(sender.message("whole", out), Err(SendError::FragmentOpen));
    assert_eq!(
        sender.prepared(&Prepared::new("whole"), out),
        Err(SendError::FragmentOpen)
    );
    assert_eq!(sender.header("whole").map(|_| ()), Err(SendError::FragmentOpen));
    let mut outbox = Outbox::new(&Limits::default());
    for whole in [Message::text("whole"), Message::binary(vec![0; Outbox::SHARE_MIN])] {
        assert_eq!(sender.queue(&whole, &mut outbox), Err(SendError::FragmentOpen));
        assert_eq!(
            sender.queue_prepared(&Prepared::new(&whole), &mut outbox),
            Err(SendError::FragmentOpen)
        );
    }
    assert!(outbox.is_empty());
    assert_eq!(
        sender.fragment(DataKind::Binary, true, b"b", out),
        Err(SendError::FragmentOpen)
    );
    assert_eq!(out.len(), before, "nothing was written");
    sender.ping(b"", out).unwrap();
    sender.fragment(DataKind::Text, true, b"b", out).unwrap();
    sender.message("whole", out).unwrap();
    assert_eq!(out, b"\x01\x01a\x89\x00\x80\x01b\x81\x05whole");
}

#[test]
fn fragments_of_text_are_utf8_together() {
    let mut server = Peer::server(Config::default());
    let out = &mut Vec::new();
    let sender = server.conn.sender();
    sender.fragment(DataKind::Text, false, b"\xe2\x82", out).unwrap();
    let before = out.len();
    assert_eq!(
        sender.fragment(DataKind::Text, false, b"\x28", out),
        Err(SendError::InvalidUtf8)
    );
    assert_eq!(
        sender.fragment(DataKind::Text, true, b"", out),
        Err(SendError::InvalidUtf8)
    );
    assert_eq!(out.len(), before);
    sender.fragment(DataKind::Text, true, b"\xac", out).unwrap();
    sender.fragment(DataKind::Binary, true, b"\xff", out).unwrap();
}

#[test]
fn control_frames_hold_125_bytes() {
    let mut server = Peer::server(Config::default());
    let out = &mut Vec::new();
    assert_eq!(
        server.conn.sender().ping(&[0; 126], out),
        Err(SendError::ControlTooLong)
    );
    assert_eq!(
        server.conn.sender().pong(&[0; 126], out),
        Err(SendError::ControlTooLong)
    );
    assert!(out.is_empty());
    server.conn.sender().ping(&[0; 125], out).unwrap();
    assert_eq!(out.len(), 127);
}

#[test]
fn prepared_messages_go_out_in_both_roles() {
    for message in [
        Message::text("broadcast ".repeat(1000)),
        Message::binary(vec![9; 10]),
        Message::text(""),
    ] {
        let prepared = Prepared::new(&message);
        assert_eq!(prepared.payload(), message.as_payload());
        let (whole, payload) = (
            prepared.plain_form().frame.as_ptr_range(),
            prepared.payload().as_bytes(),
        );
        assert!(payload.is_empty() || whole.contains(&payload.as_ptr()), "held twice");
        let mut server = Peer::server(Config::default());
        let mut client = Peer::client(Config::default());
        let expected = match &message {
            Message::Text(text) => Seen::text(text),
            Message::Binary(bytes) => Seen::Binary(bytes.to_vec()),
            Message::Custom(kind, bytes) => Seen::Custom(*kind, bytes.to_vec()),
        };
        server.conn.sender().prepared(&prepared, &mut server.out).unwrap();
        client.conn.sender().prepared(&prepared, &mut client.out).unwrap();
        client.exchange(&mut server);
        assert_eq!(server.take_seen(), core::slice::from_ref(&expected));
        assert_eq!(client.take_seen(), [expected]);
    }
}

#[test]
fn a_queue_copies_small_messages_and_shares_large_ones() {
    let mut server = Peer::server(Config::default());
    let mut outbox = Outbox::new(&Limits::default());
    let large = Message::binary(vec![1; 10_000]);
    let prepared = Prepared::new(&large);
    server
        .conn
        .sender()
        .queue(&Message::from("small"), &mut outbox)
        .unwrap();
    server.conn.sender().queue(&large, &mut outbox).unwrap();
    server.conn.sender().queue_prepared(&prepared, &mut outbox).unwrap();
    server.conn.sender().queue(&Message::from("end"), &mut outbox).unwrap();
    let chunks: Vec<&[u8]> = outbox.chunks().collect();
    let Message::Binary(bytes) = &large else { panic!() };
    assert_eq!(chunks.len(), 4);
    assert_eq!(chunks[1].as_ptr(), bytes.as_ptr(), "not copied");
    let expected = [
        plain(0x81, b"small"),
        plain(0x82, bytes),
        plain(0x82, bytes),
        plain(0x81, b"end"),
    ]
    .concat();
    assert_eq!(chunks.concat(), expected);

    let mut client = Peer::client(Config::default());
    let mut outbox = Outbox::new(&Limits::default());
    client.conn.sender().queue(&large, &mut outbox).unwrap();
    client.conn.sender().queue_prepared(&prepared, &mut outbox).unwrap();
    let expected = [masked(0x82, bytes), masked(0x82, bytes)].concat();
    assert_eq!(outbox.chunks().collect::<Vec<_>>().concat(), expected, "a client masks");
}

/// A queue takes messages while it is below its mark, so it holds at most the mark and one message.
#[test]
fn a_full_queue_refuses_messages_and_keeps_replies_in_their_slots() {
    let mut limits = Limits::default();
    limits.output_high_water = 1000;
    let mut server = Peer::server(Config::default());
    let mut outbox = Outbox::new(&limits);
    let message = Message::text(String::from_utf8(vec![b'a'; 300]).unwrap());
    for _ in 0..4 {
        server.conn.sender().queue(&message, &mut outbox).unwrap();
    }
    assert!(outbox.is_full());
    assert_eq!(outbox.len(), 4 * 304);
    assert_eq!(
        server.conn.sender().queue(&message, &mut outbox),
        Err(SendError::QueueFull)
    );
    assert_eq!(
        server
            .conn
            .sender()
            .queue_prepared(&Prepared::new(&message), &mut outbox),
        Err(SendError::QueueFull)
    );

    let mut ping = masked(0x89, b"?");
    server.conn.next_event(&mut crate::Input::new(&mut ping)).unwrap();
    assert!(!server.conn.poll_outbox(&mut outbox), "the pong waits");
    outbox.advance(300);
    assert!(server.conn.poll_outbox(&mut outbox));
    let last = outbox.chunks().last().unwrap();
    assert_eq!(last[last.len() - 3..], [0x8a, 1, b'?']);
}

/// What a client sends, a server reads, and the other way round.
#[test]
fn the_mask_of_the_tests_is_applied() {
    let mut client = Peer::client(Config::default());
    client.conn.sender().message("aaaa", &mut client.out).unwrap();
    assert_eq!(client.out[2..6], MASK);
    assert_ne!(client.out[6..], *b"aaaa");
}
