//! Sends every byte back over plain TCP, without WebSocket, and says who comes and goes.
//!
//! `cargo run --release --example raw_echo`, and then for example `nc 127.0.0.1 9001`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use examples::{args::ServerArgs, outcome};
use ws_blocking::hub::{Event, Peer};
use ws_blocking::raw;

fn main() -> ExitCode {
    outcome::exit_code(run(&ServerArgs::parse()))
}

fn run(args: &ServerArgs) -> Result<(), Box<dyn std::error::Error>> {
    let server = raw::Server::bind(args.address()).unwrap_or_else(|error| args.exit_unbound(&error));
    let hub = server
        .hub()
        // In the connection's own thread: one that does not read what it gets back holds up nobody else.
        .on_receive(|peer, bytes| {
            // It may have gone meanwhile, which is told below.
            let _ = peer.send(bytes);
        })
        .start()?;
    let stop = hub.running().stop_handle();
    ctrlc::set_handler(move || stop.stop())?;
    announce(hub.running().local_addr()?)?;

    while let Some(event) = hub.next_event(None) {
        match event {
            Event::Connected(peer) => println!("+ {}", name(&peer)),
            Event::Disconnected(peer) => println!("- {}", name(&peer)),
            Event::Error(record) => eprintln!("error: {}", record.error),
            _ => {}
        }
    }
    hub.shutdown();
    Ok(())
}

fn announce(address: SocketAddr) -> io::Result<()> {
    println!("listening on {address}");
    io::stdout().flush()
}

fn name(peer: &Peer<raw::Bytes>) -> String {
    peer.address()
        .map_or_else(|| peer.id().to_string(), |address| address.to_string())
}
