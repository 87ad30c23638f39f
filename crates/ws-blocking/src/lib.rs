//! WebSocket servers and clients over blocking sockets and threads.
//!
//! A thread per connection, plain calls that block, and nothing else: no runtime, no executor. The protocol is
//! `ws-proto`'s; what a user of this crate needs of it is exported here.
//!
//! # A server, and a client
//! ```
//! use ws_blocking::{Accept, CloseCode, Server, connect};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::bind("127.0.0.1:0")?.start(|incoming| {
//!     let Ok(mut ws) = incoming.accept(Accept::new()) else { return };
//!     while let Ok(Some(message)) = ws.recv() {
//!         let _ = ws.feed(message); // leaves when the input has run dry: see `WebSocket::feed`
//!     }
//! })?;
//!
//! let mut ws = connect(&format!("ws://{}/", server.local_addr()?))?;
//! ws.send("Hello")?;
//! assert_eq!(ws.recv()?, Some("Hello".into()));
//! ws.close(CloseCode::NORMAL, "done")?;
//! server.shutdown();
//! # Ok(())
//! # }
//! ```
//! A handler owns its connection. What the server may take and how it ends is said by [`Server`]; a client that connects
//! again and reads in the background is a [`client::Client`].
//!
//! # One thread reads, others write
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = ws_blocking::Server::bind("127.0.0.1:0")?.start(|incoming| {
//! #     let Ok(mut ws) = incoming.accept(ws_blocking::Accept::new()) else { return };
//! #     while let Ok(Some(message)) = ws.recv() {
//! #         let _ = ws.feed(message);
//! #     }
//! # })?;
//! # let url = format!("ws://{}/", server.local_addr()?);
//! let (mut reader, writer) = ws_blocking::connect(&url)?.split();
//! let receiving = std::thread::spawn(move || reader.messages().filter_map(Result::ok).count());
//! let other = writer.clone();
//! let sending = std::thread::spawn(move || other.send("from a third thread"));
//! writer.send("whatever comes meanwhile")?;
//! sending.join().unwrap()?;
//! writer.close(ws_blocking::CloseCode::NORMAL, "")?;
//! assert!(receiving.join().unwrap() <= 2); // what came back before the Close
//! # Ok(())
//! # }
//! ```
//! Over TLS as well; see [`WebSocket::split`].
//!
//! # A server without callbacks: an inbox
//! ```
//! use ws_blocking::hub::Event;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = ws_blocking::Server::bind("127.0.0.1:0")?.hub().start()?;
//! # let mut ws = ws_blocking::connect(&format!("ws://{}/", hub.running().local_addr()?))?;
//! # ws.send("Hello")?;
//! while let Some(event) = hub.next_event(None) {
//!     match event {
//!         Event::Connected(peer) => drop(hub.send_all_except("one more", &[peer.id()])),
//!         Event::Received(received) => {
//!             received.peer.send(received.message)?;
//! #           break;
//!         }
//!         _ => {}
//!     }
//! }
//! # assert_eq!(ws.recv()?, Some("Hello".into()));
//! # Ok(())
//! # }
//! ```
//! With callbacks instead: [`hub`].
//!
//! # Plain bytes
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = ws_blocking::raw::Server::bind("127.0.0.1:0")?
//!     .recv_buffer(2048)
//!     .hub()
//!     .on_receive(|peer, bytes| drop(peer.send(bytes)))
//!     .start()?;
//! let client = ws_blocking::raw::connect(server.running().local_addr()?)?;
//! client.send("no frames here")?;
//! println!("{:?}", client.recv()?);
//! # Ok(())
//! # }
//! ```
//! More by [`raw`]; where everything is that simplesockets has, by [`migration`].
//!
//! # TLS
#![cfg_attr(feature = "tls", doc = "```no_run")]
#![cfg_attr(not(feature = "tls"), doc = "```ignore")]
//! use ws_blocking::{Accept, Connect, Server, tls};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let certificate = std::fs::read("cert.pem")?;
//! let config = tls::server_config(&certificate, &std::fs::read("key.pem")?)?;
//! let server = Server::bind("0.0.0.0:443")?.tls(config).start(|incoming| {
//!     let Ok(mut ws) = incoming.accept(Accept::new()) else { return };
//!     let _ = ws.send("in private");
//! })?;
//! let mut public = ws_blocking::connect("wss://example.com/")?;
//! let mut own = Connect::new("wss://localhost/")?.tls(tls::trusting(&certificate)?).connect()?;
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
//! | feature | what it adds |
//! |---|---|
//! | `deflate` | compressed messages: permessage-deflate (RFC 7692) |
//! | `proxy` | going through HTTP and SOCKS5 proxies: `Connect::proxy` |
//! | `tls` | `wss://` and TLS servers, by rustls: module `tls` |

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
pub mod migration;
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
    Bytes, CloseCode, CloseError, CloseFrame, Compression, Config, Connection, ConnectionError, CustomKind, DataKind,
    Ending, Limits, Message, OpCode, Opcodes, Payload, Prepared, ProtocolError, Replies, Role, Rsv, SendError, Side,
    Timeout, Timeouts, Utf8Bytes,
};
