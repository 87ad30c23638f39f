//! Other programs: run to the end, or keep running and stop without fail.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

/// How long a program asked to stop may take before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// How often a running program is looked at: std has no wait with a deadline.
const POLL: Duration = Duration::from_millis(20);
/// How much of a log an error message repeats.
const TAIL_LINES: usize = 15;

/// Runs a program to its end, its output going where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("{}: {e}", show(command)))?;
    success(command, status)
}

/// Runs a program and gives its standard output; its standard error becomes part of the error.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let out = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("{}: {e}", show(command)))?;
    if out.status.success() {
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    } else {
        let stderr = String::from_utf8_lossy(&out.stderr);
        Err(format!("{} ({})\n{}", show(command), out.status, tail(&stderr)))
    }
}

/// Runs a program with its output appended to `log`; an error shows the end of it.
pub(crate) fn run_logged(command: &mut Command, log: &Path, limit: Duration) -> Result<(), String> {
    let mut file = append(log)?;
    writeln!(file, "$ {}", show(command)).map_err(|e| e.to_string())?;
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone().map_err(|e| e.to_string())?)
        .stderr(file);
    let mut child = command.spawn().map_err(|e| format!("{}: {e}", show(command)))?;
    let ended = wait_until(&mut child, Instant::now() + limit);
    let failure = match ended {
        Some(status) if status.success() => return Ok(()),
        Some(status) => status.to_string(),
        None => {
            stop(&mut child);
            format!("not done after {} s", limit.as_secs())
        }
    };
    let text = std::fs::read_to_string(log).unwrap_or_default();
    Err(format!(
        "{} ({failure}); the end of {}:\n{}",
        show(command),
        log.display(),
        tail(&text)
    ))
}

/// A program kept running beside us, its output read line by line; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    name: String,
    lines: Receiver<String>,
}

impl Running {
    /// Starts `command`; what it says goes to `log` too.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self, String> {
        let mut log = append(log)?;
        command
            .stdout(Stdio::piped())
            .stderr(log.try_clone().map_err(|e| e.to_string())?);
        let name = show(command);
        let mut child = command.spawn().map_err(|e| format!("{name}: {e}"))?;
        let stdout = child.stdout.take().expect("piped above");
        let (sender, lines) = channel();
        // The pipe is read to its end whatever happens, so that the program never blocks on it.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = writeln!(log, "{line}");
                let _ = sender.send(line);
            }
        });
        Ok(Self { child, name, lines })
    }

    /// Like [`start`](Self::start), in a process group of its own that is stopped as a whole.
    pub(crate) fn start_group(command: &mut Command, log: &Path) -> Result<Group, String> {
        Ok(Group(Self::start(command.process_group(0), log)?))
    }

    /// The next line for which `wanted` gives a value; earlier lines are passed over.
    pub(crate) fn line<T>(&self, limit: Duration, mut wanted: impl FnMut(&str) -> Option<T>) -> Result<T, String> {
        let deadline = Instant::now() + limit;
        let mut last = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => match wanted(&line) {
                    Some(value) => return Ok(value),
                    None => last = line,
                },
                Err(end) => {
                    let why = match end {
                        RecvTimeoutError::Timeout => "is silent",
                        RecvTimeoutError::Disconnected => "ended early",
                    };
                    return Err(format!("{} {why}; its last line: {last:?}", self.name));
                }
            }
        }
    }

    /// The address behind `listening on ws://` or `wss://`, as `HOST:PORT`.
    pub(crate) fn address(&self, limit: Duration) -> Result<String, String> {
        self.line(limit, |line| {
            let url = line.strip_prefix("listening on ");
            let address = url.and_then(|url| url.strip_prefix("ws://").or(url.strip_prefix("wss://")));
            Some(address.map(str::to_owned))
        })?
        .ok_or_else(|| format!("{}: the first line is not `listening on ws://…`", self.name))
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The program's standard input, if it was piped and not yet taken.
    pub(crate) fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits for the program to end by itself, with success.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<(), String> {
        match self.end(limit)? {
            status if status.success() => Ok(()),
            status => Err(format!("{} ({status})", self.name)),
        }
    }

    /// Waits for the program to end by itself.
    pub(crate) fn end(&mut self, limit: Duration) -> Result<ExitStatus, String> {
        wait_until(&mut self.child, Instant::now() + limit)
            .ok_or_else(|| format!("{}: not done after {} s", self.name, limit.as_secs()))
    }

    /// Asks the program to end, as a service manager would: a shell in the background has its programs ignore Ctrl-C.
    pub(crate) fn ask_to_end(&self) -> Result<(), String> {
        signal("TERM", &self.child.id().to_string())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// A program with all its descendants.
#[derive(Debug)]
pub(crate) struct Group(pub(crate) Running);

impl Drop for Group {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.child.id());
        let _ = signal("KILL", &group);
    }
}

