//! A megabyte that would inflate to a gigabyte, under an allocator that gives no more than what a message may take.
//!
//! One test, since the allocator counts for the whole process.

use std::alloc::System;

use cap::Cap;
use ws_proto::deflate::Deflate;
use ws_proto::extension::Extensions;
use ws_proto::{CloseCode, Config, Connection, ConnectionError, Delivery, Event, Input};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

const MEGABYTE: usize = 1 << 20;

#[test]
fn a_gigabyte_of_zeros_stops_at_the_limit() {
    let [first, next, longer] = zeros();
    let bomb = [&first[..], &next.repeat(1023)].concat();
    assert!(
        bomb.len() < MEGABYTE * 9 / 8,
        "a frame that is let in: {} bytes",
        bomb.len()
    );
    let mut one_frame = frame(0xc2, &bomb);
    let mut fragments = frame(0x42, &bomb[..1]);
    fragments.extend(bomb[1..].iter().flat_map(|byte| frame(0x00, &[*byte])));
    // Each message is a megabyte, which is the limit, by reference to the one before; the last is one byte more.
    let mut messages = frame(0xc2, &first[..first.len() - 4]);
    messages.extend((0..1000).flat_map(|_| frame(0xc2, &next[..next.len() - 4])));
    messages.extend(frame(0xc2, &longer[..longer.len() - 4]));

    for settings in [Deflate::dedicated(), Deflate::shared()] {
        for delivery in [Delivery::Messages, Delivery::Chunks] {
            for (name, frames, most) in [
                ("one frame", &mut one_frame, 1),
                ("fragments", &mut fragments, 1),
                ("messages", &mut messages, 1002),
            ] {
                // Without takeover the second message refers to nothing, and is refused for that.
                let is_takeover = settings.context_takeover;
                let mut server = server(&settings, delivery);
                let mut frames = frames.clone();
                // The message, what its buffer was before it grew the last time, one block, and the decompressor.
                let allowed = 2 * MEGABYTE + 256 * 1024 + 64 * 1024;
                HEAP.set_limit(HEAP.allocated() + allowed)
                    .expect("more than is allocated");
                let (bytes, error) = receive(&mut server, &mut frames);
                HEAP.set_limit(usize::MAX).expect("no limit");
                let ConnectionError::Protocol(error) = error else {
                    panic!("{name}: {error}");
                };
                if name == "messages" && !is_takeover {
                    assert_eq!(error.close_code(), CloseCode::INVALID_PAYLOAD, "{name}: {error}");
                } else {
                    assert_eq!(error.close_code(), CloseCode::MESSAGE_TOO_BIG, "{name}: {error}");
                    assert!(bytes <= most * MEGABYTE, "{name}: {bytes} bytes were handed out");
                }
            }
        }
    }
}

fn server(settings: &Deflate, delivery: Delivery) -> Connection {
    let mut config = Config::default();
    config.delivery = delivery;
    let extensions = Extensions::from(settings.clone());
    let agreed = extensions
        .accept([extensions.offer().as_bytes()])
        .expect("our own offer");
    let mut server = Connection::server(config);
    server.extend(&agreed);
    server
}

/// How many bytes were handed out, and the error at the end.
fn receive(server: &mut Connection, frames: &mut [u8]) -> (usize, ConnectionError) {
    let mut bytes = 0;
    let mut input = Input::new(frames);
    loop {
        match server.next_event(&mut input) {
            Ok(Some(Event::Binary(data) | Event::Chunk(_, data))) => bytes += data.len(),
            Ok(other) => panic!("{other:?}"),
            Err(error) => return (bytes, error),
        }
    }
}

/// A megabyte of zeros, another one that follows it, and one more with a byte too many, each ending with a flush.
fn zeros() -> [Vec<u8>; 3] {
    let mut compress = flate2::Compress::new(flate2::Compression::best(), false);
    [MEGABYTE, MEGABYTE, MEGABYTE + 1].map(|len| {
        let mut out = Vec::with_capacity(16 * 1024);
        let done = compress.compress_vec(&vec![0; len], &mut out, flate2::FlushCompress::Sync);
        done.expect("a compressor compresses");
        out
    })
}

/// A client's frame; the mask is zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len @ 126..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
