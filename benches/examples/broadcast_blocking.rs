//! Tells every message to everybody, from threads, for `cargo xtask bench broadcast`.

use std::error::Error;

use ws_blocking::Server;
use ws_blocking::hub::{Event, WhenFull};

fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::bind("127.0.0.1:0")?
        .max_connections(usize::MAX)
        .stack_size(STACK);
    let hub = server.hub().inbox(INBOX, WhenFull::Wait).start()?;
    println!("listening on ws://{}", hub.running().local_addr()?);
    while let Some(event) = hub.next_event(None) {
        if let Event::Received(received) = event {
            hub.send_all(received.message);
        }
    }
    Ok(())
}

/// One for each connection: ten thousand of the usual ones take much of the address space.
const STACK: usize = 64 << 10;

/// Connections come and go through it, too.
const INBOX: usize = 1024;
