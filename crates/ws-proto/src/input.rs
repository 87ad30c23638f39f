//! The caller's input buffer, as events are taken from it.

use core::fmt;
use core::mem;

/// The unread part of a buffer that the caller filled from its transport.
///
/// Payloads are unmasked where they lie and handed out as slices of the same buffer, so events borrow the buffer and
/// never the connection: replying through the connection while holding a payload just compiles.
///
/// Bytes are taken off the front as events are taken. [`len`](Self::len) tells how many are left, so a caller that
/// stops in the middle knows from where to go on.
pub struct Input<'i> {
    rest: &'i mut [u8],
}

impl<'i> Input<'i> {
    /// Wraps the bytes that were read.
    pub fn new(bytes: &'i mut [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes have not been taken yet.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether all bytes have been taken.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Gives the bytes back that have not been taken.
    pub fn into_rest(self) -> &'i mut [u8] {
        self.rest
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.rest
    }

    /// The first `count` bytes, which stay.
    pub(crate) fn front_mut(&mut self, count: usize) -> &mut [u8] {
        &mut self.rest[..count]
    }

    /// Takes the first `count` bytes.
    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> &'i mut [u8] {
        let (taken, rest) = mem::take(&mut self.rest).split_at_mut(count);
        self.rest = rest;
        taken
    }

    pub(crate) fn clear(&mut self) {
        self.rest = &mut [];
    }
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("len", &self.len()).finish()
    }
}
