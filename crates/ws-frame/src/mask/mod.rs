//! Masking (RFC 6455 section 5.3): in place, while copying, and from any phase of the key.

mod scalar;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod x86_64;

use core::mem::MaybeUninit;

/// The four bytes that a payload is XORed with, over and over.
///
/// Masking and unmasking are the same. Where a payload comes in pieces, each but the first goes
/// on with a [`rotated`](Self::rotated) key:
///
/// ```
/// use ws_frame::MaskKey;
///
/// let key = MaskKey::new([0x37, 0xfa, 0x21, 0x3d]);
/// let mut whole = *b"Hello";
/// key.apply(&mut whole);
///
/// let mut parts = *b"Hello";
/// let (left, right) = parts.split_at_mut(3);
/// key.apply(left);
/// key.rotated(left.len()).apply(right);
/// assert_eq!(parts, whole);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaskKey([u8; 4]);

impl MaskKey {
    /// The key as it stands in the header.
    #[must_use]
    #[inline]
    pub const fn new(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The key as it stands in the header.
    #[must_use]
    #[inline]
    pub const fn bytes(self) -> [u8; 4] {
        self.0
    }

    /// The key to go on with after `by` bytes of payload.
    #[must_use]
    #[inline]
    pub const fn rotated(self, by: usize) -> Self {
        let bits = (by % 4) as u32 * 8;
        Self(u32::from_be_bytes(self.0).rotate_left(bits).to_be_bytes())
    }

    /// Masks or unmasks `data` in place.
    #[inline]
    pub fn apply(self, data: &mut [u8]) {
        if data.len() < VECTOR_MIN {
            scalar::in_place(self, data);
        } else {
            self.apply_long(data);
        }
    }

    /// Masks or unmasks `src` into `dst`.
    ///
    /// # Panics
    ///
    /// When the two differ in length.
    #[inline]
    pub fn apply_to(self, src: &[u8], dst: &mut [u8]) {
        // SAFETY: `MaybeUninit<u8>` has the layout of `u8`, and `copy` writes only initialised
        // bytes, so `dst` holds none but those afterwards too.
        let dst = unsafe { &mut *(core::ptr::from_mut(dst) as *mut [MaybeUninit<u8>]) };
        self.copy(src, dst);
    }

    /// Appends `src`, masked or unmasked, to `out`: one pass does both.
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn append_masked(self, src: &[u8], out: &mut alloc::vec::Vec<u8>) {
        out.reserve(src.len());
        let len = out.len() + src.len();
        self.copy(src, &mut out.spare_capacity_mut()[..src.len()]);
        // SAFETY: `copy` has initialised the `src.len()` bytes behind the old length, which
        // `reserve` has made sure are within the capacity.
        unsafe { out.set_len(len) };
    }

    #[inline(never)]
    fn apply_long(self, data: &mut [u8]) {
        let at = data.as_ptr().align_offset(VECTOR_ALIGN).min(data.len());
        let (head, rest) = data.split_at_mut(at);
        scalar::in_place(self, head);
        (best().in_place)(self.rotated(at), rest);
    }

    /// Writes every byte of `dst`, and only with initialised ones; panics when lengths differ.
    #[inline]
    fn copy(self, src: &[u8], dst: &mut [MaybeUninit<u8>]) {
        assert_eq!(src.len(), dst.len(), "source and destination differ in length");
        if src.len() < VECTOR_MIN {
            scalar::copy(self, src, dst);
        } else {
            self.copy_long(src, dst);
        }
    }

    /// Aligns the destination: a store across two cache lines costs more than such a load.
    #[inline(never)]
    fn copy_long(self, src: &[u8], dst: &mut [MaybeUninit<u8>]) {
        let at = dst.as_ptr().align_offset(VECTOR_ALIGN).min(dst.len());
        let (head, rest) = dst.split_at_mut(at);
        scalar::copy(self, &src[..at], head);
        (best().copy)(self.rotated(at), &src[at..], rest);
    }
}

/// One way to do it. All of them do the same for any length, alignment and key; the lengths given
/// to `copy` are equal, and every byte of its destination is written.
struct Backend {
    #[cfg_attr(not(test), expect(dead_code, reason = "names what a test failed with"))]
    name: &'static str,
    available: fn() -> bool,
    in_place: fn(MaskKey, &mut [u8]),
    copy: fn(MaskKey, &[u8], &mut [MaybeUninit<u8>]),
}

/// The first that this machine has.
fn best() -> &'static Backend {
    let found = BACKENDS.iter().find(|backend| (backend.available)());
    found.unwrap_or(&SCALAR)
}

/// All backends, best first. Tests hold each to the same oracle.
const BACKENDS: &[Backend] = &[
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    x86_64::AVX2,
    SCALAR,
];

/// Works everywhere, and with whatever instructions the build allows.
const SCALAR: Backend = Backend {
    name: "scalar",
    available: || true,
    in_place: scalar::in_place,
    copy: scalar::copy,
};

/// From this length on, wide vectors and their alignment are worth a call that can't be inlined;
/// below it, measured, they gain nothing.
const VECTOR_MIN: usize = 512;
/// Where long payloads are cut so that no vector lies across two cache lines.
const VECTOR_ALIGN: usize = 32;

#[cfg(test)]
mod tests;
