//! Masking by words of eight bytes, and by blocks that a compiler makes vectors of.
//!
//! Neither a short payload nor the end of a long one goes byte by byte: the last word is laid
//! over the end, overlapping those before it.

use core::mem::MaybeUninit;

use super::MaskKey;

/// Masks `data` in place.
#[inline(always)]
pub(super) fn in_place(key: MaskKey, data: &mut [u8]) {
    let len = data.len();
    let word_key = wide(key);
    let Some(last) = data.last_chunk::<WORD>() else {
        return in_place_short(word_key, data);
    };
    // Taken before the other words are written, as it shares bytes with one of them; those come
    // out the same from both.
    let last: [u8; WORD] = masked(last, wide(key.rotated(len - WORD)));

    let mut blocks = data.chunks_exact_mut(BLOCK);
    for block in &mut blocks {
        let masked: [u8; BLOCK] = masked(block, word_key);
        block.copy_from_slice(&masked);
    }
    for word in blocks.into_remainder().chunks_exact_mut(WORD) {
        let masked: [u8; WORD] = masked(word, word_key);
        word.copy_from_slice(&masked);
    }
    data[len - WORD..].copy_from_slice(&last);
}

/// Masks `src` into `dst`, which are of one length.
#[inline(always)]
pub(super) fn copy(key: MaskKey, src: &[u8], dst: &mut [MaybeUninit<u8>]) {
    let len = src.len();
    assert_eq!(len, dst.len());
    let word_key = wide(key);
    let Some(last) = src.last_chunk::<WORD>() else {
        return copy_short(word_key, src, dst);
    };

    let mut from = src.chunks_exact(BLOCK);
    let mut to = dst.chunks_exact_mut(BLOCK);
    for (from, to) in (&mut from).zip(&mut to) {
        write(to, masked::<BLOCK>(from, word_key));
    }
    let from = from.remainder().chunks_exact(WORD);
    for (from, to) in from.zip(to.into_remainder().chunks_exact_mut(WORD)) {
        write(to, masked::<WORD>(from, word_key));
    }
    let last_key = wide(key.rotated(len - WORD));
    write(&mut dst[len - WORD..], masked::<WORD>(last, last_key));
}

/// For less than a word.
#[inline(always)]
fn in_place_short(word_key: u64, data: &mut [u8]) {
    for (byte, key) in data.iter_mut().zip(word_key.to_ne_bytes()) {
        *byte ^= key;
    }
}

/// For less than a word.
#[inline(always)]
fn copy_short(word_key: u64, src: &[u8], dst: &mut [MaybeUninit<u8>]) {
    for ((from, to), key) in src.iter().zip(dst).zip(word_key.to_ne_bytes()) {
        to.write(from ^ key);
    }
}

/// `N` bytes, a number of whole words, each masked. All are read before any is written, which is
/// what lets a compiler take several at once.
#[inline(always)]
fn masked<const N: usize>(bytes: &[u8], word_key: u64) -> [u8; N] {
    let mut masked = [0; N];
    for (from, to) in bytes.chunks_exact(WORD).zip(masked.chunks_exact_mut(WORD)) {
        let mut word = [0; WORD];
        word.copy_from_slice(from);
        to.copy_from_slice(&(u64::from_ne_bytes(word) ^ word_key).to_ne_bytes());
    }
    masked
}

#[inline(always)]
fn write<const N: usize>(to: &mut [MaybeUninit<u8>], bytes: [u8; N]) {
    for (to, byte) in to.iter_mut().zip(&bytes) {
        to.write(*byte);
    }
}

/// The key twice, in the order of bytes that a word has in memory.
#[inline(always)]
fn wide(key: MaskKey) -> u64 {
    let key = u64::from(u32::from_ne_bytes(key.bytes()));
    (key << 32) | key
}

const WORD: usize = size_of::<u64>();
/// Two to four vectors: enough for a loop that is not bound by its own counting.
const BLOCK: usize = 8 * WORD;
