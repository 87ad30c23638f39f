//! A chat in the browser: the page at `/`, its WebSocket at `/ws`, on one port.
//!
//! `cargo run --release --example chat`

mod room;

use std::io::{self, Write};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use examples::args::ServerArgs;
use examples::stop;
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use ws_tokio::{Accept, CloseCode, Config, Error, Message, Response, WebSocket, accept_with};

use crate::room::{Member, Room};

#[tokio::main]
async fn main() -> io::Result<()> {
    let args = ServerArgs::parse();
    let listener = TcpListener::bind(args.address())
        .await
        .unwrap_or_else(|error| args.exit_unbound(&error));
    println!("open http://{}/ in a browser", listener.local_addr()?);
    io::stdout().flush()?;
    let mut config = args.config();
    if args.max_message.is_none() {
        config.limits.max_message = MAX_MESSAGE;
    }
    serve(listener, Arc::new(config)).await;
    Ok(())
}

/// Serves until the program is asked to end.
async fn serve(listener: TcpListener, config: Arc<Config>) {
    let room = Arc::new(Room::default());
    let (stop, stopped) = watch::channel(());
    let mut requested = pin!(stop::requested());
    loop {
        let accepted = select! {
            accepted = listener.accept() => accepted,
            () = &mut requested => break,
        };
        match accepted {
            Ok((stream, _)) => drop(tokio::spawn(serve_one(
                stream,
                config.clone(),
                room.clone(),
                stopped.clone(),
            ))),
            // Out of file descriptors, most likely: some will come free.
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
    drop((listener, stopped));
    let _ = stop.send(());
    // All gone, or those that are not have had their time.
    let _ = timeout(STOP_PATIENCE, stop.closed()).await;
}

async fn serve_one(stream: TcpStream, config: Arc<Config>, room: Arc<Room>, mut stopped: watch::Receiver<()>) {
    let answered = select! {
        answered = answer(stream, config) => answered,
        _ = stopped.changed() => return,
    };
    // Whatever goes wrong with one connection is its peer's business.
    if let Ok(Some(mut ws)) = answered {
        let _ = chat(&mut ws, room.join(), stopped).await;
    }
}

/// Opens a WebSocket, or answers with the page.
async fn answer(stream: TcpStream, config: Arc<Config>) -> Result<Option<WebSocket<TcpStream>>, Error> {
    let incoming = accept_with(stream, config).await?;
    let request = incoming.request();
    let page = match (request.path(), request.is_upgrade()) {
        ("/ws", _) => return incoming.accept(Accept::new()).await.map(Some),
        ("/", false) => Response::new(200)
            .with_header("Content-Type", "text/html; charset=utf-8")?
            .with_header("Content-Security-Policy", PAGE_MAY)?
            .with_header("Cache-Control", "no-cache")?
            .with_body(PAGE),
        _ => Response::new(404).with_body("there is only / and /ws\n"),
    };
    incoming.reject(&page).await?;
    Ok(None)
}

/// One member's part in the chat, until it leaves.
async fn chat(
    ws: &mut WebSocket<TcpStream>,
    mut member: Member,
    mut stopped: watch::Receiver<()>,
) -> Result<(), Error> {
    loop {
        select! {
            message = ws.recv() => match message? {
                Some(Message::Text(text)) => member.says(text.as_str()),
                Some(_) => return ws.close(CloseCode::UNSUPPORTED_DATA, "text only").await,
                None => return Ok(()),
            },
            event = member.hears() => match event {
                Some(event) => ws.send_prepared(&event).await?,
                None => return ws.close(CloseCode::POLICY_VIOLATION, "too slow").await,
            },
            _ = stopped.changed() => return ws.close(CloseCode::GOING_AWAY, "the server ends").await,
        }
    }
}

const PAGE: &str = include_str!("page.html");

/// The page brings everything with it, and may load nothing else.
const PAGE_MAY: &str =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self' ws:";

/// Nobody types more at once.
const MAX_MESSAGE: u64 = 16 * 1024;

/// How long to wait before accepting again after that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the closing handshakes may take when the program is to end in two seconds.
const STOP_PATIENCE: Duration = Duration::from_millis(1500);
