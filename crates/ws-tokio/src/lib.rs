//! WebSocket servers and clients for Tokio.
//!
//! A [`WebSocket`] is a connection over anything that is `AsyncRead + AsyncWrite`. Everything is an inherent `async`
//! method, and the plain loop is the fast one.
//!
//! # A server
//! [`Server`] listens, limits, stops; every connection is a loop of yours (or callbacks: [`Server::on_connection`]).
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! use ws_tokio::Server;
//!
//! Server::bind("127.0.0.1:9001")
//!     .handler(|mut ws, _client| async move {
//!         while let Some(message) = ws.recv().await? {
//!             ws.send(message).await?;
//!         }
//!         Ok(())
//!     })
//!     .serve()
//!     .await
//! # }
//! ```
//!
//! Without it, over any stream, [`accept`] shows the request first and lets you decide after any `await` you like;
//! on somebody else's HTTP server, there are the modules `hyper` and `axum`.
//!
//! # A client
//! ```no_run
//! # async fn ask() -> Result<(), ws_tokio::Error> {
//! let mut ws = ws_tokio::connect("ws://127.0.0.1:9001/")
//!     .header("Authorization", "Bearer secret")
//!     .protocol("v1")
//!     .await?;
//! ws.send("Hello").await?;
//! println!("{:?}", ws.recv().await?);
//! ws.close(ws_tokio::CloseCode::NORMAL, "").await
//! # }
//! ```
//!
//! One that connects again and again: [`Connect::reconnecting`].
//!
//! # Both directions at once
//! ```no_run
//! # async fn talk(ws: ws_tokio::WebSocket<ws_tokio::Socket>) -> Result<(), ws_tokio::Error> {
//! let (mut reader, writer) = ws.split();
//! let another = writer.clone();
//! tokio::spawn(async move { another.send("from a task").await });
//! tokio::spawn(async move { writer.send("from another").await });
//! while let Some(message) = reader.recv().await? {
//!     println!("{message:?}"); // pings and closes are answered meanwhile
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Messages of any size
//! [`recv_stream`](Reader::recv_stream) and [`send_stream`](Writer::send_stream) are an `AsyncRead` and an `AsyncWrite`
//! for one message. This echoes without holding any:
//!
//! ```no_run
//! # async fn echo(ws: ws_tokio::WebSocket<ws_tokio::Socket>) -> Result<(), Box<dyn std::error::Error>> {
//! let (mut reader, writer) = ws.split();
//! while let Some(mut message) = reader.recv_stream().await? {
//!     let mut reply = writer.send_stream(message.kind()).await?;
//!     tokio::io::copy_buf(&mut message, &mut reply).await?;
//!     reply.finish().await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! 10 GiB went through `examples/stream_file.rs` with 5 MB of memory at either end.
//!
//! # One message for many
//! It is framed once, and long ones are shared. [`Slow`] says what to do with who reads too slowly; [`Topics`] are
//! named groups.
//!
//! ```no_run
//! # async fn tell(server: ws_tokio::Running) {
//! use ws_tokio::{Prepared, Slow};
//!
//! let told = server.clients().broadcast(&Prepared::new("news"), Slow::Skip).await;
//! println!("{} heard it, {} were too slow", told.sent, told.skipped);
//! # }
//! ```
//!
//! # TLS
//! With the feature `rustls`, `wss://` works as it is, and a server takes its certificate; see the module `tls`.
//!
#![cfg_attr(feature = "rustls", doc = "```no_run")]
#![cfg_attr(not(feature = "rustls"), doc = "```ignore")]
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use ws_tokio::{Server, connect, tls};
//!
//! let config = tls::server_config(&std::fs::read("cert.pem")?, &std::fs::read("key.pem")?)?;
//! let server = Server::bind("0.0.0.0:443").tls(config).start().await?;
//! let ws = connect("wss://example.com/").await?;
//! let own = connect("wss://localhost/").tls(tls::trusting(&std::fs::read("cert.pem")?)?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # When bytes leave
//! Messages that are sent while input is still unread wait for the replies to the rest of it: what one read brought is
//! answered in one write, pongs included. They wait for nothing else. As soon as the input has run dry, or the task
//! awaits anything at all, they leave.
//!
//! On a runtime of several threads, another thread may take over what waits before the task has come that far: then
//! some of it leaves earlier, in a write of its own. Tasks that are spawned see little of that; the future given to
//! `block_on`, `main` included, sees it often.
//!
//! # What bounds it
//! [`Config`] holds every limit and every deadline, each with its default and the reason. One `Arc<Config>` serves any
//! number of connections.
//!
//! * **Output**: a queue takes messages while it holds less than [`Limits::output_high_water`] bytes. Then
//!   [`send`](WebSocket::send) waits, [`try_send`](Writer::try_send) says so, a broadcast does as its [`Slow`] says;
//!   [`drained`](Writer::drained) waits for room.
//! * **Input**: nobody receives, nothing is read, and the peer has to wait. (Callbacks of a server are read ahead for, up
//!   to 64 KiB, so that pings are answered.) A connection that waits holds no buffer; one that reads borrows 32 KiB of
//!   its thread until all of it has been received, and has more only in the middle of a large message, into which the
//!   socket is read directly, in steps that grow with what has come, from 16 KiB to 64.
//! * **Memory**: an idle connection holds 0.8 KiB, besides Tokio's task and socket; `cargo xtask memory` measures both
//!   together with ten thousand.
//! * **Time**: opening, pings, idleness, a message's assembly, closing: [`Timeouts`], and
//!   [`HandshakeConfig::timeout`]. Pings are on by default. They and the other deadlines of an open connection are kept
//!   while somebody receives. One is kept even if nobody does: a peer that takes nothing of what is queued for it is
//!   given up after two ping intervals and a ping timeout, with `TimedOut` in [`Error::Io`]; the clock for it is read
//!   so rarely that it may take twice as long.
//!
//! # Features
//! None is on by default.
//!
//! | feature | brings |
//! |---|---|
//! | `deflate` | compressed messages: permessage-deflate |
//! | `rustls` | `wss://`, both roles: module `tls` |
//! | `futures` | `Stream` and `Sink` for connections and halves |
//! | `hyper`, `axum` | upgrades on their servers: modules of these names |
//! | `proxy` | clients through HTTP and SOCKS5 proxies: [`Connect`] |
//! | `tracing` | events of servers: connections with their peers, ends with their codes, limits hit |
//!
//! Who comes from Python's asws finds each of its parts in [`migration`].

