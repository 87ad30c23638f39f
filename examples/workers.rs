//! One loop per core on one port: what anybody says is published to all, whichever loop they are in.
//!
//! `cargo run --release --example workers -- --port 9001`

use std::error::Error;
use std::process::ExitCode;
use std::thread;

use examples::args::{ServerArgs, announce};
use examples::outcome;
use ws_mio::{Agreed, Client, Context, Http, Payload, Workers};

struct Member;

impl Client for Member {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        context.subscribe(ROOM);
    }

    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        context.publish(ROOM, message);
    }
}

fn main() -> ExitCode {
    outcome::exit_code(run(&ServerArgs::parse()))
}

fn run(args: &ServerArgs) -> Result<(), Box<dyn Error>> {
    let cores = thread::available_parallelism()?.get();
    let workers = Workers::start(cores, args.address(), args.config(), |server, listen| {
        server.listen_with(listen, Http::clients(|| Member)).map(drop)
    });
    let workers = workers.unwrap_or_else(|error| args.exit_unbound(&error));
    let handles = workers.handles().to_vec();
    ctrlc::set_handler(move || handles.iter().for_each(|handle| handle.stop()))?;
    println!("{cores} loops");
    announce(workers.address());
    Ok(workers.wait()?)
}

const ROOM: &str = "room";
