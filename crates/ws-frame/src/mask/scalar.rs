//! Masking by words of eight bytes, unrolled to where a compiler makes vectors of it.

use core::mem::MaybeUninit;

use super::MaskKey;

/// Masks `data` in place.
#[inline(always)]
pub(super) fn in_place(key: MaskKey, data: &mut [u8]) {
    for (index, byte) in data.iter_mut().enumerate() {
        *byte ^= key.0[index % 4];
    }
}

/// Masks `src` into `dst`, which are of one length.
#[inline(always)]
pub(super) fn copy(key: MaskKey, src: &[u8], dst: &mut [MaybeUninit<u8>]) {
    assert_eq!(src.len(), dst.len());
    for (index, (from, to)) in src.iter().zip(dst).enumerate() {
        to.write(from ^ key.0[index % 4]);
    }
}
