//! The opening handshake (RFC 6455 sections 1.3 and 4) without I/O.
//!
//! The handshake is separate from the connection: it ends by telling how many of the given bytes
//! it used, and whatever lies behind them are frames for the connection. Both sides take bytes in
//! any split and do work linear in the bytes received; all memory is bounded by
//! [`HandshakeConfig`].
//!
//! # Server
//! Feed a [`ServerHandshake`] until it hands out a [`Request`], look at it, then accept or reject:
//! ```
//! use ws_proto::handshake::{Accept, HandshakeConfig, Response, ServerHandshake};
//!
//! let bytes = b"GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\n\
//!     Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
//!     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
//! let mut out = Vec::new();
//! let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
//! match handshake.receive(bytes) {
//!     Ok(None) => { /* read more bytes and call receive again */ }
//!     Ok(Some((request, used))) => {
//!         assert_eq!(used, bytes.len()); // frames would start here
//!         if request.path() != "/chat" {
//!             request.reject(&Response::new(404), &mut out);
//!         } else if let Err(error) = request.accept(&Accept::new(), &mut out) {
//!             request.reject(&error.response(), &mut out);
//!         }
//!     }
//!     Err(error) => error.response().write(&mut out), // then flush and close
//! }
//! assert!(out.starts_with(b"HTTP/1.1 101 "));
//! ```
//!
//! # Client
//! ```
//! use ws_proto::handshake::{ClientHandshake, ClientRequest, HandshakeConfig};
//!
//! # fn main() -> Result<(), ws_proto::handshake::HandshakeError> {
//! let request = ClientRequest::new("ws://example.com/chat")?.protocol("v1")?;
//! let nonce = [7; 16]; // sixteen bytes from a random source
//! let mut out = Vec::new();
//! let mut handshake =
//!     ClientHandshake::new(&request, nonce, &HandshakeConfig::default(), &mut out);
//! assert!(out.starts_with(b"GET /chat HTTP/1.1\r\nHost: example.com\r\n"));
//! // Write `out`, then give what was read to `handshake.receive` until it tells the outcome.
//! assert!(handshake.receive(b"HTTP/1.1 101 ")?.is_none());
//! # Ok(())
//! # }
//! ```

mod body;
mod client;
mod config;
mod error;
mod head;
mod headers;
mod key;
mod response;
mod server;
mod url;

#[cfg(test)]
mod tests;

pub use client::{ClientHandshake, ClientRequest, Outcome, ServerAccepted};
pub use config::{HandshakeConfig, OriginPolicy};
pub use error::HandshakeError;
pub(crate) use headers::{is_token, is_token_byte};
pub use key::accept_key;
pub use response::Response;
pub use server::{Accept, Accepted, Request, ServerHandshake};
pub use url::{Url, UrlError};
