//! A program without std and without an allocator that reads, checks and writes frames.
//!
//! It links only if ws-frame needs neither, and exits with 0 only if ws-frame works: any other
//! code is the number of the step that failed.

#![no_std]
#![no_main]

use core::ffi::c_int;
use core::panic::PanicInfo;

use ws_frame::utf8::{Validator, validate};
use ws_frame::{CloseCode, CloseFrame, ControlPayload, FrameHeader, HeaderDecoder, MaskKey, OpCode, Parse};

// SAFETY: no other `main` is linked, as this program has no Rust entry point.
#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    let steps = [headers, masks, text, close];
    let failed = steps.iter().position(|step| step().is_none());
    failed.map_or(0, |index| index as c_int + 1)
}

fn headers() -> Option<()> {
    let Parse::Done { header, used } = FrameHeader::parse(&HELLO).ok()? else {
        return None;
    };
    let mut input = &HELLO[..];
    let decoded = HeaderDecoder::default().decode(&mut input).ok()??;
    let encoded = header.encode().ok()?;
    (header == decoded && header.opcode == OpCode::Text && *encoded == HELLO[..used]).then_some(())
}

fn masks() -> Option<()> {
    let key = MaskKey::new([0x37, 0xfa, 0x21, 0x3d]);
    let mut payload = [0; 5];
    key.apply_to(&HELLO[6..], &mut payload);
    let mut long = [0x55; 2000];
    key.apply(&mut long);
    key.apply(&mut long);
    (payload == *b"Hello" && long == [0x55; 2000]).then_some(())
}

fn text() -> Option<()> {
    let mut validator = Validator::default();
    validator.push(&[b'a', 0xE2, 0x82]).ok()?;
    let begun = !validator.is_complete();
    validator.push(&[0xAC]).ok()?;
    validator.finish().ok()?;
    let refused = validator.push(&[0xED, 0xA0]).is_err();
    (begun && refused && validate(b"plain").ok()? == "plain").then_some(())
}

fn close() -> Option<()> {
    let frame = CloseFrame::new(CloseCode::GOING_AWAY, "bye").ok()?;
    let payload = ControlPayload::new(frame.payload()).ok()?;
    let parsed = CloseFrame::parse(&payload).ok()?;
    (parsed.code()? == CloseCode::GOING_AWAY && parsed.reason() == "bye").then_some(())
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: `abort` has no preconditions.
    unsafe { abort() }
}

/// The core library built for this host unwinds and so names this; a program that aborts on panic
/// never calls it.
// SAFETY: without std no other definition is linked.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}

/// The masked "Hello" of RFC 6455 section 5.7.
const HELLO: [u8; 11] = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
