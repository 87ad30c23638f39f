//! Returns every message to its sender: ws-blocking, a thread per connection.

use std::process::ExitCode;

use examples::{args, outcome};
use ws_blocking::{Accept, Error, Incoming, OriginPolicy, Server};

fn main() -> ExitCode {
    outcome::exit_code(run(&args::ServerArgs::parse()))
}

fn run(args: &args::ServerArgs) -> Result<(), Box<dyn std::error::Error>> {
    let mut config = args.config();
    // It tells nobody anything they did not say themselves, so any page may use it.
    config.handshake.origin = OriginPolicy::Any;

    let server = Server::bind(args.address())
        .unwrap_or_else(|error| args.exit_unbound(&error))
        .config(config);
    let stop = server.stop_handle();
    ctrlc::set_handler(move || stop.stop())?;
    args::announce(server.local_addr()?);
    server.serve(|incoming| {
        // However a connection ends, the next one is none the wiser.
        let _ = echo(incoming);
    })?;
    Ok(())
}

fn echo(incoming: Incoming) -> Result<(), Error> {
    let mut ws = incoming.accept(Accept::new())?;
    while let Some(message) = ws.recv()? {
        ws.feed(message)?;
        if !ws.has_buffered_input() {
            ws.flush()?;
        }
    }
    Ok(())
}
