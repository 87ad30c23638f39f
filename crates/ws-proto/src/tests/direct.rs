//! Reading large messages straight into their buffer.

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::BufMut;

use super::peers::{Peer, Seen, masked, plain};
use crate::{Config, ConnectionError, Delivery, Event, Input, ProtocolError, Timeout};

/// Delivers `bytes` to `peer`: a first read of `first` bytes, then through the window as long as there is one.
fn deliver(peer: &mut Peer, bytes: &[u8], first: usize, step: usize) -> usize {
    peer.feed(&bytes[..first]);
    let mut rest = &bytes[first..];
    let (mut direct, mut turn) = (0, 0);
    while !rest.is_empty() {
        // By turns initialised and not.
        turn += 1;
        let count = if turn % 2 == 0 {
            peer.conn.direct_window().map(|window| {
                let count = window.len().min(rest.len()).min(step);
                window[..count].copy_from_slice(&rest[..count]);
                count
            })
        } else {
            peer.conn.direct_buf().map(|mut window| {
                let count = window.remaining_mut().min(rest.len()).min(step);
                window.put_slice(&rest[..count]);
                count
            })
        };
        let Some(count) = count else {
            peer.feed(rest);
            break;
        };
        rest = &rest[count..];
        direct += count;
        match peer.conn.handle_direct(count) {
            Ok(event) => peer.seen.extend(event.map(Seen::from)),
            Err(error) => {
                peer.seen.push(Seen::Error(error));
                break;
            }
        }
    }
    direct
}

#[test]
fn a_large_message_is_read_directly_in_both_roles() {
    let payload: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
    for step in [777, 8192, usize::MAX] {
        let mut server = Peer::server(Config::default());
        let bytes = [masked(0x82, &payload), masked(0x81, b"next")].concat();
        let direct = deliver(&mut server, &bytes, 100, step);
        assert!(direct > 190_000, "only {direct} bytes went directly");
        assert_eq!(server.take_seen(), [Seen::Binary(payload.clone()), Seen::text("next")]);

        let mut client = Peer::client(Config::default());
        let direct = deliver(&mut client, &plain(0x82, &payload), 100, step);
        assert!(direct > 190_000, "only {direct} bytes went directly");
        assert_eq!(client.take_seen(), [Seen::Binary(payload.clone())]);
    }
}

#[test]
fn a_message_read_directly_lies_in_a_buffer_of_its_size() {
    let bytes = masked(0x82, &[5; 700_000]);
    let mut server = Peer::server(Config::default());
    server.feed(&bytes[..100]);
    let mut rest = &bytes[100..];
    let message = loop {
        let mut last = rest.to_vec();
        let mut input = Input::new(&mut last);
        let event = match server.conn.direct_window() {
            Some(window) => {
                let (now, later) = rest.split_at(window.len().min(rest.len()));
                window[..now.len()].copy_from_slice(now);
                rest = later;
                server.conn.handle_direct(now.len()).unwrap()
            }
            None => server.conn.next_event(&mut input).unwrap(),
        };
        if let Some(Event::Binary(Cow::Owned(message))) = event {
            break message;
        }
    };
    assert_eq!((message.len(), message.capacity()), (700_000, 700_000));
}

#[test]
fn the_window_never_reaches_beyond_the_frame() {
    let mut server = Peer::server(Config::default());
    server.feed(&masked(0x02, &[1; 5000])[..500]);
    let missing = 5000 + 8 - 500;
    assert_eq!(server.conn.direct_window().unwrap().len(), missing);
}

#[test]
fn the_window_grows_with_the_message_to_an_end() {
    let mut config = Config::default();
    config.limits.max_frame = 1 << 62;
    config.limits.max_message = 1 << 62;
    let mut server = Peer::server(config);
    let header = [&[0x82, 0xff, 0x10, 0, 0, 0, 0, 0, 0, 0][..], &[0; 4]].concat();
    server.feed(&header);
    let mut largest = 0;
    for _ in 0..20 {
        let window = server.conn.direct_window().unwrap().len();
        assert_eq!(server.conn.handle_direct(window), Ok(None));
        largest = largest.max(window);
    }
    assert_eq!(largest, 256 << 10);
}

