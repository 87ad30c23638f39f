//! What every implementation must do, as data: bytes in, frames out.
//!
//! The implementation under test echoes data messages. Payloads below are written unmasked; a runner masks what a
//! client sends, and holds the implementation to masking exactly if it is the client.

use std::time::Duration;

use ws_proto::{Config, Role};

/// One scripted conversation.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The role of the implementation under test.
    pub(crate) role: Role,
    pub(crate) configure: fn(&mut Config),
    pub(crate) steps: Vec<Step>,
}

/// What the tester does or awaits next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Sends a frame: its first byte, its payload. Masked if the tester is the client.
    Frame(u8, Vec<u8>),
    /// Sends bytes as they are.
    Raw(Vec<u8>),
    /// Awaits a frame: its first byte, its payload.
    Expect(u8, Vec<u8>),
    /// Awaits a Close with this code, whatever its reason.
    ExpectClose(u16),
    /// Awaits a Close without a code.
    ExpectEmptyClose,
    /// Ends the tester's sending direction.
    Eof,
    /// Awaits the end of the transport, with nothing before it.
    ExpectEnd,
    /// Lets time pass, where time is fake; real peers simply wait for what comes next.
    Pass(Duration),
}

use Step::{Eof, Expect, ExpectClose, ExpectEmptyClose, ExpectEnd, Frame, Pass, Raw};

/// All cases, for both roles where they make sense in both.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for role in [Role::Server, Role::Client] {
        let mut add = |name, steps| {
            cases.push(Case {
                name,
                role,
                configure: |_| {},
                steps,
            })
        };
        framing(&mut add);
        closing(&mut add);
        bounded(role, &mut cases);
        timed(role, &mut cases);
    }
    cases.push(Case {
        name: "an unmasked frame to a server",
        role: Role::Server,
        configure: |_| {},
        steps: refused(Raw(b"\x81\x05Hello".to_vec()), 1002),
    });
    cases.push(Case {
        name: "a masked frame to a client",
        role: Role::Client,
        configure: |_| {},
        steps: refused(Raw(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec()), 1002),
    });
    cases
}

fn framing(add: &mut impl FnMut(&'static str, Vec<Step>)) {
    for (name, len) in [
        ("an empty message", 0),
        ("a message of one byte", 1),
        ("the longest short length", 125),
        ("the shortest 16-bit length", 126),
        ("one more", 127),
        ("the longest 16-bit length", 65_535),
        ("the shortest 64-bit length", 65_536),
        ("a large message", 1_000_000),
    ] {
        let payload = vec![b'*'; len];
        add(
            name,
            ends_well(vec![
                Frame(0x82, payload.clone()),
                Expect(0x82, payload.clone()),
                Frame(0x81, payload.clone()),
                Expect(0x81, payload),
            ]),
        );
    }
    add(
        "a fragmented message with control frames inside",
        ends_well(vec![
            Frame(0x01, b"frag".to_vec()),
            Frame(0x89, b"1".to_vec()),
            Expect(0x8a, b"1".to_vec()),
            Frame(0x00, b"men".to_vec()),
            Frame(0x8a, b"unasked".to_vec()),
            Frame(0x80, b"ted".to_vec()),
            Expect(0x81, b"fragmented".to_vec()),
        ]),
    );
    add(
        "every ping of ten is answered",
        ends_well(
            (0..10)
                .map(|round| Frame(0x89, vec![round]))
                .chain((0..10).map(|round| Expect(0x8a, vec![round])))
                .collect(),
        ),
    );
    add(
        "a ping of 125 bytes",
        ends_well(vec![Frame(0x89, vec![7; 125]), Expect(0x8a, vec![7; 125])]),
    );
    add(
        "an unasked pong",
        ends_well(vec![
            Frame(0x8a, b"?".to_vec()),
            Frame(0x81, b"on".to_vec()),
            Expect(0x81, b"on".to_vec()),
        ]),
    );
    add(
        "ten thousand unasked pongs",
        ends_well(
            [
                vec![Frame(0x8a, vec![9; 100]); 10_000],
                vec![Frame(0x81, b"on".to_vec()), Expect(0x81, b"on".to_vec())],
            ]
            .concat(),
        ),
    );
    add(
        "a character cut between fragments",
        ends_well(vec![
            Frame(0x01, vec![0xe2]),
            Frame(0x80, vec![0x82, 0xac]),
            Expect(0x81, "€".into()),
        ]),
    );

    add("text that is not UTF-8", refused(Frame(0x81, vec![0xff]), 1007));
    add(
        "text that ends inside of a character",
        refused(Frame(0x81, vec![b'a', 0xe2, 0x82]), 1007),
    );
    add(
        "an encoded surrogate",
        refused(Frame(0x81, vec![0xed, 0xa0, 0x80]), 1007),
    );
    add(
        "a bad byte in the second fragment",
        vec![
            Frame(0x01, b"ok".to_vec()),
            Frame(0x00, vec![0xff]),
            ExpectClose(1007),
            Eof,
            ExpectEnd,
        ],
    );
    add("RSV1 without an extension", refused(Frame(0xc1, b"x".to_vec()), 1002));
    add("RSV2", refused(Frame(0xa1, b"x".to_vec()), 1002));
    add("RSV3", refused(Frame(0x91, b"x".to_vec()), 1002));
    add("RSV1 on a ping", refused(Frame(0xc9, b"x".to_vec()), 1002));
    add(
        "RSV1 on a continuation",
        vec![
            Frame(0x01, b"x".to_vec()),
            Frame(0xc0, b"x".to_vec()),
            ExpectClose(1002),
            Eof,
            ExpectEnd,
        ],
    );
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        add("a reserved opcode", refused(Frame(0x80 | opcode, b"x".to_vec()), 1002));
    }
    add("a fragmented ping", refused(Frame(0x09, b"x".to_vec()), 1002));
    add("a ping of 126 bytes", refused(Frame(0x89, vec![0; 126]), 1002));
    add("a continuation of nothing", refused(Frame(0x80, b"x".to_vec()), 1002));
    add(
        "a message inside a fragmented one",
        vec![
            Frame(0x01, b"a".to_vec()),
            Frame(0x81, b"b".to_vec()),
            ExpectClose(1002),
            Eof,
            ExpectEnd,
        ],
    );
    // Length forms and the top bit don't depend on the mask: the error comes with the length.
    add(
        "a 16-bit length for five bytes, client's form",
        refused(Raw(b"\x81\xfe\x00\x05".to_vec()), 1002),
    );
    add(
        "a 64-bit length for five bytes, client's form",
        refused(Raw(b"\x81\xff\0\0\0\0\0\0\0\x05".to_vec()), 1002),
    );
    add(
        "a 16-bit length for five bytes, server's form",
        refused(Raw(b"\x81\x7e\x00\x05".to_vec()), 1002),
    );
    add(
        "a 64-bit length for 65,535 bytes, server's form",
        refused(Raw(b"\x81\x7f\0\0\0\0\0\0\xff\xff".to_vec()), 1002),
    );
    add(
        "a length with its top bit set",
        refused(Raw(b"\x82\xff\x80\0\0\0\0\0\0\x01".to_vec()), 1002),
    );
    add(
        "the largest length there is",
        refused(Raw(b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()), 1002),
    );
}

