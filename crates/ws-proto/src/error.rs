//! Errors, grouped by whose fault they are.

use core::error::Error;
use core::fmt;

use ws_frame::{CloseCode, CloseError, HeaderError};

use crate::extension::DecodeError;

/// What the peer did against the protocol or our limits.
///
/// [`close_code`](Self::close_code) is the one place where such a fault becomes a code on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A frame header that can't be valid on its own (RFC 6455 §5.2, §5.5).
    Header(HeaderError),
    /// A reserved bit was set that neither an extension nor [`reserved_bits`](crate::Config::reserved_bits) gives a
    /// meaning on this frame (§5.2).
    ReservedBits,
    /// An opcode without a meaning: one of 3 to 7 or 11 to 15 that is not registered in
    /// [`opcodes`](crate::Config::opcodes) (§5.2).
    ReservedOpcode(u8),
    /// A client sent a frame without a mask (§5.1).
    Unmasked,
    /// A server sent a frame with a mask (§5.1).
    Masked,
    /// A continuation frame outside of any message (§5.4).
    UnexpectedContinuation,
    /// A new message began inside a fragmented one (§5.4).
    InterleavedMessage,
    /// A Close frame whose payload is one byte, a forbidden code, or a reason that is not UTF-8 (§5.5.1, §7.4).
    Close(CloseError),
    /// Text that is not UTF-8 (§8.1).
    InvalidUtf8,
    /// A frame longer than [`max_frame`](crate::Limits::max_frame).
    FrameTooBig,
    /// A message longer than [`max_message`](crate::Limits::max_message).
    MessageTooBig,
    /// More frames in a message than [`max_fragments`](crate::Limits::max_fragments).
    TooManyFragments,
    /// More frames without payload than [`max_empty_fragments`](crate::Limits::max_empty_fragments).
    TooManyEmptyFragments,
    /// An extension could not decode a message.
    Extension(DecodeError),
}

impl ProtocolError {
    /// The code that tells the peer (§7.4.1).
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::Header(_)
            | Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::Unmasked
            | Self::Masked
            | Self::UnexpectedContinuation
            | Self::InterleavedMessage => CloseCode::PROTOCOL_ERROR,
            Self::Close(CloseError::ReasonNotUtf8) | Self::InvalidUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::Close(_) => CloseCode::PROTOCOL_ERROR,
            Self::FrameTooBig | Self::MessageTooBig => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments | Self::TooManyEmptyFragments => CloseCode::POLICY_VIOLATION,
            Self::Extension(DecodeError::Malformed) => CloseCode::INVALID_PAYLOAD,
            Self::Extension(DecodeError::ExpandsTooMuch) => CloseCode::MESSAGE_TOO_BIG,
            Self::Extension(DecodeError::NotAllowed) => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The reason that goes with the code: fixed words, nothing of the peer's or the application's.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Header(HeaderError::NonMinimalLength) => "length not in its shortest form",
            Self::Header(HeaderError::LengthTopBit) => "length with its top bit set",
            Self::Header(HeaderError::FragmentedControl) => "fragmented control frame",
            Self::Header(HeaderError::OversizedControl) => "control frame over 125 bytes",
            Self::Header(_) => "bad frame header",
            Self::ReservedBits => "reserved bit set",
            Self::ReservedOpcode(_) => "reserved opcode",
            Self::Unmasked => "client frame without a mask",
            Self::Masked => "server frame with a mask",
            Self::UnexpectedContinuation => "continuation outside of a message",
            Self::InterleavedMessage => "message inside a fragmented message",
            Self::Close(CloseError::InvalidCode(_)) => "close code not allowed",
            Self::Close(CloseError::ReasonNotUtf8) => "close reason is not UTF-8",
            Self::Close(_) => "bad close payload",
            Self::InvalidUtf8 => "text is not UTF-8",
            Self::FrameTooBig => "frame too big",
            Self::MessageTooBig => "message too big",
            Self::TooManyFragments => "too many fragments",
            Self::TooManyEmptyFragments => "too many empty fragments",
            Self::Extension(DecodeError::Malformed) => "encoded payload is damaged",
            Self::Extension(DecodeError::ExpandsTooMuch) => "encoded payload expands too much",
            Self::Extension(DecodeError::NotAllowed) => "frame not allowed by an extension",
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer broke the protocol: {}", self.reason())?;
        match self {
            Self::ReservedOpcode(opcode) => write!(f, " {opcode}"),
            Self::Close(CloseError::InvalidCode(code)) => write!(f, ": {}", code.as_u16()),
            _ => Ok(()),
        }
    }
}

