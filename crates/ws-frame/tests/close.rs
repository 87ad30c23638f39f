//! Close codes and bodies (RFC 6455 sections 5.5.1 and 7.4), and control payloads.

use ws_frame::{CloseCode, CloseError, CloseFrame, ControlPayload};

#[test]
fn every_code_against_the_table() {
    for number in 0..=u16::MAX {
        let code = CloseCode::new(number);
        assert_eq!(code.as_u16(), number);
        assert_eq!(u16::from(CloseCode::from(number)), number);

        // RFC 6455 section 7.4 and the IANA registry; 1004 is reserved, 1005, 1006 and 1015 are
        // never sent, 1016..=2999 are for later versions of the protocol.
        let defined = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
        let sendable = defined.contains(&number) || [3, 4].contains(&(number / 1000));
        assert_eq!(code.is_sendable(), sendable, "{number}");

        let body = number.to_be_bytes();
        if sendable {
            let frame = CloseFrame::parse(&body).expect("a code to be sent");
            assert_eq!(frame, CloseFrame::new(code, "").expect("the same"));
            assert_eq!((frame.code(), frame.reason()), (Some(code), ""));
            assert_eq!(frame.payload(), body);
        } else {
            let error = CloseError::InvalidCode(code);
            assert_eq!(CloseFrame::parse(&body), Err(error));
            assert_eq!(CloseFrame::new(code, ""), Err(error));
            assert_eq!(CloseFrame::truncated(code, ""), Err(error));
        }
    }
}

#[test]
fn codes_speak() {
    assert_eq!(CloseCode::NORMAL.to_string(), "1000 (normal closure)");
    assert_eq!(CloseCode::new(1004).to_string(), "1004 (reserved)");
    assert_eq!(CloseCode::new(2999).to_string(), "2999 (reserved)");
    assert_eq!(CloseCode::new(3000).to_string(), "3000 (registered)");
    assert_eq!(CloseCode::new(4999).to_string(), "4999 (private use)");
    assert_eq!(CloseCode::new(999).to_string(), "999 (out of range)");
    assert_eq!(CloseCode::new(5000).to_string(), "5000 (out of range)");
    for (code, number) in [
        (CloseCode::NORMAL, 1000),
        (CloseCode::GOING_AWAY, 1001),
        (CloseCode::PROTOCOL_ERROR, 1002),
        (CloseCode::UNSUPPORTED_DATA, 1003),
        (CloseCode::NO_STATUS, 1005),
        (CloseCode::ABNORMAL, 1006),
        (CloseCode::INVALID_PAYLOAD, 1007),
        (CloseCode::POLICY_VIOLATION, 1008),
        (CloseCode::MESSAGE_TOO_BIG, 1009),
        (CloseCode::MANDATORY_EXTENSION, 1010),
        (CloseCode::INTERNAL_ERROR, 1011),
        (CloseCode::SERVICE_RESTART, 1012),
        (CloseCode::TRY_AGAIN_LATER, 1013),
        (CloseCode::BAD_GATEWAY, 1014),
        (CloseCode::TLS_HANDSHAKE, 1015),
    ] {
        assert_eq!(code.as_u16(), number);
        assert!(!["reserved", "registered"].contains(&code.description()));
    }
}

#[test]
fn an_empty_body_has_no_code() {
    let frame = CloseFrame::parse(&[]).expect("legal");
    assert_eq!(frame, CloseFrame::EMPTY);
    assert_eq!(frame, CloseFrame::default());
    assert_eq!((frame.code(), frame.reason()), (None, ""));
    assert!(frame.payload().is_empty());
}

#[test]
fn half_a_code_is_refused() {
    for byte in 0..=255 {
        assert_eq!(CloseFrame::parse(&[byte]), Err(CloseError::Truncated));
    }
}

#[test]
fn a_reason_comes_back() {
    let reason = "auf Wiedersehen, \u{1F44B}";
    let frame = CloseFrame::new(CloseCode::GOING_AWAY, reason).expect("legal");
    assert_eq!(frame.payload()[..2], [0x03, 0xE9]);
    assert_eq!(&frame.payload()[2..], reason.as_bytes());
    let parsed = CloseFrame::parse(frame.payload()).expect("what may be sent may be read");
    assert_eq!(parsed, frame);
    assert_eq!(parsed.code(), Some(CloseCode::GOING_AWAY));
    assert_eq!(parsed.reason(), reason);
    assert!(format!("{frame:?}").contains("1001"));
}

#[test]
fn a_reason_is_utf_8() {
    for reason in [&[0xFF][..], &[0xE2, 0x82], &[0xED, 0xA0, 0x80], b"ok\xC0\x80"] {
        let mut body = vec![0x03, 0xE8];
        body.extend(reason);
        assert_eq!(CloseFrame::parse(&body), Err(CloseError::ReasonNotUtf8));
    }
}

#[test]
fn a_reason_has_at_most_123_bytes() {
    let fits = "x".repeat(CloseFrame::MAX_REASON_LEN);
    assert_eq!(fits.len(), 123);
    let frame = CloseFrame::new(CloseCode::NORMAL, &fits).expect("fits");
    assert_eq!(frame.payload().len(), ControlPayload::MAX_LEN);
    assert_eq!(CloseFrame::parse(frame.payload()), Ok(frame));

    let long = "x".repeat(124);
    let error = Err(CloseError::ReasonTooLong);
    assert_eq!(CloseFrame::new(CloseCode::NORMAL, &long), error);
    let body = [&[0x03, 0xE8], long.as_bytes()].concat();
    assert_eq!(CloseFrame::parse(&body), error);
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    for (reason, kept) in [
        ("x".repeat(123), 123),
        ("x".repeat(124), 123),
        ("x".repeat(1000), 123),
        ("\u{20AC}".repeat(42), 123),             // 41 whole characters of 3
        ("\u{1F44B}".repeat(42), 120),            // 30 whole characters of 4
        ("x".to_string() + &"é".repeat(80), 123), // 1 + 61 of 2
        ("é".repeat(80), 122),
        ("short".to_string(), 5),
    ] {
        let frame = CloseFrame::truncated(CloseCode::NORMAL, &reason).expect("legal");
        assert_eq!(frame.reason(), &reason[..kept]);
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let invalid = CloseError::InvalidCode(CloseCode::NO_STATUS);
    assert!(invalid.to_string().contains("1005"));
    assert!(CloseError::Truncated.to_string().contains("single byte"));
    assert!(CloseError::ReasonNotUtf8.to_string().contains("UTF-8"));
    assert!(CloseError::ReasonTooLong.to_string().contains("123"));
}

#[test]
fn control_payloads_hold_up_to_125_bytes() {
    let bytes = [7; 126];
    for len in 0..=125 {
        let payload = ControlPayload::new(&bytes[..len]).expect("fits");
        assert_eq!(&*payload, &bytes[..len]);
        assert_eq!(payload.as_slice().len(), len);
    }
    let error = ControlPayload::new(&bytes).expect_err("one too many");
    assert!(error.to_string().contains("125"));
    assert!(ControlPayload::EMPTY.is_empty());
    assert_eq!(ControlPayload::default(), ControlPayload::EMPTY);

    let one = ControlPayload::new(&[1]).expect("fits");
    let two = ControlPayload::new(&[1, 0]).expect("fits");
    assert_ne!(one, two, "equal in bytes but not in length");
    assert_eq!(format!("{two:?}"), "ControlPayload(2 bytes)");
}
