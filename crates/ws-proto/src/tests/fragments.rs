//! Fragmented messages: order, limits, counts.

use alloc::vec;
use alloc::vec::Vec;

use super::peers::{Peer, Seen, last_close_code, masked};
use crate::{CloseCode, Config, Event, Input, ProtocolError};

#[test]
fn control_frames_come_between_the_parts() {
    let mut server = Peer::server(Config::default());
    for bytes in [
        masked(0x01, b"a"),
        masked(0x89, b"1"),
        masked(0x00, b"b"),
        masked(0x8a, b"2"),
        masked(0x80, b"c"),
    ] {
        server.feed(&bytes);
    }
    assert_eq!(
        server.take_seen(),
        [Seen::Ping(b"1".to_vec()), Seen::Pong(b"2".to_vec()), Seen::text("abc")]
    );
}

#[test]
fn a_new_message_inside_a_fragmented_one_is_refused() {
    for second in [0x81, 0x82, 0x01, 0x02] {
        let mut server = Peer::server(Config::default());
        server.feed(&masked(0x01, b"a"));
        server.feed(&masked(second, b"b"));
        assert_eq!(
            server.take_seen(),
            [Seen::Error(ProtocolError::InterleavedMessage.into())]
        );
    }
}

#[test]
fn a_character_may_be_cut_between_fragments() {
    let mut server = Peer::server(Config::default());
    server.feed(&masked(0x01, b"\xe2"));
    server.feed(&masked(0x00, b"\x82"));
    server.feed(&masked(0x80, b"\xac"));
    assert_eq!(server.take_seen(), [Seen::text("€")]);
    server.feed(&masked(0x01, b"\xe2\x82"));
    server.feed(&masked(0x80, b""));
    assert_eq!(server.take_seen(), [Seen::Error(ProtocolError::InvalidUtf8.into())]);
}

#[test]
fn the_message_limit_holds_over_all_frames() {
    let mut config = Config::default();
    config.limits.max_message = 10;
    config.limits.max_frame = 8;
    // Exactly at the limit.
    let mut server = Peer::server(config.clone());
    server.feed(&masked(0x02, &[1; 8]));
    server.feed(&masked(0x80, &[2; 2]));
    assert_eq!(server.take_seen(), [Seen::Binary(vec![1, 1, 1, 1, 1, 1, 1, 1, 2, 2])]);
    // One byte over, by its declared length alone: the payload never comes.
    server.feed(&masked(0x02, &[1; 8]));
    server.feed(&masked(0x80, &[2; 3])[..6]);
    assert_eq!(server.take_seen(), [Seen::Error(ProtocolError::MessageTooBig.into())]);
    assert_eq!(last_close_code(&server.take_out()), Some(1009));
    // The frame's own limit.
    let mut server = Peer::server(config);
    server.feed(&masked(0x82, &[1; 9])[..6]);
    assert_eq!(server.take_seen(), [Seen::Error(ProtocolError::FrameTooBig.into())]);
}

/// RFC 6455 §5.5: every peer may send control frames of up to 125 bytes, whatever data we take.
#[test]
fn the_frame_limit_is_for_data() {
    let mut config = Config::default();
    config.limits.max_frame = 4;
    let mut server = Peer::server(config);
    let close = [&[0x03, 0xe8][..], b"a reason"].concat();
    server.feed(&[masked(0x89, &[7; 125]), masked(0x88, &close)].concat());
    assert_eq!(
        server.take_seen(),
        [Seen::Ping(vec![7; 125]), Seen::close(CloseCode::NORMAL, "a reason")]
    );
}

#[test]
fn an_unfragmented_message_is_held_to_the_message_limit() {
    let mut config = Config::default();
    config.limits.max_message = 10;
    let mut server = Peer::server(config);
    server.feed(&masked(0x82, &[1; 10]));
    server.feed(&masked(0x82, &[1; 11]));
    assert_eq!(
        server.take_seen(),
        [
            Seen::Binary(vec![1; 10]),
            Seen::Error(ProtocolError::MessageTooBig.into())
        ]
    );
}

/// Lengths that overflow sums, held against a limit with a part of the message already there.
#[test]
fn huge_lengths_never_wrap() {
    for len in [(1 << 31) - 1, 1 << 32, u64::MAX >> 1] {
        let mut config = Config::default();
        config.limits.max_frame = u64::MAX;
        let mut server = Peer::server(config);
        server.feed(&masked(0x02, b"part"));
        let mut header = vec![0x80, 0xff];
        header.extend(u64::to_be_bytes(len));
        header.extend([0; 4]);
        server.feed(&header);
        assert_eq!(server.take_seen(), [Seen::Error(ProtocolError::MessageTooBig.into())]);
    }
}

#[test]
fn fragments_are_counted() {
    let mut config = Config::default();
    config.limits.max_fragments = 3;
    let mut server = Peer::server(config);
    for first in [0x02, 0x00, 0x80, 0x02, 0x00, 0x00] {
        server.feed(&masked(first, b"x"));
    }
    assert_eq!(server.take_seen(), [Seen::Binary(b"xxx".to_vec())]);
    server.feed(&masked(0x80, b"x"));
    assert_eq!(
        server.take_seen(),
        [Seen::Error(ProtocolError::TooManyFragments.into())]
    );
    assert_eq!(last_close_code(&server.take_out()), Some(1008));
}

#[test]
fn four_mib_in_frames_of_64_bytes_are_taken_by_default() {
    let mut config = Config::default();
    config.limits.max_message = 4 << 20;
    let mut server = Peer::server(config);
    let mut wire = masked(0x02, &[7; 64]);
    wire.extend(masked(0x00, &[7; 64]).repeat((4 << 20) / 64 - 1));
    wire.extend(masked(0x80, b""));
    server.feed(&wire);
    assert!(server.take_seen() == [Seen::Binary(vec![7; 4 << 20])]);
}

#[test]
fn empty_fragments_are_counted_apart() {
    let mut config = Config::default();
    config.limits.max_empty_fragments = 2;
    let mut server = Peer::server(config);
    // Empty messages are no fragments.
    for _ in 0..10 {
        server.feed(&masked(0x82, b""));
    }
    assert_eq!(server.take_seen().len(), 10);
    // The last one is a fragment too.
    for first in [0x02, 0x00, 0x80] {
        server.feed(&masked(first, b""));
    }
    assert_eq!(
        server.take_seen(),
        [Seen::Error(ProtocolError::TooManyEmptyFragments.into())]
    );
    assert_eq!(last_close_code(&server.take_out()), Some(1008));
}

#[test]
fn an_assembled_message_lies_in_a_buffer_of_its_size() {
    let mut server = Peer::server(Config::default());
    let payload = vec![5; 300_000];
    let bytes = masked(0x82, &payload);
    let mut message = None;
    for piece in bytes.chunks(1000) {
        let mut piece = piece.to_vec();
        if let Some(Event::Binary(bytes)) = server.conn.next_event(&mut Input::new(&mut piece)).unwrap() {
            message = Some(bytes.into_owned());
        }
    }
    let message: Vec<u8> = message.unwrap();
    assert_eq!(message, payload);
    assert!(
        message.capacity() <= payload.len() + 1000,
        "capacity {}",
        message.capacity()
    );
}
