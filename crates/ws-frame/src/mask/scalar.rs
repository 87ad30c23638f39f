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
    let last = masked(last, wide(key.rotated(len - WORD)));

    let mut at = 0;
    while let Some(block) = data[at..].first_chunk_mut::<BLOCK>() {
        *block = masked(block, word_key);
        at += BLOCK;
    }
    while let Some(word) = data[at..].first_chunk_mut::<WORD>() {
        *word = masked(word, word_key);
        at += WORD;
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

    let mut at = 0;
    while let (Some(block), Some(room)) = (src[at..].first_chunk::<BLOCK>(), dst[at..].first_chunk_mut()) {
        *room = masked(block, word_key).map(MaybeUninit::new);
        at += BLOCK;
    }
    while let (Some(word), Some(room)) = (src[at..].first_chunk::<WORD>(), dst[at..].first_chunk_mut()) {
        *room = masked(word, word_key).map(MaybeUninit::new);
        at += WORD;
    }
    let last = masked(last, wide(key.rotated(len - WORD)));
    dst[len - WORD..].copy_from_slice(&last.map(MaybeUninit::new));
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
/// what lets a compiler take several at once; plain indices, since iterators over chunks are not
/// always inlined where this is.
#[inline(always)]
fn masked<const N: usize>(bytes: &[u8; N], word_key: u64) -> [u8; N] {
    let mut masked = [0; N];
    for at in (0..N).step_by(WORD) {
        let mut word = [0; WORD];
        word.copy_from_slice(&bytes[at..at + WORD]);
        masked[at..at + WORD].copy_from_slice(&(u64::from_ne_bytes(word) ^ word_key).to_ne_bytes());
    }
    masked
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
