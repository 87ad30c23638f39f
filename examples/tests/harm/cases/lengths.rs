//! Lengths that were declared and mean nothing.

use super::{KIB, LITTLE, MIB};
use crate::attacker::Attacker;
use crate::ground::{Case, Ground};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "lengths_beyond_any_limit",
        setup: |_| {},
        heap: LITTLE,
        attack: |ground| {
            [1 << 62, (1 << 63) - 1, 1 << 32, (1 << 31) - 1, MIB as u64 + 1]
                .map(|len| refused(ground, &[], len, 1009))
                .into()
        },
    },
    Case {
        name: "lengths_that_are_none",
        setup: |_| {},
        heap: LITTLE,
        attack: |ground| [1 << 63, u64::MAX, 5].map(|len| refused(ground, &[], len, 1002)).into(),
    },
    Case {
        name: "lengths_that_wrap_with_what_has_come",
        setup: |_| {},
        heap: LITTLE,
        attack: |ground| {
            let fragment = ground.open().frame(0x02, b"in part");
            let lengths = [MIB as u64 - 6, (1 << 63) - 1, (1 << 32) - 1];
            lengths.map(|len| refused(ground, &fragment, len, 1009)).into()
        },
    },
    Case {
        name: "the_longest_frames_without_their_payload",
        setup: |_| {},
        // For each the smallest window that is read into, all at once when they all end, and a connection, which has a
        // buffer of 17 KiB where it has a thread.
        heap: 100 * (16 + 20) * KIB + LITTLE,
        attack: the_longest_frames_without_their_payload,
    },
    Case {
        name: "a_long_frame_byte_by_byte",
        setup: |_| {},
        heap: LITTLE,
        attack: a_long_frame_byte_by_byte,
    },
];

fn refused(ground: &Ground, before: &[u8], len: u64, code: u16) -> Attacker {
    let mut attacker = ground.open();
    let header = attacker.header(if before.is_empty() { 0x82 } else { 0x80 }, len);
    attacker.write(&[before, &header].concat()).expect("a header is read");
    assert_eq!(attacker.close(), Some(code), "{len}");
    attacker.until_end();
    attacker
}

/// A megabyte each would be a hundred of them.
fn the_longest_frames_without_their_payload(ground: &Ground) -> Vec<Attacker> {
    let mut attackers: Vec<_> = (0..100).map(|_| ground.open()).collect();
    for attacker in &mut attackers {
        let header = attacker.header(0x82, MIB as u64);
        attacker.write(&header).expect("a header is read");
    }
    ground.serves();
    Vec::new()
}

/// What is kept is what has come, however small the pieces.
fn a_long_frame_byte_by_byte(ground: &Ground) -> Vec<Attacker> {
    let mut attacker = ground.open();
    let payload = vec![7; 100 * KIB];
    for byte in attacker.frame(0x82, &payload) {
        attacker.write(&[byte]).expect("a byte is read");
    }
    assert_eq!(attacker.data(), payload);
    Vec::new()
}
