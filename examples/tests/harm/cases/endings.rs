//! Connections that end badly, or don't.

use super::{KIB, LITTLE};
use crate::attacker::{Attacker, REQUEST};
use crate::ground::{Case, Ground};
use crate::shells::Setup;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a_close_and_then_silence",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: a_close_and_then_silence,
    },
    Case {
        name: "a_close_that_is_never_answered",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: a_close_that_is_never_answered,
    },
    Case {
        name: "frames_after_a_close",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: frames_after_a_close,
    },
    Case {
        name: "frames_after_a_close_without_end",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: frames_after_a_close_without_end,
    },
    Case {
        name: "a_half_close_at_every_point",
        setup: |_| {},
        heap: LITTLE,
        attack: a_half_close_at_every_point,
    },
    Case {
        name: "a_reset_at_every_point",
        setup: |_| {},
        heap: LITTLE,
        attack: a_reset_at_every_point,
    },
];

/// The server ends the transport (RFC 6455 section 7.1.1), and lets go of it though the client does not.
fn a_close_and_then_silence(ground: &Ground) -> Vec<Attacker> {
    let mut attackers: Vec<_> = (0..10).map(|_| ground.open()).collect();
    for attacker in &mut attackers {
        attacker.send(0x88, b"\x03\xe8");
    }
    for attacker in &mut attackers {
        assert_eq!(attacker.close(), Some(1000));
        attacker.until_end();
    }
    attackers
}

/// The server's Close, that is: the client has sent something wrong and hears no more.
fn a_close_that_is_never_answered(ground: &Ground) -> Vec<Attacker> {
    let mut attackers: Vec<_> = (0..10).map(|_| ground.open()).collect();
    for attacker in &mut attackers {
        attacker.send(0x83, b"");
    }
    for attacker in &mut attackers {
        assert_eq!(attacker.close(), Some(1002));
    }
    attackers
}

/// They count for nothing, and cost the client nothing that was sent to it before.
fn frames_after_a_close(ground: &Ground) -> Vec<Attacker> {
    let mut attacker = ground.open();
    let mut bytes = attacker.frame(0x88, b"\x03\xe8");
    bytes.extend(attacker.frame(0x82, &[7; 1000]).repeat(200));
    bytes.extend(attacker.frame(0x83, b"nonsense"));
    attacker.write(&bytes).expect("the server reads on");
    assert_eq!(attacker.close(), Some(1000));
    assert!(attacker.next().is_none(), "nothing is behind a Close");
    vec![attacker]
}

fn frames_after_a_close_without_end(ground: &Ground) -> Vec<Attacker> {
    let mut attacker = ground.open();
    attacker.send(0x88, b"\x03\xe8");
    let message = attacker.frame(0x82, &[7; 64 * KIB]);
    let taken = attacker.flood(&message, 1 << 20);
    assert!(taken.is_err(), "the server takes 64 GiB behind a Close");
    vec![attacker]
}

fn a_half_close_at_every_point(ground: &Ground) -> Vec<Attacker> {
    let whole = conversation();
    for at in 0..=whole.len() {
        let mut attacker = ground.dial();
        // The server may have ended it behind the Close.
        let _ = attacker.write(&whole[..at]);
        attacker.half_close();
        attacker.until_end();
    }
    Vec::new()
}

fn a_reset_at_every_point(ground: &Ground) -> Vec<Attacker> {
    let whole = conversation();
    for at in 0..=whole.len() {
        let mut attacker = ground.dial();
        let _ = attacker.write(&whole[..at]);
        attacker.reset();
    }
    ground.serves();
    // And when it is certain that the server has seen them all.
    for at in REQUEST.len()..whole.len() {
        let mut attacker = ground.dial();
        attacker.write(REQUEST.as_bytes()).expect("a request is read");
        attacker.head();
        let _ = attacker.write(&whole[REQUEST.len()..at]);
        attacker.reset();
    }
    Vec::new()
}

/// From the request to the Close.
fn conversation() -> Vec<u8> {
    let frame = |first, payload: &[u8]| crate::frames::write(first, payload, Some(crate::attacker::MASK));
    [
        REQUEST.as_bytes().to_vec(),
        frame(0x81, b"Hello"),
        frame(0x02, b"in two"),
        frame(0x89, b"ping"),
        frame(0x80, b"parts"),
        frame(0x82, &[7; 200]),
        frame(0x88, b"\x03\xe8"),
    ]
    .concat()
}
