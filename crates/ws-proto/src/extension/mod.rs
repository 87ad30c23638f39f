//! Extensions to the protocol (RFC 6455 §9): what they are, how they are agreed on, and how they compose.
//!
//! An [`Extension`] is a value in a list of [`Extensions`], [`HandshakeConfig::extensions`]. The handshake offers or
//! accepts them and tells what was [`Agreed`]; [`Connection::extend`] puts that to work. permessage-deflate (the
//! `deflate` feature) is one; an application can write its own:
//!
//! ```
//! use ws_proto::extension::{DecodeError, Decoder, Codec, Encoder, Extension, Extensions, Parameters, Progress};
//! use ws_proto::{Compression, Config, Connection, DataKind, Event, Input, Role, Rsv};
//!
//! /// Sends text in reverse, and says so with the third reserved bit.
//! #[derive(Debug)]
//! struct Reverse;
//!
//! impl Extension for Reverse {
//!     fn name(&self) -> &str { "x-reverse" }
//!     fn bits(&self) -> Rsv { Rsv::RSV3 }
//!     fn offer(&self) -> Parameters { Parameters::new() }
//!     fn accept(&self, offer: &Parameters) -> Option<Parameters> { offer.is_empty().then(Parameters::new) }
//!     fn confirm(&self, answer: &Parameters) -> bool { answer.is_empty() }
//!     fn start(&self, _: Role, _: &Parameters) -> Codec {
//!         Codec { encoder: Box::new(Reverser::default()), decoder: Box::new(Reverser::default()) }
//!     }
//! }
//!
//! /// What came so far of a message; it turns around when it ends.
//! #[derive(Default)]
//! struct Reverser(Vec<u8>);
//!
//! impl Encoder for Reverser {
//!     fn begin(&mut self, kind: DataKind, _: Compression) -> Rsv {
//!         if kind == DataKind::Text { Rsv::RSV3 } else { Rsv::NONE }
//!     }
//!     fn encode(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>) {
//!         self.0.extend_from_slice(piece);
//!         if last { out.extend(self.0.drain(..).rev()) }
//!     }
//! }
//!
//! impl Decoder for Reverser {
//!     fn begin(&mut self, _: Rsv, _: DataKind) -> Result<(), DecodeError> { Ok(()) }
//!     fn decode(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Result<Progress, DecodeError> {
//!         self.0.extend_from_slice(input);
//!         let count = if last { self.0.len().min(output.len()) } else { 0 };
//!         output[..count].fill_with(|| self.0.pop().unwrap_or_default());
//!         Ok(Progress { read: input.len(), written: count, done: !last || self.0.is_empty() })
//!     }
//! }
//!
//! let agreed = Extensions::from(Reverse).accept(["x-reverse".as_bytes()])?;
//! let (mut client, mut server) = (Connection::client(Config::default(), || *b"mask"), Connection::server(Config::default()));
//! client.extend(&agreed);
//! server.extend(&agreed);
//! let mut wire = Vec::new();
//! server.sender().message("Hello", &mut wire)?;
//! assert_eq!(wire, b"\x91\x05olleH");
//! let mut input = Input::new(&mut wire);
//! assert_eq!(client.next_event(&mut input)?, Some(Event::Text("Hello".into())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What an extension can do
//!
//! It can transform the payloads of data messages, in pieces or whole, and it marks the messages that it has transformed
//! with reserved bits of its own. Messages without such a bit never reach it, so that a connection with extensions
//! receives plain messages as fast as one without. It cannot touch control frames, which carry no extension bits here,
//! nor the splitting into frames, which is the application's.
//!
//! # Limits
//!
//! [`Limits::max_message`](crate::Limits::max_message) holds for what was decoded, while it is decoded, and nearly for
//! what came: encoding may make a message up to an eighth longer, and 16 bytes for each of its frames.
//!
//! [`Connection::extend`]: crate::Connection::extend
//! [`HandshakeConfig::extensions`]: crate::handshake::HandshakeConfig::extensions

mod agreed;
mod chain;
mod list;
mod parameters;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::TypeId;
use core::error::Error;
use core::fmt;

use ws_frame::Rsv;

pub use self::agreed::Agreed;
pub use self::list::{AnswerError, Extensions};
pub use self::parameters::{MalformedHeader, Parameters};

use crate::{Compression, DataKind, Role};

/// An extension that a connection may agree on: how it is negotiated, and how it is started once it is agreed.
///
/// One value stands for one offer; several offers of one extension, in order of preference, are several values of the
/// same name in the list.
pub trait Extension: Send + Sync + fmt::Debug {
    /// Its registered name, an HTTP token, such as `permessage-deflate`.
    fn name(&self) -> &str;

    /// The reserved bits by which it marks messages. Two extensions of one connection never share a bit: the second is
    /// not agreed on.
    fn bits(&self) -> Rsv;

