//! Who holds a compressor, and when.

use alloc::vec::Vec;

use super::{client, json, server};
use crate::deflate::Deflate;
use crate::{Config, DataKind, Input};

/// Compressors and decompressors that lie idle in the pool of these settings.
fn idle(settings: &Deflate) -> (usize, usize) {
    let shared = settings.pool.as_ref().unwrap();
    (shared.compressors.idle(), shared.decompressors.idle())
}

#[test]
fn a_thousand_shared_connections_share_one_of_each() {
    let settings = Deflate::shared();
    let mut frame = Vec::new();
    client(&settings).sender().message(&json(2000), &mut frame).unwrap();
    let mut peers: Vec<_> = (0..1000).map(|_| server(Config::default(), &settings)).collect();
    for peer in &mut peers {
        peer.feed(&frame);
        peer.conn.sender().message(&json(2000), &mut peer.out).unwrap();
    }
    assert_eq!(idle(&settings), (1, 1));
}

/// Whoever has received a part of a message needs its decompressor; whoever has sent one needs nothing.
#[test]
fn a_message_in_progress_holds_a_decompressor_until_its_end() {
    let settings = Deflate::shared();
    let mut frames = [Vec::new(), Vec::new()];
    let mut sender = client(&settings);
    for (at, frame) in frames.iter_mut().enumerate() {
        sender
            .sender()
            .fragment(DataKind::Text, at == 1, json(2000).as_bytes(), frame)
            .unwrap();
        assert_eq!(idle(&settings).0, 1);
    }
    let mut peer = server(Config::default(), &settings);
    peer.feed(&frames[0]);
    assert_eq!(idle(&settings).1, 0);
    peer.feed(&frames[1]);
    assert_eq!(idle(&settings).1, 1);
    peer.feed(&frames[0]);
    assert_eq!(idle(&settings).1, 0);
    // The rest will never come: by the peer's Close, by an error, or because the connection is dropped.
    peer.feed(&crate::tests::peers::masked(0x88, b""));
    assert_eq!(idle(&settings).1, 1);
    let mut peer = server(Config::default(), &settings);
    peer.feed(&frames[0]);
    peer.feed(&crate::tests::peers::masked(0x83, b""));
    assert_eq!(idle(&settings).1, 1);
    let mut peer = server(Config::default(), &settings);
    peer.feed(&frames[0]);
    drop(peer);
    assert_eq!(idle(&settings).1, 1);
}

/// A deadline ends a message as well as an error does.
#[test]
fn a_message_that_took_too_long_gives_its_decompressor_back() {
    let settings = Deflate::shared();
    let mut frame = Vec::new();
    let text = json(2000);
    let mut sender = client(&settings);
    sender
        .sender()
        .fragment(DataKind::Text, false, text.as_bytes(), &mut frame)
        .unwrap();
    let mut config = Config::default();
    config.timeouts.ping_interval = None;
    config.timeouts.assembly = Some(core::time::Duration::from_secs(10));
    let mut peer = server(config, &settings);
    peer.feed(&frame);
    assert_eq!(idle(&settings).1, 0);
    assert!(peer.advance(core::time::Duration::from_secs(30)).is_err());
    assert_eq!(idle(&settings).1, 1);
}

/// Peaks pass: what lies idle after one is bounded.
#[test]
fn a_pool_keeps_a_few_only() {
    let settings = Deflate::shared();
    let mut frame = Vec::new();
    let mut sender = client(&settings);
    sender
        .sender()
        .fragment(DataKind::Text, false, b"abc", &mut frame)
        .unwrap();
    let mut peers: Vec<_> = (0..40).map(|_| server(Config::default(), &settings)).collect();
    for peer in &mut peers {
        peer.feed(&frame);
    }
    drop(peers);
    assert_eq!(idle(&settings).1, 16);
}

/// One decompressor that served a message that was cut off serves the next from the start.
#[test]
fn what_was_left_in_the_middle_is_forgotten() {
    let settings = Deflate::shared();
    let mut frame = Vec::new();
    let text = json(2000);
    client(&settings).sender().message(&text, &mut frame).unwrap();
    let mut cut = server(Config::default(), &settings);
    let len = frame.len();
    let _ = cut.conn.next_event(&mut Input::new(&mut frame.clone()[..len - 10]));
    drop(cut);
    let mut peer = server(Config::default(), &settings);
    peer.feed(&frame);
    assert_eq!(peer.take_seen(), [crate::tests::peers::Seen::text(&text)]);
}

/// What is handed over may be kept: it must not lie in a buffer many times its size.
#[test]
fn a_message_lies_in_a_buffer_of_about_its_size() {
    for text in [json(3000), json(300_000)] {
        // Hardly compressed, so that the guess at the size is much too large.
        let settings = Deflate {
            level: 0,
            ..Deflate::shared()
        };
        let mut frame = Vec::new();
        let mut sender = client(&settings);
        sender
            .sender()
            .fragment(DataKind::Text, true, text.as_bytes(), &mut frame)
            .unwrap();
        let mut peer = server(Config::default(), &settings);
        let mut input = Input::new(&mut frame);
        let Ok(Some(crate::Event::Text(alloc::borrow::Cow::Owned(got)))) = peer.conn.next_event(&mut input) else {
            panic!("no text");
        };
        assert!(got == text);
        assert!(
            got.capacity() <= 2 * text.len(),
            "{} for {}",
            got.capacity(),
            text.len()
        );
    }
}
