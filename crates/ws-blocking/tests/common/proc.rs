//! What the system says of this process. For test programs of a single test, since all of their threads count.

#![allow(dead_code, reason = "every test program uses a part")]

use std::fmt::Debug;
use std::fs;
use std::thread;
use std::time::Instant;

use crate::common::PATIENCE;

/// How many threads there are, and how many descriptors.
pub(crate) fn threads_and_descriptors() -> (usize, usize) {
    let count = |directory: &str| fs::read_dir(directory).unwrap().count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// Waits until it is so, since what has ended takes the system a moment to clear away.
pub(crate) fn wait_for_threads_and_descriptors(expected: (usize, usize)) {
    wait_for(threads_and_descriptors, expected);
}

/// Waits until `now` gives what is expected.
pub(crate) fn wait_for<T: PartialEq + Debug>(mut now: impl FnMut() -> T, expected: T) {
    let start = Instant::now();
    let mut there_is = now();
    while there_is != expected && start.elapsed() < PATIENCE {
        thread::yield_now();
        there_is = now();
    }
    assert_eq!(there_is, expected);
}

/// The processor time that all threads have used, in hundredths of a second.
pub(crate) fn ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<_> = fields.split_whitespace().collect();
    [11, 12].iter().map(|&at| fields[at].parse::<u64>().unwrap()).sum()
}
