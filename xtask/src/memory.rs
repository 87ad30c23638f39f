//! What an idle connection costs: the echo servers' heap under ten thousand of them, plain and compressed.

use std::{
    env,
    io::{Read, Write},
    net::TcpStream,
    process::{ChildStdin, Command, Stdio},
    time::Duration,
};

use crate::{
    outcome::Outcome,
    process::{self, Running},
    project::Project,
};

/// The task that measures, in a process that may open enough files.
pub(crate) const MEASURE: &str = "memory-measure";

/// Enough for what is shared by all to vanish in the quotient.
const CONNECTIONS: usize = 10_000;
/// One file for each connection, and some for the rest; the server inherits the limit.
const FILES: usize = CONNECTIONS + 500;
/// The servers, and how many bytes of heap one connection may cost there.
const SERVERS: [(&str, usize); 2] = [("echo_mio", 256), ("echo_tokio", 2048)];
/// How often the heap is asked for; the least counts.
const SAMPLES: usize = 20;
/// For a server to start, and for any single answer.
const LIMIT: Duration = Duration::from_secs(60);

/// What a connection with shared compression may cost beyond a plain one, and its part of what is shared by all: one
/// decompressor of 47 KiB.
const SHARED_MORE: usize = 64 + 48 * 1024 / CONNECTIONS + 1;

/// How connections are opened, and what they say.
struct Mode {
    name: &'static str,
    flags: &'static [&'static str],
    offer: &'static str,
    /// A masked text frame (the key is zero).
    hello: &'static [u8],
}

const PLAIN: Mode = Mode {
    name: "plain",
    flags: &[],
    offer: "",
    hello: b"\x81\x85\0\0\0\0Hello",
};

const SHARED: Mode = Mode {
    name: "shared compression",
    flags: &["--deflate-shared"],
    offer: "Sec-WebSocket-Extensions: permessage-deflate\r\n",
    // The same, compressed (RFC 7692 section 7.2.3.1). The echo is too short to be.
    hello: b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00",
};

const ECHO: &[u8] = b"\x81\x05Hello";

/// Measures in a process of its own, with the limit of open files raised.
pub(crate) fn run(_: &Project) -> Outcome {
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        command
    };
    let raise = format!("ulimit -n {FILES}");
    // The hard limit may be lower, and only root may raise that.
    if process::output(&mut shell(&raise)).is_err() {
        return Outcome::Skipped(format!("this machine does not allow {FILES} open files"));
    }
    let own = match env::current_exe() {
        Ok(own) => own,
        Err(e) => return Outcome::Failed(e.to_string()),
    };
    let mut measure = shell(&format!("{raise} && exec \"$0\" {MEASURE}"));
    process::run(measure.arg(own)).into()
}

/// The measurement itself.
pub(crate) fn measure(project: &Project) -> Outcome {
    if let Err(why) = project.build_examples(&SERVERS.map(|(name, _)| name)) {
        return Outcome::Failed(why);
    }
    let mut over = Vec::new();
    for (name, limit) in SERVERS {
        let mut limit = limit;
        for mode in [PLAIN, SHARED] {
            match cost(project, name, &mode) {
                Ok((open, used)) => {
                    println!(
                        "{name}, {}: heap bytes per idle connection, of {CONNECTIONS}: {open} once open, \
                         {used} after a message (limit: {limit})",
                        mode.name
                    );
                    if open.max(used) > limit {
                        over.push(format!("{name}, {} is over its limit", mode.name));
                    }
                    limit = open.max(used) + SHARED_MORE;
                }
                Err(why) => over.push(format!("{name}, {}: {why}", mode.name)),
            }
        }
    }
    if over.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed(over.join(", "))
    }
}

/// Bytes of heap for each connection: once open, and after each has echoed a message.
fn cost(project: &Project, name: &str, mode: &Mode) -> Result<(usize, usize), String> {
    let log = project.fresh_dir(&format!("memory/{name}"))?.join("log");
    let mut command = project.example(name);
    command
        .args(["--port", "0", "--heap-report"])
        .args(mode.flags)
        .stdin(Stdio::piped());
    let mut server = Running::start(&mut command, &log)?;
    let address = server.address(LIMIT)?;
    let mut input = server.stdin().expect("piped above");

    let base = heap(&server, &mut input)?;
    let least = |server: &Running, input: &mut ChildStdin| -> Result<usize, String> {
        // Who has answered the last of them may not have put away yet what that took.
        let samples: Result<Vec<_>, _> = (0..SAMPLES).map(|_| heap(server, input)).collect();
        let least = samples?.into_iter().min().unwrap_or_default();
        Ok(least.saturating_sub(base).div_ceil(CONNECTIONS))
    };
    let opened: Result<Vec<TcpStream>, _> = (0..CONNECTIONS).map(|_| open(&address, mode)).collect();
    let mut opened = opened.map_err(|e| format!("opening connections: {e}"))?;
    let open = least(&server, &mut input)?;

    let echoed: Result<(), _> = opened.iter_mut().try_for_each(|stream| echo(stream, mode));
    echoed.map_err(|e| format!("echoing: {e}"))?;
    let used = least(&server, &mut input)?;
    Ok((open, used))
}

/// Asks the server, which answers each line with `heap: BYTES`.
fn heap(server: &Running, input: &mut ChildStdin) -> Result<usize, String> {
    input
        .write_all(b"\n")
        .map_err(|e| format!("asking for the heap: {e}"))?;
    server.line(LIMIT, |line| line.strip_prefix("heap: ")?.parse().ok())
}

fn open(address: &str, mode: &Mode) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n",
        mode.offer
    );
    stream.write_all(request.as_bytes())?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if head.starts_with(b"HTTP/1.1 101 ") {
        Ok(stream)
    } else {
        Err(std::io::Error::other(String::from_utf8_lossy(&head)))
    }
}

fn echo(stream: &mut TcpStream, mode: &Mode) -> std::io::Result<()> {
    let mut echo = [0; ECHO.len()];
    stream.write_all(mode.hello)?;
    stream.read_exact(&mut echo)?;
    if echo == ECHO {
        Ok(())
    } else {
        Err(std::io::Error::other("not an echo"))
    }
}
