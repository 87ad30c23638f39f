//! The processes under test: a shell's server, or its client.

use std::io::{BufRead, Write, stdin, stdout};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use crate::HEAP;
use crate::cases;
use crate::shells::{Setup, Shell};
use crate::soak;

pub(crate) const SERVE: &str = "serve";
pub(crate) const CALL: &str = "call";

/// Serves as the case wants it, says where, and answers questions until stdin ends.
pub(crate) fn serve(shell: Shell, case: &str) -> ExitCode {
    let mut setup = Setup::default();
    let mut cases = cases::against_servers().into_iter().chain([soak::CASE]);
    let case = cases.find(|known| known.name == case).expect("a known case");
    (case.setup)(&mut setup);
    let served = shell.serve(setup);
    say(&served.address.to_string());
    answer_questions(&*served.tasks, |_| panic!("a server is told nothing else"))
}

/// Connects to each URL that it is told, one after the other, and answers questions until stdin ends.
pub(crate) fn call(shell: Shell, case: &str) -> ExitCode {
    let mut setup = Setup::default();
    let cases = cases::against_clients(shell);
    let case = cases.iter().find(|known| known.name == case).expect("a known case");
    (case.setup)(&mut setup);
    let (sender, urls) = mpsc::channel::<String>();
    let (told, tasks) = mpsc::channel();
    // In a thread of its own, so that questions are answered whatever becomes of the connection.
    thread::spawn(move || {
        let mut caller = shell.caller(setup);
        told.send(caller.tasks()).expect("somebody waits");
        for url in urls {
            say(&caller.call(&url));
        }
    });
    let tasks = tasks.recv().expect("it starts by telling");
    answer_questions(&*tasks, |url| sender.send(url.into()).expect("the caller lives"))
}

fn answer_questions(tasks: &dyn Fn() -> usize, otherwise: impl Fn(&str)) -> ExitCode {
    for line in stdin().lock().lines().map_while(Result::ok) {
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("reading", _) => say(&format!("{} {}", HEAP.allocated(), tasks())),
            ("limit", more) => {
                let more: usize = more.parse().expect("a number");
                HEAP.set_limit(HEAP.allocated() + more).expect("more than there is");
                say("limited");
            }
            _ => otherwise(&line),
        }
    }
    ExitCode::SUCCESS
}

fn say(line: &str) {
    let mut stdout = stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .expect("somebody listens");
}
