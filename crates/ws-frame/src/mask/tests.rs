//! Every way to mask, against one oracle.

use core::mem::MaybeUninit;
use std::vec;
use std::vec::Vec;

use super::{BACKENDS, Backend, MaskKey};

/// RFC 6455 section 5.3, word for word.
fn oracle(key: MaskKey, data: &[u8]) -> Vec<u8> {
    let key = key.bytes();
    let masked = data.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]);
    masked.collect()
}

#[test]
fn every_backend_masks_any_length_at_any_alignment() {
    for backend in usable() {
        for len in (0..=300).chain(LARGE) {
            let data = sample(len);
            let masked = oracle(KEY, &data);
            for offset in offsets(len) {
                check_in_place(backend, &data, &masked, offset);
                check_copy(backend, &data, &masked, offset);
            }
        }
    }
}

#[test]
fn public_functions_mask_any_length_at_any_alignment() {
    for len in (0..=300).chain(LARGE) {
        let data = sample(len);
        let masked = oracle(KEY, &data);
        for offset in offsets(len) {
            let (mut room, at) = placed(len, offset);
            room[at..at + len].copy_from_slice(&data);
            KEY.apply(&mut room[at..at + len]);
            assert_eq!(room[at..at + len], masked, "in place, {len} at {offset}");
            assert_untouched(&room, at, len);

            let (mut room, at) = placed(len, offset);
            KEY.apply_to(&data, &mut room[at..at + len]);
            assert_eq!(room[at..at + len], masked, "copied, {len} at {offset}");
            assert_untouched(&room, at, len);
        }
    }
}

#[test]
fn a_rotated_key_goes_on_at_every_phase() {
    for len in [0, 1, 7, 8, 20, 64, 100, 511, 512, 1100] {
        let data = sample(len);
        let masked = oracle(KEY, &data);
        for at in (0..=len).filter(|at| *at < 70 || *at > len - 9) {
            let mut parts = data.clone();
            let (left, right) = parts.split_at_mut(at);
            KEY.apply(left);
            KEY.rotated(at).apply(right);
            assert_eq!(parts, masked, "{len} split at {at}");
        }
    }
    assert_eq!(KEY.rotated(1).bytes(), [0xfa, 0x21, 0x3d, 0x37]);
    assert_eq!(KEY.rotated(2).bytes(), [0x21, 0x3d, 0x37, 0xfa]);
    assert_eq!(KEY.rotated(3).bytes(), [0x3d, 0x37, 0xfa, 0x21]);
    assert_eq!(KEY.rotated(4), KEY);
    assert_eq!(KEY.rotated(usize::MAX), KEY.rotated(3));
}

#[test]
fn masking_twice_is_the_identity() {
    for len in [0, 1, 5, 8, 125, 600, 4000] {
        let data = sample(len);
        let mut twice = data.clone();
        KEY.apply(&mut twice);
        KEY.apply(&mut twice);
        assert_eq!(twice, data);
    }
}

#[test]
fn rfc_6455_section_5_7_hello() {
    let mut hello = *b"Hello";
    KEY.apply(&mut hello);
    assert_eq!(hello, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
}

#[test]
#[should_panic(expected = "differ in length")]
fn a_shorter_destination_panics() {
    KEY.apply_to(&[1, 2, 3], &mut [0; 2]);
}

#[test]
#[should_panic(expected = "differ in length")]
fn a_longer_destination_panics() {
    KEY.apply_to(&[1; 2000], &mut [0; 2001]);
}

#[cfg(feature = "alloc")]
#[test]
fn append_masked_keeps_what_is_there() {
    for before in [0, 1, 13] {
        for len in (0..=100).chain(LARGE) {
            let data = sample(len);
            let mut out = vec![FILL; before];
            KEY.append_masked(&data, &mut out);
            assert_eq!(out[..before], vec![FILL; before]);
            assert_eq!(out[before..], oracle(KEY, &data), "{len} after {before}");
        }
    }
}

/// So that a run without the machine's vectors is seen, not only survived.
#[cfg(all(feature = "std", target_arch = "x86_64", not(miri)))]
#[test]
fn the_best_backend_is_what_the_machine_has() {
    let expected = if std::is_x86_feature_detected!("avx2") {
        "avx2"
    } else {
        "scalar"
    };
    assert_eq!(super::best().name, expected);
}

fn check_in_place(backend: &Backend, data: &[u8], masked: &[u8], offset: usize) {
    let len = data.len();
    let (mut room, at) = placed(len, offset);
    room[at..at + len].copy_from_slice(data);
    (backend.in_place)(KEY, &mut room[at..at + len]);
    let name = backend.name;
    assert_eq!(room[at..at + len], *masked, "{name}, {len} at {offset}");
    assert_untouched(&room, at, len);
}

/// The source lies at another alignment than the destination.
fn check_copy(backend: &Backend, data: &[u8], masked: &[u8], offset: usize) {
    let len = data.len();
    let (mut source, from) = placed(len, offset * 7 % 64);
    source[from..from + len].copy_from_slice(data);
    let mut room = vec![MaybeUninit::new(FILL); len + 128];
    let at = room.as_ptr().align_offset(64) + offset;
    (backend.copy)(KEY, &source[from..from + len], &mut room[at..at + len]);
    // SAFETY: all bytes were initialised before, and `copy` writes none but initialised ones.
    let room: Vec<u8> = room.iter().map(|b| unsafe { b.assume_init() }).collect();
    let name = backend.name;
    assert_eq!(room[at..at + len], *masked, "{name}, {len} copied to {offset}");
    assert_untouched(&room, at, len);
}

fn usable() -> impl Iterator<Item = &'static Backend> {
    BACKENDS.iter().filter(|backend| (backend.available)())
}

/// Room for `len` bytes at that offset from an aligned address, filled.
fn placed(len: usize, offset: usize) -> (Vec<u8>, usize) {
    let room = vec![FILL; len + 128];
    let at = room.as_ptr().align_offset(64) + offset;
    (room, at)
}

fn assert_untouched(room: &[u8], at: usize, len: usize) {
    let outside = room[..at].iter().chain(&room[at + len..]);
    assert!(outside.copied().all(|byte| byte == FILL), "wrote outside");
}

/// All of a cache line for short payloads, and enough for the rest.
fn offsets(len: usize) -> impl Iterator<Item = usize> {
    let step = match len {
        _ if cfg!(miri) => 21,
        0..=300 => 1,
        _ => 5,
    };
    (0..64).step_by(step)
}

fn sample(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 256) as u8).collect()
}

const KEY: MaskKey = MaskKey::new([0x37, 0xfa, 0x21, 0x3d]);
const FILL: u8 = 0xA5;
#[cfg(not(miri))]
const LARGE: [usize; 8] = [511, 512, 513, 1023, 1024, 1100, 4099, 65_537];
#[cfg(miri)]
const LARGE: [usize; 3] = [511, 512, 583];
