//! The body of a refusal: every framing, every split, cut at the limit.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;

use super::{NONCE, client};
use crate::handshake::{ClientHandshake, ClientRequest, HandshakeConfig, HandshakeError, Outcome, Response};

const CHUNKED: &str = "Transfer-Encoding: chunked";

/// The refusal that these bytes become at the latest by the end of the transport, and how many of
/// them it took.
fn refusal_of(limit: usize, bytes: &[u8], cut: usize) -> Result<(Response, usize), HandshakeError> {
    let config = HandshakeConfig {
        max_response_body: limit,
        ..HandshakeConfig::default()
    };
    let request = ClientRequest::new("ws://a/").unwrap();
    let mut handshake = ClientHandshake::new(&request, NONCE, &config, &mut Vec::new());
    let mut used = 0;
    for part in [&bytes[..cut], &bytes[cut..]] {
        match handshake.receive(part)? {
            Some((Outcome::Refused(response), more)) => return Ok((response, used + more)),
            Some(other) => panic!("{other:?}"),
            None => used += part.len(),
        }
    }
    match handshake.handle_eof()? {
        Some(Outcome::Refused(response)) => Ok((response, used)),
        other => panic!("{other:?}"),
    }
}

fn message(header: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 403 Forbidden\r\n{header}\r\n\r\n{body}").into_bytes()
}

#[test]
fn bodies_of_every_framing_in_every_split() {
    for (header, body, expected, left) in [
        ("Content-Length: 5", "helloXX", "hello", 2),
        ("Content-Length: 0", "XX", "", 2),
        (CHUNKED, "5\r\nhello\r\n0\r\n\r\nXX", "hello", 2),
        (
            CHUNKED,
            "2;a=\"b\"\r\nhe\r\n003 \r\nllo\r\n000\r\nTrailer: x\r\n\r\nXX",
            "hello",
            2,
        ),
        (
            CHUNKED,
            "A\r\n0123456789\r\na\r\n0123456789\r\n0;x\r\n\r\n",
            "01234567890123456789",
            0,
        ),
        (CHUNKED, "0\r\n\r\n", "", 0),
        ("Transfer-Encoding: gzip, Chunked", "1\r\nx\r\n0\r\n\r\n", "x", 0),
        (
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "1\r\nx\r\n0\r\n\r\n",
            "x",
            0,
        ),
        ("Transfer-Encoding: chunked, gzip", "1\r\nx", "1\r\nx", 0),
        ("X: y", "until the end", "until the end", 0),
    ] {
        let bytes = message(header, body);
        for cut in 0..=bytes.len() {
            let (response, used) = refusal_of(1000, &bytes, cut).unwrap();
            assert_eq!(response.body(), expected.as_bytes(), "{header}, {body}, cut at {cut}");
            assert!(!response.is_body_cut(), "{header}, {body}, cut at {cut}");
            assert_eq!(bytes.len() - used, left, "{header}, {body}, cut at {cut}");
        }
    }
}

#[test]
fn statuses_without_a_body_have_none_whatever_they_declare() {
    for status in [204, 304] {
        let bytes = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n");
        let (outcome, _) = client().receive(bytes.as_bytes()).unwrap().unwrap();
        assert!(matches!(outcome, Outcome::Refused(response) if response.body().is_empty()));
    }
}

#[test]
fn bodies_are_cut_at_the_limit() {
    for (length, cut) in [(9, false), (10, false), (11, true), (1000, true)] {
        let data = "x".repeat(length);
        for (header, body) in [
            (format!("Content-Length: {length}"), data.clone()),
            (CHUNKED.into(), format!("{length:x}\r\n{data}\r\n0\r\n\r\n")),
            ("X: y".into(), data.clone()),
        ] {
            let bytes = message(&header, &body);
            for at in 0..=bytes.len() {
                let (response, _) = refusal_of(10, &bytes, at).unwrap();
                assert_eq!(response.body().len(), length.min(10), "{header}");
                assert_eq!(response.is_body_cut(), cut, "{header}");
            }
        }
    }
}

#[test]
fn a_cut_body_does_not_wait_for_the_rest() {
    let config = HandshakeConfig {
        max_response_body: 3,
        ..HandshakeConfig::default()
    };
    let request = ClientRequest::new("ws://a/").unwrap();
    let mut handshake = ClientHandshake::new(&request, NONCE, &config, &mut Vec::new());
    let (outcome, _) = handshake
        .receive(&message("Content-Length: 1000000000000", "abcd"))
        .unwrap()
        .unwrap();
    assert!(matches!(outcome, Outcome::Refused(response) if response.body() == b"abc" && response.is_body_cut()));
}

#[test]
fn a_declared_length_sets_nothing_aside() {
    let (response, _) = refusal_of(usize::MAX, &message("Content-Length: 18446744073709551615", "abc"), 0).unwrap();
    assert_eq!((response.body(), response.is_body_cut()), (&b"abc"[..], true));
    let (response, _) = refusal_of(usize::MAX, &message(CHUNKED, "ffffffffffffffff\r\nabc"), 0).unwrap();
    assert_eq!((response.body(), response.is_body_cut()), (&b"abc"[..], true));
}

#[test]
fn endless_coding_around_no_data_is_cut() {
    for endless in [
        "0\r\n".to_owned() + &"T: x\r\n".repeat(100),
        "1;".to_owned() + &"x".repeat(1000),
    ] {
        let (response, used) = refusal_of(50, &message(CHUNKED, &endless), 0).unwrap();
        assert!(response.is_body_cut());
        assert_eq!(used, message(CHUNKED, "").len() + 51);
    }
    let dribble = "1\r\nx\r\n".repeat(100);
    let (response, _) = refusal_of(50, &message(CHUNKED, &dribble), 0).unwrap();
    assert!(response.is_body_cut() && response.body().len() <= 50);
}

#[test]
fn broken_framing_is_an_error() {
    for (header, body) in [
        ("Content-Length: -1", ""),
        ("Content-Length: +1", ""),
        ("Content-Length:", ""),
        ("Content-Length: 1, 1", ""),
        ("Content-Length: 18446744073709551616", ""),
        ("Content-Length: 1\r\nContent-Length: 1", ""),
        (CHUNKED, "\r\n"),
        (CHUNKED, ";x\r\n"),
        (CHUNKED, "x\r\n"),
        (CHUNKED, "-1\r\n"),
        (CHUNKED, "1\nx"),
        (CHUNKED, "1;\nx"),
        (CHUNKED, "1\r\rx"),
        (CHUNKED, "1\r\nxx"),
        (CHUNKED, "1\r\nx\n"),
        (CHUNKED, "1\r\nx\rx"),
        (CHUNKED, "10000000000000000\r\n"),
        (CHUNKED, "0\r\n\n"),
        (CHUNKED, "0\r\nA: b\n"),
        (CHUNKED, "0\r\nA: b\rc"),
        (CHUNKED, "0\r\n\rx"),
    ] {
        let result = refusal_of(1000, &message(header, body), 0);
        assert!(
            matches!(result, Err(HandshakeError::MalformedResponse(_))),
            "{header:?} {body:?}: {result:?}"
        );
    }
}
