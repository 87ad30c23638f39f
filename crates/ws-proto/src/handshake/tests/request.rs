//! What a server reads out of a request, and every check of RFC 6455 section 4.2.1.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::{GOOD, check, good_with, good_without, head, receive};
use crate::handshake::{HandshakeConfig, HandshakeError, ServerHandshake};

#[test]
fn good_request_passes() {
    assert_eq!(check(&good_with(&[])), Ok(()));
}

#[test]
fn request_shows_what_was_sent() {
    let lines = [
        "Cookie: a=b",
        "Origin: http://server.example.com",
        "Sec-WebSocket-Protocol: v2, v1,,",
        "X: \t y \t",
    ];
    let more = ["sec-websocket-protocol: v0"];
    let bytes = head(
        "GET /chat/a%20b?x=1&y=?2 HTTP/1.1",
        GOOD.iter().chain(&lines).chain(&more).copied(),
    );
    let request = receive(&bytes).unwrap();
    assert_eq!(request.check(), Ok(()));
    assert_eq!(request.method(), "GET");
    assert_eq!(request.target(), "/chat/a%20b?x=1&y=?2");
    assert_eq!(request.path(), "/chat/a%20b");
    assert_eq!(request.query(), Some("x=1&y=?2"));
    assert_eq!(request.host(), Some("server.example.com"));
    assert_eq!(request.origin(), Some("http://server.example.com"));
    assert_eq!(request.header("cOOKIE"), Some("a=b"));
    assert_eq!(request.header("x"), Some("y"));
    assert_eq!(request.header("absent"), None);
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["v2", "v1", "v0"]);
    assert_eq!(request.headers().count(), 10);
    assert_eq!(request.headers().nth(1), Some(("Upgrade", &b"websocket"[..])));
    assert!(request.is_upgrade());
}

#[test]
fn only_tokens_are_subprotocols() {
    let request = receive(&good_with(&["Sec-WebSocket-Protocol: a b, c, d/e"])).unwrap();
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["c"]);
}

#[test]
fn header_values_need_not_be_text() {
    let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\nX: caf".to_vec();
    bytes.extend_from_slice(b"\xe9\r\n\r\n");
    let request = receive(&bytes).unwrap();
    assert_eq!(request.header("X"), None);
    assert_eq!(request.headers().last(), Some(("X", &b"caf\xe9"[..])));
}

#[test]
fn path_and_query_of_every_target_form() {
    for (target, path, query) in [
        ("/", "/", None),
        ("/?", "/", Some("")),
        ("//a", "//a", None),
        ("http://server.example.com", "/", None),
        ("HTTP://server.example.com?q", "/", Some("q")),
        ("ws://server.example.com/a/b?q=http://c/d", "/a/b", Some("q=http://c/d")),
    ] {
        let request = receive(&head(&format!("GET {target} HTTP/1.1"), GOOD)).unwrap();
        assert_eq!((request.path(), request.query()), (path, query), "{target}");
        assert_eq!(request.check(), Ok(()), "{target}");
    }
}

/// RFC 9112 section 3.2.2: and the `Host` header doesn't.
#[test]
fn a_server_that_the_target_names_counts() {
    let ask = |origin| {
        let lines = GOOD.into_iter().chain([origin]);
        receive(&head("GET http://other.example.com:80/ HTTP/1.1", lines)).unwrap()
    };
    let request = ask("Origin: http://other.example.com");
    assert_eq!(request.host(), Some("other.example.com:80"));
    assert_eq!(request.header("Host"), Some("server.example.com"));
    assert_eq!(request.check(), Ok(()));
    let foreign = ask("Origin: http://server.example.com").check();
    assert_eq!(foreign, Err(HandshakeError::ForeignOrigin));
}

#[test]
fn every_split_gives_the_same_request_and_leaves_the_frames() {
    let mut bytes = good_with(&["Sec-WebSocket-Protocol: chat"]);
    let length = bytes.len();
    bytes.extend_from_slice(b"\x81\x00\r\n\r\nframes");
    for cut in 0..=bytes.len() {
        let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
        let (first, second) = bytes.split_at(cut);
        let (request, used) = match handshake.receive(first).unwrap() {
            Some((request, used)) => (request, used),
            None => {
                let (request, used) = handshake.receive(second).unwrap().unwrap();
                (request, cut + used)
            }
        };
        assert_eq!(used, length, "cut at {cut}");
        assert_eq!(request.check(), Ok(()), "cut at {cut}");
        assert_eq!(request.subprotocols().next(), Some("chat"), "cut at {cut}");
    }
}

