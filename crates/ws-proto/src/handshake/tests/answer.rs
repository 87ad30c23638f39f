//! The client's request, and its checks of a 101 answer (RFC 6455 section 4.1).

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::{GOOD_ANSWER, NONCE, answer, client, client_of, head, text};
use crate::handshake::{ClientHandshake, ClientRequest, HandshakeConfig, HandshakeError, Outcome, Url};

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols";

#[test]
fn the_request_is_written_whole() {
    let request = ClientRequest::new("ws://user:pass@server.example.com:8080/chat?x=1").unwrap();
    let request = request.protocol("v2").unwrap().protocol("v1").unwrap();
    let request = request
        .origin("http://example.com")
        .unwrap()
        .header("X-Y", "z")
        .unwrap();
    assert_eq!(request.url().target(), "/chat?x=1");
    let mut out = b"before".to_vec();
    ClientHandshake::new(&request, NONCE, &HandshakeConfig::default(), &mut out);
    assert_eq!(
        text(&out),
        "beforeGET /chat?x=1 HTTP/1.1\r\nHost: server.example.com:8080\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: v2, v1\r\nAuthorization: Basic dXNlcjpwYXNz\r\nOrigin: http://example.com\r\n\
         X-Y: z\r\n\r\n"
    );
}

#[test]
fn our_own_server_takes_the_request() {
    let request = ClientRequest::new("ws://[::1]:9001/?q")
        .unwrap()
        .protocol("chat")
        .unwrap();
    let mut out = Vec::new();
    let mut client = ClientHandshake::new(&request, [0xa5; 16], &HandshakeConfig::default(), &mut out);
    let received = super::receive(&out).unwrap();
    let mut reply = Vec::new();
    let accept = crate::handshake::Accept::new().protocol("chat");
    received.accept(&accept, &mut reply).unwrap();
    let (outcome, used) = client.receive(&reply).unwrap().unwrap();
    assert_eq!(used, reply.len());
    assert!(matches!(outcome, Outcome::Accepted(accepted) if accepted.protocol.as_deref() == Some("chat")));
}

#[test]
fn authorization_and_origin_replace_themselves() {
    let request = ClientRequest::new("ws://user:pass@a/").unwrap();
    let request = request.header("authorization", "Bearer 1").unwrap();
    let request = request
        .origin("http://a")
        .unwrap()
        .header("ORIGIN", "http://b")
        .unwrap();
    let request = request.header("Cookie", "a").unwrap().header("Cookie", "b").unwrap();
    let mut out = Vec::new();
    ClientHandshake::new(&request, NONCE, &HandshakeConfig::default(), &mut out);
    let written = text(&out);
    assert!(
        written.contains("authorization: Bearer 1\r\n") && !written.contains("Basic"),
        "{written}"
    );
    assert!(
        written.contains("ORIGIN: http://b\r\n") && !written.contains("http://a\r\n"),
        "{written}"
    );
    assert_eq!(written.matches("Cookie").count(), 2);
}

#[test]
fn callers_cannot_smuggle_anything() {
    let request = || ClientRequest::new("ws://a/").unwrap();
    for bad in ["a\r\nb", "a\rb", "a\nb", "a\0b"] {
        assert_eq!(
            request().header("X", bad),
            Err(HandshakeError::BadHeaderValue),
            "{bad:?}"
        );
        assert_eq!(
            request().header(bad, "v"),
            Err(HandshakeError::BadHeaderName),
            "{bad:?}"
        );
        assert_eq!(request().origin(bad), Err(HandshakeError::BadHeaderValue), "{bad:?}");
        assert_eq!(request().protocol(bad), Err(HandshakeError::BadProtocol), "{bad:?}");
        for url in [
            format!("ws://{bad}/"),
            format!("ws://a/{bad}"),
            format!("ws://a?{bad}"),
            format!("ws://{bad}@a/"),
        ] {
            assert!(
                matches!(ClientRequest::new(&url), Err(HandshakeError::Url(_))),
                "{url:?}"
            );
        }
    }
    for name in [
        "Host",
        "connection",
        "Upgrade",
        "SEC-WEBSOCKET-KEY",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        assert_eq!(
            request().header(name, "v"),
            Err(HandshakeError::ReservedHeader(name.to_string()))
        );
    }
    for name in ["", "a b", "a,b", "a/b", "ö"] {
        assert_eq!(request().protocol(name), Err(HandshakeError::BadProtocol), "{name}");
    }
    assert_eq!(
        request().protocol("a").unwrap().protocol("a"),
        Err(HandshakeError::RepeatedProtocol)
    );
}

