//! A room for everybody who connects: a server with an inbox, no callbacks, and one loop that does everything.
//!
//! `cargo run --release --example blocking_chat`, and then `talk` to it from several terminals.

use std::process::ExitCode;

use examples::{args::ServerArgs, args::announce, outcome};
use ws_blocking::hub::{Event, Hub};
use ws_blocking::{Message, Server};

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
        handle(&hub, event);
    }
    hub.shutdown();
    Ok(())
}

fn handle(hub: &Hub, event: Event) {
    match event {
        Event::Connected(peer) => {
            // It may have gone again, which the next events tell.
            let _ = peer.send(format!("You are {}, one of {}.", peer.id(), hub.peers().len()));
            hub.send_all_except(format!("{} is here.", peer.id()), &[peer.id()]);
        }
        Event::Received(received) => {
            let Message::Text(text) = &received.message else {
                return;
            };
            hub.send_all(format!("{}: {}", received.peer.id(), text.as_str()));
        }
        Event::Disconnected(peer) => {
            hub.send_all(format!("{} has left.", peer.id()));
        }
        Event::Error(record) => eprintln!("error: {}", record.error),
        _ => {}
    }
}
