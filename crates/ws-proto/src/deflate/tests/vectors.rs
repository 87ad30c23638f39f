//! The examples of RFC 7692 §7.2.3, and what else a stream may be made of.

use super::{connected, server};
use crate::deflate::Deflate;
use crate::tests::peers::{Peer, Seen, masked};
use crate::{Compression, Config, DataKind, Delivery};

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

fn fresh() -> Peer {
    server(Config::default(), &Deflate::dedicated())
}

#[test]
fn one_compressed_block() {
    let mut peer = fresh();
    peer.feed(&masked(0xc1, &HELLO));
    assert_eq!(peer.take_seen(), [Seen::text("Hello")]);
}

#[test]
fn in_fragments_with_the_bit_on_the_first() {
    let mut peer = fresh();
    peer.feed(&masked(0x41, &HELLO[..3]));
    peer.feed(&masked(0x80, &HELLO[3..]));
    assert_eq!(peer.take_seen(), [Seen::text("Hello")]);
}

/// §7.2.3.2: the second message refers to the first.
#[test]
fn a_window_that_is_taken_over() {
    let mut peer = fresh();
    peer.feed(&masked(0xc1, &HELLO));
    peer.feed(&masked(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00]));
    assert_eq!(peer.take_seen(), [Seen::text("Hello"), Seen::text("Hello")]);
}

#[test]
fn a_window_that_was_agreed_not_to_be_taken_over_is_empty() {
    // Of the two directions, the one that it was agreed for.
    let forbidding = Deflate {
        peer_context_takeover: false,
        ..Deflate::dedicated()
    };
    for settings in [Deflate::shared(), forbidding] {
        let (_, mut peer) = connected(&Config::default(), &Deflate::dedicated(), &settings);
        peer.feed(&masked(0xc1, &HELLO));
        peer.feed(&masked(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00]));
        let seen = peer.take_seen();
        assert!(
            matches!(&seen[..], [Seen::Text(hello), Seen::Error(_)] if hello == "Hello"),
            "{seen:?}"
        );
        assert_eq!(crate::tests::peers::last_close_code(&peer.out), Some(1007));
    }
}

/// §7.2.3.3.
#[test]
fn a_stored_block() {
    let mut peer = fresh();
    peer.feed(&masked(
        0xc1,
        &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
    ));
    assert_eq!(peer.take_seen(), [Seen::text("Hello")]);
}

/// §7.2.3.4, and what a compressor makes that ends its stream and leaves it at that.
#[test]
fn a_final_block() {
    for end in [&[0x00][..], &[]] {
        let mut peer = fresh();
        for _ in 0..3 {
            let message = [&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..], end].concat();
            peer.feed(&masked(0xc1, &message));
            assert_eq!(peer.take_seen(), [Seen::text("Hello")]);
        }
        peer.feed(&masked(0xc1, &HELLO));
        assert_eq!(peer.take_seen(), [Seen::text("Hello")], "and one without");
    }
}

/// §7.2.3.5.
#[test]
fn two_blocks_in_a_message() {
    let mut peer = fresh();
    let blocks = [
        0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
    ];
    peer.feed(&masked(0xc1, &blocks));
    assert_eq!(peer.take_seen(), [Seen::text("Hello")]);
}

/// §7.2.3.6, in one frame and as an empty fragment that ends a message.
#[test]
fn an_empty_message() {
    let mut peer = fresh();
    peer.feed(&masked(0xc2, &[0x00]));
    peer.feed(&masked(0x42, &[]));
    peer.feed(&masked(0x80, &[0x00]));
    assert_eq!(peer.take_seen(), [Seen::Binary([].into()), Seen::Binary([].into())]);
}

/// What ends in the middle of a block is cut off: it must not pass for a short message.
#[test]
fn a_message_that_is_cut_short() {
    for settings in [Deflate::dedicated(), Deflate::shared()] {
        for len in 0..HELLO.len() {
            let mut peer = server(Config::default(), &settings);
            peer.feed(&masked(0xc1, &HELLO[..len]));
            let seen = peer.take_seen();
            assert!(matches!(seen.as_slice(), [Seen::Error(_)]), "{len} bytes: {seen:?}");
            assert_eq!(
                crate::tests::peers::last_close_code(&peer.out),
                Some(1007),
                "{len} bytes"
            );
        }
    }
}

#[test]
fn what_we_send_is_what_the_rfc_shows() {
    let (mut client, mut server) = connected(&Config::default(), &Deflate::dedicated(), &Deflate::dedicated());
    let out = &mut server.out;
    let sender = server.conn.sender();
    sender
        .message_with("Hello, Hello, Hello", Compression::Always, out)
        .unwrap();
    assert_eq!(out[0], 0xc1);
    assert!(out.len() < 2 + "Hello, Hello, Hello".len());
    sender.message("Hello", out).unwrap();
    assert!(out.ends_with(b"\x81\x05Hello"), "short: left as it is");
    sender
        .fragment_with(DataKind::Text, false, b"Hel", Compression::Always, out)
        .unwrap();
    sender.fragment(DataKind::Text, true, b"lo", out).unwrap();
    client.exchange(&mut server);
    let hello = Seen::text("Hello");
    assert_eq!(
        client.take_seen(),
        [Seen::text("Hello, Hello, Hello"), hello.clone(), hello]
    );
}

/// A fragment that brings nothing new, and an end without bytes.
#[test]
fn empty_pieces() {
    for settings in [Deflate::dedicated(), Deflate::shared()] {
        let (mut client, mut server) = connected(&Config::default(), &settings, &settings);
        for pieces in [&["", "a", "", "b", ""][..], &["", ""], &["abc", ""], &["", "abc"]] {
            for (at, piece) in pieces.iter().enumerate() {
                let last = at + 1 == pieces.len();
                let out = &mut client.out;
                client
                    .conn
                    .sender()
                    .fragment(DataKind::Text, last, piece.as_bytes(), out)
                    .unwrap();
            }
            client.exchange(&mut server);
            assert_eq!(server.take_seen(), [Seen::text(&pieces.concat())], "{pieces:?}");
        }
    }
}

/// Whoever sends in pieces wants each of them seen at once, not with the next.
#[test]
fn a_fragment_is_readable_when_it_comes() {
    for settings in [Deflate::dedicated(), Deflate::shared()] {
        let mut config = Config::default();
        config.delivery = Delivery::Chunks;
        let (mut client, mut server) = connected(&config, &settings, &settings);
        for piece in ["first words, ", "then some more, ", "and an end"] {
            let out = &mut client.out;
            client
                .conn
                .sender()
                .fragment(DataKind::Text, false, piece.as_bytes(), out)
                .unwrap();
            client.exchange(&mut server);
            let seen = server.take_seen();
            assert!(
                matches!(&seen[..], [Seen::Chunk { data, last: false, .. }] if data == piece.as_bytes()),
                "{seen:?}"
            );
        }
    }
}
