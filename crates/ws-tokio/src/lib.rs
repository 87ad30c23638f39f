//! WebSocket servers and clients for Tokio.
//!
//! A [`WebSocket`] is a connection over anything that is `AsyncRead + AsyncWrite`. Everything is an inherent `async`
//! method, and the plain loop is the fast one:
//!
//! ```no_run
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! use ws_tokio::{Accept, accept};
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:9001").await?;
//! loop {
//!     let (stream, _) = listener.accept().await?;
//!     tokio::spawn(async move {
//!         let incoming = accept(stream).await?; // the request can be looked at here
//!         let mut ws = incoming.accept(Accept::new()).await?;
//!         while let Some(message) = ws.recv().await? {
//!             ws.send(message).await?;
//!         }
//!         Ok::<(), ws_tokio::Error>(())
//!     });
//! }
//! # }
//! ```
//!
//! and the other side:
//!
//! ```no_run
//! # async fn ask() -> Result<(), ws_tokio::Error> {
//! let mut ws = ws_tokio::connect("ws://127.0.0.1:9001/").await?;
//! ws.send("Hello").await?;
//! println!("{:?}", ws.recv().await?);
//! ws.close(ws_tokio::CloseCode::NORMAL, "").await
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

#![forbid(unsafe_code)]

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "hyper")]
pub mod hyper;
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
mod websocket;

#[cfg(feature = "deflate")]
pub use ws_proto::deflate;
pub use ws_proto::extension;
pub use ws_proto::handshake::{
    Accept, ClientRequest, HandshakeConfig, HandshakeError, OriginPolicy, Request, Response, ServerAccepted, Url,
    UrlError,
};
pub use ws_proto::{
    Bytes, CloseCode, CloseFrame, Compression, Config, Connection, ConnectionError, CustomKind, DataKind, Ending,
    Limits, Message, OpCode, Opcodes, Payload, Prepared, ProtocolError, Replies, Rsv, SendError, Side, Timeout,
    Timeouts, Utf8Bytes,
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
