//! Data on its way out or in: borrowed payloads, shared messages.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use ws_frame::{OpCode, Rsv};

use crate::{CustomKind, Utf8Bytes};

/// What a message holds (RFC 6455 §5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DataKind {
    /// UTF-8 text.
    Text,
    /// Arbitrary bytes.
    Binary,
    /// Bytes whose meaning the application has defined: see [`CustomKind`].
    Custom(CustomKind),
}

impl DataKind {
    pub(crate) fn opcode(self) -> OpCode {
        match self {
            Self::Text => OpCode::Text,
            Self::Binary => OpCode::Binary,
            Self::Custom(kind) => kind.opcode(),
        }
    }

    /// The reserved bits of the message's first frame, but for those of extensions.
    pub(crate) fn rsv(self) -> Rsv {
        match self {
            Self::Text | Self::Binary => Rsv::NONE,
            Self::Custom(kind) => kind.rsv(),
        }
    }
}

/// Whether a message is compressed, if an extension that compresses has been agreed on. Without one it has no effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// As the extension's settings say: usually from some length on.
    #[default]
    Auto,
    /// Whatever its length. It still leaves as it is if compressing would make it longer.
    Always,
    /// Not: right for what is compressed already, and for secrets that stand beside what an attacker can choose (their
    /// common length tells how alike they are).
    Never,
}

/// A whole message, borrowed: what sending takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Payload<'a> {
    /// UTF-8 text.
    Text(&'a str),
    /// Arbitrary bytes.
    Binary(&'a [u8]),
    /// Bytes of a kind that the application has defined.
    Custom(CustomKind, &'a [u8]),
}

impl<'a> Payload<'a> {
    /// Text, binary or custom.
    pub fn kind(self) -> DataKind {
        match self {
            Self::Text(_) => DataKind::Text,
            Self::Binary(_) => DataKind::Binary,
            Self::Custom(kind, _) => DataKind::Custom(kind),
        }
    }

    /// The bytes of any kind.
    pub fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Custom(_, bytes) => bytes,
        }
    }
}

impl<'a> From<&'a str> for Payload<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Payload<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Payload<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<&'a Message> for Payload<'a> {
    fn from(message: &'a Message) -> Self {
        message.as_payload()
    }
}

/// A whole message that owns its bytes; a clone shares them.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Message {
    /// UTF-8 text.
    Text(Utf8Bytes),
    /// Arbitrary bytes.
    Binary(Bytes),
    /// Bytes of a kind that the application has defined. It comes only on connections that have defined one.
    Custom(CustomKind, Bytes),
}

impl Message {
    /// A text message.
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(bytes.into())
    }

    /// The message, borrowed.
    pub fn as_payload(&self) -> Payload<'_> {
        match self {
            Self::Text(text) => Payload::Text(text.as_str()),
            Self::Binary(bytes) => Payload::Binary(bytes),
            Self::Custom(kind, bytes) => Payload::Custom(*kind, bytes),
        }
    }

    /// The text, if the message is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            Self::Binary(_) | Self::Custom(..) => None,
        }
    }

    /// The bytes of any kind.
    pub fn as_bytes(&self) -> &[u8] {
        self.as_payload().as_bytes()
    }

    /// The bytes of any kind, without a copy.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) | Self::Custom(_, bytes) => bytes,
        }
    }

    /// Whether this is text.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// The payload's length in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload has no bytes.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

/// Shows the kind, the length and no more than the first bytes.
impl core::fmt::Debug for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        /// Enough to recognise a message in a log, too little to fill one.
        const SHOWN: usize = 32;
        match self {
            Self::Text(text) => {
                let shown = text.char_indices().nth(SHOWN).map_or(text.len(), |(at, _)| at);
                write!(f, "Text({} bytes, {:?})", text.len(), &text[..shown])
            }
            Self::Binary(bytes) => write!(
                f,
                "Binary({} bytes, {:02x?})",
                bytes.len(),
                &bytes[..bytes.len().min(SHOWN)]
            ),
            Self::Custom(kind, bytes) => {
                let shown = &bytes[..bytes.len().min(SHOWN)];
                write!(f, "Custom({:?}, {} bytes, {shown:02x?})", kind.opcode(), bytes.len())
            }
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Utf8Bytes> for Message {
    fn from(text: Utf8Bytes) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(bytes))
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::binary(bytes)
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Payload<'_>> for Message {
    fn from(payload: Payload<'_>) -> Self {
        match payload {
            Payload::Text(text) => Self::from(text),
            Payload::Binary(bytes) => Self::from(bytes),
            Payload::Custom(kind, bytes) => Self::Custom(kind, Bytes::copy_from_slice(bytes)),
        }
    }
}
