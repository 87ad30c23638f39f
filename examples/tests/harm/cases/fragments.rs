//! Messages in more pieces than anybody needs.

use super::{LITTLE, MIB};
use crate::attacker::Attacker;
use crate::ground::{Case, Ground};
use crate::shells::Setup;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a_million_fragments_of_one_byte",
        setup: Setup::any_fragments,
        heap: 4 * MIB,
        attack: |ground| arrives(ground, b"x"),
    },
    Case {
        name: "a_million_empty_fragments",
        setup: Setup::any_fragments,
        heap: LITTLE,
        attack: |ground| arrives(ground, b""),
    },
    Case {
        name: "more_fragments_than_allowed",
        setup: |_| {},
        heap: LITTLE,
        attack: |ground| refused(ground, b"x", 1008),
    },
    Case {
        name: "more_empty_fragments_than_allowed",
        setup: |_| {},
        heap: LITTLE,
        attack: |ground| refused(ground, b"", 1008),
    },
    Case {
        name: "fragments_without_end",
        setup: |_| {},
        heap: 4 * MIB,
        attack: |ground| refused(ground, &[b'x'; 1000], 1009),
    },
];

/// If it is allowed, it costs no more memory than a message in one piece.
fn arrives(ground: &Ground, piece: &[u8]) -> Vec<Attacker> {
    let mut attacker = ground.open();
    attacker.send(0x02, piece);
    let fragments = attacker.frame(0x00, piece).repeat(1000);
    attacker.flood(&fragments, 1000).expect("the server reads on");
    attacker.send(0x80, b"the end");
    let echo = attacker.data();
    assert_eq!(echo.len(), 1_000_001 * piece.len() + 7);
    Vec::new()
}

fn refused(ground: &Ground, piece: &[u8], code: u16) -> Vec<Attacker> {
    let mut attacker = ground.open();
    attacker.send(0x02, piece);
    let fragments = attacker.frame(0x00, piece).repeat(10);
    // It ends when the server does; what it says before that is not lost.
    let mut reader = attacker.other_end();
    std::thread::scope(|scope| {
        let closed = scope.spawn(|| reader.close());
        let _ = attacker.flood(&fragments, 100_000);
        assert_eq!(closed.join().expect("it reads to the end"), Some(code));
    });
    vec![attacker]
}
