//! Offers and answers (RFC 7692 §7.1).

use alloc::format;
use alloc::string::{String, ToString};

use super::agree;
use crate::deflate::{Agreement, Deflate};
use crate::extension::{AnswerError, Extensions};

/// The server's answer to an offer; empty if it declines.
fn answer(settings: &Deflate, offer: &str) -> String {
    let agreed = Extensions::from(settings.clone()).accept([offer.as_bytes()]);
    agreed.unwrap().to_string()
}

fn is_confirmed(settings: &Deflate, answer: &str) -> bool {
    match Extensions::from(settings.clone()).confirm([answer.as_bytes()]) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error, AnswerError::Invalid);
            false
        }
    }
}

/// Takes whatever there is to take: 15 bits, both contexts.
fn widest() -> Deflate {
    Deflate {
        window_bits: 15,
        ..Deflate::dedicated()
    }
}

#[test]
fn a_server_answers_what_it_was_offered() {
    let wide = widest();
    for (offer, expected) in [
        ("permessage-deflate", "permessage-deflate"),
        ("Permessage-Deflate", ""),
        ("permessage-deflate; client_max_window_bits", "permessage-deflate"),
        (
            "permessage-deflate; client_max_window_bits=10",
            "permessage-deflate; client_max_window_bits=10",
        ),
        (
            "permessage-deflate;server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=10",
        ),
        (
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits=8",
        ),
        (
            "permessage-deflate; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover",
        ),
        (
            "permessage-deflate; client_no_context_takeover",
            "permessage-deflate; client_no_context_takeover",
        ),
        (
            "permessage-deflate ; server_no_context_takeover ; client_max_window_bits = 9 ; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=9",
        ),
        (
            "x-other, permessage-deflate, permessage-deflate; server_max_window_bits=9",
            "permessage-deflate",
        ),
        (
            "permessage-deflate; x=1, permessage-deflate; server_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=9",
        ),
        ("", ""),
        (",, ,", ""),
    ] {
        assert_eq!(answer(&wide, offer), expected, "{offer}");
    }
}

#[test]
fn a_server_asks_for_what_it_is_set_to() {
    let narrow = Deflate {
        peer_window_bits: 11,
        peer_context_takeover: false,
        ..Deflate::dedicated()
    };
    let base = "permessage-deflate; client_no_context_takeover; server_max_window_bits=12";
    assert_eq!(
        answer(&narrow, "permessage-deflate"),
        base,
        "a client that does not know the parameter is not told"
    );
    let told = format!("{base}; client_max_window_bits=11");
    assert_eq!(answer(&narrow, "permessage-deflate; client_max_window_bits"), told);
    assert_eq!(answer(&narrow, "permessage-deflate; client_max_window_bits=14"), told);
    let less = format!("{base}; client_max_window_bits=9");
    assert_eq!(answer(&narrow, "permessage-deflate; client_max_window_bits=9"), less);
    let shared = answer(&Deflate::shared(), "permessage-deflate");
    assert_eq!(
        shared,
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    );
}

/// Every value that is not a number from 8 to 15 in its one form.
#[test]
fn what_is_not_valid_is_declined_by_a_server_and_failed_by_a_client() {
    let wide = widest();
    for name in ["server_max_window_bits", "client_max_window_bits"] {
        let numbers = (0..100).map(|number| number.to_string());
        let odd = [
            "8x",
            "08",
            "+9",
            "-9",
            "1e1",
            "\"10\"",
            "\"\"",
            "256",
            "9223372036854775808",
            "1.0",
        ];
        for value in numbers.chain(odd.map(String::from)) {
            let valid =
                value.parse().is_ok_and(|number: u8| (8..=15).contains(&number)) && value.len() == number_len(&value);
            let text = format!("permessage-deflate; {name}={value}");
            let parsed = Extensions::from(wide.clone()).accept([text.as_bytes()]);
            let is_accepted = parsed.is_ok_and(|agreed| !agreed.is_empty());
            assert_eq!(is_accepted, valid, "{text}");
            assert_eq!(is_confirmed(&wide, &text), valid, "{text}");
        }
    }
    for parameters in [
        "server_max_window_bits",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "unknown",
        "unknown=1",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits; client_max_window_bits=10",
        "Server_No_Context_Takeover",
    ] {
        let text = format!("permessage-deflate; {parameters}");
        assert_eq!(answer(&wide, &text), "", "{text}");
        assert!(!is_confirmed(&wide, &text), "{text}");
    }
    assert!(
        !is_confirmed(&wide, "permessage-deflate; client_max_window_bits"),
        "an answer has a value"
    );
}

