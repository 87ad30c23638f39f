//! How much heap the process holds: an allocator that counts, as in our own servers.

use std::alloc::System;
use std::io::{self, Write};
use std::thread;

use cap::Cap;

/// Answers every line on stdin with `heap: BYTES` on stdout, until stdin ends.
pub(crate) fn report_on_stdin() {
    thread::spawn(|| {
        for _ in io::stdin().lines().map_while(Result::ok) {
            let mut stdout = io::stdout();
            let told = writeln!(stdout, "heap: {}", HEAP.allocated()).and_then(|()| stdout.flush());
            if told.is_err() {
                return;
            }
        }
    });
}

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);