#[test]
fn byte_by_byte_is_complete_at_the_last_byte() {
    let bytes = good_with(&[]);
    let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
    for (at, byte) in bytes.iter().enumerate() {
        let received = handshake.receive(&[*byte]).unwrap();
        assert_eq!(
            received.map(|(_, used)| used),
            (at + 1 == bytes.len()).then_some(1),
            "byte {at}"
        );
    }
}

#[test]
fn empty_lines_before_the_request_are_skipped() {
    let mut bytes = b"\r\n\r\n".to_vec();
    bytes.extend(good_with(&[]));
    for cut in 0..bytes.len() {
        let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
        assert!(handshake.receive(&bytes[..cut]).unwrap().is_none(), "cut at {cut}");
        let (request, used) = handshake.receive(&bytes[cut..]).unwrap().unwrap();
        assert_eq!((request.check(), used), (Ok(()), bytes.len() - cut));
    }
}

#[test]
fn upgrade_and_connection_are_lists_in_any_case() {
    for (name, lines) in [
        ("Connection", &["Connection: keep-alive, Upgrade"][..]),
        ("Connection", &["connection: keep-alive", "CONNECTION: uPGRADE"]),
        ("Connection", &["Connection:,,upgrade ,"]),
        ("Upgrade", &["Upgrade: WebSocket"]),
        ("Upgrade", &["Upgrade: h2c, websocket"]),
        ("Upgrade", &["Upgrade: h2c", "upgrade: websocket"]),
    ] {
        assert_eq!(check(&good_without(name, lines)), Ok(()), "{lines:?}");
    }
}

#[test]
fn plain_http_is_told_to_upgrade() {
    for bytes in [
        head("GET / HTTP/1.1", ["Host: a"]),
        head("POST / HTTP/1.1", ["Host: a", "Content-Length: 5"]),
        good_without("Upgrade", &[]),
        good_without("Upgrade", &["Upgrade: h2c"]),
        good_without("Upgrade", &["Upgrade: websockets"]),
        good_without("Upgrade", &["Upgrade: websocket/13"]),
    ] {
        let request = receive(&bytes).unwrap();
        assert!(!request.is_upgrade());
        assert_eq!(request.check(), Err(HandshakeError::NotUpgrade));
    }
}

