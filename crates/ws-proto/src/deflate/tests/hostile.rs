//! Bombs, garbage, bits where they don't belong.

use alloc::vec;
use alloc::vec::Vec;

use super::{client, json, noise, server};
use crate::deflate::Deflate;
use crate::tests::peers::{Peer, Seen, last_close_code, masked};
use crate::{Compression, Config, ConnectionError, DataKind, Delivery, Input, Prepared, ProtocolError};

fn both() -> [Deflate; 2] {
    [Deflate::dedicated(), Deflate::shared()]
}

/// The raw stream of `len` zeros.
fn bomb(len: usize) -> Vec<u8> {
    let mut compressor = zlib_rs::Deflate::new(9, false, 15);
    let mut out = vec![0; len / 500 + 1000];
    let mut at = 0;
    let zeros = vec![0; 1 << 20];
    let mut left = len;
    while left > 0 {
        let piece = left.min(zeros.len());
        compressor
            .compress(&zeros[..piece], &mut out[at..], zlib_rs::DeflateFlush::NoFlush)
            .unwrap();
        at = compressor.total_out() as usize;
        left -= piece;
    }
    compressor
        .compress(&[], &mut out[at..], zlib_rs::DeflateFlush::SyncFlush)
        .unwrap();
    out.truncate(compressor.total_out() as usize - 4);
    out
}

fn assert_ended(peer: &mut Peer, error: ProtocolError, code: u16) {
    let seen = peer.take_seen();
    let expected = Seen::Error(ConnectionError::Protocol(error));
    assert_eq!(seen.last(), Some(&expected), "after {} events", seen.len());
    assert_eq!(last_close_code(&peer.out), Some(code));
}

#[test]
fn a_bomb_in_one_frame_stops_at_the_limit() {
    let stream = bomb(64 << 20);
    assert!(stream.len() < 70_000);
    for settings in both() {
        let mut peer = server(Config::default(), &settings);
        peer.feed(&masked(0xc2, &stream));
        assert_ended(&mut peer, ProtocolError::MessageTooBig, 1009);
    }
}

#[test]
fn a_bomb_in_fragments_stops_at_the_limit() {
    let stream = bomb(4 << 20);
    for settings in both() {
        let mut peer = server(Config::default(), &settings);
        let mut pieces = stream.chunks(1);
        peer.feed(&masked(0x42, pieces.next().unwrap()));
        for piece in pieces {
            peer.feed(&masked(0x00, piece));
            if peer.conn.is_finished() {
                break;
            }
        }
        assert_ended(&mut peer, ProtocolError::MessageTooBig, 1009);
    }
}

/// The dictionary is in the window already: every message is a few bytes that become the limit and one more.
#[test]
fn a_bomb_spread_over_messages_is_held_message_by_message() {
    let mut config = Config::default();
    config.limits.max_message = 10_000;
    let settings = Deflate::dedicated();
    let mut sender = client(&settings);
    let mut peer = server(config, &settings);
    let mut frame = Vec::new();
    for len in [10_000, 10_000, 10_000, 10_001] {
        frame.clear();
        sender.sender().message(&vec![7; len], &mut frame).unwrap();
        assert!(frame.len() < 100);
        peer.feed(&frame);
        if len == 10_000 {
            assert_eq!(peer.take_seen(), [Seen::Binary(vec![7; len])]);
        }
    }
    assert_ended(&mut peer, ProtocolError::MessageTooBig, 1009);
}

/// In chunks nothing is kept, but the limit holds, and no chunk is larger than a block.
#[test]
fn a_bomb_in_chunks_stops_at_the_limit() {
    let mut config = Config::default();
    config.delivery = Delivery::Chunks;
    for settings in both() {
        let mut peer = server(config.clone(), &settings);
        peer.feed(&masked(0xc2, &bomb(8 << 20)));
        let lens = peer.seen.iter().map(|seen| match seen {
            Seen::Chunk { data, .. } => data.len(),
            _ => 0,
        });
        let lens: Vec<usize> = lens.collect();
        assert!(lens.iter().all(|&len| len <= 16 * 1024), "{lens:?}");
        assert!(lens.iter().sum::<usize>() <= 1 << 20);
        assert_ended(&mut peer, ProtocolError::MessageTooBig, 1009);
    }
}

