//! Close codes and the body of a Close frame (RFC 6455 sections 5.5.1 and 7.4).

use core::fmt;
use core::str;

use crate::ControlPayload;

/// Why a connection ends, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// A server shuts down or a page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The peer sent a kind of data that can't be taken.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// Stands for a Close frame without a code; never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// Stands for an end without a Close frame; never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// A message did not fit its type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// A message broke a rule that no other code names.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message was too big.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// A client needs an extension that the server did not agree to.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// A server met a condition it did not expect.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// A server restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// A server is overloaded.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// A gateway got no usable answer from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);
    /// Stands for a failed TLS handshake; never sent.
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// Any number as a code; see [`is_sendable`](Self::is_sendable) for which may be sent.
    #[must_use]
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The code as a number.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Whether the code may stand in a Close frame: those that RFC 6455 section 7.4.1 and its
    /// registry define for that, and the ranges for libraries (3000) and applications (4000).
    #[must_use]
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// What the code means, in a few words.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self.0 {
            1000 => "normal closure",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1005 => "no status received",
            1006 => "abnormal closure",
            1007 => "invalid payload data",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "mandatory extension",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            1015 => "TLS handshake failure",
            0..=999 | 5000.. => "out of range",
            3000..=3999 => "registered",
            4000..=4999 => "private use",
            _ => "reserved",
        }
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.description())
    }
}

/// The body of a Close frame: nothing, or a code and a reason.
///
/// What is held is always fit to be sent.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct CloseFrame {
    /// Empty, or two bytes of a sendable code and a reason in UTF-8.
    payload: ControlPayload,
}

impl CloseFrame {
    /// A Close frame without code and reason.
    pub const EMPTY: Self = Self {
        payload: ControlPayload::EMPTY,
    };

    /// The longest reason in bytes: what a control frame holds beside the code.
    pub const MAX_REASON_LEN: usize = ControlPayload::MAX_LEN - CODE_SIZE;

    /// A Close frame with a code and a reason, which may be empty.
    ///
    /// # Errors
    ///
    /// [`CloseError::InvalidCode`] when the code must not be sent, [`CloseError::ReasonTooLong`]
    /// when the reason has more than 123 bytes.
    pub fn new(code: CloseCode, reason: &str) -> Result<Self, CloseError> {
        if !code.is_sendable() {
            return Err(CloseError::InvalidCode(code));
        }
        if reason.len() > Self::MAX_REASON_LEN {
            return Err(CloseError::ReasonTooLong);
        }
        let mut bytes = [0; ControlPayload::MAX_LEN];
        let len = CODE_SIZE + reason.len();
        bytes[..CODE_SIZE].copy_from_slice(&code.0.to_be_bytes());
        bytes[CODE_SIZE..len].copy_from_slice(reason.as_bytes());
        let payload = ControlPayload::new(&bytes[..len]).map_err(|_| CloseError::ReasonTooLong)?;
        Ok(Self { payload })
    }

    /// As [`new`](Self::new), but a reason of more than 123 bytes is cut to the characters that
    /// fit whole.
    ///
    /// # Errors
    ///
    /// [`CloseError::InvalidCode`] when the code must not be sent.
    pub fn truncated(code: CloseCode, reason: &str) -> Result<Self, CloseError> {
        let mut end = reason.len().min(Self::MAX_REASON_LEN);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self::new(code, &reason[..end])
    }

    /// Reads the payload of a received Close frame, unmasked.
    ///
    /// # Errors
    ///
    /// What RFC 6455 forbids there; see [`CloseError`].
    pub fn parse(payload: &[u8]) -> Result<Self, CloseError> {
        let (code, reason) = match payload {
            [] => return Ok(Self::EMPTY),
            [_] => return Err(CloseError::Truncated),
            [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        };
        if reason.len() > Self::MAX_REASON_LEN {
            return Err(CloseError::ReasonTooLong);
        }
        let code = CloseCode(code);
        if !code.is_sendable() {
            return Err(CloseError::InvalidCode(code));
        }
        let reason = str::from_utf8(reason).map_err(|_| CloseError::ReasonNotUtf8)?;
        Self::new(code, reason)
    }

    /// The code, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<CloseCode> {
        let code = self.payload.first_chunk::<CODE_SIZE>()?;
        Some(CloseCode(u16::from_be_bytes(*code)))
    }

    /// The reason; empty when there is none.
    #[must_use]
    pub fn reason(&self) -> &str {
        let reason = self.payload.get(CODE_SIZE..).unwrap_or_default();
        // Every constructor took it from a `str`, so the fallback is never used.
        str::from_utf8(reason).unwrap_or_default()
    }

    /// The payload to be sent, 0 to 125 bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl fmt::Debug for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloseFrame")
            .field("code", &self.code())
            .field("reason", &self.reason())
            .finish()
    }
}

/// Why a Close frame's body is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseError {
    /// A single byte, which is half a code (RFC 6455 section 5.5.1).
    Truncated,
    /// A code that must not be sent (RFC 6455 section 7.4).
    InvalidCode(CloseCode),
    /// The reason is not UTF-8 (RFC 6455 section 5.5.1).
    ReasonNotUtf8,
    /// The reason has more than 123 bytes (RFC 6455 section 5.5).
    ReasonTooLong,
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("close payload is a single byte"),
            Self::InvalidCode(code) => write!(f, "close code {code} must not be sent"),
            Self::ReasonNotUtf8 => f.write_str("close reason is not UTF-8"),
            Self::ReasonTooLong => f.write_str("close reason is longer than 123 bytes"),
        }
    }
}

impl core::error::Error for CloseError {}

const CODE_SIZE: usize = 2;