#![forbid(unsafe_code)]

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "hyper")]
pub mod hyper;
pub mod migration;
#[cfg(feature = "rustls")]
pub mod tls;

mod accept;
mod connect;
mod error;
mod goodbye;
mod line;
mod message_reader;
mod message_writer;
mod pong;
mod pool;
mod reconnect;
mod redirect;
mod server;
mod socket;
mod split;
#[cfg(feature = "futures")]
mod stream_sink;
mod timer;
mod trace;
mod turn;
mod unread;
mod watch;
mod websocket;

#[cfg(test)]
mod tests;

#[cfg(feature = "deflate")]
pub use ws_proto::deflate;
pub use ws_proto::extension;
pub use ws_proto::handshake::{
    Accept, ClientRequest, HandshakeConfig, HandshakeError, OriginPolicy, Request, Response, ServerAccepted, Url,
    UrlError,
};
#[cfg(feature = "proxy")]
pub use ws_proto::proxy;
pub use ws_proto::{
    Bytes, CloseCode, CloseError, CloseFrame, Compression, Config, Connection, ConnectionError, CustomKind, DataKind,
    Ending, Limits, MaskSource, Message, OpCode, Opcodes, Payload, Prepared, ProtocolError, Replies, Role, Rsv,
    SendError, Side, Timeout, Timeouts, Utf8Bytes,
};

pub use self::accept::{Incoming, accept, accept_with};
pub use self::connect::{Connect, connect};
pub use self::error::Error;
pub use self::message_reader::MessageReader;
pub use self::message_writer::MessageWriter;
pub use self::pong::Pong;
pub use self::reconnect::{Reconnect, is_fatal};
pub use self::server::{Answer, Client, ClientId, Clients, MessageStream, Published, Running, Server, Slow, Topics};
pub use self::socket::Socket;
pub use self::split::{Reader, ReuniteError, Writer};
pub use self::websocket::{ByteStream, WebSocket};
