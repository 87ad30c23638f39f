//! Returns every message to its sender over `wss://`, and serves a page to try it, on the same port.
//!
//! `cargo run --release --example echo_tls -- [--port PORT] [--cert FILE --key FILE]`
//!
//! Without a certificate it makes one for `localhost`, and says where it has put it: give that to `client --ca`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use examples::{outcome, stop};
use lexopt::prelude::*;
use ws_tokio::{Accept, Answer, Response, Server, tls};

#[tokio::main]
async fn main() -> ExitCode {
    match Args::parse() {
        Ok(args) => outcome::exit_code(run(args).await),
        Err(error) => {
            eprintln!("error: {error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

async fn run(args: Args) -> io::Result<()> {
    let (certificate, key) = match args.files {
        Some((certificate, key)) => (std::fs::read(certificate)?, std::fs::read(key)?),
        None => self_signed()?,
    };
    let server = Server::bind(format!("127.0.0.1:{}", args.port))
        .tls(tls::server_config(&certificate, &key).map_err(io::Error::other)?)
        .on_request(|request| async move {
            match (request.path(), request.is_upgrade()) {
                (_, true) => Answer::Accept(Accept::new()),
                ("/", false) => html(PAGE),
                _ => Response::new(404).into(),
            }
        })
        .handler(|mut ws, _client| async move {
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
            Ok(())
        })
        .start()
        .await?;
    if let Some(address) = server.local_addr() {
        println!("listening on wss://localhost:{}", address.port());
        io::stdout().flush()?;
    }
    stop::requested().await;
    server.shutdown(Duration::from_secs(1)).await;
    Ok(())
}

fn html(page: &str) -> Answer {
    match Response::new(200).with_header("Content-Type", "text/html; charset=utf-8") {
        Ok(response) => response.with_body(page).into(),
        Err(error) => error.response().into(),
    }
}

/// A certificate for this run, put where clients can be pointed to.
fn self_signed() -> io::Result<(Vec<u8>, Vec<u8>)> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(io::Error::other)?;
    let certificate = made.cert.pem().into_bytes();
    let path = std::env::temp_dir().join(format!("echo_tls-{}.pem", std::process::id()));
    std::fs::write(&path, &certificate)?;
    println!("its certificate: {}", path.display());
    Ok((certificate, made.signing_key.serialize_pem().into_bytes()))
}

struct Args {
    port: u16,
    files: Option<(PathBuf, PathBuf)>,
}

impl Args {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut parser = lexopt::Parser::from_env();
        let (mut port, mut certificate, mut key) = (9001, None, None);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("port") => port = parser.value()?.parse()?,
                Long("cert") => certificate = Some(parser.value()?.into()),
                Long("key") => key = Some(parser.value()?.into()),
                Long("help") | Short('h') => {
                    println!("{USAGE}");
                    std::process::exit(0)
                }
                _ => return Err(arg.unexpected()),
            }
        }
        match (certificate, key) {
            (None, None) => Ok(Self { port, files: None }),
            (Some(certificate), Some(key)) => Ok(Self {
                port,
                files: Some((certificate, key)),
            }),
            _ => Err("a certificate needs its key, and the other way round".into()),
        }
    }
}

const USAGE: &str = "usage: [--port PORT] [--cert FILE --key FILE]";

const PAGE: &str = r#"<!doctype html>
<html lang="en"><meta charset="utf-8"><title>echo over TLS</title>
<p id="state">connecting</p>
<script type="module">
const state = document.getElementById("state");
const ws = new WebSocket(`wss://${location.host}/ws`);
ws.onopen = () => ws.send("grüß dich");
ws.onmessage = ({ data }) => { state.textContent = `echoed: ${data}`; ws.close(1000); };
ws.onclose = ({ code }) => { state.textContent += `, closed: ${code}`; };
</script></html>
"#;