/// How long the number is in its one form.
fn number_len(value: &str) -> usize {
    value.parse().map_or(0, |number: u8| if number < 10 { 1 } else { 2 })
}

#[test]
fn what_is_not_a_header_is_told() {
    for text in [
        "permessage-deflate;",
        "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; =1",
        "; x",
        "permessage-deflate x",
        "a b",
        "a; b=\"c",
        "a; b=\"c\\",
        "a; b=c d",
        "a=b",
        "\u{e9}",
        "permessage-deflate; client_max_window_bits=\"1\"0",
    ] {
        assert!(Extensions::from(widest()).accept([text.as_bytes()]).is_err(), "{text}");
        let confirmed = Extensions::from(widest()).confirm([text.as_bytes()]);
        assert_eq!(confirmed, Err(AnswerError::Invalid), "{text}");
    }
}

#[test]
fn a_client_takes_nothing_that_it_did_not_offer() {
    let asking = Deflate {
        peer_window_bits: 10,
        peer_context_takeover: false,
        ..Deflate::dedicated()
    };
    let offer = Extensions::from(asking.clone()).offer();
    assert_eq!(
        offer,
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=12"
    );
    let granted = "permessage-deflate; server_no_context_takeover; server_max_window_bits=10";
    assert!(is_confirmed(&asking, granted));
    assert!(is_confirmed(
        &asking,
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=8"
    ));
    assert!(is_confirmed(
        &asking,
        &format!("{granted}; client_max_window_bits=12; client_no_context_takeover")
    ));
    for refused in [
        "permessage-deflate",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=11",
        &format!("{granted}; client_max_window_bits=13"),
        &format!("{granted}, {granted}"),
    ] {
        assert!(!is_confirmed(&asking, refused), "{refused}");
    }
    let other = Extensions::from(asking).confirm([&b"x-webkit-deflate-frame"[..]]);
    assert_eq!(other, Err(AnswerError::Unoffered));
}

#[test]
fn several_offers_are_several_settings() {
    let mut client = Extensions::new();
    client.push(Deflate {
        peer_window_bits: 9,
        ..widest()
    });
    client.push(widest());
    assert_eq!(
        client.offer(),
        "permessage-deflate; server_max_window_bits=9; client_max_window_bits, permessage-deflate; client_max_window_bits"
    );
    let second = client.confirm([&b"permessage-deflate"[..]]).unwrap();
    assert_eq!(Agreement::of(&second), Some(Agreement::default()));
    let first = client
        .confirm([&b"permessage-deflate; server_max_window_bits=9"[..]])
        .unwrap();
    assert_eq!(Agreement::of(&first).unwrap().server_max_window_bits, Some(9));
}

#[test]
fn what_was_agreed_can_be_read() {
    let agreed = agree(&Deflate::dedicated(), &Deflate::shared());
    let agreement = Agreement::of(&agreed).unwrap();
    assert!(agreement.server_no_context_takeover && agreement.client_no_context_takeover);
    assert_eq!(agreement.client_max_window_bits, Some(12));
    assert_eq!(Agreement::of(&Default::default()), None);
}

/// Settings beyond what zlib knows are taken as the nearest: no peer can be made to refuse our own offer.
#[test]
fn settings_out_of_range_are_taken_as_the_nearest() {
    for bits in [0, 8, 16, 255] {
        let odd = Deflate {
            window_bits: bits,
            peer_window_bits: bits,
            level: bits,
            mem_level: bits,
            max_ratio: 0,
            ..Deflate::dedicated()
        };
        let (mut client, mut server) = super::connected(&crate::Config::default(), &odd, &odd);
        let text = super::json(5000);
        client.conn.sender().message(&text, &mut client.out).unwrap();
        client.exchange(&mut server);
        assert_eq!(server.take_seen(), [crate::tests::peers::Seen::text(&text)]);
    }
}
