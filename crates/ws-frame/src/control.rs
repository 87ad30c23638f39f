//! The payload of a control frame, by value.

use core::fmt;
use core::ops::Deref;

/// The payload of a control frame: at most 125 bytes (RFC 6455 section 5.5), kept in place.
#[derive(Clone, Copy)]
pub struct ControlPayload {
    len: u8,
    bytes: [u8; Self::MAX_LEN],
}

impl ControlPayload {
    /// The most bytes a control frame carries.
    pub const MAX_LEN: usize = 125;

    /// No bytes.
    pub const EMPTY: Self = Self {
        len: 0,
        bytes: [0; Self::MAX_LEN],
    };

    /// A copy of `bytes`.
    ///
    /// # Errors
    ///
    /// When there are more than 125.
    pub fn new(bytes: &[u8]) -> Result<Self, ControlTooLong> {
        let mut payload = Self::EMPTY;
        let room = payload.bytes.get_mut(..bytes.len());
        room.ok_or(ControlTooLong)?.copy_from_slice(bytes);
        payload.len = bytes.len() as u8;
        Ok(payload)
    }

    /// The bytes.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Default for ControlPayload {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Deref for ControlPayload {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for ControlPayload {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for ControlPayload {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for ControlPayload {}

impl fmt::Debug for ControlPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ControlPayload({} bytes)", self.len)
    }
}

/// More than 125 bytes for a control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ControlTooLong;

impl fmt::Display for ControlTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("control frame payload is longer than 125 bytes")
    }
}

impl core::error::Error for ControlTooLong {}
