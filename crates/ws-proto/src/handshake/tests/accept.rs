//! How a server answers: accepting, rejecting, and what callers may put into it.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::{GOOD, good_with, head, receive, text};
use crate::handshake::{Accept, HandshakeError, Response, accept_key};

#[test]
fn accept_key_of_the_rfc() {
    assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn accepting_writes_the_101_of_the_rfc() {
    let request = receive(&good_with(&["Sec-WebSocket-Protocol: chat, superchat"])).unwrap();
    let mut out = b"before".to_vec();
    let accept = Accept::new().protocol("chat").header("Set-Cookie", "a=b").unwrap();
    let accepted = request.accept(&accept, &mut out).unwrap();
    assert_eq!(accepted.protocol.as_deref(), Some("chat"));
    assert_eq!(
        text(&out),
        "beforeHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\
         Set-Cookie: a=b\r\n\r\n"
    );
}

#[test]
fn no_subprotocol_is_chosen_unasked() {
    let request = receive(&good_with(&["Sec-WebSocket-Protocol: chat"])).unwrap();
    let mut out = Vec::new();
    assert_eq!(request.accept(&Accept::new(), &mut out).unwrap().protocol, None);
    assert!(!text(&out).contains("Sec-WebSocket-Protocol"));
}

#[test]
fn the_servers_preference_decides() {
    let request = receive(&good_with(&["Sec-WebSocket-Protocol: v1, v2"])).unwrap();
    for (preferred, chosen) in [
        (&["v2", "v1"][..], Some("v2")),
        (&["v3", "v1"], Some("v1")),
        (&["V1"], None),
        (&["v1, v2"], None),
        (&[], None),
    ] {
        let accept = Accept::new().choose_protocol(preferred);
        let accepted = request.accept(&accept, &mut Vec::new()).unwrap();
        assert_eq!(accepted.protocol.as_deref(), chosen, "{preferred:?}");
    }
}

#[test]
fn a_subprotocol_that_was_not_offered_is_the_callers_fault() {
    let request = receive(&good_with(&["Sec-WebSocket-Protocol: chat"])).unwrap();
    for name in ["other", "Chat", "", "chat\r\nX: y"] {
        let mut out = Vec::new();
        let error = request.accept(&Accept::new().protocol(name), &mut out).unwrap_err();
        assert_eq!(error, HandshakeError::ProtocolNotOffered);
        assert_eq!((error.status(), error.response().status()), (None, 500));
        assert!(out.is_empty());
    }
}

#[test]
fn accepting_checks_again() {
    let request = receive(&head("GET / HTTP/1.1", ["Host: a"])).unwrap();
    let mut out = Vec::new();
    assert_eq!(
        request.accept(&Accept::new(), &mut out),
        Err(HandshakeError::NotUpgrade)
    );
    assert!(out.is_empty());
}

#[test]
fn callers_cannot_smuggle_headers() {
    for value in ["a\r\nb", "a\rb", "a\nb", "a\0b", "\x1b[0m", "\x7f"] {
        let error = Err(HandshakeError::BadHeaderValue);
        assert_eq!(Accept::new().header("X", value), error, "{value:?}");
        assert_eq!(
            Response::new(200).with_header("X", value),
            Err(HandshakeError::BadHeaderValue),
            "{value:?}"
        );
    }
    for name in ["", "a b", "a:", "a\r\nb", "\0", "ö"] {
        assert_eq!(
            Accept::new().header(name, "v"),
            Err(HandshakeError::BadHeaderName),
            "{name:?}"
        );
        assert_eq!(
            Response::new(200).with_header(name, "v"),
            Err(HandshakeError::BadHeaderName),
            "{name:?}"
        );
    }
    for value in ["", "plain", "tab\tinside", "caf\u{e9}"] {
        assert!(Accept::new().header("X", value).is_ok(), "{value:?}");
    }
}

#[test]
fn the_handshakes_own_headers_are_reserved() {
    let names = [
        "Connection",
        "UPGRADE",
        "sec-websocket-accept",
        "Sec-WebSocket-X",
        "Content-Length",
        "Transfer-Encoding",
    ];
    for name in names {
        assert_eq!(
            Accept::new().header(name, "v"),
            Err(HandshakeError::ReservedHeader(name.to_string()))
        );
    }
    for name in ["connection", "Content-Length", "Transfer-Encoding"] {
        let error = Err(HandshakeError::ReservedHeader(name.to_string()));
        assert_eq!(Response::new(200).with_header(name, "v"), error);
    }
    assert!(Response::new(426).with_header("Sec-WebSocket-Version", "13").is_ok());
}

#[test]
fn rejecting_writes_an_ordinary_response() {
    let request = receive(&good_with(&[])).unwrap();
    let response = Response::new(401)
        .with_header("WWW-Authenticate", "Basic")
        .unwrap()
        .with_body("who?");
    let mut out = Vec::new();
    request.reject(&response, &mut out);
    assert_eq!(
        text(&out),
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: 4\r\nConnection: close\r\n\r\nwho?"
    );
}

#[test]
fn a_page_keeps_its_type_and_head_requests_get_no_body() {
    let page = Response::new(200)
        .with_header("content-type", "text/html")
        .unwrap()
        .with_body("<p>");
    let head_of_page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nContent-Length: 3\r\nConnection: close\r\n\r\n";
    for (method, body) in [("GET", "<p>"), ("HEAD", "")] {
        let request = receive(&head(&alloc::format!("{method} / HTTP/1.1"), ["Host: a"])).unwrap();
        let mut out = Vec::new();
        request.reject(&page, &mut out);
        assert_eq!(text(&out), alloc::format!("{head_of_page}{body}"));
    }
}

#[test]
fn an_empty_response_says_so_unless_it_cannot_have_a_body() {
    let written = |response: Response| {
        let mut out = Vec::new();
        response.write(&mut out);
        text(&out)
    };
    let empty = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert_eq!(written(Response::new(404)), empty);
    let bodiless = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    assert_eq!(written(Response::new(204).with_body("ignored")), bodiless);
    assert_eq!(written(Response::new(599)).lines().next(), Some("HTTP/1.1 599 "));
}

#[test]
fn a_status_that_is_not_final_becomes_500() {
    for status in [0, 99, 100, 101, 199, 600, u16::MAX] {
        assert_eq!(Response::new(status).status(), 500, "{status}");
    }
    assert_eq!((Response::new(200).status(), Response::new(599).status()), (200, 599));
}

#[test]
fn errors_bring_the_headers_their_status_asks_for() {
    for error in [HandshakeError::NotUpgrade, HandshakeError::UnsupportedVersion] {
        let mut out = Vec::new();
        error.response().write(&mut out);
        let written = text(&out);
        assert!(written.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{written}");
        for line in ["\r\nUpgrade: websocket\r\n", "\r\nConnection: Upgrade, close\r\n"] {
            assert!(written.contains(line), "{written}");
        }
        assert!(written.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{written}");
        assert!(written.ends_with(&alloc::format!("\r\n\r\n{error}\n")), "{written}");
    }
    assert_eq!(HandshakeError::MethodNotGet.response().header("Allow"), Some("GET"));
}

#[test]
fn repeated_upgrade_lines_do_not_confuse_the_answer() {
    let bytes = head(
        "GET / HTTP/1.1",
        GOOD.into_iter().chain(["Upgrade: h2c", "Connection: close"]),
    );
    let mut out = Vec::new();
    assert!(receive(&bytes).unwrap().accept(&Accept::new(), &mut out).is_ok());
    assert_eq!(text(&out).matches("Upgrade: ").count(), 1);
}
