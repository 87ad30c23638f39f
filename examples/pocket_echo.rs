//! Repeats every message to all clients but the one that sent it. (To the sender goes what `echo_mio` does.)
//!
//! `cargo run --release --example pocket_echo -- --port 9001`

#[path = "pocket_common.rs"]
mod pocket_common;

use std::process::ExitCode;

use examples::outcome;
use ws_mio::{Client, Context, Http, Logged, Observed, Payload, Settings};

struct Echo;

impl Client for Echo {
    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        context.send_others(message);
    }
}

fn main() -> ExitCode {
    let settings = Settings::new(
        "pocket_echo",
        env!("CARGO_PKG_VERSION"),
        "Repeats messages to all but their sender.",
    );
    let settings = settings.ports([9004, 9005]).discover_or_exit();
    let service = Http::clients(|| Observed::new(Logged, Echo));
    outcome::exit_code(pocket_common::serve(&settings, service))
}
