//! A growing buffer that knows how much of it is checked text.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str;

#[cfg(feature = "bytes")]
use bytes::{BufMut, buf::UninitSlice};

use super::InvalidUtf8;
use super::validator::{Scan, scan};
use crate::MaskKey;

/// A growing buffer that knows how much of it is checked UTF-8.
///
/// It is filled by copying ([`extend_from_slice`](Self::extend_from_slice)) or by reading straight
/// into it ([`spare`](Self::spare), then [`commit`](Self::commit)), unmasked in place
/// ([`tail_mut`](Self::tail_mut)), checked as it grows ([`check`](Self::check)), and becomes a
/// `String` in the end without being looked at again.
///
/// ```
/// use ws_frame::utf8::Utf8Buf;
///
/// let mut text = Utf8Buf::new();
/// text.extend_from_slice(&[b'a', 0xE2, 0x82]);
/// text.check()?; // a character begun is no error yet
/// assert_eq!(text.checked(), "a");
/// text.extend_from_slice(&[0xAC]);
/// text.check()?;
/// assert_eq!(text.into_string().as_deref(), Ok("a€"));
/// # Ok::<(), ws_frame::utf8::InvalidUtf8>(())
/// ```
#[derive(Clone, Default)]
pub struct Utf8Buf {
    /// All initialised bytes; those from `filled` on are room, kept so as not to be zeroed again.
    bytes: Vec<u8>,
    /// How many bytes hold content; never more than there are.
    filled: usize,
    /// How many bytes of the content are known to be UTF-8; they are never written again.
    checked: usize,
}

impl Utf8Buf {
    /// An empty buffer, which has allocated nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            filled: 0,
            checked: 0,
        }
    }

    /// How many bytes of content there are.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.filled
    }

    /// Whether there is no content.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// The content, checked or not.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// How many bytes of content fit without allocating.
    #[must_use]
    #[inline]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Makes room for exactly `additional` bytes behind the content, unless it is there.
    ///
    /// # Panics
    ///
    /// When the capacity would exceed `isize::MAX` bytes.
    pub fn reserve_exact(&mut self, additional: usize) {
        let missing = additional.saturating_sub(self.bytes.len() - self.filled);
        self.bytes.reserve_exact(missing);
    }

    /// Appends content.
    #[inline]
    pub fn extend_from_slice(&mut self, content: &[u8]) {
        let room = self.bytes.len() - self.filled;
        let (over, beyond) = content.split_at(content.len().min(room));
        self.bytes[self.filled..self.filled + over.len()].copy_from_slice(over);
        self.bytes.extend_from_slice(beyond);
        self.filled += content.len();
    }

    /// Appends content that is masked, unmasked on its way.
    #[inline]
    pub fn extend_masked(&mut self, key: MaskKey, masked: &[u8]) {
        let room = self.bytes.len() - self.filled;
        let (over, beyond) = masked.split_at(masked.len().min(room));
        key.apply_to(over, &mut self.bytes[self.filled..self.filled + over.len()]);
        key.rotated(over.len()).append_masked(beyond, &mut self.bytes);
        self.filled += masked.len();
    }

    /// Room for `n` bytes behind the content, to be written and then
    /// [committed](Self::commit). It holds zeros, or what was written there before.
    ///
    /// # Panics
    ///
    /// When the capacity would exceed `isize::MAX` bytes.
    #[inline]
    pub fn spare(&mut self, n: usize) -> &mut [u8] {
        let end = self.filled.saturating_add(n);
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.filled..end]
    }

    /// The same room for what writes to memory that holds nothing yet, which spares the zeros. What it
    /// has written is to be [committed](Self::commit), as much of it as is content.
    ///
    /// # Panics
    ///
    /// When the capacity would exceed `isize::MAX` bytes.
    #[cfg(feature = "bytes")]
    #[inline]
    pub fn spare_mut(&mut self, n: usize) -> Spare<'_> {
        self.bytes.truncate(self.filled);
        self.bytes.reserve(n);
        let end = self.filled + n;
        Spare {
            bytes: &mut self.bytes,
            end,
        }
    }

    /// Makes the next `n` bytes of [spare](Self::spare) room content.
    ///
    /// # Panics
    ///
    /// When there are not so many.
    #[inline]
    pub fn commit(&mut self, n: usize) {
        assert!(
            n <= self.bytes.len() - self.filled,
            "committed more than the spare room"
        );
        self.filled += n;
    }

    /// The last `n` bytes of content, to be unmasked in place.
    ///
    /// # Panics
    ///
    /// When there are not so many that are not yet checked.
    #[inline]
    pub fn tail_mut(&mut self, n: usize) -> &mut [u8] {
        assert!(n <= self.filled - self.checked, "the tail reaches into checked text");
        &mut self.bytes[self.filled - n..self.filled]
    }

    /// Checks what is not yet checked, up to the last whole character. A character begun at the
    /// end is no error.
    ///
    /// # Errors
    ///
    /// At the first byte that no continuation can make valid. The error counts from the start of
    /// the content; what is valid before it counts as checked.
    #[inline]
    pub fn check(&mut self) -> Result<(), InvalidUtf8> {
        let fresh = &self.bytes[self.checked..self.filled];
        let (valid, bad) = match scan(fresh) {
            Scan::Whole => (fresh.len(), false),
            Scan::Begun(valid) => (valid, false),
            Scan::Bad(valid) => (valid, true),
        };
        self.checked += valid;
        if bad {
            Err(InvalidUtf8::at(self.checked))
        } else {
            Ok(())
        }
    }

    /// The text checked so far.
    #[must_use]
    #[inline]
    pub fn checked(&self) -> &str {
        // SAFETY: `check` alone advances `checked`, over bytes it found to be whole characters;
        // all writes go to bytes from `filled` on, or in `tail_mut` from `checked` on; and
        // `clear` sets `checked` to 0 before any byte below can be written.
        unsafe { str::from_utf8_unchecked(&self.bytes[..self.checked]) }
    }

    /// The content as text, without a second look.
    ///
    /// # Errors
    ///
    /// The content as bytes, when not all of it is checked.
    pub fn into_string(self) -> Result<String, Vec<u8>> {
        let whole = self.checked == self.filled;
        let bytes = self.into_vec();
        if whole {
            // SAFETY: all of `bytes` was checked; see `checked`.
            Ok(unsafe { String::from_utf8_unchecked(bytes) })
        } else {
            Err(bytes)
        }
    }

    /// The content as bytes.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<u8> {
        self.bytes.truncate(self.filled);
        self.bytes
    }

    /// Forgets the content and keeps the room.
    pub const fn clear(&mut self) {
        self.filled = 0;
        self.checked = 0;
    }
}

