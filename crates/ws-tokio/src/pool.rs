//! Memory to read to and to write from, shared by all connections of a thread: who waits holds none.

use std::cell::{Cell, RefCell};

/// A buffer of [`READ_BUFFER`] bytes, from the thread's pool if it has one.
pub(crate) fn take() -> Box<[u8]> {
    READS
        .try_with(|pool| pool.borrow_mut().pop())
        .ok()
        .flatten()
        .unwrap_or_else(|| vec![0; READ_BUFFER].into())
}

/// Takes a buffer back, or frees it if the pool is full or it is none of the pool's.
pub(crate) fn put_back(buffer: Box<[u8]>) {
    if buffer.len() == READ_BUFFER {
        let _ = READS.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOLED {
                pool.push(buffer);
            }
        });
    }
}

/// Memory for output: what the last connection needed, or none yet.
pub(crate) fn take_output() -> Vec<u8> {
    OUTPUT.try_with(Cell::take).unwrap_or_default()
}

/// Takes memory for output back, or frees it if it is more than a usual queue fills.
pub(crate) fn put_back_output(memory: Vec<u8>) {
    if (1..=MAX_OUTPUT).contains(&memory.capacity()) {
        let _ = OUTPUT.try_with(|place| place.set(memory));
    }
}

thread_local! {
    static READS: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// How much one read can bring. A pipelining peer costs half the reads and writes that it would with 16 KiB; 64 KiB
/// gained nothing more for batches of 32 KiB, and fits the first-level cache even less.
pub(crate) const READ_BUFFER: usize = 32 * 1024;

/// A thread polls one connection at a time; the second is for one that yields with input unread.
const POOLED: usize = 2;

/// A queue at the default of its bound, 64 KiB, and what a vector has grown to for it.
const MAX_OUTPUT: usize = 128 * 1024;