#[test]
fn good_answer_opens_and_shows_its_headers() {
    let bytes = head(SWITCHING, GOOD_ANSWER.into_iter().chain(["Set-Cookie: a=b"]));
    let Ok(Outcome::Accepted(accepted)) = answer(&bytes) else {
        panic!("refused")
    };
    assert_eq!(accepted.protocol, None);
    assert_eq!(accepted.response.status(), 101);
    assert_eq!(accepted.response.reason(), "Switching Protocols");
    assert_eq!(accepted.response.header("set-cookie"), Some("a=b"));
}

#[test]
fn every_split_gives_the_same_outcome_and_leaves_the_frames() {
    let mut bytes = head(SWITCHING, GOOD_ANSWER);
    let length = bytes.len();
    bytes.extend_from_slice(b"\x81\x02hi\r\n\r\n");
    for cut in 0..=bytes.len() {
        let mut handshake = client();
        let (outcome, used) = match handshake.receive(&bytes[..cut]).unwrap() {
            Some((outcome, used)) => (outcome, used),
            None => {
                let (outcome, used) = handshake.receive(&bytes[cut..]).unwrap().unwrap();
                (outcome, used + cut)
            }
        };
        assert_eq!(used, length, "cut at {cut}");
        assert!(matches!(outcome, Outcome::Accepted(_)), "cut at {cut}");
    }
}

