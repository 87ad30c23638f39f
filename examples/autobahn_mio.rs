//! The counterpart of Autobahn's fuzzing server and of its fuzzing client, through every path of ws-mio.
//!
//! `cargo run --release --example autobahn_mio -- --url ws://127.0.0.1:9001 --agent ws-mio`

use std::cell::Cell;
use std::error::Error;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use examples::args::announce;
use examples::autobahn::{Args, Client as OfServer, End, Server as OfClient};
use examples::outcome;
use ws_mio::{Client, Config, Context, Detect, Http, Lines, Payload, Server, Speaker, State, Talk, Tls, each};

/// What stands before a connection that echoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    Plain,
    OnePort,
}

fn main() -> ExitCode {
    let args = Args::parse([("plain", Path::Plain), ("one-port", Path::OnePort)]);
    let config = args.config();
    outcome::exit_code(match &args.end {
        End::Client(_) if args.path == Path::OnePort => Err("who connects has no port to share".into()),
        End::Client(client) => run_cases(client, config),
        End::Server(server) => serve(server, config, args.path),
    })
}

fn run_cases(client: &OfServer, config: Config) -> Result<(), Box<dyn Error>> {
    let mut server = Server::new(config)?;
    if let Some(tls) = client.tls()? {
        server.set_client_tls(tls);
    }
    let count = Rc::new(Cell::new(None));
    let mut connect = |url: String, role| -> Result<(), Box<dyn Error>> {
        let failure = Rc::default();
        let counterpart = Counterpart {
            role,
            failure: Rc::clone(&failure),
        };
        server.connect(&url, counterpart)?;
        // Returns when the connection has ended.
        server.run()?;
        failure.take().map_or(Ok(()), |error| Err(error.into()))
    };
    connect(client.count_url(), Role::Count(count.clone()))?;
    let count: u32 = count
        .get()
        .ok_or("the fuzzing server did not tell the number of cases")?;
    for case in 1..=count {
        // Many cases are meant to fail; what they should come to, the fuzzing server knows.
        connect(client.case_url(case), Role::Echo)?;
    }
    connect(client.report_url(), Role::Wait)?;
    println!("ran {count} cases");
    Ok(())
}

fn serve(client: &OfClient, config: Config, path: Path) -> Result<(), Box<dyn Error>> {
    let mut server = Server::new(config)?;
    let echo = Http::clients(|| Counterpart {
        role: Role::Echo,
        failure: Rc::default(),
    });
    let bound = match (path, client.tls()?) {
        (Path::Plain, None) => server.listen(client.address(), echo),
        (Path::Plain, Some(tls)) => server.listen(client.address(), Tls::new(tls, echo)),
        (Path::OnePort, None) => server.listen(client.address(), among_others(echo)),
        (Path::OnePort, Some(tls)) => server.listen(client.address(), Tls::new(tls, among_others(echo))),
    };
    announce(bound?);
    Ok(server.run()?)
}

/// On a port where others speak in lines, or wait to be greeted.
fn among_others(echo: Http) -> Detect {
    Detect::new()
        .http(echo)
        .silent_after(SILENCE, each(|| Lines::new(Stranger)))
        .otherwise(each(|| Lines::new(Stranger)))
}

struct Stranger;

impl Talk for Stranger {
    fn hear(&mut self, speaker: &mut Speaker<'_>, _line: &str) {
        speaker.end();
    }
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

/// How long to wait for a peer to speak first.
const SILENCE: Duration = Duration::from_millis(1500);
