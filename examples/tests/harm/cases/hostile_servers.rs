//! Servers that should not have been called.

use std::collections::HashSet;
use std::io::Read;
use std::thread;

use ws_proto::deflate::Deflate;

use super::bombs::zeros;
use super::{KIB, LITTLE, MIB};
use crate::attacker::Attacker;
use crate::caller::{Case, Expected, SWITCHING, Trap, right_answer};
use crate::shells::{BYE, FLOOD, Setup};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "an_answer_to_another_key",
        setup: |_| {},
        heap: LITTLE,
        attack: |trap| {
            let right = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
            answered(trap, &format!("{SWITCHING}{right}\r\n\r\n"), FAILED)
        },
    },
    Case {
        name: "an_extension_nobody_offered",
        setup: |_| {},
        heap: LITTLE,
        attack: |trap| {
            trap.open_with("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n")
                .until_end();
            FAILED
        },
    },
    Case {
        name: "an_answer_that_is_none",
        setup: |_| {},
        heap: LITTLE,
        attack: |trap| answered(trap, "SSH-2.0-OpenSSH_9.2\r\n", FAILED),
    },
    Case {
        name: "an_answer_without_end",
        setup: |_| {},
        heap: LITTLE,
        attack: |trap| without_end(trap, "HTTP/1.1 101 Switching Protocols\r\nX: ", &[b'x'; 4096], FAILED),
    },
    Case {
        name: "interim_answers_without_end",
        setup: |_| {},
        heap: LITTLE,
        attack: |trap| without_end(trap, "", b"HTTP/1.1 100 Continue\r\n\r\n", FAILED),
    },
    Case {
        name: "a_refusal_without_end",
        setup: |_| {},
        heap: LITTLE,
        attack: |trap| without_end(trap, "HTTP/1.1 404 Not Found\r\n\r\n", &[b'x'; 4096], "refused 404"),
    },
    Case {
        name: "no_answer",
        setup: Setup::impatient,
        heap: LITTLE,
        attack: |trap| {
            let (mut server, _) = trap.accept();
            server.until_end();
            FAILED
        },
    },
    Case {
        name: "an_answer_byte_by_byte",
        setup: Setup::impatient,
        heap: LITTLE,
        attack: |trap| {
            let (mut server, _) = trap.accept();
            let written = server.trickle(SWITCHING.bytes().cycle().take(LONG));
            assert!(written < LONG, "the client ends it");
            FAILED
        },
    },
    Case {
        name: "the_end_in_place_of_an_answer",
        setup: |_| {},
        heap: LITTLE,
        attack: |trap| {
            let (server, _) = trap.accept();
            server.reset();
            FAILED
        },
    },
    Case {
        name: "masked_frames",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: |trap| fails(trap.open(), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 1002),
    },
    Case {
        name: "a_frame_too_long",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: |trap| {
            let server = trap.open();
            let header = server.header(0x82, 1 << 62);
            fails(server, &header, 1009)
        },
    },
    Case {
        name: "empty_fragments_from_a_server",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: |trap| {
            let server = trap.open();
            fails(server, &[&[0x02, 0][..], &[0; 2000]].concat(), 1008)
        },
    },
    Case {
        name: "fragments_from_a_server",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: |trap| {
            let server = trap.open();
            fails(server, &[&[0x02, 0][..], &[0, 1, 7].repeat(1_000_000)].concat(), 1008)
        },
    },
    Case {
        name: "compressed_without_having_offered",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: |trap| {
            let server = trap.open();
            let compressed = server.frame(0xc2, &zeros(1));
            fails(server, &compressed, 1002)
        },
    },
    Case {
        name: "nonsense_right_behind_the_answer",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: |trap| {
            let (mut server, request) = trap.accept();
            server
                .write(&[right_answer(&request, "").as_bytes(), b"\x83\0"].concat())
                .expect("an answer is read");
            fails(server, b"", 1002)
        },
    },
    Case {
        name: "masks_are_always_fresh",
        setup: |_| {},
        heap: LITTLE,
        attack: masks_are_always_fresh,
    },
    Case {
        name: "a_bomb_from_a_server",
        setup: |setup| {
            setup.impatient_without_pings();
            setup.compress(Deflate::dedicated());
        },
        heap: 2 * MIB + 256 * KIB + LITTLE,
        attack: |trap| {
            let server = trap.open_with("Sec-WebSocket-Extensions: permessage-deflate\r\n");
            let bomb = server.frame(0xc2, &zeros(512));
            fails(server, &bomb, 1009)
        },
    },
    Case {
        name: "a_message_that_stops",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: |trap| fails(trap.open(), b"\x01\x07in part", 1008),
    },
    Case {
        name: "a_close_that_is_never_answered",
        setup: Setup::impatient,
        heap: LITTLE,
        attack: |trap| {
            let mut server = closing(trap);
            server.until_end();
            ""
        },
    },
    Case {
        name: "a_close_that_is_never_answered_but_by_messages",
        setup: Setup::impatient,
        heap: LITTLE,
        attack: |trap| {
            let mut server = closing(trap);
            let message = server.frame(0x82, &[7; 16 * KIB]);
            let taken = server.flood(&message, 1 << 20);
            assert!(taken.is_err(), "the client takes 16 GiB behind its Close");
            ""
        },
    },
    Case {
        name: "a_transport_that_is_never_ended",
        setup: Setup::impatient,
        heap: LITTLE,
        attack: |trap| {
            let mut server = trap.open();
            server.send(0x88, b"\x03\xe8");
            assert_eq!(server.close(), Some(1000));
            server.until_end();
            "closed"
        },
    },
    Case {
        name: "a_server_that_never_reads",
        setup: Setup::impatient,
        heap: MIB + LITTLE,
        attack: |trap| {
            let mut server = trap.open();
            server.send(0x81, FLOOD.as_bytes());
            trap.keep(server);
            FAILED
        },
    },
    Case {
        name: "pings_without_end_whose_pongs_are_never_read",
        setup: Setup::impatient,
        heap: LITTLE,
        attack: |trap| {
            let mut server = trap.open();
            let pings = server.frame(0x89, &[1; 125]).repeat(1000);
            // It may read them all, or stop and give the server up.
            let taken = server.flood(&pings, 100);
            if taken.is_ok() {
                // It may have stopped over the last of them.
                let close = server.frame(0x88, b"\x03\xe8");
                let _ = server.write(&close);
            }
            server.until_end();
            ""
        },
    },
];

