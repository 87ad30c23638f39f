//! A client that is refused gets the whole answer.

use alloc::format;
use alloc::vec::Vec;

use super::{GOOD_ANSWER, NONCE, answer, client, head};
use crate::handshake::{
    ClientHandshake, ClientRequest, HandshakeConfig, HandshakeError, Outcome, Response, ServerHandshake,
};

fn refused(bytes: &[u8]) -> Response {
    match answer(bytes) {
        Ok(Outcome::Refused(response)) => response,
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_status_but_101_is_handed_back() {
    for status in [200, 204, 301, 304, 401, 403, 426, 500, 503, 999] {
        let response = refused(&head(
            &format!("HTTP/1.1 {status} Words"),
            ["Content-Length: 0", "Location: /x"],
        ));
        assert_eq!((response.status(), response.reason()), (status, "Words"));
        assert_eq!(response.header("location"), Some("/x"));
        assert!(response.body().is_empty() && !response.is_body_cut());
    }
}

#[test]
fn interim_answers_are_skipped() {
    let mut bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".to_vec();
    bytes.extend(head("HTTP/1.1 101 Switching Protocols", GOOD_ANSWER));
    for cut in 0..bytes.len() {
        let mut handshake = client();
        assert!(handshake.receive(&bytes[..cut]).unwrap().is_none(), "cut at {cut}");
        let (outcome, used) = handshake.receive(&bytes[cut..]).unwrap().unwrap();
        assert_eq!(used, bytes.len() - cut);
        let Outcome::Accepted(accepted) = outcome else {
            panic!("refused")
        };
        assert_eq!(accepted.response.header("Link"), None);
    }
}

#[test]
fn answers_may_be_http_1_0() {
    let response = refused(b"HTTP/1.0 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!((response.status(), response.body()), (403, &b"no"[..]));
}

#[test]
fn end_of_transport_ends_an_undelimited_body() {
    let mut handshake = client();
    assert!(
        handshake
            .receive(b"HTTP/1.1 403 Forbidden\r\n\r\nno")
            .unwrap()
            .is_none()
    );
    assert!(handshake.receive(b" way").unwrap().is_none());
    let Some(Outcome::Refused(response)) = handshake.handle_eof().unwrap() else {
        panic!("not refused")
    };
    assert_eq!((response.body(), response.is_body_cut()), (&b"no way"[..], false));
    assert_eq!(handshake.handle_eof(), Ok(None));
    assert_eq!(handshake.receive(b"x"), Err(HandshakeError::Finished));
}

#[test]
fn end_of_transport_cuts_a_delimited_body() {
    for bytes in [
        &b"HTTP/1.1 403 X\r\nContent-Length: 5\r\n\r\nno"[..],
        b"HTTP/1.1 403 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno",
    ] {
        let mut handshake = client();
        assert!(handshake.receive(bytes).unwrap().is_none());
        let Some(Outcome::Refused(response)) = handshake.handle_eof().unwrap() else {
            panic!("not refused")
        };
        assert_eq!((response.body(), response.is_body_cut()), (&b"no"[..], true));
    }
}

#[test]
fn end_of_transport_in_the_head_is_an_error() {
    for bytes in [&b""[..], b"HTTP/1.1 101 Switching", b"HTTP/1.1 100 Continue\r\n\r\n"] {
        let mut handshake = client();
        assert!(handshake.receive(bytes).unwrap().is_none());
        assert_eq!(handshake.handle_eof(), Err(HandshakeError::UnexpectedEof));
        assert_eq!(handshake.handle_eof(), Err(HandshakeError::UnexpectedEof));
        assert_eq!(handshake.receive(b"x"), Err(HandshakeError::UnexpectedEof));
    }
    let mut handshake = client();
    let error = handshake.receive(b"x").unwrap_err();
    assert_eq!(handshake.handle_eof(), Err(error));
}

#[test]
fn after_the_outcome_there_is_no_other() {
    let mut handshake = client();
    assert!(
        handshake
            .receive(&head("HTTP/1.1 101 X", GOOD_ANSWER))
            .unwrap()
            .is_some()
    );
    assert_eq!(handshake.receive(b""), Err(HandshakeError::Finished));
    assert_eq!(handshake.handle_eof(), Ok(None));
}

#[test]
fn our_own_refusals_come_back_as_they_were_sent() {
    let mut out = Vec::new();
    let request = ClientRequest::new("ws://a/").unwrap();
    let mut handshake = ClientHandshake::new(&request, NONCE, &HandshakeConfig::default(), &mut out);
    let (request, _) = ServerHandshake::new(&HandshakeConfig::default())
        .receive(&out)
        .unwrap()
        .unwrap();
    let sent = Response::new(503)
        .with_header("Retry-After", "5")
        .unwrap()
        .with_body("later");
    let mut reply = Vec::new();
    request.reject(&sent, &mut reply);
    let (outcome, used) = handshake.receive(&reply).unwrap().unwrap();
    assert_eq!(used, reply.len());
    let Outcome::Refused(got) = outcome else {
        panic!("accepted")
    };
    assert_eq!(
        (got.status(), got.reason(), got.body()),
        (503, sent.reason(), sent.body())
    );
    assert_eq!(got.header("Retry-After"), Some("5"));
    // Passing it on writes the same bytes, with its framing headers written anew, not twice.
    let mut again = Vec::new();
    got.write(&mut again);
    assert_eq!(again, reply);
}
