//! Thanks for every message.
//!
//! `cargo run --release --example pocket_reply -- --port 9001`

#[path = "pocket_common.rs"]
mod pocket_common;

use std::process::ExitCode;

use examples::outcome;
use ws_mio::{Client, Context, Http, Logged, Observed, Payload, Settings};

struct Reply;

impl Client for Reply {
    fn recv(&mut self, context: &mut Context<'_>, _message: Payload<'_>) {
        // One answer for each message always finds room; it fails only once the connection is closing.
        let _ = context.send("Thank you.");
    }
}

fn main() -> ExitCode {
    let settings = Settings::new("pocket_reply", env!("CARGO_PKG_VERSION"), "Thanks for every message.");
    let settings = settings.port(9002).discover_or_exit();
    let service = Http::clients(|| Observed::new(Logged, Reply));
    outcome::exit_code(pocket_common::serve(&settings, service))
}
