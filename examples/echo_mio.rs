//! An echo server over mio: all connections in one thread, one receive buffer for all of them.

use std::error::Error;
use std::process::ExitCode;

use examples::args::{ServerArgs, announce};
use examples::outcome;
use ws_mio::{Client, Context, Http, OriginPolicy, Payload, Server};

struct Echo;

impl Client for Echo {
    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        // One answer for each message always finds room; it fails only once the connection is closing.
        let _ = context.send(message);
    }
}

fn main() -> ExitCode {
    outcome::exit_code(run(&ServerArgs::parse()))
}

fn run(args: &ServerArgs) -> Result<(), Box<dyn Error>> {
    let mut config = args.config();
    // It tells nobody anything they did not say themselves, so any page may use it.
    config.handshake.origin = OriginPolicy::Any;
    let mut server = Server::new(config)?;
    let bound = server.listen(args.address(), Http::clients(|| Echo));
    let address = bound.unwrap_or_else(|error| args.exit_unbound(&error));
    let handle = server.handle();
    ctrlc::set_handler(move || handle.stop())?;
    announce(address);
    Ok(server.run()?)
}
