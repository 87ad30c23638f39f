//! Opcodes and reserved bits that the application gives a meaning.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::peers::{Peer, Seen, last_close_code, masked};
use crate::{
    Config, CustomKind, DataKind, Delivery, Message, OpCode, OpcodeError, Outbox, Payload, Prepared, ProtocolError,
    Rsv, SendError,
};

/// A configuration that knows opcode 3 as `ascii` and 11 as `time`, and lets the application use the first bit.
fn known() -> (Config, CustomKind, CustomKind) {
    let mut config = Config::default();
    let ascii = config.opcodes.register(3, "ascii").unwrap();
    let time = config.opcodes.register(11, "time").unwrap();
    config.reserved_bits = Rsv::RSV1;
    (config, ascii, time)
}

#[test]
fn the_standards_opcodes_cannot_be_taken() {
    let mut config = Config::default();
    for opcode in (0..=2).chain(8..=10).chain(16..=255) {
        assert_eq!(config.opcodes.register(opcode, "x"), Err(OpcodeError::Standard(opcode)));
    }
    for opcode in (3..=7).chain(11..=15) {
        config.opcodes.register(opcode, alloc::format!("op {opcode}")).unwrap();
        let again = config.opcodes.register(opcode, "again");
        assert_eq!(again, Err(OpcodeError::OpcodeTaken(opcode)));
    }
    let mut other = Config::default();
    other.opcodes.register(3, "x").unwrap();
    assert_eq!(other.opcodes.register(4, "x"), Err(OpcodeError::NameTaken));
}

#[test]
fn there_is_no_custom_kind_of_what_is_not_custom() {
    for opcode in [OpCode::Continuation, OpCode::Close, OpCode::Ping, OpCode::Pong] {
        assert_eq!(CustomKind::new(opcode, Rsv::RSV1), None);
    }
    assert_eq!(CustomKind::new(OpCode::Text, Rsv::NONE), None);
    assert_eq!(CustomKind::new(OpCode::Binary, Rsv::NONE), None);
    assert!(CustomKind::new(OpCode::Text, Rsv::RSV2).is_some());
}

#[test]
fn they_arrive_as_they_were_sent_in_both_directions() {
    let (config, ascii, time) = known();
    let zipped = ascii.with_rsv(Rsv::RSV1);
    let zipped_text = CustomKind::new(OpCode::Text, Rsv::RSV1).unwrap();
    let (mut client, mut server) = (Peer::client(config.clone()), Peer::server(config));
    for _ in 0..2 {
        for (kind, bytes) in [
            (ascii, &b"plain"[..]),
            (zipped, b"\xffnot text"),
            (zipped_text, b"\xff\xfe"),
            (time, b""),
            (time, &[7; 125]),
            (time.with_rsv(Rsv::RSV1), b"!"),
            (ascii, &[9; 70_000]),
        ] {
            client
                .conn
                .sender()
                .message(Payload::Custom(kind, bytes), &mut client.out)
                .unwrap();
            client.exchange(&mut server);
            assert_eq!(server.take_seen(), [Seen::Custom(kind, bytes.to_vec())]);
        }
        core::mem::swap(&mut client, &mut server);
    }
}

#[test]
fn custom_data_can_be_fragmented_with_controls_between() {
    let (config, ascii, time) = known();
    let (mut client, mut server) = (Peer::client(config.clone()), Peer::server(config));
    let kind = DataKind::Custom(ascii.with_rsv(Rsv::RSV1));
    let sender = client.conn.sender();
    sender.fragment(kind, false, b"one ", &mut client.out).unwrap();
    sender.message(Payload::Custom(time, b"now"), &mut client.out).unwrap();
    let refused = sender.message(Payload::Custom(ascii, b"other"), &mut client.out);
    assert_eq!(refused, Err(SendError::FragmentOpen));
    let refused = sender.fragment(DataKind::Custom(ascii), true, b"other bits", &mut client.out);
    assert_eq!(refused, Err(SendError::FragmentOpen));
    sender.fragment(kind, true, b"two", &mut client.out).unwrap();
    assert_eq!(client.out[0], 0x43, "opcode and bit stand on the first frame");
    client.exchange(&mut server);
    let [time_seen, data_seen] = [(time, &b"now"[..]), (ascii.with_rsv(Rsv::RSV1), b"one two")]
        .map(|(kind, bytes)| Seen::Custom(kind, bytes.to_vec()));
    assert_eq!(server.take_seen(), [time_seen, data_seen]);
}

