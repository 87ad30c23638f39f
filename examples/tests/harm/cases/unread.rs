//! Peers that don't read what they are sent.

use std::thread;

use super::{LITTLE, MIB};
use crate::attacker::Attacker;
use crate::ground::{Case, Ground};
use crate::shells::Setup;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "echoes_are_never_read",
        setup: Setup::impatient,
        heap: 2 * MIB,
        attack: echoes_are_never_read,
    },
    Case {
        name: "full_transports_cost_no_time",
        setup: |_| {},
        heap: 2 * MIB,
        attack: full_transports_cost_no_time,
    },
    Case {
        name: "broadcasts_are_never_read",
        setup: |setup| {
            setup.impatient();
            setup.broadcast();
        },
        heap: 2 * MIB,
        attack: broadcasts_are_never_read,
    },
    Case {
        name: "pongs_are_never_read",
        setup: Setup::impatient,
        heap: LITTLE,
        attack: pongs_are_never_read,
    },
    Case {
        name: "pongs_nobody_asked_for",
        setup: |_| {},
        heap: LITTLE,
        attack: pongs_nobody_asked_for,
    },
];

/// Who sends and never reads is kept waiting, and given up when it answers no ping.
fn echoes_are_never_read(ground: &Ground) -> Vec<Attacker> {
    let mut attackers: Vec<_> = (0..4).map(|_| ground.open()).collect();
    thread::scope(|scope| {
        for attacker in &mut attackers {
            scope.spawn(|| {
                let message = attacker.frame(0x82, &[7; 16 * 1024]);
                let taken = attacker.flood(&message, A_GIGABYTE / message.len());
                assert!(taken.is_err(), "the server took a gigabyte of messages");
            });
        }
        ground.serves();
    });
    attackers
}

/// Neither with input that waits nor with output that does.
fn full_transports_cost_no_time(ground: &Ground) -> Vec<Attacker> {
    let mut attackers: Vec<_> = (0..4).map(|_| ground.open()).collect();
    thread::scope(|scope| {
        for attacker in &mut attackers {
            scope.spawn(|| {
                let message = attacker.frame(0x82, &[7; 16 * 1024]);
                attacker.fill(&message);
            });
        }
    });
    ground.rests();
    Vec::new()
}

/// Who does not read broadcasts holds up nobody, or not for long.
fn broadcasts_are_never_read(ground: &Ground) -> Vec<Attacker> {
    let attackers: Vec<_> = (0..4).map(|_| ground.open()).collect();
    let mut talker = ground.open();
    let message = vec![7; 64 * 1024];
    // For each, more than the system takes on its behalf.
    for _ in 0..400 {
        talker.send(0x82, &message);
        assert_eq!(talker.data().len(), message.len());
    }
    attackers
}

/// What is owed to who reads nothing is the last pong (RFC 6455 section 5.5.3), and it gets that as soon as it reads. A
/// server may also read no more from it, or give it up when it has taken nothing for long enough.
fn pongs_are_never_read(ground: &Ground) -> Vec<Attacker> {
    let mut attacker = ground.open();
    let pings = attacker.frame(0x89, &[1; 125]).repeat(1000);
    let last = attacker.frame(0x89, b"the last one");
    let taken = attacker.flood(&pings, 200).and_then(|()| attacker.write(&last));
    ground.serves();
    let mut came = Vec::new();
    while taken.is_ok() && came != b"the last one" {
        match attacker.next() {
            Some(frame) if frame.first == 0x8a => came = frame.payload,
            Some(_) => {}
            None => break,
        }
    }
    vec![attacker]
}

fn pongs_nobody_asked_for(ground: &Ground) -> Vec<Attacker> {
    let mut attacker = ground.open();
    let pong = attacker.frame(0x8a, b"pong");
    attacker.flood(&pong.repeat(1000), 1000).expect("the server reads on");
    attacker.send(0x81, b"Hello");
    assert_eq!(attacker.data(), b"Hello");
    Vec::new()
}

const A_GIGABYTE: usize = 1024 * MIB;