#[test]
fn a_ratio_is_too_much_in_a_long_message() {
    let mut config = Config::default();
    config.limits.max_message = u64::MAX;
    for delivery in [Delivery::Messages, Delivery::Chunks] {
        config.delivery = delivery;
        let mut peer = server(config.clone(), &Deflate::shared());
        peer.feed(&masked(0xc2, &bomb(1 << 20)));
        assert!(!peer.conn.is_finished());
        peer.feed(&masked(0xc2, &bomb(4 << 20)));
        let error = ProtocolError::Extension(crate::extension::DecodeError::ExpandsTooMuch);
        assert_ended(&mut peer, error, 1009);
    }
}

/// The limit is exact for what comes out, and lets what does not shrink be a little longer on the wire.
#[test]
fn the_limit_is_on_the_message_not_on_its_encoding() {
    let mut config = Config::default();
    config.limits.max_message = 5000;
    config.limits.max_frame = 5000;
    let data = noise(5001);
    for settings in both() {
        for (len, fits) in [(5000, true), (5001, false)] {
            let mut sender = client(&settings);
            let mut frames = Vec::new();
            // Fragments are compressed whether they shrink or not.
            sender
                .sender()
                .fragment(DataKind::Binary, false, &data[..len - 1], &mut frames)
                .unwrap();
            sender
                .sender()
                .fragment(DataKind::Binary, true, &data[len - 1..len], &mut frames)
                .unwrap();
            let mut peer = server(config.clone(), &settings);
            peer.feed(&frames);
            if fits {
                assert_eq!(peer.take_seen(), [Seen::Binary(data[..len].to_vec())]);
            } else {
                assert_ended(&mut peer, ProtocolError::MessageTooBig, 1009);
            }
        }
    }
    let mut peer = server(config, &Deflate::shared());
    peer.feed(&masked(0xc2, &[0; 6000])[..20]);
    assert_ended(&mut peer, ProtocolError::FrameTooBig, 1009);
}

/// The ratio counts from the start of each message: long honest messages before it are no credit.
#[test]
fn an_earlier_message_is_no_credit() {
    let mut config = Config::default();
    config.limits.max_message = u64::MAX;
    config.limits.max_frame = u64::MAX;
    for settings in both() {
        let mut peer = server(config.clone(), &settings);
        let mut honest = Vec::new();
        let data = noise(1 << 20);
        client(&settings)
            .sender()
            .fragment(DataKind::Binary, true, &data, &mut honest)
            .unwrap();
        peer.feed(&honest);
        assert!(!peer.conn.is_finished());
        peer.feed(&masked(0xc2, &bomb(4 << 20)));
        let error = ProtocolError::Extension(crate::extension::DecodeError::ExpandsTooMuch);
        assert_ended(&mut peer, error, 1009);
    }
}

/// What one connection has read, another can't: not from a pool either, nor after an error.
#[test]
fn a_reference_to_another_connections_message_is_1007() {
    let settings = Deflate::shared();
    let secret = vec![b's'; 3000];
    let mut frame = Vec::new();
    client(&settings).sender().message(&secret, &mut frame).unwrap();
    let mut compressor = zlib_rs::Deflate::new(9, false, 15);
    compressor.set_dictionary(&secret).unwrap();
    let mut spying = vec![0; 1000];
    compressor
        .compress(&secret[..500], &mut spying, zlib_rs::DeflateFlush::SyncFlush)
        .unwrap();
    spying.truncate(compressor.total_out() as usize - 4);
    for _ in 0..2 {
        let mut owner = server(Config::default(), &settings);
        owner.feed(&frame);
        assert_eq!(owner.take_seen(), [Seen::Binary(secret.clone())]);
        let mut spy = server(Config::default(), &settings);
        spy.feed(&masked(0xc2, &spying));
        let malformed = ProtocolError::Extension(crate::extension::DecodeError::Malformed);
        assert_ended(&mut spy, malformed, 1007);
    }
}

