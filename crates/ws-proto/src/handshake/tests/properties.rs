//! Whatever comes in, nothing panics, and how it is cut makes no difference.

use alloc::string::String;
use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{GOOD, GOOD_ANSWER, client, good_with, head, receive};
use crate::handshake::{Accept, HandshakeConfig, HandshakeError, Outcome, ServerHandshake, Url};

/// Bytes that get past the first byte often enough: a real head with some bytes overwritten.
fn near(head: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    edits.prop_map(move |edits| {
        let mut bytes = head.clone();
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

fn requests() -> impl Strategy<Value = Vec<u8>> {
    let plausible = "(GET|POST) [/a-z?:]{1,9} HTTP/1.1\r\n((Host|Origin|Upgrade|X): ?[ -~]{0,9}\r\n){0,5}\r\n";
    prop_oneof![
        vec(any::<u8>(), 0..200),
        near(good_with(&[
            "Origin: http://server.example.com",
            "Sec-WebSocket-Protocol: a, b"
        ])),
        plausible.prop_map(String::into_bytes),
    ]
}

fn answers() -> impl Strategy<Value = Vec<u8>> {
    let chunked = "HTTP/1.1 403 X\r\nTransfer-Encoding: chunked\r\n\r\n([0-9a-f]{1,2}(;x)?\r\n[a-z]{0,9}\r\n){0,5}";
    prop_oneof![
        vec(any::<u8>(), 0..200),
        near(head("HTTP/1.1 101 Switching Protocols", GOOD_ANSWER)),
        near(b"HTTP/1.1 403 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n".to_vec()),
        near(b"HTTP/1.1 103 X\r\n\r\nHTTP/1.1 403 X\r\nContent-Length: 3\r\n\r\nabc".to_vec()),
        chunked.prop_map(String::into_bytes),
    ]
}

/// Cuts the bytes into pieces at most as long as `sizes` say, in turn.
fn pieces<'a>(mut bytes: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    sizes.iter().cycle().map_while(move |&size| {
        let (piece, rest) = bytes.split_at(bytes.len().min(size));
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// What is left of a request once it is seen from outside.
type Seen = Option<(String, Vec<(String, Vec<u8>)>, Result<(), HandshakeError>, usize)>;

fn serve<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<Seen, HandshakeError> {
    let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
    let mut before = 0;
    for piece in pieces {
        if let Some((request, used)) = handshake.receive(piece)? {
            assert!(used <= piece.len());
            let accepted = request.accept(&Accept::new(), &mut Vec::new());
            assert_eq!(accepted.is_ok(), request.check().is_ok());
            let (_, _, _) = (request.path(), request.query(), request.subprotocols().count());
            let headers = request.headers().map(|(name, value)| (name.into(), value.to_vec()));
            return Ok(Some((
                request.target().into(),
                headers.collect(),
                request.check(),
                before + used,
            )));
        }
        before += piece.len();
    }
    Ok(None)
}

fn ask<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<(Option<Outcome>, usize), HandshakeError> {
    let mut handshake = client();
    let mut before = 0;
    for piece in pieces {
        if let Some((outcome, used)) = handshake.receive(piece)? {
            assert!(used <= piece.len());
            return Ok((Some(outcome), before + used));
        }
        before += piece.len();
    }
    Ok((handshake.handle_eof()?, before))
}

proptest! {
    #[test]
    fn server_sees_the_same_in_any_split(bytes in requests(), sizes in vec(1..20_usize, 1..5)) {
        prop_assert_eq!(serve(pieces(&bytes, &sizes)), serve([&bytes[..]].into_iter()));
    }

    #[test]
    fn client_sees_the_same_in_any_split(bytes in answers(), sizes in vec(1..20_usize, 1..5)) {
        prop_assert_eq!(ask(pieces(&bytes, &sizes)), ask([&bytes[..]].into_iter()));
    }

    #[test]
    fn any_url_parses_or_fails(text in "(wss?://)?[ -~\r\nö]{0,30}") {
        if let Ok(url) = Url::parse(&text) {
            // What it comes to must be fit for the head.
            let head_parts = alloc::format!("{}{}", url.authority(), url.target());
            prop_assert!(head_parts.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    #[test]
    fn any_header_is_refused_or_stays_one_header(name in "\\PC{0,5}|[a-z\r\n: ]{0,5}", value in "[ -~\r\n\t\0ö]{0,9}") {
        if let Ok(accept) = Accept::new().header(&name, &value) {
            let mut out = Vec::new();
            receive(&head("GET / HTTP/1.1", GOOD)).unwrap().accept(&accept, &mut out).unwrap();
            let mut client = client();
            prop_assert!(client.receive(&out[..out.len() - 1]).unwrap().is_none());
            let received = client.receive(&out[out.len() - 1..]).unwrap();
            let Some((Outcome::Accepted(accepted), 1)) = received else { panic!("{received:?}") };
            prop_assert_eq!(accepted.response.headers().count(), 4);
            let trimmed = value.trim_matches([' ', '\t']);
            prop_assert_eq!(accepted.response.headers().last(), Some((&*name, trimmed.as_bytes())));
        }
    }
}
