//! The output queue against a plain list of bytes.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use crate::{Limits, Outbox};

#[derive(Clone, Debug)]
enum Op {
    Copy(usize),
    Share(usize),
    /// Write this much, at most what there is.
    Write(usize),
    Release,
    /// With room for so much.
    Lend(usize),
    Take,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0_usize..50).prop_map(Op::Copy),
        (0_usize..50).prop_map(Op::Share),
        (0_usize..120).prop_map(Op::Write),
        Just(Op::Release),
        (1_usize..50).prop_map(Op::Lend),
        Just(Op::Take)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is queued and however it is written out: the bytes come out once, in order.
    #[test]
    fn bytes_come_out_in_order(ops in proptest::collection::vec(op(), 0..60)) {
        let mut outbox = Outbox::new(&Limits::default());
        let mut model: Vec<u8> = Vec::new();
        let mut next = 0_u8;
        for op in ops {
            match op {
                Op::Copy(len) | Op::Share(len) => {
                    let bytes: Vec<u8> = (0..len).map(|_| { next = next.wrapping_add(1); next }).collect();
                    model.extend(&bytes);
                    match op {
                        Op::Copy(_) => outbox.buffer().extend_from_slice(&bytes),
                        _ => outbox.share(Bytes::from(bytes)),
                    }
                }
                Op::Write(len) => {
                    let len = len.min(outbox.len());
                    outbox.advance(len);
                    model.drain(..len);
                }
                Op::Release => {
                    let memory = outbox.release();
                    prop_assert!(memory.is_empty());
                    prop_assert!(!model.is_empty() || !outbox.has_memory());
                }
                Op::Lend(room) => {
                    let had_memory = outbox.has_memory();
                    let memory = Vec::with_capacity(room);
                    let lent = memory.as_ptr();
                    outbox.lend(memory);
                    prop_assert!(outbox.has_memory());
                    prop_assert_eq!(!had_memory, outbox.buffer().as_ptr() == lent);
                }
                Op::Take => {
                    let taken = outbox.take();
                    prop_assert!(outbox.is_empty());
                    outbox = taken;
                }
            }
            prop_assert_eq!(outbox.len(), model.len());
            prop_assert_eq!(outbox.is_empty(), model.is_empty());
            let chunks: Vec<&[u8]> = outbox.chunks().collect();
            prop_assert_eq!(chunks.concat(), model.clone());
            prop_assert_eq!(outbox.first(), chunks.first().copied().unwrap_or_default());
            prop_assert_eq!(outbox.is_contiguous(), chunks.len() <= 1);
        }
    }
}

/// Writing a backlog out in small steps must not move the rest each time.
#[test]
fn a_backlog_is_not_moved_on_partial_writes() {
    let mut outbox = Outbox::new(&Limits::default());
    outbox.buffer().extend(vec![7; 1 << 20]);
    let start = outbox.first().as_ptr();
    let mut written = 0;
    while outbox.len() > 1 << 19 {
        outbox.advance(1000);
        written += 1000;
        assert_eq!(outbox.first().as_ptr(), start.wrapping_add(written));
    }
    // Memory comes back once as much has been written as is left: amortised, one move per byte.
    outbox.advance(1000);
    outbox.buffer().push(8);
    assert_eq!(outbox.len(), (1 << 20) - written - 1000 + 1);
}

#[test]
fn a_backlog_is_not_moved_for_a_little_room() {
    let mut outbox = Outbox::new(&Limits::default());
    outbox.buffer().reserve_exact(2000);
    outbox.buffer().extend([7; 1000]);
    let start = outbox.first().as_ptr();
    outbox.advance(100);
    outbox.buffer().push(8);
    assert_eq!(outbox.first().as_ptr(), start.wrapping_add(100));
}

/// A queue that never runs dry: its memory is what it holds, not what has passed through it.
#[test]
fn what_was_written_is_not_kept() {
    let mut outbox = Outbox::new(&Limits::default());
    outbox.buffer().extend([1; 50]);
    for _ in 0..10_000 {
        outbox.buffer().extend([1; 100]);
        outbox.advance(100);
    }
    let capacity = outbox.buffer().capacity();
    assert!(capacity <= 1000, "{capacity} for 50 bytes");
}

#[test]
fn a_queue_is_full_at_its_mark() {
    let mut limits = Limits::default();
    limits.output_high_water = 10;
    let mut outbox = Outbox::new(&limits);
    outbox.buffer().extend([1; 4]);
    outbox.share(Bytes::from_static(b"five!"));
    assert!(!outbox.is_full());
    outbox.buffer().push(1);
    assert!(outbox.is_full());
    outbox.advance(1);
    assert!(!outbox.is_full());
}

#[test]
fn a_cleared_queue_starts_anew() {
    let mut outbox = Outbox::new(&Limits::default());
    outbox.buffer().extend(b"old");
    outbox.share(Bytes::from_static(b"old"));
    outbox.advance(4);
    outbox.clear();
    assert_eq!((outbox.len(), outbox.first()), (0, &b""[..]));
    outbox.share(Bytes::from_static(b"new"));
    assert_eq!((outbox.len(), outbox.first()), (3, &b"new"[..]));
}

#[test]
#[should_panic(expected = "more was written than was queued")]
fn more_than_is_queued_cannot_have_been_written() {
    Outbox::new(&Limits::default()).advance(1);
}

#[test]
fn an_empty_queue_holds_no_memory_once_released() {
    let mut outbox = Outbox::new(&Limits::default());
    outbox.buffer().extend([1; 100]);
    outbox.advance(100);
    assert!(outbox.is_empty());
    outbox.release();
    assert_eq!(outbox.buffer().capacity(), 0);
}

/// A small rest must not carry a large buffer away, and a large one must not be copied.
#[test]
fn taking_moves_large_rests_and_copies_small_ones() {
    let mut outbox = Outbox::new(&Limits::default());
    outbox.buffer().extend(vec![7; 1000]);
    let start = outbox.first().as_ptr();
    outbox.advance(10);
    let mut taken = outbox.take();
    assert_eq!((taken.len(), outbox.len()), (990, 0));
    assert_eq!(taken.first().as_ptr(), start.wrapping_add(10), "moved");
    assert_eq!(outbox.buffer().capacity(), 0);
    taken.advance(900);
    let mut rest = taken.take();
    assert_eq!(rest.first(), [7; 90]);
    assert_eq!(rest.buffer().capacity(), 90, "copied");
    assert!(taken.buffer().capacity() >= 1000);
}

#[cfg(feature = "std")]
#[test]
fn slices_for_vectored_writes() {
    let mut outbox = Outbox::new(&Limits::default());
    outbox.buffer().extend(b"head");
    outbox.share(Bytes::from_static(b"payload"));
    outbox.buffer().extend(b"tail");
    let mut slices = [std::io::IoSlice::new(&[]); 2];
    assert_eq!(outbox.slices(&mut slices), 2, "as many as there is room for");
    assert_eq!((&slices[0][..], &slices[1][..]), (&b"head"[..], &b"payload"[..]));
}

#[test]
fn an_empty_queue_takes_a_message_whatever_its_mark() {
    let mut limits = Limits::default();
    limits.output_high_water = 0;
    let mut outbox = Outbox::new(&limits);
    assert!(!outbox.is_full());
    outbox.buffer().push(1);
    assert!(outbox.is_full());
}
