//! What leaves compressed, what does not, and that the windows stay alike.

use super::{connected, json, noise, server};
use crate::deflate::Deflate;
use crate::tests::peers::{Peer, Seen};
use crate::{Compression, Config, DataKind, Message, Outbox, Prepared, SendError};

fn is_compressed(frame: &[u8]) -> bool {
    frame[0] & 0x40 != 0
}

fn both() -> [Deflate; 2] {
    [Deflate::dedicated(), Deflate::shared()]
}

#[test]
fn the_choice_is_made_per_message() {
    for settings in both() {
        let mut peer = server(Config::default(), &settings);
        let text = json(settings.threshold);
        let (long, short) = (text.as_str(), &text[..settings.threshold - 1]);
        for (text, compression, expected) in [
            (long, Compression::Auto, true),
            (short, Compression::Auto, false),
            (short, Compression::Always, true),
            (long, Compression::Never, false),
            ("", Compression::Always, false),
        ] {
            peer.conn
                .sender()
                .message_with(text, compression, &mut peer.out)
                .unwrap();
            assert_eq!(
                is_compressed(&peer.take_out()),
                expected,
                "{} bytes, {compression:?}",
                text.len()
            );
        }
    }
}

/// A message that leaves as it is has no part in the window that the peer keeps.
#[test]
fn what_does_not_shrink_leaves_as_it_is_and_breaks_no_window() {
    for settings in both() {
        let (mut client, mut server) = connected(&Config::default(), &settings, &settings);
        let (text, noise) = (json(3000), noise(3000));
        for _ in 0..3 {
            for message in [
                Message::text(text.as_str()),
                Message::from(&noise[..]),
                Message::text(text.as_str()),
            ] {
                server.conn.sender().message(&message, &mut server.out).unwrap();
                assert_eq!(is_compressed(&server.out), message.is_text());
                client.exchange(&mut server);
                let expected = match message {
                    Message::Text(text) => Seen::text(&text),
                    other => Seen::Binary(other.as_bytes().to_vec()),
                };
                assert_eq!(client.take_seen(), [expected]);
            }
        }
    }
}

/// Each fragment ends with a flush, which costs more than small ones save; the limit is on what is in them.
#[test]
fn many_small_fragments_may_become_longer() {
    let mut config = Config::default();
    config.limits.max_message = 5000;
    for settings in both() {
        for message in [noise(5000), json(5000).into()] {
            let (mut client, mut server) = connected(&config, &settings, &settings);
            let mut pieces = message.chunks(8).peekable();
            while let Some(piece) = pieces.next() {
                let last = pieces.peek().is_none();
                client
                    .conn
                    .sender()
                    .fragment_with(DataKind::Binary, last, piece, Compression::Always, &mut client.out)
                    .unwrap();
            }
            client.exchange(&mut server);
            assert_eq!(server.take_seen(), [Seen::Binary(message)]);
        }
    }
}

/// The peer that agreed on 256 bytes of window gets messages that need none.
#[test]
fn a_window_that_cannot_be_kept_to_is_not_used() {
    let settings = Deflate::dedicated();
    for settings in [settings, Deflate::shared()] {
        let extensions = crate::extension::Extensions::from(settings);
        let agreed = extensions
            .accept([&b"permessage-deflate; server_max_window_bits=8"[..]])
            .unwrap();
        let mut peer = Peer::server(Config::default());
        peer.conn.extend(&agreed);
        peer.conn
            .sender()
            .message_with(&json(3000), Compression::Always, &mut peer.out)
            .unwrap();
        assert!(!is_compressed(&peer.take_out()));
        peer.conn
            .sender()
            .fragment(DataKind::Text, false, b"abc", &mut peer.out)
            .unwrap();
        assert!(!is_compressed(&peer.take_out()));
    }
}

