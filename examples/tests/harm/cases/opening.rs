//! Requests that are none.

use std::thread;

use super::{KIB, LITTLE, MIB};
use crate::attacker::{Attacker, REQUEST};
use crate::ground::{Case, Ground};
use crate::shells::Setup;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a_header_of_32_mib",
        setup: |_| {},
        heap: LITTLE,
        attack: |ground| refused(ground, b"x", 32 * MIB, "HTTP/1.1 431 "),
    },
    Case {
        name: "ten_thousand_headers",
        setup: |_| {},
        heap: LITTLE,
        attack: |ground| refused(ground, b": x\r\nX", 10_000, "HTTP/1.1 431 "),
    },
    Case {
        name: "a_target_of_32_mib",
        setup: |_| {},
        heap: LITTLE,
        attack: |ground| refuse(ground, b"GET /", b"x", 32 * MIB, "HTTP/1.1 414 "),
    },
    Case {
        name: "empty_lines_without_end",
        setup: |_| {},
        heap: LITTLE,
        attack: |ground| refuse(ground, b"", b"\r\n", MIB, "HTTP/1.1 4"),
    },
    Case {
        name: "no_http_at_all",
        setup: |_| {},
        heap: LITTLE,
        attack: |ground| refuse(ground, b"\x16\x03\x01\x02\x00\x01\x00", b"\0", MIB, "HTTP/1.1 400 "),
    },
    Case {
        name: "a_body_behind_a_request_to_upgrade",
        setup: |_| {},
        heap: LITTLE,
        attack: a_body_behind_a_request_to_upgrade,
    },
    Case {
        name: "a_page_of_another_origin",
        setup: |_| {},
        heap: LITTLE,
        attack: a_page_of_another_origin,
    },
    Case {
        name: "nonsense_right_behind_the_request",
        setup: Setup::impatient_without_pings,
        heap: LITTLE,
        attack: nonsense_right_behind_the_request,
    },
    Case {
        name: "long_requests_that_never_end",
        setup: Setup::impatient,
        // For each the longest head there may be, in a buffer that has grown to it.
        heap: HEADS * 2 * 16 * KIB + LITTLE,
        attack: long_requests_that_never_end,
    },
];

fn refused(ground: &Ground, more: &[u8], times: usize, answer: &str) -> Vec<Attacker> {
    refuse(ground, b"GET / HTTP/1.1\r\nX", more, times, answer)
}

/// Sends and sends whatever comes back, as who does not read before all is sent; the answer reaches it nevertheless.
fn refuse(ground: &Ground, start: &[u8], more: &[u8], times: usize, answer: &str) -> Vec<Attacker> {
    let mut attacker = ground.dial();
    let mut reader = attacker.other_end();
    let came = thread::scope(|scope| {
        let came = scope.spawn(|| reader.until_end());
        let at_a_time = 4096;
        // The server may end it meanwhile.
        let _ = attacker
            .write(start)
            .and_then(|()| attacker.flood(&more.repeat(at_a_time), times.div_ceil(at_a_time)));
        came.join().expect("it reads to the end")
    });
    assert!(came.starts_with(answer), "{came:?}");
    vec![attacker]
}

/// What is behind a body that nobody reads would be taken for a frame or another request.
fn a_body_behind_a_request_to_upgrade(ground: &Ground) -> Vec<Attacker> {
    ["Content-Length: 11", "Transfer-Encoding: chunked"]
        .map(|header| {
            let mut attacker = ground.dial();
            let request = REQUEST.replacen("\r\n", &format!("\r\n{header}\r\n"), 1);
            let frame = attacker.frame(0x81, b"Hello");
            attacker
                .write(&[request.as_bytes(), &frame].concat())
                .expect("a request is read");
            let answer = attacker.until_end();
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
            attacker
        })
        .into()
}

fn a_page_of_another_origin(ground: &Ground) -> Vec<Attacker> {
    ["http://other.test", "null"]
        .map(|origin| {
            let mut attacker = ground.dial();
            let request = REQUEST.replacen("\r\n", &format!("\r\nOrigin: {origin}\r\n"), 1);
            attacker.write(request.as_bytes()).expect("a request is read");
            let answer = attacker.until_end();
            assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
            attacker
        })
        .into()
}

/// The connection is open by then, and nobody has looked at it yet. No event comes of such frames, only their Close.
fn nonsense_right_behind_the_request(ground: &Ground) -> Vec<Attacker> {
    let nonsense: [(&[u8], u16); 8] = [
        (b"\x81\x05Hello", 1002),
        (b"\xc1\x80\0\0\0\0", 1002),
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\x80\x80\0\0\0\0", 1002),
        (b"\x09\x80\0\0\0\0", 1002),
        (b"\x88\x81\0\0\0\0x", 1002),
        (b"\x88\x82\0\0\0\0\x03\xed", 1002),
        (b"\x81\x81\0\0\0\0\xff", 1007),
    ];
    nonsense
        .map(|(bytes, code)| {
            let mut attacker = ground.dial();
            let more = attacker.frame(0x81, b"Hello");
            let all = [REQUEST.as_bytes(), bytes, &more].concat();
            attacker.write(&all).expect("a request is read");
            assert!(attacker.head().starts_with("HTTP/1.1 101 "));
            let first = attacker.next().expect("a Close");
            assert_eq!((first.first, &first.payload[..2]), (0x88, &code.to_be_bytes()[..]));
            assert!(attacker.next().is_none(), "nothing is behind a Close");
            attacker
        })
        .into()
}

fn long_requests_that_never_end(ground: &Ground) -> Vec<Attacker> {
    let head = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 16_000]].concat();
    let mut attackers: Vec<_> = (0..HEADS)
        .map(|_| {
            let mut attacker = ground.dial();
            attacker.write(&head).expect("a head is read");
            attacker
        })
        .collect();
    ground.serves();
    for attacker in &mut attackers {
        attacker.until_end();
    }
    attackers
}

const HEADS: usize = 100;
