//! WebSocket servers and clients over blocking sockets and threads.
//!
//! A thread per connection, plain calls that block, and nothing else: no runtime, no executor. The protocol is
//! `ws-proto`'s; what a user of this crate needs of it is exported here.
//!
//! # A server, and a client
//! ```
//! use ws_blocking::{Accept, Error, Incoming, Server};
//!
//! fn echo(incoming: Incoming) -> Result<(), Error> {
//!     let mut ws = incoming.accept(Accept::new())?;
//!     while let Some(message) = ws.recv()? {
//!         ws.feed(message)?; // leaves when the input has run dry: see `WebSocket::feed`
//!     }
//!     Ok(())
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::bind("127.0.0.1:0")?;
//! # let address = server.local_addr()?;
//! let stop = server.stop_handle();
//! let serving = std::thread::spawn(move || {
//!     server.serve(|incoming| {
//!         if let Err(error) = echo(incoming) {
//!             eprintln!("{error}");
//!         }
//!     })
//! });
//!
//! let mut ws = ws_blocking::connect(&format!("ws://{address}/"))?;
//! ws.send("Hello")?;
//! assert_eq!(ws.recv()?, Some("Hello".into()));
//! ws.close(ws_blocking::CloseCode::NORMAL, "done")?;
//!
//! stop.stop();
//! serving.join().unwrap()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Waiting and its bounds
//! Every wait has a deadline out of [`Config`]: the handshake ([`HandshakeConfig::timeout`]), keepalive, idleness,
//! message assembly and the closing handshake ([`Timeouts`]), and writing (see [`WebSocket::send`]). They hold although
//! the thread blocks. To end a connection from another thread, take a [`Handle`].
//!
//! # Features
//! `tls` adds `wss://` and TLS servers, by rustls. Everything works over it as it does without, [split
//! halves](WebSocket::split) included.

#![forbid(unsafe_code)]

mod accept;
pub mod client;
mod connect;
mod deadline;
mod error;
mod handle;
mod handshaking;
pub mod hub;
mod input;
mod line;
mod message_reader;
mod message_writer;
mod options;
mod outgoing;
pub mod raw;
mod reader;
mod server;
mod shared;
mod socket;
#[cfg(feature = "tls")]
pub mod tls;
mod waker;
mod websocket;
mod writer;

#[cfg(test)]
mod tests;

#[cfg(feature = "tls")]
pub use self::accept::accept_tls;
pub use self::accept::{Incoming, accept, accept_with};
pub use self::connect::{Connect, connect};
pub use self::error::Error;
pub use self::handle::Handle;
pub use self::message_reader::{MessageReader, Messages};
pub use self::message_writer::MessageWriter;
pub use self::options::TcpOptions;
pub use self::reader::Reader;
pub use self::server::{Accepting, OverLimit, Running, Server, StopHandle, Threads};
pub use self::socket::Stream;
pub use self::waker::Interrupter;
pub use self::websocket::WebSocket;
pub use self::writer::Writer;

#[cfg(feature = "deflate")]
pub use ws_proto::deflate;
pub use ws_proto::extension;
pub use ws_proto::handshake::{
    Accept, ClientRequest, HandshakeConfig, HandshakeError, OriginPolicy, Request, Response, ServerAccepted, Url,
    UrlError,
};
#[cfg(feature = "proxy")]
pub use ws_proto::proxy::{self, Proxy, ProxyError};
pub use ws_proto::{
    Bytes, CloseCode, CloseError, CloseFrame, Compression, Config, ConnectionError, CustomKind, DataKind, Ending,
    Limits, Message, OpCode, Opcodes, Payload, Prepared, ProtocolError, Replies, Role, Rsv, SendError, Side, Timeout,
    Timeouts, Utf8Bytes,
};
