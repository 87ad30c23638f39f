//! A bridge: what a WebSocket server elsewhere sends goes to all that are connected here, what they send goes there, and
//! what is typed goes to both. The connection to the server lives in the same thread and loop as the others; the terminal
//! has a thread of its own.
//!
//! `cargo run --release --example bridge -- ws://127.0.0.1:9004/`; the bridge itself listens on port 9006, or on any free one if
//! that is taken.

use std::cell::Cell;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead};
use std::process::{self, ExitCode};
use std::rc::Rc;
use std::thread;

use examples::args::{ClientArgs, announce};
use examples::outcome;
use ws_mio::{Agreed, Client, ClientId, CloseCode, Context, Handle, Http, Payload, Server, tls};

fn main() -> ExitCode {
    outcome::exit_code(run(&ClientArgs::parse()))
}

fn run(args: &ClientArgs) -> Result<(), Box<dyn Error>> {
    if args.proxy.is_some() {
        return Err("--proxy: ws-mio connects directly".into());
    }
    let mut server = Server::new(args.config())?;
    if let Some(ca) = &args.ca {
        server.set_client_tls(tls::trusting(&fs::read(ca)?)?);
    }
    let far = Rc::new(Cell::new(None));
    let listen = |server: &mut Server, address| {
        let far = Rc::clone(&far);
        server.listen(address, Http::clients(move || Local(Rc::clone(&far))))
    };
    let address = listen(&mut server, "127.0.0.1:9006").or_else(|_| listen(&mut server, "127.0.0.1:0"))?;
    far.set(Some(server.connect(&args.url, Far)?));
    let handle = server.handle();
    let typed = server.handle();
    ctrlc::set_handler(move || handle.stop())?;
    thread::Builder::new()
        .name("terminal".into())
        .spawn(move || read_terminal(&typed))?;
    announce(address);
    Ok(server.run()?)
}

/// Sends what is typed to all.
fn read_terminal(handle: &Handle) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        if handle.send_all(&line, &[]).is_err() {
            return;
        }
    }
}

/// The connection to the server elsewhere.
struct Far;

impl Client for Far {
    fn open(&mut self, _context: &mut Context<'_>, _agreed: &Agreed) {
        println!("the bridge is open");
    }

    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        context.send_others(message);
    }

    fn error(&mut self, _context: &mut Context<'_>, error: ws_mio::Error) {
        eprintln!("error: {error}");
    }

    fn close(&mut self, context: &mut Context<'_>, status: CloseCode, reason: &str) {
        // A bridge with one end is none.
        println!("the far end is gone: {} {reason}", status.as_u16());
        if context.ending().is_none() {
            process::exit(1);
        }
        context.handle().stop();
    }
}

/// Somebody who is connected here.
struct Local(Rc<Cell<Option<ClientId>>>);

impl Client for Local {
    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        if let Some(far) = self.0.get() {
            context.clients().send(far, message);
        }
    }
}