    /// Client: what to offer.
    fn offer(&self) -> Parameters;

    /// Server: the answer to an offer, or `None` to decline it.
    fn accept(&self, offer: &Parameters) -> Option<Parameters>;

    /// Client: whether this is a valid answer to what [`offer`](Self::offer) gave. If none of the values of this name
    /// confirms it, the handshake fails.
    fn confirm(&self, answer: &Parameters) -> bool;

    /// The state for one connection, given the parameters that were agreed: those of the server's answer.
    fn start(&self, role: Role, agreed: &Parameters) -> Codec;
}

/// An extension at work on one connection.
pub struct Codec {
    /// For what is sent.
    pub encoder: Box<dyn Encoder>,
    /// For what is received.
    pub decoder: Box<dyn Decoder>,
}

/// Transforms messages on their way out.
pub trait Encoder: Send + Sync {
    /// A message begins, of which the pieces follow. Returns the bits that mark it, or none if it shall leave as it is;
    /// then no piece of it follows.
    fn begin(&mut self, kind: DataKind, compression: Compression) -> Rsv;

    /// Appends what the next piece of the message becomes; the last one ends it.
    fn encode(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>);

    /// Appends what a whole message becomes and returns the bits that mark it; or appends nothing and returns none, and
    /// it leaves as it is.
    fn encode_message(&mut self, kind: DataKind, message: &[u8], compression: Compression, out: &mut Vec<u8>) -> Rsv {
        let bits = self.begin(kind, compression);
        if !bits.is_empty() {
            self.encode(message, true, out);
        }
        bits
    }

    /// What is equal among encoders whose results can be exchanged, if there are such: then a
    /// [`Prepared`](crate::Prepared) message is encoded once for all of them. Default none.
    fn form(&self) -> Option<Form> {
        None
    }

    /// As [`encode_message`](Self::encode_message), for the form: the result must not depend on earlier messages.
    /// Called only if there is a form.
    fn encode_alone(&mut self, kind: DataKind, message: &[u8], compression: Compression, out: &mut Vec<u8>) -> Rsv {
        self.encode_message(kind, message, compression, out)
    }

    /// A message that an encoder of the same form has encoded alone is sent on this connection.
    fn sent_alone(&mut self) {}
}

/// Transforms messages on their way in.
pub trait Decoder: Send + Sync {
    /// A message begins whose first frame carries these bits, at least one of the extension's.
    ///
    /// # Errors
    /// The message must not carry them.
    fn begin(&mut self, bits: Rsv, kind: DataKind) -> Result<(), DecodeError>;

    /// Decodes from the front of `input` into the front of `output`, neither of which says anything about where frames
    /// end; with `last`, the message has no bytes beyond the input. It is called again, with the rest of the input and
    /// maybe more behind that, until it is [`done`](Progress::done): each call must read or write something until then.
    /// Once it has taken all input, it is given nothing more until it is done with that.
    ///
    /// # Errors
    /// The bytes can't be decoded; the connection fails. So it does if these rules are broken.
    fn decode(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Result<Progress, DecodeError>;
}

impl dyn Decoder + '_ {
    /// [`decode`](Self::decode), held to its rules: whoever breaks them could make the caller spin, or lose bytes.
    pub(crate) fn step(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Result<Progress, DecodeError> {
        let progress = self.decode(input, last, output)?;
        let fits = progress.read <= input.len() && progress.written <= output.len();
        let gets_on = if progress.done {
            progress.read == input.len()
        } else {
            progress.read > 0 || progress.written > 0
        };
        if fits && gets_on {
            Ok(progress)
        } else {
            Err(DecodeError::Malformed)
        }
    }
}

/// How far [`Decoder::decode`] came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many bytes of the input were taken.
    pub read: usize,
    /// How many bytes of the output were filled.
    pub written: usize,
    /// Whether all input is taken and all that comes of it written; of the last input, the whole rest of the message.
    pub done: bool,
}

/// Why a message could not be decoded: the peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not what the extension's encoding makes: 1007.
    Malformed,
    /// The message becomes much longer than it came: 1009.
    ExpandsTooMuch,
    /// The extension does not allow such a frame: 1002.
    NotAllowed,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the encoded payload is damaged",
            Self::ExpandsTooMuch => "the encoded payload expands too much",
            Self::NotAllowed => "the extension does not allow this frame",
        })
    }
}

impl Error for DecodeError {}

/// Names encoders whose results can be exchanged; see [`Encoder::form`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    encoder: TypeId,
    parameters: u64,
}

impl Form {
    /// The form of encoders of this type that have the same parameters.
    #[must_use]
    pub fn new<E: Encoder + 'static>(parameters: u64) -> Self {
        Self {
            encoder: TypeId::of::<E>(),
            parameters,
        }
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").finish_non_exhaustive()
    }
}
