//! What is said to proxies, and what is made of their answers.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use super::*;

/// Gives the answer in pieces of this size; what was sent, and how many bytes were used.
fn run(proxy: &str, host: &str, answer: &[u8], piece: usize) -> Result<(Vec<u8>, usize), ProxyError> {
    let mut out = Vec::new();
    let mut tunnel = Tunnel::new(&Proxy::parse(proxy)?, host, 443, &mut out)?;
    let mut used = 0;
    for piece in answer.chunks(piece) {
        if let Some(last) = tunnel.receive(piece, &mut out)? {
            assert_eq!(tunnel.receive(b"x", &mut out), Err(ProxyError::Finished));
            return Ok((out, used + last));
        }
        used += piece.len();
    }
    panic!("the tunnel is not open");
}

fn refused(proxy: &str, answer: &[u8]) -> ProxyError {
    let whole = run(proxy, "example.com", answer, answer.len()).unwrap_err();
    assert_eq!(run(proxy, "example.com", answer, 1).unwrap_err(), whole);
    whole
}

#[test]
fn connect_asks_and_takes_any_2xx() {
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 204\r\nContent-Length: 7\r\nVia: x\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let with_more = format!("{answer}frames");
        for piece in [1, 2, 7, 1000] {
            let (out, used) = run("http://proxy:3128", "example.com", with_more.as_bytes(), piece).unwrap();
            assert_eq!(used, answer.len());
            assert_eq!(
                out,
                b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"
            );
        }
    }
}

#[test]
fn connect_tells_who_we_are() {
    let answer = b"HTTP/1.1 200 OK\r\n\r\n";
    let (out, _) = run("http://us%65r:p%40ss@proxy", "::1", answer, 99).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.starts_with("CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n"));
    // user:p@ss
    assert!(out.ends_with("Proxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n"));
}

#[test]
fn connect_is_refused_by_the_status() {
    for status in [301, 403, 407, 502] {
        let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nno");
        assert_eq!(refused("http://proxy", answer.as_bytes()), ProxyError::Refused(status));
    }
}

#[test]
fn hostile_http_is_an_error_and_bounded() {
    assert!(matches!(refused("http://p", b"\x05\x00"), ProxyError::Malformed(_)));
    assert!(matches!(
        refused("http://p", b"HTTP/2 200\r\n\r\n"),
        ProxyError::Malformed(_)
    ));
    assert!(matches!(
        refused("http://p", b"HTTP/1.1 99 x\r\n\r\n"),
        ProxyError::Malformed(_)
    ));
    assert!(matches!(
        refused("http://p", b"HTTP/1.1 200 OK\r\nx\x00: y\r\n\r\n"),
        ProxyError::Malformed(_)
    ));
    let endless = [&b"HTTP/1.1 200 OK\r\nX: "[..], &[b'x'; 20_000]].concat();
    assert_eq!(refused("http://p", &endless), ProxyError::TooLong);
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    assert_eq!(refused("http://p", &interim), ProxyError::TooLong);
    let headers = [&b"HTTP/1.1 200 OK\r\n"[..], &b"a: b\r\n".repeat(101), b"\r\n"].concat();
    assert_eq!(refused("http://p", &headers), ProxyError::TooLong);
}

#[test]
fn socks_asks_by_name_or_address() {
    let hello = [5, 1, 0].as_slice();
    for (host, request) in [
        (
            "example.com",
            [&[5, 1, 0, 3, 11][..], b"example.com", &[1, 187]].concat(),
        ),
        ("10.1.2.3", vec![5, 1, 0, 1, 10, 1, 2, 3, 1, 187]),
        ("::1", [&[5, 1, 0, 4][..], &[0; 15], &[1, 1, 187]].concat()),
    ] {
        for bound in [
            &[1, 127, 0, 0, 1, 0, 80][..],
            &[&[4][..], &[0; 18]].concat(),
            &[3, 2, b'h', b'i', 0, 80],
            &[3, 0, 0, 80],
        ] {
            let answer = [&[5, 0, 5, 0, 0][..], bound].concat();
            let with_more = [answer.as_slice(), b"frames"].concat();
            for piece in [1, 3, 1000] {
                let (out, used) = run("socks5://proxy", host, &with_more, piece).unwrap();
                assert_eq!(used, answer.len());
                assert_eq!(out, [hello, &request].concat());
            }
        }
    }
}

