//! Clients and servers that mean harm, against all three shells as processes of their own: none of them gets more memory
//! than its case allows, others are served meanwhile, and afterwards everything is back.
//!
//! `cargo test -p examples --test harm -- [FILTER]`; `soak SECONDS` in place of a filter goes on for that long.

mod attacker;
mod caller;
mod cases;
mod child;
mod classes;
#[path = "../conformance/frames.rs"]
mod frames;
mod ground;
mod process;
mod shells;
mod soak;
mod solo;

use std::alloc::System;
use std::process::ExitCode;
use std::time::Duration;

use cap::Cap;
use libtest_mimic::{Arguments, Trial};

use crate::shells::Shell;

/// In the processes under test, a limit: what asks for more ends.
#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [child::SERVE, shell, case] => child::serve(Shell::named(shell), case),
        [child::CALL, shell, case] => child::call(Shell::named(shell), case),
        [soak::SOAK, seconds] => match seconds.parse() {
            Ok(seconds) => soak::run(Duration::from_secs(seconds)),
            Err(error) => {
                eprintln!("{seconds}: {error}");
                ExitCode::from(2)
            }
        },
        _ => suite(),
    }
}

fn suite() -> ExitCode {
    if cfg!(not(target_os = "linux")) {
        println!("skipped: what a process holds is read from /proc");
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    // Most of the time they wait for deadlines.
    arguments.test_threads.get_or_insert(TRIALS_AT_A_TIME);
    let mut all: Vec<_> = Shell::ALL.into_iter().flat_map(trials).collect();
    all.push(Trial::test("classes::every_class_is_held", || {
        classes::every_class_is_held();
        Ok(())
    }));
    libtest_mimic::run(&arguments, all).exit_code()
}

fn trials(shell: Shell) -> Vec<Trial> {
    let name = |side, case| format!("{}::{side}::{case}", shell.name());
    let servers = cases::against_servers().into_iter().map(|case| {
        Trial::test(name("server", case.name), move || {
            ground::run(shell, &case);
            Ok(())
        })
    });
    let clients = cases::against_clients(shell).into_iter().map(|case| {
        Trial::test(name("client", case.name), move || {
            caller::run(shell, &case);
            Ok(())
        })
    });
    let alone = solo::all(shell).into_iter().map(|(case, run)| {
        Trial::test(name("solo", case), move || {
            run(shell);
            Ok(())
        })
    });
    servers.chain(clients).chain(alone).collect()
}

const TRIALS_AT_A_TIME: usize = 4;