#[test]
fn there_is_no_window_where_a_copy_is_better_or_nothing_is_assembled() {
    let mut server = Peer::server(Config::default());
    assert!(server.conn.direct_window().is_none(), "between frames");
    server.feed(&masked(0x82, &[1; 1000])[..100]);
    assert!(server.conn.direct_window().is_none(), "little is missing");

    let mut config = Config::default();
    config.delivery = Delivery::Chunks;
    let mut server = Peer::server(config);
    server.feed(&masked(0x82, &[1; 100_000])[..100]);
    assert!(server.conn.direct_window().is_none(), "chunks are not buffered");
}

#[test]
fn text_read_directly_is_checked_as_it_comes() {
    let mut bad = vec![b'a'; 100_000];
    bad[50_000] = 0xff;
    let mut server = Peer::server(Config::default());
    deliver(&mut server, &masked(0x81, &bad)[..60_000], 10, 1000);
    assert_eq!(server.take_seen(), [Seen::Error(ProtocolError::InvalidUtf8.into())]);
    assert!(server.conn.direct_window().is_none() && server.conn.direct_buf().is_none());

    let good = "aé€𝄞".repeat(10_000);
    let mut server = Peer::server(Config::default());
    deliver(&mut server, &masked(0x81, good.as_bytes()), 10, 999);
    assert_eq!(server.take_seen(), [Seen::text(&good)]);

    // The message ends in the middle of a character.
    let mut cut = good.into_bytes();
    cut.pop();
    let mut server = Peer::server(Config::default());
    deliver(&mut server, &masked(0x81, &cut), 10, 8192);
    assert_eq!(server.take_seen(), [Seen::Error(ProtocolError::InvalidUtf8.into())]);
}

#[test]
#[should_panic(expected = "committed more than the spare room")]
fn more_than_the_window_cannot_be_taken_over() {
    let mut server = Peer::server(Config::default());
    server.feed(&masked(0x82, &[1; 100_000])[..100]);
    let window = server.conn.direct_window().unwrap().len();
    let _ = server.conn.handle_direct(window + 1);
}

#[test]
#[should_panic(expected = "committed more than the spare room")]
fn more_than_was_written_cannot_be_taken_over() {
    let mut server = Peer::server(Config::default());
    server.feed(&masked(0x82, &[1; 100_000])[..100]);
    server.conn.direct_buf().unwrap().put_slice(&[1; 10]);
    let _ = server.conn.handle_direct(11);
}

/// The room of an earlier window ends with its frame, however the rest of the frame came.
#[test]
#[should_panic(expected = "without a window")]
fn nothing_can_be_taken_over_between_frames() {
    let mut server = Peer::server(Config::default());
    let bytes = masked(0x02, &[1; 10_000]);
    server.feed(&bytes[..100]);
    assert!(server.conn.direct_window().unwrap().len() > 5000);
    server.feed(&bytes[100..]);
    let _ = server.conn.handle_direct(1);
}

#[test]
fn nothing_is_taken_over_after_a_failure() {
    let mut config = Config::default();
    config.timeouts.assembly = Some(Duration::from_secs(1));
    let mut server = Peer::server(config);
    server.feed(&masked(0x82, &[1; 8_000])[..100]);
    let missing = server.conn.direct_window().unwrap().len();
    let error = ConnectionError::Timeout(Timeout::Assembly);
    assert_eq!(server.advance(Duration::from_secs(1)), Err(error));
    assert!(server.conn.direct_window().is_none() && server.conn.direct_buf().is_none());
    assert_eq!(server.conn.handle_direct(missing), Err(error));
    assert_eq!(server.conn.next_event(&mut Input::new(&mut [])), Err(error), "it lasts");
}
