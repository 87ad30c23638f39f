//! Masking by words of eight bytes, in blocks of eight that a compiler makes vectors of.
//!
//! Neither a short payload nor the end of a long one goes byte by byte: the last word is laid
//! over the end, overlapping those before.

use core::mem::MaybeUninit;

use super::MaskKey;

/// Masks `data` in place.
#[inline(always)]
pub(super) fn in_place(key: MaskKey, data: &mut [u8]) {
    let len = data.len();
    let Some(last) = data.last_chunk::<WORD>() else {
        return in_place_short(key, data);
    };
    // Taken before the other words are written, as it shares bytes with one of them; those come
    // out the same from both.
    let last = u64::from_ne_bytes(*last) ^ wide(key.rotated(len - WORD));

    let wide = wide(key);
    let mut blocks = data.chunks_exact_mut(BLOCK);
    for block in &mut blocks {
        for word in block.chunks_exact_mut(WORD) {
            store(word, load(word) ^ wide);
        }
    }
    for word in blocks.into_remainder().chunks_exact_mut(WORD) {
        store(word, load(word) ^ wide);
    }
    store(&mut data[len - WORD..], last);
}

/// Masks `src` into `dst`, which are of one length.
#[inline(always)]
pub(super) fn copy(key: MaskKey, src: &[u8], dst: &mut [MaybeUninit<u8>]) {
    let len = src.len();
    assert_eq!(len, dst.len());
    let Some(last) = src.last_chunk::<WORD>() else {
        return copy_short(key, src, dst);
    };
    let last = u64::from_ne_bytes(*last) ^ wide(key.rotated(len - WORD));

    let wide = wide(key);
    let mut from = src.chunks_exact(BLOCK);
    let mut to = dst.chunks_exact_mut(BLOCK);
    for (from, to) in (&mut from).zip(&mut to) {
        for (from, to) in from.chunks_exact(WORD).zip(to.chunks_exact_mut(WORD)) {
            write(to, load(from) ^ wide);
        }
    }
    let from = from.remainder().chunks_exact(WORD);
    for (from, to) in from.zip(to.into_remainder().chunks_exact_mut(WORD)) {
        write(to, load(from) ^ wide);
    }
    write(&mut dst[len - WORD..], last);
}

/// For less than a word.
#[inline]
fn in_place_short(key: MaskKey, data: &mut [u8]) {
    for (byte, key) in data.iter_mut().zip(repeat(key)) {
        *byte ^= key;
    }
}

/// For less than a word.
#[inline]
fn copy_short(key: MaskKey, src: &[u8], dst: &mut [MaybeUninit<u8>]) {
    for ((from, to), key) in src.iter().zip(dst).zip(repeat(key)) {
        to.write(from ^ key);
    }
}

#[inline(always)]
fn repeat(key: MaskKey) -> impl Iterator<Item = u8> {
    key.bytes().into_iter().cycle()
}

/// The key twice, in the order of bytes that a word has in memory.
#[inline(always)]
fn wide(key: MaskKey) -> u64 {
    let [a, b, c, d] = key.bytes();
    u64::from_ne_bytes([a, b, c, d, a, b, c, d])
}

/// Loads a slice of eight bytes.
#[inline(always)]
fn load(word: &[u8]) -> u64 {
    let mut bytes = [0; WORD];
    bytes.copy_from_slice(word);
    u64::from_ne_bytes(bytes)
}

/// Overwrites a slice of eight bytes.
#[inline(always)]
fn store(to: &mut [u8], word: u64) {
    to.copy_from_slice(&word.to_ne_bytes());
}

/// Writes a slice of eight bytes.
#[inline(always)]
fn write(to: &mut [MaybeUninit<u8>], word: u64) {
    for (to, byte) in to.iter_mut().zip(word.to_ne_bytes()) {
        to.write(byte);
    }
}

const WORD: usize = size_of::<u64>();
/// Eight words: two to four vectors, enough for a loop that is not bound by its own counting.
const BLOCK: usize = 8 * WORD;
