//! All that a client does for itself and the others: it says who comes, who speaks and who goes.
//!
//! `cargo run --release --example pocket_example -- --settings settings.json`

#[path = "pocket_common.rs"]
mod pocket_common;

use std::process::ExitCode;

use examples::outcome;
use log::info;
use ws_mio::{Client, CloseCode, Context, Http, Payload, SendError, Settings};

struct LogClient;

impl LogClient {
    /// Sends, and says so: where others would override a method.
    fn send(&mut self, context: &mut Context<'_>, text: &str) -> Result<(), SendError> {
        info!("Send: {text}");
        context.send(text)
    }
}

impl Client for LogClient {
    fn setup(&mut self, context: &mut Context<'_>) {
        info!("Setup of new client: {context:?}");
    }

    fn accept(&mut self, context: &mut Context<'_>) -> bool {
        let news = match context.listener_address() {
            Some(address) => format!("New client: {context:?} for {address}"),
            None => format!("New client: {context:?}"),
        };
        info!("{news}");
        // It is in no list yet, so this reaches the others.
        context.send_all(&news, &[]);
        true
    }

    fn recv_text(&mut self, _context: &mut Context<'_>, text: &str) {
        info!("Received text: {text}");
    }

    fn recv_binary(&mut self, _context: &mut Context<'_>, bytes: &[u8]) {
        info!("Received binary: length {}", bytes.len());
    }

    fn recv(&mut self, context: &mut Context<'_>, _message: Payload<'_>) {
        let news = format!("Got message from: {context:?}");
        // One answer for each message always finds room; it fails only once the connection is closing.
        let _ = self.send(context, "Thanks.");
        let id = context.id();
        context.send_all(&news, &[id]);
    }

    fn close(&mut self, context: &mut Context<'_>, _status: CloseCode, _reason: &str) {
        let news = format!("Client close: {context:?}");
        info!("{news}");
        context.send_others(&news);
    }
}

fn main() -> ExitCode {
    let settings = Settings::new(
        "pocket_example",
        env!("CARGO_PKG_VERSION"),
        "Tells everybody what everybody does.",
    );
    let settings = settings.port(9001).discover_or_exit();
    outcome::exit_code(pocket_common::serve(&settings, Http::clients(|| LogClient)))
}