#[test]
fn each_lack_has_its_error_and_status() {
    use HandshakeError as E;
    let start = |line: &str| head(line, GOOD);
    let cases = [
        (start("POST / HTTP/1.1"), E::MethodNotGet, 405),
        (start("get / HTTP/1.1"), E::MethodNotGet, 405),
        (start("GET / HTTP/1.0"), E::HttpVersion, 400),
        (good_without("Host", &[]), E::MissingHeader("Host"), 400),
        (good_with(&["Host: server.example.com"]), E::RepeatedHeader("Host"), 400),
        (good_without("Host", &["Host:"]), E::InvalidHeader("Host"), 400),
        (good_without("Host", &["Host: a/b"]), E::InvalidHeader("Host"), 400),
        (good_without("Host", &["Host: a:b"]), E::InvalidHeader("Host"), 400),
        (good_without("Host", &["Host: a, b"]), E::InvalidHeader("Host"), 400),
        (
            start("GET http://user@server.example.com/ HTTP/1.1"),
            E::MalformedRequest("the request target names no server"),
            400,
        ),
        (
            good_without("Connection", &[]),
            E::MissingHeader("Connection: Upgrade"),
            400,
        ),
        (
            good_without("Connection", &["Connection: keep-alive"]),
            E::MissingHeader("Connection: Upgrade"),
            400,
        ),
        (
            good_without("Connection", &["Connection: upgraded"]),
            E::MissingHeader("Connection: Upgrade"),
            400,
        ),
        (good_without("Sec-WebSocket-Version", &[]), E::UnsupportedVersion, 426),
        (
            good_without("Sec-WebSocket-Version", &["Sec-WebSocket-Version: 12"]),
            E::UnsupportedVersion,
            426,
        ),
        (
            good_without("Sec-WebSocket-Version", &["Sec-WebSocket-Version: 013"]),
            E::UnsupportedVersion,
            426,
        ),
        (
            good_without("Sec-WebSocket-Version", &["Sec-WebSocket-Version: 13, 8"]),
            E::UnsupportedVersion,
            426,
        ),
        (good_with(&["Sec-WebSocket-Version: 13"]), E::UnsupportedVersion, 426),
        (
            good_without("Sec-WebSocket-Key", &[]),
            E::MissingHeader("Sec-WebSocket-Key"),
            400,
        ),
        (
            good_with(&["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]),
            E::RepeatedHeader("Sec-WebSocket-Key"),
            400,
        ),
        (good_with(&["Content-Length: 11"]), E::RequestBody, 400),
        (
            good_with(&["Content-Length: 0", "Content-Length: 11"]),
            E::RequestBody,
            400,
        ),
        (good_with(&["Content-Length: 0, 0"]), E::RequestBody, 400),
        (good_with(&["Content-Length:"]), E::RequestBody, 400),
        (good_with(&["Transfer-Encoding: chunked"]), E::RequestBody, 400),
        (good_with(&["transfer-encoding: identity"]), E::RequestBody, 400),
        (
            good_with(&["Sec-WebSocket-Protocol: a b"]),
            E::InvalidHeader("Sec-WebSocket-Protocol"),
            400,
        ),
        (
            good_with(&["Origin: http://server.example.com", "Origin: http://server.example.com"]),
            E::RepeatedHeader("Origin"),
            400,
        ),
        (good_with(&["Origin: http://evil.example"]), E::ForeignOrigin, 403),
    ];
    for (bytes, error, status) in cases {
        assert_eq!(check(&bytes), Err(error.clone()), "{error:?}");
        assert_eq!(error.status(), Some(status), "{error:?}");
    }
    assert_eq!(check(&good_with(&["Content-Length: 0"])), Ok(()));
}

#[test]
fn key_must_be_sixteen_bytes_in_their_one_spelling() {
    for key in [
        "",
        "AAAAAAAAAAAAAAAAAAAA",     // 15 bytes
        "AAAAAAAAAAAAAAAAAAAAAAA=", // 17 bytes
        "AAAAAAAAAAAAAAAAAAAAAAAA", // 18 bytes
        "AAAAAAAAAAAAAAAAAAAAAA",   // no padding
        "AAAAAAAAAAAAAAAAAAAAAB==", // bits behind the last byte
        "AAAAAAAAAAAAAAAAAAAAA-==", // the other alphabet
        "AAAAAAAAAAA AAAAAAAAAA==",
        "AAAAAAAAAAAAAAAAAAAAAA==, AAAAAAAAAAAAAAAAAAAAAA==",
    ] {
        let line = format!("Sec-WebSocket-Key: {key}");
        let bytes = good_without("Sec-WebSocket-Key", &[&line]);
        assert_eq!(
            check(&bytes),
            Err(HandshakeError::InvalidHeader("Sec-WebSocket-Key")),
            "{key}"
        );
    }
    let good = good_without("Sec-WebSocket-Key", &["Sec-WebSocket-Key: /////////////////////w=="]);
    assert_eq!(check(&good), Ok(()));
}

#[test]
fn malformed_http_is_refused() {
    let heads: [&[u8]; 22] = [
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        b"\nGET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x7fb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET / HTTP/1.1\r\n: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nH\xc3\xb6st: a\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.12\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET / a HTTP/1.1\r\n\r\n",
        b"GET /\xc3\xb6 HTTP/1.1\r\n\r\n",
        b"GET /#a HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\n\r\n",
    ];
    for bytes in heads {
        let error = receive(bytes).unwrap_err();
        assert!(
            matches!(error, HandshakeError::MalformedRequest(_)),
            "{bytes:?}: {error:?}"
        );
        assert_eq!(error.status(), Some(400));
    }
}

#[test]
fn what_is_no_http_is_refused_at_its_first_byte() {
    for byte in (0..=u8::MAX).filter(|&byte| byte != b'\r' && !b"!#$%&'*+-.^_`|~".contains(&byte)) {
        let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
        let starts_a_method = byte.is_ascii_alphanumeric();
        assert_eq!(handshake.receive(&[byte]).is_ok(), starts_a_method, "{byte:#x}");
    }
    let tls = ServerHandshake::new(&HandshakeConfig::default())
        .receive(&[0x16, 3, 1])
        .unwrap_err();
    assert!(format!("{tls}").contains("TLS"));
}

#[test]
fn an_ended_handshake_says_so_ever_after() {
    let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
    assert!(handshake.receive(&good_with(&[])).unwrap().is_some());
    for bytes in [&b""[..], b"\n", &good_with(&[])] {
        assert_eq!(handshake.receive(bytes).unwrap_err(), HandshakeError::Finished);
    }
    let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
    let error = handshake.receive(b"\0").unwrap_err();
    for bytes in [vec![], good_with(&[])] {
        assert_eq!(handshake.receive(&bytes).unwrap_err(), error);
    }
}

#[test]
fn debug_output_hides_credentials_and_the_query() {
    let lines = ["Cookie: s3cret", "Authorization: s3cret", "X: seen"];
    let bytes = head("GET /path?token=s3cret HTTP/1.1", lines);
    let shown = format!("{:?}", receive(&bytes).unwrap());
    assert!(
        shown.contains("seen") && shown.contains("/path") && !shown.contains("s3cret"),
        "{shown}"
    );
    let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
    assert!(handshake.receive(&bytes[..bytes.len() - 1]).unwrap().is_none());
    assert!(!format!("{handshake:?}").contains("s3cret"));
}