/// For clients that follow redirects.
pub(super) const REDIRECTS: Case = Case {
    name: "redirects_without_end",
    setup: |setup| setup.redirects = 5,
    heap: LITTLE,
    attack: |trap| {
        for _ in 0..=5 {
            let (mut server, _) = trap.accept();
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
                trap.url()
            );
            server.write(answer.as_bytes()).expect("an answer is read");
            server.until_end();
        }
        "refused 302"
    },
};

/// The client was asked to go, and has begun to close.
fn closing(trap: &Trap) -> Attacker {
    let mut server = trap.open();
    server.send(0x81, BYE.as_bytes());
    assert_eq!(server.close(), Some(1000));
    server
}

/// Every frame has a mask of its own that nobody can guess: hardly two are alike, and every byte has every value.
fn masks_are_always_fresh(trap: &Trap) -> Expected {
    let mut server = trap.open();
    let mut masks = HashSet::new();
    let mut values = vec![HashSet::new(); 4];
    for _ in 0..MASKS / 100 {
        let messages = server.frame(0x82, b"x").repeat(100);
        server.write(&messages).expect("the client reads on");
        for _ in 0..100 {
            let mut echo = [0; 7];
            server.socket.read_exact(&mut echo).expect("an echo");
            assert_eq!(echo[..2], [0x82, 0x81]);
            masks.insert([echo[2], echo[3], echo[4], echo[5]]);
            for (values, byte) in values.iter_mut().zip(&echo[2..6]) {
                values.insert(*byte);
            }
        }
    }
    // Of so many numbers of 32 bits one or two happen to be alike.
    assert!(masks.len() > MASKS - 20, "{} of {MASKS}", masks.len());
    assert!(values.iter().all(|values| values.len() == 256));
    server.send(0x88, b"\x03\xe8");
    "closed"
}

fn answered(trap: &Trap, answer: &str, expected: Expected) -> Expected {
    let (mut server, _) = trap.accept();
    server.write(answer.as_bytes()).expect("an answer is read");
    server.until_end();
    expected
}

fn without_end(trap: &Trap, start: &str, more: &[u8], expected: Expected) -> Expected {
    let (mut server, _) = trap.accept();
    let taken = server
        .write(start.as_bytes())
        .and_then(|()| server.flood(more, 1 << 20));
    assert!(taken.is_err(), "the client ends it");
    expected
}

/// The client says why, and ends the connection though the server does not.
fn fails(mut server: Attacker, bytes: &[u8], code: u16) -> Expected {
    let mut reader = server.other_end();
    thread::scope(|scope| {
        let closed = scope.spawn(|| {
            let code = reader.close();
            reader.until_end();
            code
        });
        let _ = server.write(bytes);
        assert_eq!(closed.join().expect("it reads to the end"), Some(code));
    });
    FAILED
}

/// The square of it, over twice the number of masks there are, is one.
const MASKS: usize = 100_000;

const FAILED: Expected = "failed: ";

/// So many bytes that at a trickle they take minutes.
const LONG: usize = 2000;
