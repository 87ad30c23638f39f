//! Peers that take their time.

use std::iter;

use super::LITTLE;
use crate::attacker::Attacker;
use crate::ground::{Case, Ground};
use crate::shells::Setup;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a_request_byte_by_byte",
        setup: Setup::impatient,
        heap: LITTLE,
        attack: a_request_byte_by_byte,
    },
    Case {
        name: "a_request_that_stops",
        setup: Setup::impatient,
        heap: LITTLE,
        attack: a_request_that_stops,
    },
    Case {
        name: "a_payload_byte_by_byte",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: a_payload_byte_by_byte,
    },
    Case {
        name: "fragments_byte_by_byte",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: fragments_byte_by_byte,
    },
    Case {
        name: "a_message_that_stops",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: a_message_that_stops,
    },
    Case {
        name: "a_header_that_stops",
        setup: Setup::impatient,
        heap: LITTLE,
        attack: a_header_that_stops,
    },
    Case {
        name: "pings_are_never_answered",
        setup: Setup::impatient,
        heap: LITTLE,
        attack: pings_are_never_answered,
    },
];

fn a_request_byte_by_byte(ground: &Ground) -> Vec<Attacker> {
    let mut attacker = ground.dial();
    let head = b"GET / HTTP/1.1\r\nX: "
        .iter()
        .copied()
        .chain(iter::repeat_n(b'x', LONG));
    let written = attacker.trickle(head);
    assert!(written < LONG, "the server ends it");
    let answer = attacker.until_end();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    vec![attacker]
}

fn a_request_that_stops(ground: &Ground) -> Vec<Attacker> {
    let parts = ["", "G", "GET / HTTP/1.1\r\nHost: test\r\n"];
    parts
        .map(|part| {
            let mut attacker = ground.dial();
            attacker.write(part.as_bytes()).expect("a beginning is read");
            attacker.until_end();
            attacker
        })
        .into()
}

fn a_payload_byte_by_byte(ground: &Ground) -> Vec<Attacker> {
    let mut attacker = ground.open();
    let written = attacker.trickle(attacker.frame(0x82, &[7; LONG]));
    assert!(written < LONG, "the server ends it");
    assert_eq!(attacker.close(), Some(1008));
    vec![attacker]
}

/// Each frame is begun and finished in good time, the message is not.
fn fragments_byte_by_byte(ground: &Ground) -> Vec<Attacker> {
    let mut attacker = ground.open();
    let fragments = (0..LONG)
        .map(|at| if at == 0 { 2 } else { 0 })
        .map(|first| attacker.frame(first, b"x"));
    let bytes: Vec<u8> = fragments.flatten().collect();
    let written = attacker.trickle(bytes);
    assert!(written < LONG, "the server ends it");
    assert_eq!(attacker.close(), Some(1008));
    vec![attacker]
}

/// In the payload, at once and later, and between fragments.
fn a_message_that_stops(ground: &Ground) -> Vec<Attacker> {
    let attacker = ground.open();
    let long = attacker.frame(0x82, &[7; 70_000]);
    let fragment = attacker.frame(0x02, b"in part");
    stops(ground, &[&long[..14], &long[..15], &long[..60_000], &fragment], 1008)
}

/// No pong can come then.
fn a_header_that_stops(ground: &Ground) -> Vec<Attacker> {
    let long = ground.open().frame(0x82, &[7; 70_000]);
    let parts: Vec<_> = (1..14).map(|len| &long[..len]).collect();
    stops(ground, &parts, 1011)
}

fn stops(ground: &Ground, parts: &[&[u8]], code: u16) -> Vec<Attacker> {
    let begin = |part: &&[u8]| {
        let mut attacker = ground.open();
        attacker.write(part).expect("a beginning is read");
        attacker
    };
    let mut attackers: Vec<_> = parts.iter().map(begin).collect();
    for attacker in &mut attackers {
        assert_eq!(attacker.close(), Some(code));
    }
    attackers
}

fn pings_are_never_answered(ground: &Ground) -> Vec<Attacker> {
    let mut attackers: Vec<_> = (0..10).map(|_| ground.open()).collect();
    ground.serves();
    for attacker in &mut attackers {
        assert_eq!(attacker.close(), Some(1011));
    }
    attackers
}

/// So many bytes that at this pace they take minutes.
const LONG: usize = 2000;
