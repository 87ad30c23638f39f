//! The WebSocket protocol without I/O: connection, handshake, limits, deadlines.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod handshake;

mod config;
mod connection;
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
pub use ws_frame::{CloseCode, CloseError, CloseFrame, ControlPayload, EncodedHeader, HeaderError, Utf8Bytes};

pub use self::config::{Config, Delivery, Limits, Replies, Timeouts};
pub use self::connection::Connection;
pub use self::ending::{Ending, Side, Transport};
pub use self::error::{ConnectionError, ProtocolError, SendError, Timeout};
pub use self::event::{Chunk, Event, Reply};
pub use self::input::Input;
pub use self::message::{DataKind, Message, Payload};
pub use self::outbox::Outbox;
pub use self::prepared::Prepared;
pub use self::receive::Receiver;
pub use self::role::Role;
pub use self::send::{MaskSource, Sender};
pub use self::time::Instant;
