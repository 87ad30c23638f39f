//! Runs the cases over any link to an implementation.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ws_proto::Role;

use crate::cases::{self, Case, Step};
use crate::frames::{self, Frame};

/// The tester's end of a connection whose handshake is done.
pub(crate) trait Link {
    fn send(&mut self, bytes: &[u8]);
    /// Ends the tester's sending direction.
    fn end(&mut self);
    /// Lets fake time pass.
    fn pass(&mut self, time: Duration);
    /// Appends what came, waiting for it; `false` at the end of the transport.
    fn receive_more(&mut self, bytes: &mut Vec<u8>) -> bool;
}

/// The mask of a tester that is the client.
const MASK: [u8; 4] = [0xa1, 0x52, 0x0f, 0xe8];

/// Runs every case on a link of its own, and names all that fail.
pub(crate) fn run<L: Link>(mut connect: impl FnMut(&Case) -> L) {
    let mut failed = Vec::new();
    let cases = cases::all();
    for case in &cases {
        let outcome = catch_unwind(AssertUnwindSafe(|| conversation(case, &mut connect(case))));
        if let Err(panic) = outcome {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("panicked");
            failed.push(format!("{:?}: {}: {text}", case.role, case.name));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} cases failed:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
}

fn conversation(case: &Case, link: &mut impl Link) {
    let mask = (case.role == Role::Server).then_some(MASK);
    let mut came = Vec::new();
    for step in &case.steps {
        match step {
            Step::Frame(first, payload) => link.send(&frames::write(*first, payload, mask)),
            Step::Raw(bytes) => link.send(bytes),
            Step::Eof => link.end(),
            Step::Pass(time) => link.pass(*time),
            Step::Expect(first, payload) => {
                let frame = next_frame(case, link, &mut came);
                assert!(frame.first == *first, "expected {first:02x}, got {}", describe(&frame));
                assert!(
                    frame.payload == *payload,
                    "expected another payload than {}",
                    describe(&frame)
                );
            }
            Step::ExpectClose(code) => {
                let frame = next_frame(case, link, &mut came);
                let got = frame
                    .payload
                    .get(..2)
                    .map(|code| u16::from_be_bytes([code[0], code[1]]));
                assert!(
                    frame.first == 0x88 && got == Some(*code),
                    "expected Close {code}, got {}",
                    describe(&frame)
                );
            }
            Step::ExpectEmptyClose => {
                let frame = next_frame(case, link, &mut came);
                assert!(
                    frame.first == 0x88 && frame.payload.is_empty(),
                    "expected an empty Close, got {}",
                    describe(&frame)
                );
            }
            Step::ExpectEnd => {
                let more = link.receive_more(&mut came);
                assert!(
                    !more && came.is_empty(),
                    "expected the end, got {:02x?}",
                    &came[..came.len().min(40)]
                );
            }
        }
    }
}

fn next_frame(case: &Case, link: &mut impl Link, came: &mut Vec<u8>) -> Frame {
    loop {
        if let Some(frame) = frames::read(came) {
            assert_eq!(frame.masked, case.role == Role::Client, "clients mask, servers don't");
            return frame;
        }
        assert!(link.receive_more(came), "the transport ended instead");
    }
}

fn describe(frame: &Frame) -> String {
    format!(
        "{:02x} with {} bytes {:02x?}",
        frame.first,
        frame.payload.len(),
        &frame.payload[..frame.payload.len().min(16)]
    )
}