/// A small window is kept to: a peer that has no more would read garbage.
#[test]
fn no_reference_goes_beyond_the_window() {
    let settings = Deflate {
        window_bits: 9,
        level: 9,
        ..Deflate::dedicated()
    };
    let mut peer = server(Config::default(), &settings);
    let unique = noise(600);
    let twice = [&unique[..], &unique[..]].concat();
    peer.conn
        .sender()
        .message_with(&twice, Compression::Always, &mut peer.out)
        .unwrap();
    assert!(!is_compressed(&peer.out), "600 bytes back, with a window of 512");
    let near = [&unique[..200], &unique[..200]].concat();
    peer.take_out();
    peer.conn
        .sender()
        .message_with(&near, Compression::Always, &mut peer.out)
        .unwrap();
    assert!(is_compressed(&peer.out));
}

#[test]
fn takeover_pays() {
    let mut sizes = [0, 0];
    for (settings, size) in both().iter().zip(&mut sizes) {
        let mut peer = server(Config::default(), settings);
        peer.conn.sender().message(&json(1000), &mut peer.out).unwrap();
        peer.take_out();
        peer.conn.sender().message(&json(1000), &mut peer.out).unwrap();
        *size = peer.out.len();
    }
    assert!(sizes[0] * 5 < sizes[1], "{sizes:?}");
}

#[test]
fn a_broadcast_is_compressed_once_for_all_that_agreed_on_the_same() {
    let text = json(10_000);
    let prepared = Prepared::new(&text);
    for settings in both() {
        let (mut client, mut one) = connected(&Config::default(), &settings, &settings);
        let (_, mut other) = connected(&Config::default(), &settings, &settings);
        let narrow = Deflate {
            window_bits: 9,
            ..settings.clone()
        };
        let (_, mut different) = connected(&Config::default(), &settings, &narrow);
        let mut boxes = [(); 3].map(|()| Outbox::new(&Config::default().limits));
        for (peer, outbox) in [&mut one, &mut other, &mut different].into_iter().zip(&mut boxes) {
            // Something before it, so that takeover could matter.
            peer.conn.sender().message(&text, &mut peer.out).unwrap();
            let before = peer.out.len();
            peer.conn.sender().prepared(&prepared, &mut peer.out).unwrap();
            peer.conn.sender().message(&text, &mut peer.out).unwrap();
            assert!(is_compressed(&peer.out[before..]));
            peer.conn
                .sender()
                .queue_prepared(&Prepared::new(&json(200_000)), outbox)
                .unwrap();
            assert!(is_compressed(outbox.first()));
        }
        client.exchange(&mut one);
        assert_eq!(
            client.take_seen(),
            [(); 3].map(|()| Seen::text(&text)),
            "the windows stay alike"
        );
    }
    let large = Prepared::new(&json(200_000));
    let settings = Deflate::shared();
    let mut boxes = [(); 2].map(|()| Outbox::new(&Config::default().limits));
    for outbox in &mut boxes {
        let mut peer = server(Config::default(), &settings);
        peer.conn.sender().queue_prepared(&large, outbox).unwrap();
    }
    assert_eq!(boxes[0].first().as_ptr(), boxes[1].first().as_ptr(), "one form, shared");
    assert!(boxes[0].len() < 100_000);
}

/// Another connection's form stands between two messages of ours: nothing may refer to what lies before it, nor what
/// comes after it to what the peer has not seen.
#[test]
fn a_form_made_elsewhere_breaks_no_window() {
    let settings = Deflate::dedicated();
    let text = json(3000);
    let other = "unlike the rest ".repeat(60);
    let prepared = Prepared::new(&other);
    let mut maker = server(Config::default(), &settings);
    maker.conn.sender().prepared(&prepared, &mut maker.out).unwrap();
    let (mut client, mut user) = connected(&Config::default(), &settings, &settings);
    for _ in 0..3 {
        user.conn.sender().message(&text, &mut user.out).unwrap();
        user.conn.sender().prepared(&prepared, &mut user.out).unwrap();
    }
    client.exchange(&mut user);
    let pair = [Seen::text(&text), Seen::text(&other)];
    assert_eq!(client.take_seen(), [&pair[..]; 3].concat());
}

