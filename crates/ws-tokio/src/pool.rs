//! Read buffers, shared by all connections of a thread: who waits holds none.

use std::cell::RefCell;

/// A buffer of [`READ_BUFFER`] bytes, from the thread's pool if it has one.
pub(crate) fn take() -> Box<[u8]> {
    POOL.try_with(|pool| pool.borrow_mut().pop())
        .ok()
        .flatten()
        .unwrap_or_else(|| vec![0; READ_BUFFER].into())
}

/// Takes a buffer back, or frees it if the pool is full or it is none of the pool's.
pub(crate) fn put_back(buffer: Box<[u8]>) {
    if buffer.len() == READ_BUFFER {
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOLED {
                pool.push(buffer);
            }
        });
    }
}

thread_local! {
    static POOL: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// How much one read can bring. A pipelining peer costs half the reads and writes that it would with 16 KiB; 64 KiB
/// gained nothing more for batches of 32 KiB, and fits the first-level cache even less.
pub(crate) const READ_BUFFER: usize = 32 * 1024;

/// A thread polls one connection at a time; the second is for one that yields with input unread.
const POOLED: usize = 2;
