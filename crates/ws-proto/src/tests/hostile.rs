//! Peers that want us to hold memory: what they get is bounded.

use alloc::vec;
use alloc::vec::Vec;

use super::peers::{MASK, Peer, Seen, masked};
use crate::{Config, Connection, Event, Input, ProtocolError};

/// A header that declares the largest allowed message makes us allocate next to nothing.
#[test]
fn nothing_is_allocated_from_a_declared_length() {
    let mut config = Config::default();
    config.limits.max_frame = 1 << 62;
    config.limits.max_message = 1 << 62;
    let mut server = Connection::server(config);
    let mut header = vec![0x82, 0xff];
    header.extend(u64::to_be_bytes(1 << 62));
    header.extend(MASK);
    header.extend([0; 10]);
    assert_eq!(server.next_event(&mut Input::new(&mut header)), Ok(None));
    // The window is the only thing that grows ahead of the bytes, by a constant or by three times what has come.
    let window = server.direct_window().unwrap().len();
    assert!(window <= 16 * 1024, "{window}");
    for _ in 0..8 {
        let window = server.direct_window().unwrap().len();
        assert_eq!(server.handle_direct(1), Ok(None));
        assert!(window <= 16 * 1024, "{window} bytes for a peer that sends single ones");
    }
}

/// A peer that pings and never reads: the shell stops writing, one pong waits.
#[test]
fn a_ping_flood_costs_one_slot() {
    let mut server = Connection::server(Config::default());
    for round in 0..100_000_u32 {
        let mut bytes = masked(0x89, &round.to_be_bytes());
        let mut input = Input::new(&mut bytes);
        assert!(matches!(server.next_event(&mut input), Ok(Some(Event::Ping(_)))));
    }
    let mut out = vec![];
    assert!(server.poll_transmit(&mut out));
    assert_eq!(
        out,
        [&[0x8a, 4][..], &99_999_u32.to_be_bytes()].concat(),
        "the latest is answered (§5.5.3)"
    );
    assert!(!server.poll_transmit(&mut out));
}

/// A peer that pings and reads gets every pong, in order.
#[test]
fn every_ping_of_a_reading_peer_is_answered() {
    let mut server = Peer::server(Config::default());
    let pings: Vec<u8> = (0..10_u8).flat_map(|round| masked(0x89, &[round])).collect();
    server.feed(&pings);
    let pongs: Vec<u8> = (0..10_u8).flat_map(|round| [0x8a, 1, round]).collect();
    assert_eq!(server.take_out(), pongs);
}

#[test]
fn a_million_empty_fragments_end_early() {
    let mut server = Peer::server(Config::default());
    server.feed(&masked(0x02, b""));
    let mut sent = 1;
    while server.seen.is_empty() {
        server.feed(&masked(0x00, b""));
        sent += 1;
    }
    assert_eq!(
        server.take_seen(),
        [Seen::Error(ProtocolError::TooManyEmptyFragments.into())]
    );
    assert_eq!(sent, 65);
}

#[test]
fn endless_one_byte_fragments_end_at_the_count() {
    let mut server = Peer::server(Config::default());
    server.feed(&masked(0x02, b"x"));
    let mut sent = 1;
    while server.seen.is_empty() {
        server.feed(&masked(0x00, b"x"));
        sent += 1;
    }
    assert_eq!(
        server.take_seen(),
        [Seen::Error(ProtocolError::TooManyFragments.into())]
    );
    assert_eq!(sent, 131_073);
}

/// Frames behind the Close, or behind an error, are swallowed.
#[test]
fn nothing_is_delivered_after_the_close() {
    let mut server = Peer::server(Config::default());
    let bytes = [
        masked(0x88, &[0x03, 0xe8]),
        masked(0x81, b"late"),
        masked(0x89, b"late"),
    ]
    .concat();
    server.feed(&bytes);
    server.feed(&masked(0x81, b"later"));
    assert_eq!(server.take_seen().len(), 1);
    assert_eq!(server.take_out(), [0x88, 2, 0x03, 0xe8]);
}
