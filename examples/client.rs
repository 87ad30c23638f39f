//! A WebSocket client for the terminal: sends lines from stdin, prints what comes. Ctrl-D closes.
//!
//! `cargo run --release --example client -- ws://127.0.0.1:9001/`

use std::io;
use std::process::ExitCode;
use std::thread;

use examples::args::ClientArgs;
use tokio::select;
use tokio::sync::mpsc;
use ws_tokio::{CloseCode, Error, Message, connect, tls};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = ClientArgs::parse();
    match talk(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Error::Refused(response) = error {
                eprintln!("{}", String::from_utf8_lossy(response.body()).trim_end());
            }
            ExitCode::FAILURE
        }
    }
}

async fn talk(args: &ClientArgs) -> Result<(), Error> {
    let mut connect = connect(&args.url).config(args.config()).redirects(REDIRECTS);
    if let Some(ca) = &args.ca {
        let trust = tls::trusting(&std::fs::read(ca)?);
        connect = connect.tls(trust.map_err(|error| io::Error::other(format!("--ca: {error}")))?);
    }
    connect = match &args.proxy {
        Some(proxy) => connect.proxy(proxy),
        None => connect.proxy_from_environment(),
    };
    let (mut ws, answer) = connect.open().await?;
    eprintln!("connected to {}; Ctrl-D ends", args.url);
    if !answer.extensions.is_empty() {
        println!("agreed: {}", answer.extensions);
    } else if args.deflate.is_some() {
        println!("agreed: no compression");
    }
    let mut lines = lines_of_stdin();
    let mut typing = true;
    loop {
        select! {
            message = ws.recv() => match message? {
                Some(Message::Text(text)) => println!("{}", text.as_str()),
                Some(other) => println!("({} bytes)", other.len()),
                None => break,
            },
            line = lines.recv(), if typing => match line {
                Some(line) => ws.send(line).await?,
                None => {
                    // What the peer still has to say is printed until its Close comes.
                    typing = false;
                    ws.start_close(CloseCode::NORMAL, "")?;
                }
            },
        }
    }
    if let Some(ending) = ws.ending() {
        println!("closed: {} {}", ending.code(), ending.reason());
    }
    Ok(())
}

/// Lines as they are typed. Reading a terminal can't be given up half-way, so a thread of its own does it.
fn lines_of_stdin() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(LINES_AHEAD);
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// More than any server needs, fewer than a loop takes.
const REDIRECTS: u8 = 10;

/// How many lines may wait when a file is piped in faster than the peer reads.
const LINES_AHEAD: usize = 16;
