//! The programs as processes: started, spoken to, ended.

use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A program that runs, and is ended with the test.
pub(crate) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

impl Program {
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        Self::spawn(Command::new(path(name)).args(args))
            .unwrap_or_else(|error| panic!("{name}, which `cargo build --examples` builds: {error}"))
    }

    /// Any program.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Ok(Self {
            stdin: child.stdin.take(),
            child,
            lines,
        })
    }

    /// The next line it prints.
    pub(crate) fn line(&self) -> String {
        self.line_within(PATIENCE)
    }

    /// The next line it prints, if it has much to do before.
    pub(crate) fn line_within(&self, patience: Duration) -> String {
        self.lines.recv_timeout(patience).expect("a line")
    }

    /// The next line it prints that begins like this, without that.
    pub(crate) fn line_behind(&self, start: &str) -> String {
        loop {
            if let Some(rest) = self.line().strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }

    /// Where it listens, as the URL of a WebSocket.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.line_behind("listening on ws://"))
    }

    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Ends its input.
    pub(crate) fn stop_typing(&mut self) {
        self.stdin = None;
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.ask_to_end();
        self.wait()
    }

    /// Asks it to end, as Ctrl-C or a service manager does.
    pub(crate) fn ask_to_end(&self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
    }

    /// What else it prints.
    pub(crate) fn rest(&self) -> Vec<String> {
        let mut rest = Vec::new();
        // Its output ends with it; a program that does not end must not hold the test.
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => rest.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => return rest,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.rest();
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where cargo puts examples: beside the directory of the tests.
fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(|deps| deps.parent()).unwrap();
    target.join("examples").join(name)
}

/// How long a test waits for what should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
