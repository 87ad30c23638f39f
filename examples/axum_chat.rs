//! The smallest chat on axum: whatever anybody sends, everybody gets.
//!
//! `cargo run --release --example axum_chat -- --port 9001`

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{Html, Response};
use axum::routing::{any, get};
use examples::args::{ServerArgs, announce};
use examples::{outcome, stop};
use tokio::net::TcpListener;
use tokio::select;
use tokio::sync::{broadcast, watch};
use tokio::time::timeout;
use ws_tokio::axum::WebSocketUpgrade;
use ws_tokio::{Accept, CloseCode, Config, Prepared};

#[derive(Clone)]
struct Chat {
    config: Arc<Config>,
    said: broadcast::Sender<Prepared>,
    /// Told that the program is to end. Whoever holds one is waited for.
    ends: watch::Receiver<()>,
}

#[tokio::main]
async fn main() -> ExitCode {
    outcome::exit_code(run(&ServerArgs::parse()).await)
}

async fn run(args: &ServerArgs) -> io::Result<()> {
    let listener = TcpListener::bind(args.address())
        .await
        .unwrap_or_else(|error| args.exit_unbound(&error));
    announce(listener.local_addr()?);
    let (end, ends) = watch::channel(());
    let chat = Chat {
        config: Arc::new(args.config()),
        said: broadcast::channel(BEHIND).0,
        ends,
    };
    let app = Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/health", get(|| async { "fine\n" }))
        .route("/ws", any(join))
        .with_state(chat);
    select! {
        result = axum::serve(listener, app) => result,
        () = stop::requested() => {
            // Opened connections are no longer axum's, but their tasks'.
            let _ = end.send(());
            let _ = timeout(GRACE, end.closed()).await;
            Ok(())
        }
    }
}

async fn join(upgrade: WebSocketUpgrade, State(mut chat): State<Chat>) -> Response {
    upgrade.config(chat.config.clone()).on_open(Accept::new(), |mut ws| async move {
        let mut hears = chat.said.subscribe();
        loop {
            select! {
                message = ws.recv() => match message? {
                    // Framed once, however many there are.
                    Some(message) => drop(chat.said.send(Prepared::new(&message))),
                    None => return Ok(()),
                },
                said = hears.recv() => match said {
                    Ok(message) => ws.send_prepared(&message).await?,
                    Err(_) => return ws.close(CloseCode::POLICY_VIOLATION, "too slow").await,
                },
                _ = chat.ends.changed() => return ws.close(CloseCode::GOING_AWAY, "the server is shutting down").await,
            }
        }
    })
}

/// How long connections are waited for in the end.
const GRACE: Duration = Duration::from_secs(5);

/// How far anybody may fall behind.
const BEHIND: usize = 256;

const PAGE: &str = r#"<!doctype html>
<html lang="en"><meta charset="utf-8"><title>axum chat</title>
<style>body { font: 16px/1.5 system-ui; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
input { font: inherit; width: 100%; padding: .5rem; box-sizing: border-box } li { overflow-wrap: anywhere }</style>
<h1>axum chat</h1><form id="form"><input id="text" placeholder="Say something" autocomplete="off" autofocus></form>
<ul id="log"></ul>
<script type="module">
const [form, text, log] = ["form", "text", "log"].map(id => document.getElementById(id));
const ws = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
const add = words => { const line = document.createElement("li"); line.textContent = words; log.prepend(line); };
ws.onopen = () => add("connected");
ws.onmessage = ({ data }) => add(data);
ws.onclose = ({ code, reason }) => add(`closed: ${code} ${reason}`);
form.onsubmit = event => { event.preventDefault(); if (text.value) ws.send(text.value); text.value = ""; };
</script></html>
"#;
