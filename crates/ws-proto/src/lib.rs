//! The WebSocket protocol (RFC 6455) without I/O: connection, handshake, limits, deadlines.
//!
//! This crate knows all the rules and none of the world: it opens no socket, reads no clock, starts no thread and
//! draws no randomness. Whoever does those things, a runtime's shell or your own event loop, hands in bytes and the time,
//! and gets back events, bytes to send, and what to do with the transport. If you use Tokio, mio or plain threads, take
//! the `ws-tokio`, `ws-mio` or `ws-blocking` crate; they are thin, and this is what they stand on.
//!
//! # The loop
//!
//! ```no_run
//! use std::io::{Read, Write};
//! use ws_proto::{Config, Connection, Event, Input, Instant, Transport};
//!
//! /// Echoes until the connection ends. The opening handshake is done.
//! fn echo(mut socket: std::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
//!     let start = std::time::Instant::now();
//!     let now = || Instant::ZERO + start.elapsed();
//!     let mut conn = Connection::server(Config::default());
//!     let mut buffer = [0; 8192]; // ours: an idle connection needs none, so threads can share one
//!     let mut out = Vec::new();
//!     loop {
//!         // 1. Time: tell it when it is due, and wait no longer than until it is due again.
//!         while let Some(due) = conn.poll_timeout() {
//!             let now = now();
//!             if now < due {
//!                 socket.set_read_timeout(Some(due.saturating_duration_since(now)))?;
//!                 break;
//!             }
//!             conn.handle_timeout(now)?;
//!             conn.poll_transmit(&mut out);
//!         }
//!         // 2. Out: whatever has been appended, in one write.
//!         socket.write_all(&out)?;
//!         out.clear();
//!         // 3. Transport: what to do with the socket now.
//!         match conn.transport() {
//!             Transport::KeepOpen | Transport::AwaitEof => {}
//!             Transport::HalfClose => drop(socket.shutdown(std::net::Shutdown::Write)),
//!             Transport::FlushThenClose | Transport::Drop => return Ok(()),
//!         }
//!         // 4. In: read, and take the events one by one.
//!         let count = match socket.read(&mut buffer) {
//!             Ok(0) => { conn.handle_eof()?; continue }
//!             Ok(count) => count,
//!             Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
//!             Err(error) => return Err(error.into()),
//!         };
//!         let mut input = Input::new(&mut buffer[..count]);
//!         while let Some(event) = conn.next_event(&mut input)? {
//!             match event {
//!                 Event::Text(text) => conn.sender().message(&*text, &mut out)?,
//!                 Event::Binary(bytes) => conn.sender().message(&*bytes, &mut out)?,
//!                 Event::Close(frame) => println!("closed: {:?}", frame.code()),
//!                 _ => {} // pings are answered by themselves
//!             }
//!             conn.poll_transmit(&mut out); // 5. Replies: after every event
//!         }
//!     }
//! }
//! ```
//!
//! (A real shell also sends what is owed when an error ends the loop: the Close that tells the peer why.)
//!
//! # The parts
//!
//! | to | take |
//! |---|---|
//! | open a connection | [`handshake`]: [`ServerHandshake`](handshake::ServerHandshake), [`ClientHandshake`](handshake::ClientHandshake); or nothing, a [`Connection`] is open from birth |
//! | receive | [`Input`] over your buffer, [`Connection::next_event`], [`Event`] |
//! | send | [`Connection::sender`]: [`Sender`] appends frames to your `Vec`; [`Outbox`] is a queue with shared payloads and a bound; [`Prepared`] is framed once for many |
//! | keep time | [`Connection::poll_timeout`], [`Connection::handle_timeout`], [`Instant`] |
//! | end | [`Connection::close`], [`Connection::transport`], [`Ending`] |
//! | set bounds | [`Config`]: [`Limits`], [`Timeouts`], [`Replies`], [`Delivery`] |
//! | compress messages | the module `deflate` (feature `deflate`) in [`HandshakeConfig::extensions`](handshake::HandshakeConfig::extensions) |
//! | use opcodes or reserved bits of your own | [`Config::opcodes`], [`Config::reserved_bits`], [`CustomKind`] |
//! | extend the protocol | [`extension`] |
//! | split reading from writing | [`Connection::split`] into [`Receiver`] and [`Sender`] |
//!
//! # Who owns which buffer
//!
//! * **Input** is yours. Payloads are unmasked where they lie and borrowed from it; the connection is not borrowed, so
//!   you can answer while you hold one. `next_event` takes every byte you give: a cut header is kept inline, so there
//!   is nothing to carry over and an idle connection owns no buffer.
//! * **A message that spans reads** grows in one buffer with the bytes that came, never with the length that was
//!   declared, and is handed to you as an owned value. For large ones, [`Connection::direct_window`] lets the socket
//!   read straight into it, and [`Connection::direct_buf`] one that reads into memory that is not initialised.
//! * **Output** is yours: a `Vec`, or an [`Outbox`].
//!
//! # Errors, by whose fault they are
//!
//! [`ProtocolError`] is the peer's, and maps to the close code that it is sent; [`SendError`] is the caller's, and then
//! nothing was written; [`Timeout`] is a deadline's; [`ConnectionError`] joins those that end a connection.
//! [`HandshakeError`](handshake::HandshakeError) maps to the HTTP answer. There is no I/O error: there is no I/O.
//!
//! # Features
//!
//! `deflate` adds the module of that name: compressed messages (RFC 7692), by zlib-rs. It needs `std`. `proxy` adds the exchanges
//! with HTTP and SOCKS5 proxies. `tls` adds configurations of rustls, for shells: it needs `std`.
//!
//! `std` (default) adds conversions from `std::time::Instant` and `IoSlice`s for vectored writes; `simdutf8` (default) checks text faster.
//! Neither of these two changes behaviour. Without features the crate needs `alloc` only.
//!
//! Who comes from Python's noio_ws finds each of its parts in [`migration`].

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "deflate")]
pub mod deflate;
pub mod extension;
pub mod handshake;
pub mod migration;
#[cfg(feature = "proxy")]
pub mod proxy;
#[cfg(feature = "tls")]
pub mod tls;

mod config;
mod connection;
mod custom;
mod ending;
mod error;
mod event;
mod input;
mod message;
mod outbox;
mod prepared;
mod receive;
mod role;
mod send;
mod time;

#[cfg(test)]
mod tests;

pub use bytes::Bytes;
pub use ws_frame::{
    CloseCode, CloseError, CloseFrame, ControlPayload, EncodedHeader, HeaderError, OpCode, Rsv, Utf8Bytes, utf8::Spare,
};

pub use self::config::{Config, Delivery, Limits, Replies, Timeouts};
pub use self::connection::Connection;
pub use self::custom::{CustomKind, OpcodeError, Opcodes};
pub use self::ending::{Ending, Side, Transport};
pub use self::error::{ConnectionError, ProtocolError, SendError, Timeout};
pub use self::event::{Event, Part, Reply};
pub use self::input::Input;
pub use self::message::{Compression, DataKind, Message, Payload};
pub use self::outbox::Outbox;
pub use self::prepared::Prepared;
pub use self::receive::Receiver;
pub use self::role::Role;
pub use self::send::{MaskSource, Sender};
pub use self::time::Instant;
