//! The counterpart of Autobahn's fuzzing server: runs all of its cases over ws-mio, then asks for the report.

use std::cell::Cell;
use std::error::Error;
use std::process::ExitCode;
use std::rc::Rc;

use examples::args::AutobahnArgs;
use examples::outcome;
use ws_mio::{Client, Context, Payload, Server, State};

fn main() -> ExitCode {
    outcome::exit_code(run(&AutobahnArgs::parse()))
}

fn run(args: &AutobahnArgs) -> Result<(), Box<dyn Error>> {
    let AutobahnArgs { url, agent } = args;
    let mut server = Server::new(args.config())?;
    let count = Rc::new(Cell::new(None));
    let mut connect = |path: String, role| -> Result<(), Box<dyn Error>> {
        let failure = Rc::default();
        let counterpart = Counterpart {
            role,
            failure: Rc::clone(&failure),
        };
        server.connect(&format!("{url}/{path}"), counterpart)?;
        // Returns when the connection has ended.
        server.run()?;
        failure.take().map_or(Ok(()), |error| Err(error.into()))
    };
    connect("getCaseCount".into(), Role::Count(count.clone()))?;
    let count: u32 = count
        .get()
        .ok_or("the fuzzing server did not tell the number of cases")?;
    for case in 1..=count {
        // Many cases are meant to fail; what they should come to, the fuzzing server knows.
        connect(format!("runCase?case={case}&agent={agent}"), Role::Echo)?;
    }
    connect(format!("updateReports?agent={agent}"), Role::Wait)?;
    println!("ran {count} cases");
    Ok(())
}

struct Counterpart {
    role: Role,
    /// Why the connection could not be opened.
    failure: Rc<Cell<Option<ws_mio::Error>>>,
}

/// What a connection is for.
enum Role {
    /// To be told how many cases there are.
    Count(Rc<Cell<Option<u32>>>),
    /// To return every message.
    Echo,
    /// To be open until the server has done its work.
    Wait,
}

impl Client for Counterpart {
    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        match (&self.role, message) {
            (Role::Count(count), Payload::Text(text)) => count.set(text.parse().ok()),
            (Role::Echo, message) => {
                // One answer for each message always finds room; it fails only once the connection is closing.
                let _ = context.send(message);
            }
            _ => {}
        }
    }

    fn error(&mut self, context: &mut Context<'_>, error: ws_mio::Error) {
        // How an open connection fails, the fuzzing server judges.
        if context.state() == State::Opening {
            self.failure.set(Some(error));
        }
    }
}