#[test]
fn garbage_is_1007() {
    let malformed = ProtocolError::Extension(crate::extension::DecodeError::Malformed);
    for settings in both() {
        // A block of the type that does not exist, and lengths that don't match.
        for garbage in [&[0x06][..], &[0x00, 0x05, 0x00, 0x00, 0x00, 0x61, 0x00]] {
            let mut peer = server(Config::default(), &settings);
            peer.feed(&masked(0xc2, garbage));
            assert_ended(&mut peer, malformed, 1007);
        }
    }
}

#[test]
fn text_is_checked_after_it_is_decompressed() {
    for settings in both() {
        let mut sender = client(&settings);
        let mut frame = Vec::new();
        let bad = [json(1000).as_bytes(), b"\xff"].concat();
        sender
            .sender()
            .message_with(&bad, Compression::Always, &mut frame)
            .unwrap();
        frame[0] = 0xc1;
        let mut peer = server(Config::default(), &settings);
        peer.feed(&frame);
        assert_ended(&mut peer, ProtocolError::InvalidUtf8, 1007);
    }
}

/// Long before the end, if it fails there.
#[test]
fn text_is_checked_while_it_is_decompressed() {
    let zeros = bomb(4 << 20);
    for settings in both() {
        let mut peer = server(Config::default(), &settings);
        // A stored block of one byte, then a block that would exceed the limit.
        let stream = [&[0x00, 0x01, 0x00, 0xfe, 0xff, 0xff][..], &zeros].concat();
        peer.feed(&masked(0xc1, &stream));
        assert_ended(&mut peer, ProtocolError::InvalidUtf8, 1007);
    }
}

#[test]
fn the_bit_stands_on_the_first_frame_of_a_message_only() {
    for (frames, what) in [
        (masked(0xc9, b""), "a ping"),
        (masked(0xca, b""), "a pong"),
        (masked(0xc8, b""), "a close"),
        ([masked(0x42, b""), masked(0xc0, b"\0")].concat(), "a continuation"),
        (
            [masked(0x02, b""), masked(0xc0, b"\0")].concat(),
            "a plain message's continuation",
        ),
        (masked(0xa2, b""), "another bit"),
        (masked(0xe2, b""), "a bit too many"),
    ] {
        let mut peer = server(Config::default(), &Deflate::shared());
        peer.feed(&frames);
        assert_eq!(
            peer.take_seen().pop(),
            Some(Seen::Error(ProtocolError::ReservedBits.into())),
            "{what}"
        );
        assert_eq!(last_close_code(&peer.out), Some(1002), "{what}");
    }
    let mut peer = Peer::server(Config::default());
    peer.feed(&masked(0xc2, b"\0"));
    assert_ended(&mut peer, ProtocolError::ReservedBits, 1002);
}

/// Plain and compressed messages may alternate.
#[test]
fn a_plain_message_is_taken_as_it_is() {
    for settings in both() {
        let mut peer = server(Config::default(), &settings);
        peer.feed(&masked(0x81, b"plain"));
        peer.feed(&masked(0x01, b"in "));
        peer.feed(&masked(0x80, b"pieces"));
        peer.feed(&masked(0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]));
        assert_eq!(
            peer.take_seen(),
            [Seen::text("plain"), Seen::text("in pieces"), Seen::text("Hello")]
        );
    }
}

/// A socket must not write what the decoder has yet to see.
#[test]
fn there_is_no_window_into_a_compressed_message() {
    let mut peer = server(Config::default(), &Deflate::shared());
    let mut frame = masked(0xc2, &noise(20_000));
    let mut input = Input::new(&mut frame[..10]);
    assert_eq!(peer.conn.next_event(&mut input), Ok(None));
    assert!(peer.conn.direct_window().is_none());
}

/// Peers choose windows: what they make us keep for a message is bounded.
#[test]
fn a_prepared_message_keeps_a_few_forms_only() {
    let prepared = Prepared::new(&json(2000));
    for threshold in 0..100 {
        let settings = Deflate {
            threshold,
            ..Deflate::shared()
        };
        let mut peer = server(Config::default(), &settings);
        peer.conn.sender().prepared(&prepared, &mut peer.out).unwrap();
        assert_eq!(peer.out[0], 0xc1);
    }
    assert!(prepared.forms() <= 16, "{}", prepared.forms());
}