#[test]
fn what_is_not_registered_stays_an_error_and_cannot_be_sent() {
    let (config, ascii, _) = known();
    for (first, error) in [
        (0x84, ProtocolError::ReservedOpcode(4)),
        (0x8c, ProtocolError::ReservedOpcode(12)),
        (0xa1, ProtocolError::ReservedBits),
        (0x93, ProtocolError::ReservedBits),
        (0xc9, ProtocolError::ReservedBits),
        (0xc8, ProtocolError::ReservedBits),
        (0xab, ProtocolError::ReservedBits),
    ] {
        let mut peer = Peer::server(config.clone());
        peer.feed(&masked(first, b""));
        assert_eq!(peer.take_seen(), [Seen::Error(error.into())], "{first:x}");
        assert_eq!(last_close_code(&peer.out), Some(1002));
    }
    let mut peer = Peer::server(config.clone());
    peer.feed(&masked(0x43, b""));
    peer.feed(&masked(0xc0, b""));
    assert_eq!(
        peer.take_seen(),
        [Seen::Error(ProtocolError::ReservedBits.into())],
        "on a continuation"
    );

    let mut peer = Peer::server(config);
    let sender = peer.conn.sender();
    let unknown = CustomKind::new(OpCode::Reserved4, Rsv::NONE).unwrap();
    for (kind, error) in [
        (unknown, SendError::Opcode(4)),
        (ascii.with_rsv(Rsv::RSV2), SendError::ReservedBits),
        (
            CustomKind::new(OpCode::Text, Rsv::RSV3).unwrap(),
            SendError::ReservedBits,
        ),
    ] {
        let payload = Payload::Custom(kind, b"x");
        assert_eq!(sender.message(payload, &mut peer.out), Err(error));
        assert_eq!(sender.prepared(&Prepared::new(payload), &mut peer.out), Err(error));
        assert_eq!(sender.header(payload).err(), Some(error));
        assert_eq!(
            sender.fragment(DataKind::Custom(kind), false, b"x", &mut peer.out),
            Err(error)
        );
        let mut outbox = Outbox::new(&Default::default());
        assert_eq!(sender.queue(&Message::from(payload), &mut outbox), Err(error));
        assert!(outbox.is_empty());
    }
    assert!(peer.out.is_empty(), "nothing was written");
    let mut plain = Peer::server(Config::default());
    let refused = plain
        .conn
        .sender()
        .message(Payload::Custom(ascii, b"x"), &mut plain.out);
    assert_eq!(refused, Err(SendError::Opcode(3)));
}

#[test]
fn control_kinds_keep_to_the_rules_of_control_frames() {
    let (config, _, time) = known();
    let mut peer = Peer::server(config.clone());
    let sender = peer.conn.sender();
    let long = sender.message(Payload::Custom(time, &[0; 126]), &mut peer.out);
    assert_eq!(long, Err(SendError::ControlTooLong));
    let long = Prepared::new(Payload::Custom(time, &[0; 126]));
    assert_eq!(long.payload(), Payload::Custom(time, &[0; 126]));
    let mut outbox = Outbox::new(&config.limits);
    for refused in [
        sender.prepared(&long, &mut peer.out),
        sender.queue_prepared(&long, &mut outbox),
    ] {
        assert_eq!(refused, Err(SendError::ControlTooLong));
    }
    assert!(peer.out.is_empty() && outbox.is_empty());
    let fragment = sender.fragment(DataKind::Custom(time), false, b"", &mut peer.out);
    assert_eq!(fragment, Err(SendError::Opcode(11)));
    for frame in [masked(0x8b, &[0; 126]), masked(0x0b, b"")] {
        let mut peer = Peer::server(config.clone());
        peer.feed(&frame);
        assert_eq!(last_close_code(&peer.out), Some(1002));
    }
}

#[test]
fn nothing_custom_follows_a_close() {
    let (config, ascii, time) = known();
    let mut peer = Peer::server(config);
    peer.close(crate::CloseCode::NORMAL, "");
    peer.take_out();
    for kind in [ascii, time] {
        let refused = peer.conn.sender().message(Payload::Custom(kind, b""), &mut peer.out);
        assert_eq!(refused, Err(SendError::Closed));
    }
    assert!(peer.out.is_empty());
}

/// Prepared, queued and vectored, small and large, masked and not.
#[test]
fn every_way_of_sending_knows_them() {
    let (config, ascii, _) = known();
    let kind = ascii.with_rsv(Rsv::RSV1);
    for payload in [vec![1; 10], vec![2; 10_000]] {
        let message = Message::Custom(kind, payload.clone().into());
        let prepared = Prepared::new(&message);
        assert_eq!(prepared.payload(), message.as_payload());
        for mut peer in [Peer::server(config.clone()), Peer::client(config.clone())] {
            let mut outbox = Outbox::new(&config.limits);
            let sender = peer.conn.sender();
            sender.prepared(&prepared, outbox.buffer()).unwrap();
            sender.queue(&message, &mut outbox).unwrap();
            sender.queue_prepared(&prepared, &mut outbox).unwrap();
            let bytes: Vec<u8> = outbox.chunks().flatten().copied().collect();
            let is_client = bytes[1] & 0x80 != 0;
            let mut other = if is_client {
                Peer::server(config.clone())
            } else {
                Peer::client(config.clone())
            };
            other.feed(&bytes);
            assert_eq!(other.take_seen(), [(); 3].map(|()| Seen::Custom(kind, payload.clone())));
        }
    }
}

#[test]
fn custom_data_comes_in_chunks_too_and_counts_as_data() {
    let (mut config, _, _) = known();
    config.delivery = Delivery::Chunks;
    config.timeouts.idle = Some(Duration::from_secs(30));
    config.timeouts.ping_interval = None;
    let mut peer = Peer::server(config);
    let frame = masked(0xc3, b"abcdef");
    peer.feed(&frame[..9]);
    peer.feed(&frame[9..]);
    let seen = peer.take_seen();
    assert!(
        matches!(
            &seen[..],
            [Seen::Chunk { first: true, .. }, Seen::Chunk { last: true, .. }]
        ),
        "{seen:?}"
    );
    for _ in 0..4 {
        peer.feed(&masked(0x83, b""));
        peer.advance(Duration::from_secs(25)).unwrap();
    }
    for _ in 0..2 {
        peer.feed(&masked(0x8b, b""));
        if peer.advance(Duration::from_secs(25)).is_err() {
            return;
        }
    }
    panic!("a control frame is no data");
}
