//! Messages that are small until they are unpacked.

use flate2::{Compress, Compression, FlushCompress};
use ws_proto::deflate::Deflate;

use super::{KIB, LITTLE, MIB};
use crate::attacker::{Attacker, REQUEST};
use crate::ground::{Case, Ground};

/// The message, its buffer before it grew the last time, the decompressor and a window.
const UNPACKED: usize = 2 * MIB + 256 * KIB + LITTLE;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a_bomb_with_a_context",
        setup: |setup| setup.compress(Deflate::dedicated()),
        heap: UNPACKED,
        attack: a_bomb,
    },
    Case {
        name: "a_bomb_without_context",
        setup: |setup| setup.compress(Deflate::shared()),
        heap: UNPACKED,
        attack: a_bomb,
    },
    Case {
        name: "a_bomb_in_fragments",
        setup: |setup| setup.compress(Deflate::dedicated()),
        heap: UNPACKED,
        attack: a_bomb_in_fragments,
    },
    Case {
        name: "compressed_messages_that_stop",
        setup: |setup| {
            setup.impatient();
            setup.config.timeouts.ping_interval = None;
            setup.compress(Deflate::shared());
        },
        // Each holds a decompressor, for as long as a message may take.
        heap: STOPPED * 64 * KIB + LITTLE,
        attack: compressed_messages_that_stop,
    },
    Case {
        name: "compressed_without_having_agreed",
        setup: |_| {},
        heap: LITTLE,
        attack: |ground| {
            let mut attacker = ground.open();
            attacker.send(0xc2, &zeros(1));
            assert_eq!(attacker.close(), Some(1002));
            vec![attacker]
        },
    },
];

fn a_bomb(ground: &Ground) -> Vec<Attacker> {
    let mut attacker = open(ground);
    attacker.send(0xc2, &zeros(512));
    assert_eq!(attacker.close(), Some(1009));
    attacker.until_end();
    vec![attacker]
}

fn a_bomb_in_fragments(ground: &Ground) -> Vec<Attacker> {
    let mut attacker = open(ground);
    let bomb = zeros(64);
    let mut first = 0x42;
    for piece in bomb.chunks(100) {
        // The server ends it before the end.
        if attacker.write(&attacker.frame(first, piece)).is_err() {
            break;
        }
        first = 0;
    }
    assert_eq!(attacker.close(), Some(1009));
    vec![attacker]
}

fn compressed_messages_that_stop(ground: &Ground) -> Vec<Attacker> {
    let mut attackers: Vec<_> = (0..STOPPED).map(|_| open(ground)).collect();
    let part = &zeros(1)[..5];
    for attacker in &mut attackers {
        attacker.send(0x42, part);
    }
    for attacker in &mut attackers {
        assert_eq!(attacker.close(), Some(1008));
    }
    attackers
}

fn open(ground: &Ground) -> Attacker {
    let mut attacker = ground.dial();
    let offer = "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    attacker
        .write(REQUEST.replacen("\r\n", offer, 1).as_bytes())
        .expect("a request is read");
    let head = attacker.head();
    assert!(head.contains("permessage-deflate"), "{head}");
    attacker
}

/// So many megabytes of zeros, compressed.
pub(super) fn zeros(megabytes: usize) -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    // All but the first refer to the one before.
    let [first, next] = [(); 2].map(|()| {
        let mut out = Vec::with_capacity(16 * KIB);
        let done = compress.compress_vec(&vec![0; MIB], &mut out, FlushCompress::Sync);
        done.expect("zeros compress");
        out
    });
    let mut all = [first, next.repeat(megabytes - 1)].concat();
    // The end of the flush is not sent (RFC 7692 section 7.2.1).
    all.truncate(all.len() - 4);
    all
}

const STOPPED: usize = 50;