/// A command as one would type it, without the folders of its program.
pub(crate) fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or_default().to_string_lossy()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy()));
    words.join(" ")
}

fn success(command: &Command, status: ExitStatus) -> Result<(), String> {
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} ({status})", show(command)))
    }
}

/// Ends a child: politely first, so that what stands behind it (a container, say) ends too.
fn stop(child: &mut Child) {
    if let Ok(Some(_)) = child.try_wait() {
        return;
    }
    let _ = signal("TERM", &child.id().to_string());
    if wait_until(child, Instant::now() + STOP_GRACE).is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// std sends no signal but KILL, and this workspace has no `unsafe` here: the shell's `kill` does.
fn signal(name: &str, target: &str) -> Result<(), String> {
    output(Command::new("sh").args(["-c", r#"kill -s "$0" -- "$1""#, name, target])).map(drop)
}

fn wait_until(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(POLL);
    }
}

fn append(log: &Path) -> Result<File, String> {
    File::options()
        .create(true)
        .append(true)
        .open(log)
        .map_err(|e| format!("{}: {e}", log.display()))
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough for any machine to start a shell.
    const LIMIT: Duration = Duration::from_secs(60);
    const NULL: &str = "/dev/null";

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn started(script: &str) -> Running {
        Running::start(&mut shell(script), Path::new(NULL)).unwrap()
    }

    #[test]
    fn the_address_is_the_first_line() {
        let server = started("echo listening on ws://127.0.0.1:80; echo more; exec sleep 1000");
        assert_eq!(server.address(LIMIT).unwrap(), "127.0.0.1:80");
        let secure = started("echo listening on wss://127.0.0.1:443; exec sleep 1000");
        assert_eq!(secure.address(LIMIT).unwrap(), "127.0.0.1:443");
        let other = started("echo hello; echo listening on ws://127.0.0.1:80");
        assert!(other.address(LIMIT).unwrap_err().contains("first line"));
    }

    #[test]
    fn a_program_that_ends_or_is_silent_is_no_success() {
        let ended = started("echo last words").line(LIMIT, |_| None::<()>);
        assert!(
            ended
                .unwrap_err()
                .contains("ended early; its last line: \"last words\"")
        );
        let silent = started("exec sleep 1000").line(Duration::ZERO, |_| None::<()>);
        assert!(silent.unwrap_err().contains("is silent"));
        assert!(started("exit 3").wait(LIMIT).unwrap_err().contains("exit status: 3"));
        assert!(
            started("exec sleep 1000")
                .wait(Duration::ZERO)
                .unwrap_err()
                .contains("not done")
        );
    }

    #[test]
    fn a_dropped_program_is_gone() {
        let running = started("echo $$; exec sleep 1000");
        let id = running.line(LIMIT, |line| Some(line.to_owned())).unwrap();
        assert!(signal("CONT", &id).is_ok());
        drop(running);
        assert!(signal("CONT", &id).is_err());
    }

    #[test]
    fn a_program_that_is_asked_to_ends_by_itself() {
        let mut running = started("trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done");
        running.line(LIMIT, |line| (line == "ready").then_some(())).unwrap();
        running.ask_to_end().unwrap();
        running.wait(LIMIT).unwrap();
    }

    #[test]
    fn a_logged_program_has_a_limit_and_its_failure_shows_the_log() {
        let log = std::env::temp_dir().join(format!("xtask-log-{}", std::process::id()));
        let failed = run_logged(&mut shell("echo why; exit 1"), &log, LIMIT).unwrap_err();
        assert!(failed.contains("why"), "{failed}");
        let endless = run_logged(&mut shell("exec sleep 1000"), &log, Duration::ZERO).unwrap_err();
        assert!(endless.contains("not done"), "{endless}");
        std::fs::remove_file(log).unwrap();
    }
}
