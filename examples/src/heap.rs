//! How much heap the process holds, for `--heap-report`.
//!
//! A program that uses this module gets an allocator that counts. It costs one atomic addition per allocation.

use std::alloc::System;
use std::io::{self, Write};
use std::thread;

use cap::Cap;

/// Answers every line on stdin with `heap: BYTES` on stdout, from a thread of its own, until stdin ends.
///
/// # Panics
/// If no thread can be started.
pub fn report_on_stdin() {
    let answer = || {
        for line in io::stdin().lines() {
            let mut stdout = io::stdout();
            if line.is_err()
                || writeln!(stdout, "heap: {}", allocated())
                    .and_then(|()| stdout.flush())
                    .is_err()
            {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("heap-report".into())
        .spawn(answer)
        .expect("a thread for --heap-report");
}

/// Bytes that are allocated now.
pub fn allocated() -> usize {
    HEAP.allocated()
}

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);