/// A broadcast too short to be compressed costs nobody the context.
#[test]
fn a_prepared_message_that_leaves_as_it_is_keeps_the_context() {
    let text = json(1000);
    let sizes = [false, true].map(|between| {
        let mut peer = server(Config::default(), &Deflate::dedicated());
        let sender = peer.conn.sender();
        sender.message(&text, &mut peer.out).unwrap();
        if between {
            sender.prepared(&Prepared::new("short"), &mut peer.out).unwrap();
        }
        peer.out.clear();
        sender.message(&text, &mut peer.out).unwrap();
        peer.out.len()
    });
    assert_eq!(sizes[0], sizes[1]);
}

/// Peers of one pool, and of one prepared message, may have agreed on unlike windows.
#[test]
fn unlike_windows_share_neither_compressors_nor_forms() {
    let settings = Deflate::shared();
    // Nothing of it repeats within 512 bytes.
    let unique = noise(1000);
    let data = [&unique[..], &unique[..]].concat();
    let prepared = Prepared::new_with(&data, Compression::Always);
    for (offer, expected) in [
        ("permessage-deflate", true),
        ("permessage-deflate; server_max_window_bits=9", false),
    ] {
        let agreed = crate::extension::Extensions::from(settings.clone())
            .accept([offer.as_bytes()])
            .unwrap();
        let mut peer = Peer::server(Config::default());
        peer.conn.extend(&agreed);
        peer.conn
            .sender()
            .message_with(&data, Compression::Always, &mut peer.out)
            .unwrap();
        assert_eq!(is_compressed(&peer.take_out()), expected, "{offer}");
        peer.conn.sender().prepared(&prepared, &mut peer.out).unwrap();
        assert_eq!(is_compressed(&peer.take_out()), expected, "{offer}");
    }
}

#[test]
fn a_prepared_message_may_be_kept_from_compression() {
    let text = json(10_000);
    let mut peer = server(Config::default(), &Deflate::shared());
    let plain = Prepared::new_with(&text, Compression::Never);
    peer.conn.sender().prepared(&plain, &mut peer.out).unwrap();
    assert!(!is_compressed(&peer.out));
}

/// A client's copy is compressed and masked.
#[test]
fn a_client_sends_prepared_messages_compressed() {
    let settings = Deflate::shared();
    let (mut client, mut server) = connected(&Config::default(), &settings, &settings);
    let text = json(10_000);
    let prepared = Prepared::new(&text);
    for _ in 0..2 {
        client.conn.sender().prepared(&prepared, &mut client.out).unwrap();
        assert!(client.out.len() < 5000);
        client.exchange(&mut server);
        assert_eq!(server.take_seen(), [Seen::text(&text)]);
    }
}

/// Giving a stream up in the middle is an error that can be seen, and nothing else.
#[test]
fn a_stream_given_up_harms_nothing() {
    for settings in both() {
        let (mut client, mut server) = connected(&Config::default(), &settings, &settings);
        let text = json(3000);
        let sender = client.conn.sender();
        sender
            .fragment(DataKind::Text, false, text.as_bytes(), &mut client.out)
            .unwrap();
        let refused = sender.message(&text, &mut client.out);
        assert_eq!(refused, Err(SendError::FragmentOpen));
        sender.ping(b"between", &mut client.out).unwrap();
        sender.fragment(DataKind::Text, true, b"", &mut client.out).unwrap();
        sender.message(&text, &mut client.out).unwrap();
        client.exchange(&mut server);
        let text = Seen::text(&text);
        assert_eq!(
            server.take_seen(),
            [Seen::Ping(b"between".to_vec()), text.clone(), text]
        );
    }
}

/// Text that is refused has left no trace in the window.
#[test]
fn a_refused_fragment_was_not_compressed() {
    let settings = Deflate::dedicated();
    let (mut client, mut server) = connected(&Config::default(), &settings, &settings);
    let sender = client.conn.sender();
    sender
        .fragment(DataKind::Text, false, b"good ", &mut client.out)
        .unwrap();
    let refused = sender.fragment(DataKind::Text, false, b"\xff", &mut client.out);
    assert_eq!(refused, Err(SendError::InvalidUtf8));
    sender.fragment(DataKind::Text, true, b"good", &mut client.out).unwrap();
    client.exchange(&mut server);
    assert_eq!(server.take_seen(), [Seen::text("good good")]);
}