impl Error for ProtocolError {}

impl From<HeaderError> for ProtocolError {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<DecodeError> for ProtocolError {
    fn from(error: DecodeError) -> Self {
        Self::Extension(error)
    }
}

impl From<CloseError> for ProtocolError {
    fn from(error: CloseError) -> Self {
        Self::Close(error)
    }
}

/// What the caller asked for that must not be sent. Nothing was written or queued, and the connection is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// Our Close has been sent or is about to be; nothing may follow it (RFC 6455 §5.5.1).
    Closed,
    /// The queue holds [`output_high_water`](crate::Limits::output_high_water) bytes: the peer reads too slowly.
    /// Try again when some have been written.
    QueueFull,
    /// A message was to start, or a fragment of the other kind, while a fragmented message is open (§5.4).
    FragmentOpen,
    /// Fragments of a text message that do not make UTF-8 (§5.6).
    InvalidUtf8,
    /// A ping, a pong or a custom control frame of more than 125 bytes (§5.5).
    ControlTooLong,
    /// A custom opcode that is not registered in [`opcodes`](crate::Config::opcodes), or a control frame as a fragment.
    Opcode(u8),
    /// A reserved bit that [`reserved_bits`](crate::Config::reserved_bits) does not allow, or that an extension uses.
    ReservedBits,
    /// A code that must not stand on the wire, or a reason of more than 123 bytes (§7.4).
    Close(CloseError),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("nothing can be sent after a Close"),
            Self::QueueFull => f.write_str("the output queue is full: the peer reads too slowly"),
            Self::FragmentOpen => f.write_str("a fragmented message is still open"),
            Self::InvalidUtf8 => f.write_str("the fragments of a text message are not UTF-8"),
            Self::ControlTooLong => f.write_str("a control frame holds at most 125 bytes"),
            Self::Opcode(opcode) => write!(
                f,
                "opcode {opcode} can't be sent here: it is not registered, or a control frame"
            ),
            Self::ReservedBits => f.write_str("this reserved bit is not the application's to set"),
            Self::Close(error) => error.fmt(f),
        }
    }
}

impl Error for SendError {}

impl From<CloseError> for SendError {
    fn from(error: CloseError) -> Self {
        Self::Close(error)
    }
}

/// Which deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timeout {
    /// The peer stayed silent after a keepalive ping.
    Ping,
    /// No data came for [`idle`](crate::Timeouts::idle).
    Idle,
    /// A message was begun and not ended in time.
    Assembly,
    /// The peer did not answer our Close.
    Close,
}

impl Timeout {
    /// The code that tells the peer; `None` once our Close is already out.
    pub(crate) fn close_code(self) -> Option<(CloseCode, &'static str)> {
        match self {
            Self::Ping => Some((CloseCode::INTERNAL_ERROR, "no answer to a ping")),
            Self::Idle => Some((CloseCode::GOING_AWAY, "idle")),
            Self::Assembly => Some((CloseCode::POLICY_VIOLATION, "message took too long")),
            Self::Close => None,
        }
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ping => "the peer did not answer a ping in time",
            Self::Idle => "the connection was idle for too long",
            Self::Assembly => "the peer took too long over a message",
            Self::Close => "the peer did not answer the Close in time",
        })
    }
}

impl Error for Timeout {}

/// Why a connection ended otherwise than by the closing handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The peer broke the protocol or exceeded a limit.
    Protocol(ProtocolError),
    /// A deadline passed.
    Timeout(Timeout),
    /// The transport ended without a Close: what close code 1006 stands for (RFC 6455 §7.1.5).
    Disconnected,
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Disconnected => f.write_str("the transport ended without a Close"),
        }
    }
}

impl Error for ConnectionError {}

impl From<ProtocolError> for ConnectionError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<Timeout> for ConnectionError {
    fn from(timeout: Timeout) -> Self {
        Self::Timeout(timeout)
    }
}
