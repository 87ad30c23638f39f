//! What a WebSocket URL may be, and what it comes to.

use alloc::format;
use alloc::string::ToString;

use crate::handshake::{Url, UrlError};

#[test]
fn urls_and_their_parts() {
    for (text, secure, host, port, authority, target) in [
        ("ws://example.com", false, "example.com", 80, "example.com", "/"),
        ("wss://example.com", true, "example.com", 443, "example.com", "/"),
        (
            "WSS://Example.COM/Path",
            true,
            "example.com",
            443,
            "example.com",
            "/Path",
        ),
        ("ws://example.com:80/", false, "example.com", 80, "example.com", "/"),
        (
            "ws://example.com:443/",
            false,
            "example.com",
            443,
            "example.com:443",
            "/",
        ),
        ("wss://example.com:443/", true, "example.com", 443, "example.com", "/"),
        ("wss://example.com:80/", true, "example.com", 80, "example.com:80", "/"),
        ("ws://example.com:/", false, "example.com", 80, "example.com", "/"),
        (
            "ws://127.0.0.1:9001/a?b=c",
            false,
            "127.0.0.1",
            9001,
            "127.0.0.1:9001",
            "/a?b=c",
        ),
        ("ws://[::1]", false, "::1", 80, "[::1]", "/"),
        (
            "ws://[2001:DB8::1]:9001/",
            false,
            "2001:db8::1",
            9001,
            "[2001:db8::1]:9001",
            "/",
        ),
        ("ws://a?b", false, "a", 80, "a", "/?b"),
        ("ws://a?b@c:d/e", false, "a", 80, "a", "/?b@c:d/e"),
        ("ws://a/b@c:d?e://f", false, "a", 80, "a", "/b@c:d?e://f"),
        (
            "ws://under_score.a-b./",
            false,
            "under_score.a-b.",
            80,
            "under_score.a-b.",
            "/",
        ),
        ("ws://a//b/../c", false, "a", 80, "a", "//b/../c"),
        ("ws://a:65535/%20", false, "a", 65535, "a:65535", "/%20"),
        ("ws://me@a:1/", false, "a", 1, "a:1", "/"),
    ] {
        let url = Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let parts = (url.is_secure(), url.host(), url.port(), url.target());
        assert_eq!(parts, (secure, host, port, target), "{text}");
        assert_eq!(url.authority(), authority, "{text}");
        assert_eq!(
            Url::parse(&url.to_string()).unwrap().to_string(),
            url.to_string(),
            "{text}"
        );
    }
}

#[test]
fn wrong_urls_and_why() {
    for (text, error) in [
        ("", UrlError::Scheme),
        ("example.com", UrlError::Scheme),
        ("http://a/", UrlError::Scheme),
        ("ws:/a", UrlError::Scheme),
        ("://a", UrlError::Scheme),
        ("ws://", UrlError::Host),
        ("ws:///a", UrlError::Host),
        ("ws://:80/", UrlError::Host),
        ("ws://a,b/", UrlError::Host),
        ("ws://a%20b/", UrlError::Host),
        ("ws://a\\b/", UrlError::Host),
        ("ws://::1/", UrlError::Host),
        ("ws://fe80::1/", UrlError::Host),
        ("ws://[::1/", UrlError::Host),
        ("ws://[::1]x/", UrlError::Host),
        ("ws://[example.com]/", UrlError::Host),
        ("ws://[fe80::1%25eth0]/", UrlError::Host),
        ("ws://user@/", UrlError::Host),
        ("ws://a:0/", UrlError::Port),
        ("ws://a:65536/", UrlError::Port),
        ("ws://a:+80/", UrlError::Port),
        ("ws://a:8x/", UrlError::Port),
        ("ws://[::1]:x/", UrlError::Port),
        ("ws://a/#b", UrlError::Fragment),
        ("ws://a#", UrlError::Fragment),
        ("ws://u%2@a/", UrlError::UserInfo),
        ("ws://u%zz@a/", UrlError::UserInfo),
        ("ws://u%3av@a/", UrlError::UserInfo),
        ("ws://u:%0d%0aX@a/", UrlError::UserInfo),
        ("ws://a/ b", UrlError::Byte { byte: b' ', at: 7 }),
        ("ws://a/\r\n", UrlError::Byte { byte: b'\r', at: 7 }),
        ("ws://a/\0", UrlError::Byte { byte: 0, at: 7 }),
        ("ws://a/\x7f", UrlError::Byte { byte: 0x7f, at: 7 }),
        ("ws://bücher.example/", UrlError::Byte { byte: 0xc3, at: 6 }),
        (" ws://a/", UrlError::Byte { byte: b' ', at: 0 }),
    ] {
        assert_eq!(Url::parse(text), Err(error), "{text:?}");
    }
    assert!(
        UrlError::Byte { byte: 0xc3, at: 6 }
            .to_string()
            .contains("0xc3 at position 6")
    );
}

#[test]
fn user_and_password_become_basic_credentials() {
    for (userinfo, expected) in [
        ("Aladdin:open%20sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), // RFC 7617 section 2
        ("test:123%C2%A3", "Basic dGVzdDoxMjPCow=="),                    // RFC 7617 section 2.1
        ("user", "Basic dXNlcjo="),
        ("user:", "Basic dXNlcjo="),
        ("user:a:b", "Basic dXNlcjphOmI="),
        ("u@v:p", "Basic dUB2OnA="),
    ] {
        let url = Url::parse(&format!("ws://{userinfo}@host/")).unwrap();
        assert_eq!(url.authorization(), Some(expected), "{userinfo}");
        assert_eq!(url.to_string(), "ws://host/");
    }
    assert_eq!(Url::parse("ws://host/").unwrap().authorization(), None);
}
