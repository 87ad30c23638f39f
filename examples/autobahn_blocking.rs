//! The counterpart of Autobahn's fuzzing server: runs all of its cases over ws-blocking, then asks for the report.
//!
//! `cargo run --release --example autobahn_blocking -- --url ws://127.0.0.1:9001 --agent ws-blocking`

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use examples::args::AutobahnArgs;
use examples::outcome;
use ws_blocking::{Connect, Message, WebSocket};

fn main() -> ExitCode {
    outcome::exit_code(run(&AutobahnArgs::parse()))
}

fn run(args: &AutobahnArgs) -> Result<(), Box<dyn Error>> {
    let AutobahnArgs { url, agent } = args;
    let config = Arc::new(args.config());
    let connect = |path: &str| Connect::new(&format!("{url}/{path}"))?.config(config.clone()).connect();
    let count: u32 = match connect("getCaseCount")?.recv()? {
        Some(Message::Text(count)) => count.as_str().parse()?,
        other => return Err(format!("not a number of cases: {other:?}").into()),
    };
    for case in 1..=count {
        let ws = connect(&format!("runCase?case={case}&agent={agent}"))?;
        // Many cases are meant to fail; what they should come to, the fuzzing server knows.
        let _ = echo(ws);
    }
    while connect(&format!("updateReports?agent={agent}"))?.recv()?.is_some() {}
    println!("ran {count} cases");
    Ok(())
}

fn echo(mut ws: WebSocket) -> Result<(), ws_blocking::Error> {
    while let Some(message) = ws.recv()? {
        ws.feed(message)?;
        if !ws.has_buffered_input() {
            ws.flush()?;
        }
    }
    Ok(())
}
