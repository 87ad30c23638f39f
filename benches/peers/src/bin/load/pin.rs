//! One processor, and all the files that can be had.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Becomes the program that the words say: the processor, the program, its arguments.
pub(crate) fn run(words: Vec<OsString>) -> ! {
    let [cpu, program, arguments @ ..] = words.as_slice() else {
        panic!("no command")
    };
    let mut set = CpuSet::new();
    set.set(
        cpu.to_str()
            .and_then(|cpu| cpu.parse().ok())
            .expect("the number of a processor"),
    );
    sched_setaffinity(None, &set).expect("that processor");
    many_files();
    panic!("{}", Command::new(program).args(arguments).exec());
}

/// As many as the system allows.
pub(crate) fn many_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
}
