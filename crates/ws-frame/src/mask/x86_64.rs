//! Masking with vectors that the machine is only known to have at run time.
//!
//! The body is the scalar one: compiled for AVX2 it reaches the speed of memory.

use core::mem::MaybeUninit;
use std::is_x86_feature_detected;

use super::{Backend, MaskKey, scalar};

/// Vectors of 32 bytes.
pub(super) const AVX2: Backend = Backend {
    name: "avx2",
    available: || is_x86_feature_detected!("avx2"),
    in_place,
    copy,
};

fn in_place(key: MaskKey, data: &mut [u8]) {
    debug_assert!((AVX2.available)());
    // SAFETY: this backend is used only where `available` found AVX2.
    unsafe { in_place_avx2(key, data) }
}

fn copy(key: MaskKey, src: &[u8], dst: &mut [MaybeUninit<u8>]) {
    debug_assert!((AVX2.available)());
    // SAFETY: as above.
    unsafe { copy_avx2(key, src, dst) }
}

#[target_feature(enable = "avx2")]
unsafe fn in_place_avx2(key: MaskKey, data: &mut [u8]) {
    scalar::in_place(key, data);
}

#[target_feature(enable = "avx2")]
unsafe fn copy_avx2(key: MaskKey, src: &[u8], dst: &mut [MaybeUninit<u8>]) {
    scalar::copy(key, src, dst);
}
