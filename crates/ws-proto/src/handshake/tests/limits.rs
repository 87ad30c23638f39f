//! The limits on a head, at their edges, and the linear cost of collecting one.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{GOOD, GOOD_ANSWER, NONCE, good_with, head, receive_with};
use crate::handshake::head::{HeadCollector, HeadFault};
use crate::handshake::headers::Headers;
use crate::handshake::{ClientHandshake, ClientRequest, HandshakeConfig, HandshakeError, ServerHandshake};

#[test]
fn header_count_around_the_limit() {
    let config = HandshakeConfig::default();
    assert_eq!(config.max_headers, 100);
    for (count, fits) in [(99, true), (100, true), (101, false)] {
        // The headers that the handshake needs come last: the last of them is at the limit.
        let fill = core::iter::repeat_n("X: y", count - GOOD.len());
        let bytes = head("GET / HTTP/1.1", fill.chain(GOOD));
        let result = receive_with(&config, &bytes).and_then(|request| request.check());
        let expected = if fits {
            Ok(())
        } else {
            Err(HandshakeError::TooManyHeaders { limit: 100 })
        };
        assert_eq!(result, expected, "{count} headers");
    }
    assert_eq!(HandshakeError::TooManyHeaders { limit: 100 }.status(), Some(431));
}

#[test]
fn too_many_headers_fail_before_the_head_ends() {
    let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
    let mut bytes = b"GET / HTTP/1.1\r\n".to_vec();
    bytes.extend(b"X: y\r\n".repeat(100));
    assert_eq!(handshake.receive(&bytes).map(|received| received.is_some()), Ok(false));
    assert_eq!(
        handshake.receive(b"X: y\r\n").unwrap_err(),
        HandshakeError::TooManyHeaders { limit: 100 }
    );
}

#[test]
fn head_bytes_around_the_limit() {
    let bytes = good_with(&[]);
    for limit in bytes.len() - 1..=bytes.len() + 1 {
        let config = HandshakeConfig {
            max_head_bytes: limit,
            ..HandshakeConfig::default()
        };
        let fits = limit >= bytes.len();
        let result = receive_with(&config, &bytes).and_then(|request| request.check());
        let error = HandshakeError::RequestTooLarge { limit };
        assert_eq!(error.status(), Some(431));
        assert_eq!(result, if fits { Ok(()) } else { Err(error) }, "limit {limit}");
    }
}

#[test]
fn frames_behind_the_head_do_not_count() {
    let mut bytes = good_with(&[]);
    let config = HandshakeConfig {
        max_head_bytes: bytes.len(),
        ..HandshakeConfig::default()
    };
    let length = bytes.len();
    bytes.extend([0x81; 100]);
    let (_, used) = ServerHandshake::new(&config).receive(&bytes).unwrap().unwrap();
    assert_eq!(used, length);
}

#[test]
fn a_long_target_has_its_own_status() {
    let config = HandshakeConfig::default();
    for (extra, fits) in [(0, true), (1, false)] {
        let fixed = "GET / HTTP/1.1".len();
        let target = "a".repeat(config.max_target_bytes - fixed + extra);
        let bytes = head(&format!("GET /{target} HTTP/1.1"), GOOD);
        let result = receive_with(&config, &bytes).and_then(|request| request.check());
        let error = HandshakeError::TargetTooLong {
            limit: config.max_target_bytes,
        };
        assert_eq!(error.status(), Some(414));
        assert_eq!(result, if fits { Ok(()) } else { Err(error.clone()) });
        // The same, whether the bytes come at once or one by one.
        let mut handshake = ServerHandshake::new(&config);
        let failed = bytes.iter().find_map(|byte| handshake.receive(&[*byte]).err());
        assert_eq!(failed, if fits { None } else { Some(error) });
    }
}

