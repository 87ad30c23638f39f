//! The counterpart of Autobahn's fuzzing server and of its fuzzing client, through every path of ws-blocking.
//!
//! `cargo run --release --example autobahn_blocking -- --url ws://127.0.0.1:9001 --agent ws-blocking`

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use examples::args::announce;
use examples::autobahn::{Args, Client, End, Server};
use examples::outcome;
use ws_blocking::{Accept, Config, Connect, Message, WebSocket};

/// Which part of the crate echoes.
#[derive(Clone, Copy, Debug)]
enum Path {
    Plain,
    Split,
    Stream,
}

fn main() -> ExitCode {
    let args = Args::parse([("plain", Path::Plain), ("split", Path::Split), ("stream", Path::Stream)]);
    let config = Arc::new(args.config());
    outcome::exit_code(match &args.end {
        End::Client(client) => run_cases(client, config, args.path),
        End::Server(server) => serve(server, config, args.path),
    })
}

fn run_cases(client: &Client, config: Arc<Config>, path: Path) -> Result<(), Box<dyn Error>> {
    let tls = client.tls()?;
    let open = |url: &str| {
        let connect = Connect::new(url)?.config(config.clone());
        match &tls {
            Some(tls) => connect.tls(tls.clone()).connect(),
            None => connect.connect(),
        }
    };
    let count: u32 = match open(&client.count_url())?.recv()? {
        Some(Message::Text(count)) => count.as_str().parse()?,
        other => return Err(format!("not a number of cases: {other:?}").into()),
    };
    for case in 1..=count {
        let ws = open(&client.case_url(case))?;
        // Many cases are meant to fail; what they should come to, the fuzzing server knows.
        let _ = echo(ws, path);
    }
    while open(&client.report_url())?.recv()?.is_some() {}
    println!("ran {count} cases");
    Ok(())
}

fn serve(server: &Server, config: Arc<Config>, path: Path) -> Result<(), Box<dyn Error>> {
    let mut serving = ws_blocking::Server::bind(server.address())?.config(config);
    if let Some(tls) = server.tls()? {
        serving = serving.tls(tls);
    }
    announce(serving.local_addr()?);
    serving.serve(move |incoming| {
        // As above: how a connection is to end, the fuzzing client knows.
        let _ = incoming.accept(Accept::new()).and_then(|ws| echo(ws, path));
    })?;
    Ok(())
}

fn echo(mut ws: WebSocket, path: Path) -> Result<(), ws_blocking::Error> {
    match path {
        Path::Plain => {
            while let Some(message) = ws.recv()? {
                ws.feed(message)?;
                if !ws.has_buffered_input() {
                    ws.flush()?;
                }
            }
        }
        Path::Split => {
            let (mut reader, writer) = ws.split();
            while let Some(message) = reader.recv()? {
                writer.send(message)?;
            }
        }
        Path::Stream => {
            let (mut reader, writer) = ws.split();
            while let Some(mut message) = reader.recv_reader()? {
                let mut reply = writer.send_writer(message.kind())?;
                io::copy(&mut message, &mut reply)?;
                reply.finish()?;
            }
        }
    }
    Ok(())
}
