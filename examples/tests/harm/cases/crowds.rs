//! More connections than there is room for.

use super::{KIB, LITTLE, MIB};
use crate::attacker::{Attacker, REQUEST};
use crate::ground::{Case, Ground};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "connections_that_are_never_used",
        setup: |setup| {
            setup.impatient();
            setup.connections = 20;
        },
        heap: 20 * 64 * KIB + LITTLE,
        attack: connections_that_are_never_used,
    },
    Case {
        name: "more_connections_than_allowed",
        setup: |setup| setup.connections = 20,
        heap: 20 * 64 * KIB + LITTLE,
        attack: more_connections_than_allowed,
    },
    Case {
        name: "more_connections_than_descriptors",
        setup: |setup| setup.files = Some(64),
        heap: 4 * MIB,
        attack: more_connections_than_descriptors,
    },
    Case {
        name: "a_thousand_connects_and_drops",
        setup: |_| {},
        heap: 8 * MIB,
        attack: a_thousand_connects_and_drops,
    },
];

/// Who comes with a request has to wait for no longer than the others may take to send theirs.
fn connections_that_are_never_used(ground: &Ground) -> Vec<Attacker> {
    let mut attackers: Vec<_> = (0..60).map(|_| ground.dial()).collect();
    ground.serves();
    for attacker in &mut attackers {
        attacker.until_end();
    }
    attackers
}

/// Open ones that do nothing wrong stay; who comes beyond has its turn when one leaves.
fn more_connections_than_allowed(ground: &Ground) -> Vec<Attacker> {
    let mut open: Vec<_> = (0..20).map(|_| ground.open()).collect();
    let waiting: Vec<_> = (0..40)
        .map(|_| {
            let mut attacker = ground.dial();
            attacker.write(REQUEST.as_bytes()).expect("the system takes a request");
            attacker
        })
        .collect();
    for attacker in &mut open {
        attacker.send(0x81, b"Hello");
        assert_eq!(attacker.data(), b"Hello");
    }
    drop(open);
    for mut attacker in waiting {
        assert!(attacker.head().starts_with("HTTP/1.1 101 "));
    }
    Vec::new()
}

/// Those who are in are served; the server goes on when there are descriptors again.
fn more_connections_than_descriptors(ground: &Ground) -> Vec<Attacker> {
    let mut first = ground.open();
    let attackers: Vec<_> = (0..200).map(|_| ground.dial()).collect();
    first.send(0x81, b"Hello");
    assert_eq!(first.data(), b"Hello");
    ground.rests_while(&mut first);
    drop(attackers);
    ground.serves();
    first.send(0x81, b"Hello");
    assert_eq!(first.data(), b"Hello");
    Vec::new()
}

fn a_thousand_connects_and_drops(ground: &Ground) -> Vec<Attacker> {
    for round in 0..1000 {
        let mut attacker = match round % 4 {
            0 => ground.dial(),
            1 => {
                let mut attacker = ground.dial();
                let _ = attacker.write(&REQUEST.as_bytes()[..REQUEST.len() / 2]);
                attacker
            }
            _ => ground.open(),
        };
        if round % 4 == 3 {
            let _ = attacker.write(&attacker.frame(0x82, &[7; 1000])[..500]);
            attacker.reset();
        }
        if round % 100 == 0 {
            ground.serves();
        }
    }
    Vec::new()
}
