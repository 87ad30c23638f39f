//! Receiving: vectors, strictness, borrowing, chunks.

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

use super::peers::{MASK, Peer, Seen, last_close_code, masked, plain};
use crate::{CloseCode, CloseError, Config, ConnectionError, Delivery, Event, HeaderError, Input, ProtocolError};

/// RFC 6455 §5.7, as far as it is for one role.
#[test]
fn rfc_vectors() {
    let mut client = Peer::client(Config::default());
    client.feed(&[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    client.feed(&[0x01, 0x03, 0x48, 0x65, 0x6c]);
    client.feed(&[0x80, 0x02, 0x6c, 0x6f]);
    client.feed(&[0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    client.feed(&plain(0x82, &[7; 256]));
    client.feed(&plain(0x82, &[8; 65_536]));
    assert_eq!(
        client.take_seen(),
        [
            Seen::text("Hello"),
            Seen::text("Hello"),
            Seen::Ping(b"Hello".to_vec()),
            Seen::Binary(vec![7; 256]),
            Seen::Binary(vec![8; 65_536])
        ]
    );
    assert_eq!(client.take_out(), masked(0x8a, b"Hello"));

    let mut server = Peer::server(Config::default());
    server.feed(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    server.feed(&[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    assert_eq!(server.take_seen(), [Seen::text("Hello"), Seen::Pong(b"Hello".to_vec())]);
    assert!(server.take_out().is_empty());
}

#[test]
fn every_length_form_in_both_roles() {
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
        let payload: Vec<u8> = (0..len).map(|at| at as u8).collect();
        let mut server = Peer::server(Config::default());
        server.feed(&masked(0x82, &payload));
        assert_eq!(
            server.take_seen(),
            [Seen::Binary(payload.clone())],
            "{len} bytes to a server"
        );
        let mut client = Peer::client(Config::default());
        client.feed(&plain(0x82, &payload));
        assert_eq!(client.take_seen(), [Seen::Binary(payload)], "{len} bytes to a client");
    }
}

/// Each breach is answered with its code, and nothing of the frame is delivered.
#[test]
fn breaches_of_the_protocol() {
    let header = |error| ProtocolError::Header(error);
    let cases: &[(&[u8], ProtocolError, u16)] = &[
        (
            &[0x81, 0x05, b'H', b'e', b'l', b'l', b'o'],
            ProtocolError::Unmasked,
            1002,
        ),
        (&[0xc1, 0x80, 0, 0, 0, 0], ProtocolError::ReservedBits, 1002),
        (&[0xa1, 0x80, 0, 0, 0, 0], ProtocolError::ReservedBits, 1002),
        (&[0x91, 0x80, 0, 0, 0, 0], ProtocolError::ReservedBits, 1002),
        (&[0xc9, 0x80, 0, 0, 0, 0], ProtocolError::ReservedBits, 1002),
        (&[0x83, 0x80, 0, 0, 0, 0], ProtocolError::ReservedOpcode(3), 1002),
        (&[0x87, 0x80, 0, 0, 0, 0], ProtocolError::ReservedOpcode(7), 1002),
        (&[0x8b, 0x80, 0, 0, 0, 0], ProtocolError::ReservedOpcode(11), 1002),
        (&[0x8f, 0x80, 0, 0, 0, 0], ProtocolError::ReservedOpcode(15), 1002),
        (&[0x09, 0x80], header(HeaderError::FragmentedControl), 1002),
        (&[0x89, 0xfe], header(HeaderError::OversizedControl), 1002),
        (&[0x81, 0xfe, 0x00, 0x7d], header(HeaderError::NonMinimalLength), 1002),
        (
            &[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            header(HeaderError::NonMinimalLength),
            1002,
        ),
        (
            &[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
            header(HeaderError::LengthTopBit),
            1002,
        ),
        (&[0x80, 0x80, 0, 0, 0, 0], ProtocolError::UnexpectedContinuation, 1002),
        (
            &[0x88, 0x81, 0, 0, 0, 0, 3],
            ProtocolError::Close(CloseError::Truncated),
            1002,
        ),
        (
            &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed],
            ProtocolError::Close(CloseError::InvalidCode(CloseCode::NO_STATUS)),
            1002,
        ),
        (
            &[0x88, 0x83, 0, 0, 0, 0, 0x03, 0xe8, 0xff],
            ProtocolError::Close(CloseError::ReasonNotUtf8),
            1007,
        ),
        (&[0x81, 0x82, 0, 0, 0, 0, 0xc0, 0xaf], ProtocolError::InvalidUtf8, 1007),
        (&[0x81, 0x81, 0, 0, 0, 0, 0xe2], ProtocolError::InvalidUtf8, 1007),
        (
            &[0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0],
            ProtocolError::FrameTooBig,
            1009,
        ),
        (
            &[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
            ProtocolError::FrameTooBig,
            1009,
        ),
    ];
    for (bytes, error, code) in cases {
        for stepwise in [false, true] {
            let mut server = Peer::server(Config::default());
            server.feed(&masked(0x81, b"before"));
            if stepwise {
                for byte in *bytes {
                    if server.seen.len() < 2 {
                        server.feed(&[*byte]);
                    }
                }
            } else {
                server.feed(bytes);
            }
            let error = ConnectionError::Protocol(*error);
            assert_eq!(
                server.take_seen(),
                [Seen::text("before"), Seen::Error(error)],
                "{bytes:02x?}"
            );
            assert_eq!(last_close_code(&server.take_out()), Some(*code), "{bytes:02x?}");
            server.feed(&masked(0x81, b"after"));
            assert_eq!(server.take_seen(), [Seen::Error(error)], "the error lasts");
            assert!(server.take_out().is_empty(), "nothing follows the Close");
        }
    }
}

#[test]
fn a_masked_frame_from_a_server_is_refused() {
    let mut client = Peer::client(Config::default());
    client.feed(&masked(0x81, b"Hello"));
    assert_eq!(client.take_seen(), [Seen::Error(ProtocolError::Masked.into())]);
}

#[test]
fn text_fails_at_the_first_bad_byte_inside_of_a_frame() {
    let mut server = Peer::server(Config::default());
    let bytes = masked(0x81, b"ok \xed\xa0 never looked at");
    // Up to and with the byte that makes a surrogate; most of the payload has not come.
    server.feed(&bytes[..6 + 4]);
    assert_eq!(server.take_seen(), []);
    server.feed(&bytes[6 + 4..6 + 5]);
    assert_eq!(server.take_seen(), [Seen::Error(ProtocolError::InvalidUtf8.into())]);
}

#[test]
fn a_message_that_lies_in_the_input_is_borrowed_and_one_that_spans_reads_is_owned() {
    let mut server = Peer::server(Config::default());
    let mut bytes = [masked(0x81, b"one"), masked(0x82, b"two"), masked(0x81, b"three")].concat();
    let cut = bytes.len() - 2;
    let (first, second) = bytes.split_at_mut(cut);

    let mut input = Input::new(first);
    // Both events are held at once, while the connection sends: they borrow the input only.
    let Ok(Some(Event::Text(one))) = server.conn.next_event(&mut input) else {
        panic!()
    };
    let Ok(Some(Event::Binary(two))) = server.conn.next_event(&mut input) else {
        panic!()
    };
    server.conn.sender().message(&*one, &mut server.out).unwrap();
    assert!(matches!((&one, &two), (Cow::Borrowed(_), Cow::Borrowed(_))));
    assert_eq!((&*one, &*two), ("one", &b"two"[..]));
    assert_eq!(server.conn.next_event(&mut input), Ok(None));

    let mut input = Input::new(second);
    let Ok(Some(Event::Text(three))) = server.conn.next_event(&mut input) else {
        panic!()
    };
    assert!(matches!(three, Cow::Owned(_)));
    assert_eq!(three, "three");
}

#[test]
fn the_rest_of_the_input_is_untouched_while_an_event_is_held() {
    let mut server = Peer::server(Config::default());
    let second = masked(0x81, b"second");
    let mut bytes = [masked(0x81, b"first"), second.clone()].concat();
    let mut input = Input::new(&mut bytes);
    server.conn.next_event(&mut input).unwrap().unwrap();
    assert_eq!(input.into_rest(), second);
}

#[test]
fn chunks_stream_from_inside_of_frames() {
    let mut config = Config::default();
    config.delivery = Delivery::Chunks;
    let mut server = Peer::server(config);
    let bytes = [
        masked(0x01, b"Hel"),
        masked(0x89, b"?"),
        masked(0x00, b""),
        masked(0x80, b"lo"),
    ]
    .concat();
    // Cut inside the first payload and right behind the last header.
    server.feed(&bytes[..7]);
    server.feed(&bytes[7..bytes.len() - 2]);
    server.feed(&bytes[bytes.len() - 2..]);
    let chunk = |data: &[u8], first, last| Seen::Chunk {
        data: data.to_vec(),
        first,
        last,
    };
    assert_eq!(
        server.take_seen(),
        [
            chunk(b"H", true, false),
            chunk(b"el", false, false),
            Seen::Ping(b"?".to_vec()),
            chunk(b"lo", false, true)
        ]
    );
}

#[test]
fn chunks_mark_empty_messages_and_empty_ends() {
    let mut config = Config::default();
    config.delivery = Delivery::Chunks;
    let mut server = Peer::server(config);
    server.feed(&masked(0x82, b""));
    server.feed(&masked(0x02, b""));
    server.feed(&masked(0x00, b"x"));
    server.feed(&masked(0x80, b""));
    let chunk = |data: &[u8], first, last| Seen::Chunk {
        data: data.to_vec(),
        first,
        last,
    };
    assert_eq!(
        server.take_seen(),
        [
            chunk(b"", true, true),
            chunk(b"x", true, false),
            chunk(b"", false, true)
        ]
    );
}

#[test]
fn chunked_text_may_cut_characters_but_must_be_utf8() {
    let mut config = Config::default();
    config.delivery = Delivery::Chunks;
    let mut server = Peer::server(config);
    let bytes = masked(0x81, "aé".as_bytes());
    server.feed(&bytes[..8]);
    server.feed(&bytes[8..]);
    assert!(matches!(
        &server.take_seen()[..],
        [Seen::Chunk { last: false, .. }, Seen::Chunk { last: true, .. }]
    ));
    server.feed(&masked(0x81, b"a\xc3"));
    assert_eq!(server.take_seen(), [Seen::Error(ProtocolError::InvalidUtf8.into())]);
}

#[test]
fn delivery_changes_between_messages_and_loses_nothing() {
    let mut server = Peer::server(Config::default());
    server.feed(&masked(0x01, b"whole "));
    server.conn.set_delivery(Delivery::Chunks);
    server.feed(&masked(0x80, b"message"));
    server.feed(&masked(0x01, b"chunk"));
    assert_eq!(
        server.take_seen(),
        [
            Seen::text("whole message"),
            Seen::Chunk {
                data: b"chunk".to_vec(),
                first: true,
                last: false
            }
        ]
    );
    server.conn.set_delivery(Delivery::Messages);
    server.feed(&masked(0x80, b"!"));
    server.feed(&masked(0x81, b"whole"));
    assert_eq!(
        server.take_seen(),
        [
            Seen::Chunk {
                data: b"!".to_vec(),
                first: false,
                last: true
            },
            Seen::text("whole")
        ]
    );
}

#[test]
fn a_payload_is_unmasked_with_the_right_phase_across_reads() {
    let payload: Vec<u8> = (0..=255).collect();
    let bytes = masked(0x82, &payload);
    for cut in 1..bytes.len() {
        let mut server = Peer::server(Config::default());
        server.feed(&bytes[..cut]);
        server.feed(&bytes[cut..]);
        assert_eq!(server.take_seen(), [Seen::Binary(payload.clone())], "cut at {cut}");
    }
    assert_ne!(MASK, [MASK[0]; 4], "a mask of equal bytes would hide a wrong phase");
}