fn closing(add: &mut impl FnMut(&'static str, Vec<Step>)) {
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999_u16,
    ] {
        add(
            "a close code is echoed",
            vec![Frame(0x88, close(code, "why")), ExpectClose(code), Eof, ExpectEnd],
        );
    }
    add(
        "a close without a code",
        vec![Frame(0x88, vec![]), ExpectEmptyClose, Eof, ExpectEnd],
    );
    add(
        "a close with the longest reason",
        vec![
            Frame(0x88, close(1000, &"r".repeat(123))),
            ExpectClose(1000),
            Eof,
            ExpectEnd,
        ],
    );
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        add(
            "a close code that may not be sent",
            refused(Frame(0x88, close(code, "")), 1002),
        );
    }
    add("a close of one byte", refused(Frame(0x88, vec![3]), 1002));
    add(
        "a close reason that is not UTF-8",
        refused(Frame(0x88, vec![0x03, 0xe8, 0xff]), 1007),
    );
    add(
        "frames behind a close are ignored",
        vec![
            Frame(0x88, close(1000, "")),
            Frame(0x81, b"late".to_vec()),
            Frame(0x89, b"late".to_vec()),
            ExpectClose(1000),
            Eof,
            ExpectEnd,
        ],
    );
    add(
        "everything before a close is answered",
        vec![
            Frame(0x81, b"a".to_vec()),
            Frame(0x89, b"b".to_vec()),
            Frame(0x88, close(4321, "")),
            Expect(0x81, b"a".to_vec()),
            Expect(0x8a, b"b".to_vec()),
            ExpectClose(4321),
            Eof,
            ExpectEnd,
        ],
    );
    add(
        "everything before a breach is answered",
        vec![
            Frame(0x81, b"a".to_vec()),
            Frame(0x83, b"b".to_vec()),
            Expect(0x81, b"a".to_vec()),
            ExpectClose(1002),
            Eof,
            ExpectEnd,
        ],
    );
    add(
        "a close inside of a fragmented message",
        vec![
            Frame(0x01, b"never ended".to_vec()),
            Frame(0x88, close(1000, "")),
            ExpectClose(1000),
            Eof,
            ExpectEnd,
        ],
    );
    add(
        "an end without a close",
        vec![Frame(0x81, b"a".to_vec()), Expect(0x81, b"a".to_vec()), Eof, ExpectEnd],
    );
    add("an end inside of a header", vec![Raw(vec![0x81]), Eof, ExpectEnd]);
    add(
        "what was sent before a half-close is answered",
        vec![
            Frame(0x82, vec![5; 100_000]),
            Eof,
            Expect(0x82, vec![5; 100_000]),
            ExpectEnd,
        ],
    );
}

