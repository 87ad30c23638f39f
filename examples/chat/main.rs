//! A chat in the browser: the page at `/`, its WebSocket at `/ws`, on one port. Rooms, names, who is there, what was
//! said; the page connects again by itself.
//!
//! `cargo run --release --example chat`

mod room;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use examples::args::ServerArgs;
use examples::stop;
use tokio::net::TcpListener;
use tokio::select;
use ws_tokio::{
    Accept, Answer, CloseCode, Error, HandshakeError, Message, Request, Response, Server, Socket, WebSocket,
};

use crate::room::{Member, Rooms};

#[tokio::main]
async fn main() -> io::Result<()> {
    let args = ServerArgs::parse();
    let listener = TcpListener::bind(args.address())
        .await
        .unwrap_or_else(|error| args.exit_unbound(&error));
    let mut config = args.config();
    if args.max_message.is_none() {
        config.limits.max_message = MAX_MESSAGE;
        config.limits.max_frame = MAX_MESSAGE;
    }
    let rooms = Arc::<Rooms>::default();
    let server = Server::new()
        .listener(listener)
        .config(config)
        .on_request(|request| async move { answer(&request).unwrap_or_else(|error| error.response().into()) })
        .handler(move |ws, client| {
            let room = client.request().query().unwrap_or_default();
            let room: String = room.chars().take(ROOM_CHARS).collect();
            chat(ws, rooms.room(&room).join())
        })
        .start()
        .await?;
    if let Some(address) = server.local_addr() {
        println!("open http://{address}/ in a browser");
        io::stdout().flush()?;
    }
    stop::requested().await;
    server.shutdown(STOP_PATIENCE).await;
    Ok(())
}

/// The WebSocket, or the page.
fn answer(request: &Request) -> Result<Answer, HandshakeError> {
    Ok(match (request.path(), request.is_upgrade()) {
        ("/ws", _) => Accept::new().into(),
        ("/", false) => Response::new(200)
            .with_header("Content-Type", "text/html; charset=utf-8")?
            .with_header("Content-Security-Policy", PAGE_MAY)?
            .with_header("Cache-Control", "no-cache")?
            .with_body(PAGE)
            .into(),
        _ => Response::new(404).with_body("there is only / and /ws\n").into(),
    })
}

/// One member's part in the chat, until it leaves.
async fn chat(mut ws: WebSocket<Socket>, mut member: Member) -> Result<(), Error> {
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
        }
    }
}

const PAGE: &str = include_str!("page.html");

/// The page brings everything with it, and may load nothing else.
const PAGE_MAY: &str =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self' ws:";

/// Nobody types more at once.
const MAX_MESSAGE: u64 = 16 * 1024;

/// The longest name of a room, as the page encodes it; what is beyond is cut off.
const ROOM_CHARS: usize = 480;

/// How long the closing handshakes may take when the program is to end in two seconds.
const STOP_PATIENCE: Duration = Duration::from_millis(1500);
