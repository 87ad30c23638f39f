//! Compressed messages handed out in chunks.

use alloc::vec;
use alloc::vec::Vec;

use super::{client, json, server};
use crate::deflate::Deflate;
use crate::tests::peers::Peer;
use crate::{Compression, Config, Delivery, Event, Input};

fn reader() -> Peer {
    let mut config = Config::default();
    config.delivery = Delivery::Chunks;
    server(config, &Deflate::shared())
}

/// A shell that has given all its input away has nothing to call with: what its last bytes stand for must have come
/// with them.
#[test]
fn what_was_taken_has_been_handed_out() {
    let mut messages = vec![json(40_000).into_bytes()];
    for len in [1, 256, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 17_000, 100_000] {
        messages.push(vec![b'0'; len]);
    }
    for message in messages {
        let mut frame = Vec::new();
        client(&Deflate::shared())
            .sender()
            .message_with(&message, Compression::Always, &mut frame)
            .unwrap();
        for read in [1, 7, 50, frame.len()] {
            let mut peer = reader();
            let mut got = Vec::new();
            let mut has_ended = false;
            for piece in frame.clone().chunks_mut(read) {
                let mut input = Input::new(piece);
                while !input.is_empty() {
                    if let Some(Event::Chunk(part, data)) = peer.conn.next_event(&mut input).unwrap() {
                        assert!(data.len() <= 48 * 1024, "{}", data.len());
                        got.extend_from_slice(&data);
                        has_ended |= part.last;
                    }
                }
            }
            assert!(has_ended, "{} bytes, read by {read}", message.len());
            assert!(got == message);
        }
    }
}