#[test]
fn each_wrong_101_has_its_error() {
    use HandshakeError as E;
    let [upgrade, connection, accept] = GOOD_ANSWER;
    let cases: [(&str, Vec<&str>, E); 18] = [
        (
            "HTTP/1.0 101 X",
            vec![upgrade, connection, accept],
            E::InvalidAnswer("HTTP/1.1"),
        ),
        (SWITCHING, vec![connection, accept], E::InvalidAnswer("Upgrade")),
        (
            SWITCHING,
            vec!["Upgrade: h2c", connection, accept],
            E::InvalidAnswer("Upgrade"),
        ),
        (
            SWITCHING,
            vec!["Upgrade: websocket, h2c", connection, accept],
            E::InvalidAnswer("Upgrade"),
        ),
        (
            SWITCHING,
            vec![upgrade, upgrade, connection, accept],
            E::InvalidAnswer("Upgrade"),
        ),
        (SWITCHING, vec![upgrade, accept], E::InvalidAnswer("Connection")),
        (
            SWITCHING,
            vec![upgrade, "Connection: close", accept],
            E::InvalidAnswer("Connection"),
        ),
        (
            SWITCHING,
            vec![upgrade, connection],
            E::InvalidAnswer("Sec-WebSocket-Accept"),
        ),
        (
            SWITCHING,
            vec![upgrade, connection, accept, accept],
            E::InvalidAnswer("Sec-WebSocket-Accept"),
        ),
        (
            SWITCHING,
            vec![
                upgrade,
                connection,
                "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            ],
            E::InvalidAnswer("Sec-WebSocket-Accept"),
        ),
        (
            SWITCHING,
            vec![upgrade, connection, "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ=="],
            E::InvalidAnswer("Sec-WebSocket-Accept"),
        ),
        (
            SWITCHING,
            vec![upgrade, connection, accept, "Content-Length: 5"],
            E::InvalidAnswer("Content-Length"),
        ),
        (
            SWITCHING,
            vec![upgrade, connection, accept, "Transfer-Encoding: chunked"],
            E::InvalidAnswer("Transfer-Encoding"),
        ),
        (
            SWITCHING,
            vec![upgrade, connection, accept, "Sec-WebSocket-Extensions: x"],
            E::UnofferedExtension,
        ),
        (
            SWITCHING,
            vec![upgrade, connection, accept, "Sec-WebSocket-Extensions:"],
            E::InvalidAnswer("Sec-WebSocket-Extensions"),
        ),
        (
            SWITCHING,
            vec![upgrade, connection, accept, "Sec-WebSocket-Protocol: chat"],
            E::UnofferedProtocol,
        ),
        (
            SWITCHING,
            vec![upgrade, connection, accept, "Sec-WebSocket-Protocol:"],
            E::UnofferedProtocol,
        ),
        (
            SWITCHING,
            vec![
                upgrade,
                connection,
                accept,
                "Sec-WebSocket-Protocol: a",
                "Sec-WebSocket-Protocol: a",
            ],
            E::InvalidAnswer("Sec-WebSocket-Protocol"),
        ),
    ];
    for (start, lines, error) in cases {
        assert_eq!(
            answer(&head(start, lines.iter().copied())),
            Err(error.clone()),
            "{lines:?}"
        );
        assert_eq!(error.status(), None);
    }
    let fine = head(
        SWITCHING,
        [
            "upgrade: WEBSOCKET",
            "CONNECTION: x, UPGRADE",
            accept,
            "Content-Length: 0",
        ],
    );
    assert!(matches!(answer(&fine), Ok(Outcome::Accepted(_))));
}

#[test]
fn the_chosen_subprotocol_must_be_one_of_those_offered() {
    let request = ClientRequest::new("ws://a/")
        .unwrap()
        .protocol("v1")
        .unwrap()
        .protocol("v2")
        .unwrap();
    for (chosen, expected) in [
        ("v2", Ok(Some("v2"))),
        ("v3", Err(HandshakeError::UnofferedProtocol)),
        ("V2", Err(HandshakeError::UnofferedProtocol)),
        ("v1, v2", Err(HandshakeError::UnofferedProtocol)),
    ] {
        let line = format!("Sec-WebSocket-Protocol: {chosen}");
        let bytes = head(SWITCHING, GOOD_ANSWER.into_iter().chain([&*line]));
        let result = client_of(&request).receive(&bytes).map(|received| match received {
            Some((Outcome::Accepted(accepted), _)) => accepted.protocol,
            other => panic!("{other:?}"),
        });
        assert_eq!(result, expected.map(|name| name.map(ToString::to_string)), "{chosen}");
    }
    let none = client_of(&request).receive(&head(SWITCHING, GOOD_ANSWER)).unwrap();
    assert!(matches!(none, Some((Outcome::Accepted(accepted), _)) if accepted.protocol.is_none()));
}

#[test]
fn what_is_no_http_answer_is_an_error() {
    let heads: [&[u8]; 9] = [
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"\x16\x03\x01",
        b"HTTP/1.1 200 OK\nA: b\n\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
    ];
    for bytes in heads {
        let error = answer(bytes).unwrap_err();
        assert!(
            matches!(error, HandshakeError::MalformedResponse(_)),
            "{bytes:?}: {error:?}"
        );
    }
}

#[test]
fn debug_output_hides_credentials() {
    let request = ClientRequest::new("ws://user:s3cret@a/")
        .unwrap()
        .header("Cookie", "s3cret")
        .unwrap();
    assert!(!format!("{request:?}").contains("s3cret"));
    assert!(!format!("{request:?}").contains("czNjcmV0"));
    let mut handshake = client();
    handshake
        .receive(b"HTTP/1.1 403 No\r\nSet-Cookie: s3cret\r\nContent-Length: 9\r\n\r\ns3cret")
        .unwrap();
    assert!(!format!("{handshake:?}").contains("s3cret"));
    let url = Url::parse("wss://user:s3cret@a/b").unwrap();
    assert_eq!(
        (format!("{url}"), format!("{url:?}")),
        ("wss://a/b".into(), "Url(wss://a/b)".into())
    );
}
