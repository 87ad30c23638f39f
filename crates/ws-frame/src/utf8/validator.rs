//! Validation of whole slices and of text that comes in pieces (RFC 6455 section 8.1).

use core::fmt;
#[cfg(not(feature = "simdutf8"))]
use core::str::from_utf8;

// As fast as the standard library's for short slices, and faster from 64 bytes on.
#[cfg(feature = "simdutf8")]
use simdutf8::compat::from_utf8;

/// The text in `bytes`.
///
/// # Errors
///
/// When it is not UTF-8, or ends within a character.
#[inline]
pub fn validate(bytes: &[u8]) -> Result<&str, InvalidUtf8> {
    from_utf8(bytes).map_err(|error| InvalidUtf8::at(error.valid_up_to()))
}

/// Validates text that comes in pieces, split at any byte.
///
/// It fails at the first byte that no continuation can make valid, wherever the pieces end: after
/// `ED`, which begins a character, the byte `A0` fails at once, as it would begin a surrogate.
///
/// ```
/// use ws_frame::utf8::Validator;
///
/// let mut validator = Validator::default();
/// validator.push(&[b'a', 0xE2, 0x82])?;
/// assert!(!validator.is_complete());
/// validator.push(&[0xAC])?; // the euro sign is whole
/// validator.finish()?;
/// assert!(validator.push(&[0xC0]).is_err());
/// # Ok::<(), ws_frame::utf8::InvalidUtf8>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Validator {
    /// The begun character's bytes.
    pending: [u8; MAX_PENDING],
    /// How many of them there are, or `BROKEN`.
    len: u8,
}

impl Validator {
    /// Goes on with `bytes`.
    ///
    /// # Errors
    ///
    /// When a byte can't be part of valid UTF-8. Every further call fails too, until
    /// [`reset`](Self::reset).
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        let mut start = 0;
        if self.len != 0 {
            start = self.push_pending(bytes)?;
        }
        match scan(&bytes[start..]) {
            Scan::Whole => Ok(()),
            Scan::Begun(valid) => {
                let begun = &bytes[start + valid..];
                self.pending[..begun.len()].copy_from_slice(begun);
                self.len = begun.len() as u8;
                Ok(())
            }
            Scan::Bad(valid) => Err(self.fail(start + valid)),
        }
    }

    /// Whether the text so far ends with a whole character, or is empty.
    #[must_use]
    #[inline]
    pub const fn is_complete(&self) -> bool {
        self.len == 0
    }

    /// Ends the text; the validator is then ready for the next one.
    ///
    /// # Errors
    ///
    /// When the text ends within a character, or was invalid before.
    #[inline]
    pub fn finish(&mut self) -> Result<(), InvalidUtf8> {
        let complete = self.is_complete();
        self.reset();
        if complete { Ok(()) } else { Err(InvalidUtf8::at(0)) }
    }

    /// Forgets the text so far.
    #[inline]
    pub const fn reset(&mut self) {
        self.len = 0;
    }

    /// Completes the begun character and says how many bytes it took.
    #[cold]
    fn push_pending(&mut self, bytes: &[u8]) -> Result<usize, InvalidUtf8> {
        let mut len = usize::from(self.len);
        if self.len == BROKEN {
            return Err(InvalidUtf8::at(0));
        }
        let mut character = [0; MAX_PENDING + 1];
        character[..len].copy_from_slice(&self.pending[..len]);
        for (index, &byte) in bytes.iter().enumerate() {
            character[len] = byte;
            len += 1;
            match scan(&character[..len]) {
                Scan::Whole => {
                    self.len = 0;
                    return Ok(index + 1);
                }
                Scan::Begun(_) => {
                    self.pending.copy_from_slice(&character[..MAX_PENDING]);
                    self.len = len as u8;
                }
                Scan::Bad(_) => return Err(self.fail(0)),
            }
        }
        Ok(bytes.len())
    }

    #[cold]
    const fn fail(&mut self, valid_up_to: usize) -> InvalidUtf8 {
        self.len = BROKEN;
        InvalidUtf8::at(valid_up_to)
    }
}

/// Bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InvalidUtf8 {
    valid_up_to: usize,
}

impl InvalidUtf8 {
    /// How many bytes, of those given to the call that failed, are whole valid characters before
    /// the broken one; 0 if that began in an earlier call.
    #[must_use]
    pub const fn valid_up_to(&self) -> usize {
        self.valid_up_to
    }

    pub(super) const fn at(valid_up_to: usize) -> Self {
        Self { valid_up_to }
    }
}

impl fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid UTF-8 after {} valid bytes", self.valid_up_to)
    }
}

impl core::error::Error for InvalidUtf8 {}

/// What a slice that may end anywhere turned out to be.
pub(super) enum Scan {
    /// Whole characters.
    Whole,
    /// So many bytes of whole characters, then the beginning of one.
    Begun(usize),
    /// So many bytes of whole characters, then none.
    Bad(usize),
}

/// Scans a slice that may end anywhere.
#[inline]
pub(super) fn scan(bytes: &[u8]) -> Scan {
    match from_utf8(bytes) {
        Ok(_) => Scan::Whole,
        Err(error) if error.error_len().is_none() => Scan::Begun(error.valid_up_to()),
        Err(error) => Scan::Bad(error.valid_up_to()),
    }
}

/// The longest beginning of a character that is not yet one.
const MAX_PENDING: usize = 3;
/// In place of a count of pending bytes: the text is invalid.
const BROKEN: u8 = u8::MAX;
