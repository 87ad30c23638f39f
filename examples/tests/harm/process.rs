//! A process under test, and what the system says about it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::shells::Shell;

/// So long that only something that never comes takes it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How often something is looked at that tells nobody when it changes.
pub(crate) const LOOK: Duration = Duration::from_millis(5);

/// How much heap may stay behind: pools, tables that have grown, the one queue of a loop at its high-water mark.
const SLACK: usize = 256 * 1024;

/// This program in another role; it ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) heap: usize,
    pub(crate) tasks: usize,
    pub(crate) threads: usize,
    pub(crate) files: usize,
}

impl Process {
    /// With at most so many open files, if that is given.
    pub(crate) fn start(role: &str, shell: Shell, case: &str, files: Option<u32>) -> Self {
        let limit = files.map_or(String::new(), |files| format!("ulimit -n {files} && "));
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{limit}exec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().expect("this program has a path"))
            .args([role, shell.name(), case])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program can be started");
        let input = child.stdin.take().expect("piped above");
        let output = BufReader::new(child.stdout.take().expect("piped above"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, input, lines }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("the process under test is alive");
    }

    /// The next line that it says.
    pub(crate) fn line(&self) -> String {
        self.lines
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|why| panic!("the process under test says no more: {why}"))
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.line()
    }

    pub(crate) fn reading(&mut self) -> Reading {
        let said = self.ask("reading");
        let mut numbers = said.split(' ').map(|number| number.parse().expect("two numbers"));
        let mut number = || numbers.next().expect("two numbers");
        Reading {
            heap: number(),
            tasks: number(),
            threads: self.count("task"),
            files: self.count("fd"),
        }
    }

    /// KiB in memory.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("the process is alive");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
        number.and_then(|number| number.parse().ok()).expect("a number of KiB")
    }

    /// From now on the process may have no more than so many bytes on the heap beyond what it has now; or it ends.
    pub(crate) fn limit_heap(&mut self, more: usize) {
        assert_eq!(self.ask(&format!("limit {more}")), "limited");
    }

    /// Waits until the process holds no more than that.
    pub(crate) fn settle(&mut self, before: Reading) -> Reading {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.reading();
            if now.is_within(before) {
                return now;
            }
            assert!(
                Instant::now() < deadline,
                "before: {before:?}, and for ever after: {now:?}"
            );
            thread::sleep(LOOK);
        }
    }

    fn count(&self, what: &str) -> usize {
        let listed = std::fs::read_dir(format!("/proc/{}/{what}", self.id()));
        listed.expect("the process under test is alive").count()
    }
}

impl Reading {
    /// With more on the heap.
    pub(crate) fn and(mut self, heap: usize) -> Self {
        self.heap += heap;
        self
    }

    fn is_within(self, before: Self) -> bool {
        self.heap <= before.heap + SLACK
            && self.tasks <= before.tasks
            && self.threads <= before.threads
            && self.files <= before.files
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
