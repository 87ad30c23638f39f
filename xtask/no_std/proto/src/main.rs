//! A program without std, with an allocator of its own, in which a client and a server shake
//! hands, echo a message and close.
//!
//! It links only if ws-proto needs no more than that, and exits with 0 only if ws-proto works:
//! any other code is the number of the step that failed.

#![no_std]
#![no_main]

extern crate alloc;

mod arena;

use alloc::vec::Vec;
use core::ffi::c_int;
use core::panic::PanicInfo;

use ws_proto::handshake::{Accept, ClientHandshake, ClientRequest, HandshakeConfig, Outcome, ServerHandshake};
use ws_proto::{CloseCode, Config, Connection, Event, Input, Instant, Transport};

// SAFETY: no other `main` is linked, as this program has no Rust entry point.
#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    let steps = [handshake, echo, close];
    let failed = steps.iter().position(|step| step().is_none());
    failed.map_or(0, |index| index as c_int + 1)
}

fn handshake() -> Option<()> {
    let config = HandshakeConfig::default();
    let request = ClientRequest::new("ws://localhost/chat").ok()?;
    let mut wire = Vec::new();
    let mut client = ClientHandshake::new(&request, [7; 16], &config, &mut wire);

    let mut answer = Vec::new();
    let mut server = ServerHandshake::new(&config);
    let (request, used) = server.receive(&wire).ok()??;
    let whole = used == wire.len() && request.path() == "/chat";
    request.accept(&Accept::new(), &mut answer).ok()?;

    let (outcome, used) = client.receive(&answer).ok()??;
    (whole && used == answer.len() && matches!(outcome, Outcome::Accepted(_))).then_some(())
}

fn echo() -> Option<()> {
    let (mut server, mut client) = pair();
    let mut wire = Vec::new();
    client.sender().message("Grüße", &mut wire).ok()?;

    let mut answer = Vec::new();
    let mut input = Input::new(&mut wire);
    let Some(Event::Text(text)) = server.next_event(&mut input).ok()? else {
        return None;
    };
    server.sender().message(&*text, &mut answer).ok()?;

    let mut input = Input::new(&mut answer);
    let event = client.next_event(&mut input).ok()??;
    (event == Event::Text("Grüße".into()) && input.is_empty()).then_some(())
}

fn close() -> Option<()> {
    let (mut server, mut client) = pair();
    server.handle_timeout(Instant::from_millis(1)).ok()?;
    client.close(CloseCode::GOING_AWAY, "bye").ok()?;
    let mut wire = Vec::new();
    client.poll_transmit(&mut wire);

    let mut input = Input::new(&mut wire);
    let Some(Event::Close(frame)) = server.next_event(&mut input).ok()? else {
        return None;
    };
    let mut answer = Vec::new();
    let answered = server.poll_transmit(&mut answer);
    (answered && frame.reason() == "bye" && server.transport() != Transport::KeepOpen).then_some(())
}

fn pair() -> (Connection, Connection) {
    let server = Connection::server(Config::default());
    let client = Connection::client(Config::default(), || [1, 2, 3, 4]);
    (server, client)
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

/// As above: this host's `alloc` names it where it would go on unwinding.
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() {}

#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}
