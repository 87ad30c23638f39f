//! What the peer sent, one event at a time.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::fmt;

use bytes::Bytes;
use ws_frame::{CloseFrame, ControlPayload};

use crate::{CustomKind, DataKind, Message, Utf8Bytes};

/// Something the peer sent. Borrows the input, never the connection.
///
/// Small on purpose, since it is moved through every `?` of a receive loop.
#[non_exhaustive]
pub enum Event<'i> {
    /// A whole text message ([`Delivery::Messages`](crate::Delivery::Messages)). Borrowed if it lay whole in the input.
    Text(Cow<'i, str>),
    /// A whole binary message ([`Delivery::Messages`](crate::Delivery::Messages)). Borrowed if it lay whole in the input.
    Binary(Cow<'i, [u8]>),
    /// A part of a message, as much as the input held of it ([`Delivery::Chunks`](crate::Delivery::Chunks)): unmasked,
    /// decoded, and borrowed from the input unless an extension made it. Of text, all bytes so far are UTF-8 up to a
    /// last character that may be cut. Empty only if the message ends without further bytes.
    Chunk(Part, Cow<'i, [u8]>),
    /// A ping. Unless [`Replies::pong`](crate::Replies::pong) is off, the pong is owed already.
    Ping(Cow<'i, [u8]>),
    /// A pong, asked for or not.
    Pong(Cow<'i, [u8]>),
    /// A whole message or control frame of a kind that the application has defined.
    Custom(CustomKind, Cow<'i, [u8]>),
    /// The peer's Close, the last event. Unless [`Replies::close`](crate::Replies::close) is off, ours is owed already.
    Close(Box<CloseFrame>),
}

impl Event<'_> {
    /// The whole message as a value of its own, if the event is one. Copies what was borrowed from the input.
    pub fn into_message(self) -> Option<Message> {
        match self {
            Self::Text(Cow::Borrowed(text)) => Some(Message::Text(Utf8Bytes::from(text))),
            Self::Text(Cow::Owned(text)) => Some(Message::Text(Utf8Bytes::from(text))),
            Self::Binary(Cow::Borrowed(bytes)) => Some(Message::Binary(Bytes::copy_from_slice(bytes))),
            Self::Binary(Cow::Owned(bytes)) => Some(Message::Binary(Bytes::from(bytes))),
            Self::Custom(kind, bytes) => Some(Message::Custom(kind, Bytes::from(bytes.into_owned()))),
            _ => None,
        }
    }
}

impl PartialEq for Event<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Binary(a), Self::Binary(b)) => a == b,
            (Self::Chunk(a_part, a), Self::Chunk(b_part, b)) => a_part == b_part && a == b,
            (Self::Ping(a), Self::Ping(b)) | (Self::Pong(a), Self::Pong(b)) => a == b,
            (Self::Close(a), Self::Close(b)) => a == b,
            (Self::Custom(a_kind, a), Self::Custom(b_kind, b)) => a_kind == b_kind && a == b,
            _ => false,
        }
    }
}

impl Eq for Event<'_> {}

/// Shows lengths, not payloads.
impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
            Self::Chunk(part, data) => write!(f, "Chunk({part:?}, {} bytes)", data.len()),
            Self::Ping(payload) => write!(f, "Ping({} bytes)", payload.len()),
            Self::Pong(payload) => write!(f, "Pong({} bytes)", payload.len()),
            Self::Close(frame) => f.debug_tuple("Close").field(frame).finish(),
            Self::Custom(kind, payload) => write!(f, "Custom({:?}, {} bytes)", kind.opcode(), payload.len()),
        }
    }
}

/// Where a chunk stands in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Part {
    /// The kind of the message.
    pub kind: DataKind,
    /// Whether this is the first chunk of its message.
    pub first: bool,
    /// Whether the message ends with this chunk.
    pub last: bool,
}

/// A control frame that the receiving side owes, to be given to [`Sender::reply`](crate::Sender::reply).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// The answer to a ping.
    Pong(ControlPayload),
    /// A keepalive ping.
    Ping(ControlPayload),
    /// The answer to a Close, or the Close after a failure.
    Close(CloseFrame),
}