#[test]
fn socks_tells_who_we_are_if_it_is_asked() {
    let answer = [5, 2, 1, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let (out, used) = run("socks5h://me:pw@proxy", "1.2.3.4", &answer, 1).unwrap();
    assert_eq!(used, answer.len());
    let expected = [
        &[5, 2, 0, 2][..],
        b"\x01\x02me\x02pw",
        &[5, 1, 0, 1, 1, 2, 3, 4, 1, 187],
    ]
    .concat();
    assert_eq!(out, expected);
}

#[test]
fn socks_is_refused_for_a_reason() {
    for (answer, error) in [
        (&[5, 255][..], ProxyError::NoWayToAuthenticate),
        // It chooses what was not offered.
        (&[5, 2], ProxyError::NoWayToAuthenticate),
        (&[5, 1], ProxyError::NoWayToAuthenticate),
        (&[4, 0], ProxyError::Malformed("the version is not 5")),
        (b"HTTP/1.1 400", ProxyError::Malformed("the version is not 5")),
        (&[5, 0, 5, 4], ProxyError::SocksRefused(4)),
        (&[5, 0, 5, 200, 0, 9], ProxyError::SocksRefused(200)),
        (&[5, 0, 5, 0, 0, 9, 9], ProxyError::Malformed("the type of an address")),
        (&[5, 0, 4], ProxyError::Malformed("the version is not 5")),
    ] {
        assert_eq!(refused("socks5://proxy", answer), error, "{answer:?}");
    }
    assert_eq!(
        refused("socks5://a:b@proxy", &[5, 2, 1, 1]),
        ProxyError::WrongCredentials
    );
    assert!(matches!(
        refused("socks5://a:b@proxy", &[5, 2, 5, 0]),
        ProxyError::Malformed(_)
    ));
}

#[test]
fn urls_of_proxies() {
    let parsed = |url| Proxy::parse(url).map(|proxy| (proxy.kind(), proxy.host().to_string(), proxy.port()));
    assert_eq!(parsed("http://Proxy:8080/"), Ok((Kind::Http, "proxy".into(), 8080)));
    assert_eq!(parsed("proxy:8080"), Ok((Kind::Http, "proxy".into(), 8080)));
    assert_eq!(parsed("HTTP://proxy"), Ok((Kind::Http, "proxy".into(), 80)));
    assert_eq!(parsed("socks5://[::1]"), Ok((Kind::Socks5, "::1".into(), 1080)));
    assert_eq!(parsed("socks5h://[::1]:80"), Ok((Kind::Socks5, "::1".into(), 80)));
    assert_eq!(
        parsed("socks5://u:p@10.0.0.1"),
        Ok((Kind::Socks5, "10.0.0.1".into(), 1080))
    );
    assert_eq!(parsed("https://proxy"), Err(ProxyError::Scheme));
    assert_eq!(parsed("socks4://proxy"), Err(ProxyError::Scheme));
    assert!(matches!(parsed("http://pro xy"), Err(ProxyError::Url(_))));
    assert!(matches!(parsed("http://proxy:99999"), Err(ProxyError::Url(_))));
    assert!(matches!(parsed("http://proxy/path"), Err(ProxyError::Url(_))));
    assert!(matches!(parsed(""), Err(ProxyError::Url(_))));
    for url in [
        "http://a%3ab:c@p",
        "http://a%0d%0a:c@p",
        "http://%zz@p",
        "socks5://a@p",
        "socks5://:b@p",
    ] {
        assert_eq!(parsed(url), Err(ProxyError::Credentials), "{url}");
    }
    let long = format!("socks5://{}:b@p", "a".repeat(256));
    assert_eq!(parsed(&long), Err(ProxyError::Credentials));
    assert!(!format!("{:?}", Proxy::parse("http://me:secret@p").unwrap()).contains("secret"));
}

#[test]
fn hosts_that_are_none_are_not_asked_for() {
    for host in ["", "a b", "a\r\nX: y", "ä", &"a".repeat(256)] {
        for proxy in ["http://p", "socks5://p"] {
            let proxy = Proxy::parse(proxy).unwrap();
            let mut out = Vec::new();
            assert_eq!(
                Tunnel::new(&proxy, host, 1, &mut out).unwrap_err(),
                ProxyError::Target,
                "{host}"
            );
            assert!(out.is_empty());
        }
    }
}

#[test]
fn variables_choose() {
    let choose = |secure, host: &str, port, variables: &[(&str, &str)]| {
        let variable = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.to_string())
        };
        let proxy = Proxy::from_variables(secure, host, port, variable);
        proxy.map(|proxy| proxy.map(|proxy| proxy.host().to_string()))
    };
    let chosen = |name: &str| Ok(Some(name.to_string()));
    assert_eq!(choose(false, "h", 80, &[]), Ok(None));
    assert_eq!(choose(false, "h", 80, &[("http_proxy", "a")]), chosen("a"));
    assert_eq!(choose(false, "h", 80, &[("HTTP_PROXY", "a")]), Ok(None));
    assert_eq!(
        choose(true, "h", 80, &[("http_proxy", "a"), ("HTTPS_PROXY", "b")]),
        chosen("b")
    );
    assert_eq!(
        choose(true, "h", 80, &[("https_proxy", ""), ("ALL_PROXY", "socks5://c")]),
        chosen("c")
    );
    assert_eq!(
        choose(true, "h", 80, &[("https_proxy", "ftp://x")]),
        Err(ProxyError::Scheme)
    );

    for (list, host, port, direct) in [
        ("*", "anything", 1, true),
        ("example.com", "example.com", 1, true),
        ("example.com", "www.EXAMPLE.com", 1, true),
        (".example.com", "example.com", 1, true),
        ("example.com", "badexample.com", 1, false),
        ("www.example.com", "example.com", 1, false),
        ("a, example.com:8080 ,b", "example.com", 8080, true),
        ("example.com:8080", "example.com", 80, false),
        ("10.0.0.0/8", "10.200.3.4", 1, true),
        ("10.0.0.0/8", "11.0.0.1", 1, false),
        ("0.0.0.0/0", "11.0.0.1", 1, true),
        ("10.0.0.0/33", "10.0.0.0", 1, false),
        ("10.0.0.1", "10.0.0.1", 1, true),
        ("0.0.1", "10.0.0.1", 1, false),
        ("::1", "::1", 1, true),
        ("[::1]:80", "::1", 80, true),
        ("[::1]:80", "::1", 81, false),
        ("fe80::/10", "fe80::1", 1, true),
        ("fe80::/10", "::1", 1, false),
        ("10.0.0.0/8", "::1", 1, false),
        (",,", "h", 1, false),
        ("ß", "ss", 1, false),
    ] {
        let variables = [("http_proxy", "p"), ("NO_PROXY", list)];
        assert_eq!(
            choose(false, host, port, &variables) == Ok(None),
            direct,
            "{list} {host}:{port}"
        );
    }
}
