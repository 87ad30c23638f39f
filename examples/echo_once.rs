//! Sends every message back, and then disconnects who sent it: no callbacks, no thread of its own, one loop.
//!
//! `cargo run --release --example echo_once`, and then `talk` to it.

use std::process::ExitCode;

use examples::{args::ServerArgs, args::announce, outcome};
use ws_blocking::Server;
use ws_blocking::hub::Event;

fn main() -> ExitCode {
    outcome::exit_code(run(&ServerArgs::parse()))
}

fn run(args: &ServerArgs) -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::bind(args.address()).unwrap_or_else(|error| args.exit_unbound(&error));
    let hub = server.config(args.config()).hub().start()?;
    let stop = hub.running().stop_handle();
    ctrlc::set_handler(move || stop.stop())?;
    announce(hub.running().local_addr()?);

    while let Some(event) = hub.next_event(None) {
        if let Event::Received(received) = event {
            // It may have gone meanwhile, which is no reason to end.
            let _ = received.peer.send(received.message);
            received.peer.disconnect();
        }
    }
    hub.shutdown();
    Ok(())
}