/// Room behind the content of a [`Utf8Buf`]: see [`spare_mut`](Utf8Buf::spare_mut).
#[cfg(feature = "bytes")]
pub struct Spare<'b> {
    /// Those of the buffer: its content, and what has been written behind it.
    bytes: &'b mut Vec<u8>,
    /// Where the room ends; never beyond the capacity.
    end: usize,
}

// SAFETY: `chunk_mut` is the vector's own memory behind its initialised bytes, `remaining_mut` bytes
// long: `end` was within the capacity when `spare_mut` had reserved it, and the vector, which is
// borrowed, can't have moved or shrunk since.
#[cfg(feature = "bytes")]
unsafe impl BufMut for Spare<'_> {
    #[inline]
    fn remaining_mut(&self) -> usize {
        self.end - self.bytes.len()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, count: usize) {
        assert!(count <= self.remaining_mut(), "advanced beyond the spare room");
        // SAFETY: the caller has initialised the next `count` bytes of `chunk_mut`, which lie behind
        // the vector's and, as was compared, within `end` and so within its capacity.
        unsafe { self.bytes.set_len(self.bytes.len() + count) };
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        let room = self.remaining_mut();
        UninitSlice::uninit(&mut self.bytes.spare_capacity_mut()[..room])
    }
}

#[cfg(feature = "bytes")]
impl fmt::Debug for Spare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spare({} bytes)", self.remaining_mut())
    }
}

impl fmt::Debug for Utf8Buf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Utf8Buf")
            .field("len", &self.filled)
            .field("checked", &self.checked)
            .field("capacity", &self.capacity())
            .finish()
    }
}