/// Limits, set low.
fn bounded(role: Role, cases: &mut Vec<Case>) {
    let low = |config: &mut Config| {
        config.limits.max_frame = 1000;
        config.limits.max_message = 2000;
        config.limits.max_fragments = 10;
        config.limits.max_empty_fragments = 3;
    };
    let parts = |count: usize, payload: &[u8]| -> Vec<Step> {
        (0..count)
            .map(|at| Frame(if at == 0 { 0x02 } else { 0x00 }, payload.to_vec()))
            .collect()
    };
    let declared = |len: u64| -> Vec<u8> {
        let mut bytes = vec![0x82, if role == Role::Server { 0xff } else { 0x7f }];
        bytes.extend(len.to_be_bytes());
        bytes.extend(if role == Role::Server { &[1, 2, 3, 4][..] } else { &[] });
        bytes
    };
    let mut add = |name, steps| {
        cases.push(Case {
            name,
            role,
            configure: low,
            steps,
        })
    };
    add(
        "a frame at the limit",
        ends_well(vec![Frame(0x82, vec![1; 1000]), Expect(0x82, vec![1; 1000])]),
    );
    add("a frame over the limit", refused(Frame(0x82, vec![1; 1001]), 1009));
    for len in [(1 << 31) - 1, 1 << 31, 1 << 32, 1 << 62, u64::MAX >> 1] {
        add("a declared length that never comes", refused(Raw(declared(len)), 1009));
    }
    add(
        "a message at the limit",
        ends_well(vec![
            Frame(0x02, vec![1; 1000]),
            Frame(0x80, vec![1; 1000]),
            Expect(0x82, vec![1; 2000]),
        ]),
    );
    add(
        "a message over the limit",
        [parts(3, &[1; 700]), vec![ExpectClose(1009), Eof, ExpectEnd]].concat(),
    );
    add(
        "fragments up to the limit",
        ends_well(
            [
                parts(9, b"x"),
                vec![Frame(0x80, b"x".to_vec()), Expect(0x82, vec![b'x'; 10])],
            ]
            .concat(),
        ),
    );
    add(
        "too many fragments",
        [parts(11, b"x"), vec![ExpectClose(1008), Eof, ExpectEnd]].concat(),
    );
    add(
        "too many empty fragments",
        [parts(4, b""), vec![ExpectClose(1008), Eof, ExpectEnd]].concat(),
    );
}

/// Deadlines, set short; a real run waits no longer than they are.
fn timed(role: Role, cases: &mut Vec<Case>) {
    const SHORT: Duration = Duration::from_millis(80);
    /// Longer than any wait below, so that exactly the deadline under test passes.
    const LONG: Duration = Duration::from_secs(600);
    let mut add = |name, configure, steps| {
        cases.push(Case {
            name,
            role,
            configure,
            steps,
        })
    };
    add(
        "a silent peer is pinged, and then given up",
        |config| {
            config.timeouts.ping_interval = Some(SHORT);
            config.timeouts.ping_timeout = Some(SHORT);
        },
        vec![
            Pass(SHORT),
            Expect(0x89, vec![0, 0, 0, 1]),
            Pass(SHORT),
            ExpectClose(1011),
            ExpectEnd,
        ],
    );
    add(
        "an idle connection is closed",
        |config| {
            config.timeouts.idle = Some(SHORT);
            config.timeouts.ping_interval = Some(LONG);
        },
        vec![Pass(SHORT), ExpectClose(1001), Eof, ExpectEnd],
    );
    add(
        "a message that is never ended",
        |config| {
            config.timeouts.assembly = Some(SHORT);
        },
        vec![
            Frame(0x01, b"begun".to_vec()),
            Pass(SHORT),
            ExpectClose(1008),
            Eof,
            ExpectEnd,
        ],
    );
    add(
        "a frame that is never ended",
        |config| {
            config.timeouts.assembly = Some(SHORT);
        },
        vec![Raw(cut_frame(role)), Pass(SHORT), ExpectClose(1008), Eof, ExpectEnd],
    );
    add(
        "a peer that never ends the transport after the close",
        |config| {
            config.timeouts.linger = Some(SHORT);
        },
        vec![Frame(0x88, close(1000, "")), ExpectClose(1000), Pass(SHORT), ExpectEnd],
    );
}

/// The start of a frame of 256 bytes.
fn cut_frame(role: Role) -> Vec<u8> {
    match role {
        Role::Server => vec![0x82, 0xfe, 0x01, 0x00, 1, 2, 3, 4, 9],
        Role::Client => vec![0x82, 0x7e, 0x01, 0x00, 9],
    }
}

/// The breach, its code, and the end.
fn refused(breach: Step, code: u16) -> Vec<Step> {
    vec![breach, ExpectClose(code), Eof, ExpectEnd]
}

/// The steps, and then the tester's Close.
fn ends_well(mut steps: Vec<Step>) -> Vec<Step> {
    steps.extend([Frame(0x88, close(1000, "bye")), ExpectClose(1000), Eof, ExpectEnd]);
    steps
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}
