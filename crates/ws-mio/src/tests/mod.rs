//! What can only be seen from inside: system calls and sizes.

mod calls;
mod sizes;

use std::cell::Cell;

thread_local! {
    /// Reads and writes of sockets by this thread.
    pub(crate) static READS: Cell<usize> = const { Cell::new(0) };
    /// The largest buffer offered to a read.
    pub(crate) static LARGEST_READ: Cell<usize> = const { Cell::new(0) };
    pub(crate) static WRITES: Cell<usize> = const { Cell::new(0) };
}

pub(crate) fn note_read(offered: usize) {
    READS.set(READS.get() + 1);
    LARGEST_READ.set(LARGEST_READ.get().max(offered));
}
