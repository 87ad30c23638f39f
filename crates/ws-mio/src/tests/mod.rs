//! What can only be seen from inside: system calls and sizes.

mod calls;
mod sizes;

use std::cell::Cell;

thread_local! {
    /// Reads and writes of sockets by this thread.
    pub(crate) static READS: Cell<usize> = const { Cell::new(0) };
    pub(crate) static WRITES: Cell<usize> = const { Cell::new(0) };
}