#[test]
fn empty_lines_count_too() {
    let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
    let blank = b"\r\n".repeat(8 * 1024);
    assert_eq!(handshake.receive(&blank).map(|received| received.is_some()), Ok(false));
    assert_eq!(
        handshake.receive(b"\r").unwrap_err(),
        HandshakeError::RequestTooLarge { limit: 16 * 1024 }
    );
}

#[test]
fn twenty_megabytes_one_at_a_time_keep_the_limit_at_most() {
    let config = HandshakeConfig::default();
    let mut collector = HeadCollector::for_request(&config);
    let mut kept = 0;
    let mut fault = None;
    for byte in b"GET / HTTP/1.1\r\nX: "
        .iter()
        .chain(core::iter::repeat_n(&b'x', 20_000_000))
    {
        match collector.receive(&[*byte]) {
            Ok(None) => kept += 1,
            Ok(Some(_)) => panic!("the head has no end"),
            Err(found) => {
                fault = Some(found);
                break;
            }
        }
    }
    assert_eq!(
        fault,
        Some(HeadFault::TooManyBytes {
            limit: config.max_head_bytes
        })
    );
    assert_eq!(kept, config.max_head_bytes);
    assert_eq!(collector.bytes().len(), config.max_head_bytes);
}

#[test]
fn a_head_is_linear_in_its_bytes_even_under_a_huge_limit() {
    // Two million bytes one by one: were any of them looked at again for each new one, this
    // would take hours.
    let config = HandshakeConfig {
        max_head_bytes: 2_000_100,
        ..HandshakeConfig::default()
    };
    let mut handshake = ServerHandshake::new(&config);
    assert!(handshake.receive(b"GET / HTTP/1.1\r\nX: ").unwrap().is_none());
    for _ in 0..2_000_000 {
        assert!(handshake.receive(b"x").unwrap().is_none());
    }
    let (request, used) = handshake.receive(b"\r\n\r\n").unwrap().unwrap();
    assert_eq!((request.header("x").map(str::len), used), (Some(2_000_000), 4));
}

#[test]
fn token_lists_are_read_once_through() {
    // A million elements over two lines; each is seen once.
    let line = ", a ,\t,".repeat(500_000);
    let mut headers = Headers::default();
    headers.push("Connection", line.as_bytes());
    headers.push("connection", line.as_bytes());
    assert_eq!(headers.list("CONNECTION").count(), 1_000_000);
    assert!(!headers.lists("Connection", "upgrade"));
}

#[test]
fn client_limits_count_over_all_heads_of_an_answer() {
    let request = ClientRequest::new("ws://a/").unwrap();
    let config = HandshakeConfig::default();
    let mut handshake = ClientHandshake::new(&request, NONCE, &config, &mut Vec::new());
    let interim = b"HTTP/1.1 103 Early Hints\r\n\r\n";
    let mut sent = 0;
    let error = loop {
        match handshake.receive(interim) {
            Ok(received) => assert!(received.is_none()),
            Err(error) => break error,
        }
        sent += interim.len();
    };
    assert_eq!(error, HandshakeError::ResponseTooLarge);
    assert!(sent <= config.max_head_bytes && sent + interim.len() > config.max_head_bytes);
}

#[test]
fn client_limits_header_count() {
    for (count, fits) in [(99, true), (100, true), (101, false)] {
        let fill = core::iter::repeat_n("X: y", count - GOOD_ANSWER.len());
        let bytes = head("HTTP/1.1 101 Switching Protocols", fill.chain(GOOD_ANSWER));
        let result = super::answer(&bytes).map(|_| ());
        assert_eq!(
            result,
            if fits {
                Ok(())
            } else {
                Err(HandshakeError::ResponseTooLarge)
            },
            "{count} headers"
        );
    }
}

#[test]
fn a_status_line_is_limited_by_the_head_alone() {
    let reason: String = "x".repeat(10_000);
    let bytes = head(&format!("HTTP/1.1 101 {reason}"), GOOD_ANSWER);
    assert!(super::answer(&bytes).is_ok());
}
