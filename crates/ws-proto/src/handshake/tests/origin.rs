//! Which browser pages may connect.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;

use super::{good_with, good_without, receive_with};
use crate::handshake::{HandshakeConfig, HandshakeError, OriginPolicy};

#[test]
fn same_origin_table() {
    for (origin, host, allowed) in [
        ("http://example.com", "example.com", true),
        ("https://example.com", "example.com", true),
        ("https://EXAMPLE.com", "example.COM", true),
        ("http://example.com:80", "example.com", true),
        ("http://example.com", "example.com:80", true),
        ("https://example.com:443", "example.com", true),
        ("https://example.com", "example.com:443", true),
        ("wss://example.com", "example.com:443", true),
        ("ws://example.com", "example.com:80", true),
        ("http://localhost:9001", "localhost:9001", true),
        ("http://127.0.0.1:9001", "127.0.0.1:9001", true),
        ("http://[::1]:9001", "[::1]:9001", true),
        ("http://[::1]", "[::1]:80", true),
        ("http://[FE80::1]", "[fe80::1]", true),
        ("http://other.example", "example.com", false),
        ("http://example.com.evil.example", "example.com", false),
        ("http://sub.example.com", "example.com", false),
        ("http://example.com:8080", "example.com", false),
        ("http://example.com", "example.com:8080", false),
        ("http://example.com:443", "example.com", false),
        ("https://example.com", "example.com:80", false),
        ("http://[::1]:9001", "[::1]:9002", false),
        ("http://[::1]", "[::2]", false),
        ("http://localhost:9001", "127.0.0.1:9001", false),
        ("null", "example.com", false),
        ("null", "null", false),
        ("", "example.com", false),
        ("example.com", "example.com", false),
        ("file://", "example.com", false),
        ("app://example.com", "example.com", false),
        ("http://user@example.com", "example.com", false),
        ("http://example.com/", "example.com", false),
        ("http://example.com http://evil.example", "example.com", false),
    ] {
        assert_eq!(
            OriginPolicy::SameOrigin.allows(origin, host),
            allowed,
            "{origin} at {host}"
        );
        // And through a whole request.
        let lines = [format!("Host: {host}"), format!("Origin: {origin}")];
        let bytes = good_without("Host", &[&lines[0], &lines[1]]);
        let expected = if allowed {
            Ok(())
        } else {
            Err(HandshakeError::ForeignOrigin)
        };
        assert_eq!(super::check(&bytes), expected, "{origin} at {host}");
    }
    assert_eq!(HandshakeError::ForeignOrigin.status(), Some(403));
}

#[test]
fn same_origin_is_the_default_and_lets_in_what_is_no_browser() {
    assert_eq!(HandshakeConfig::default().origin, OriginPolicy::SameOrigin);
    assert_eq!(super::check(&good_with(&[])), Ok(()));
}

#[test]
fn any_lets_in_all_but_two_at_once() {
    let config = HandshakeConfig {
        origin: OriginPolicy::Any,
        ..HandshakeConfig::default()
    };
    let check = |lines: &[&str]| receive_with(&config, &good_with(lines)).unwrap().check();
    assert_eq!(check(&["Origin: http://evil.example"]), Ok(()));
    assert_eq!(check(&["Origin: null"]), Ok(()));
    let two = check(&["Origin: http://a.example", "Origin: http://a.example"]);
    assert_eq!(two, Err(HandshakeError::RepeatedHeader("Origin")));
}

#[test]
fn list_lets_in_what_is_listed() {
    let listed = [
        "https://example.com",
        "http://localhost:3000",
        "http://slash.example/",
        "null",
    ];
    let policy = OriginPolicy::List(listed.iter().map(ToString::to_string).collect());
    for (origin, allowed) in [
        ("https://example.com", true),
        ("https://Example.com:443", true),
        ("http://example.com", false),
        ("https://example.com:8443", false),
        ("http://localhost:3000", true),
        ("https://localhost:3000", false),
        ("http://localhost", false),
        ("http://slash.example", true),
        ("null", true),
        ("http://server.example.com", false),
    ] {
        assert_eq!(policy.allows(origin, "server.example.com"), allowed, "{origin}");
    }
    let strict = OriginPolicy::List(vec!["https://example.com".to_string()]);
    assert!(!strict.allows("null", "example.com"));
    assert!(!strict.allows("", "example.com"));
}

#[test]
fn an_origin_that_is_no_text_is_foreign() {
    let mut bytes = good_with(&["Origin: http://server.example.com"]);
    let at = bytes.len() - 5;
    bytes[at] = 0xff;
    assert_eq!(super::check(&bytes), Err(HandshakeError::ForeignOrigin));
}
