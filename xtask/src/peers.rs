//! Independent implementations as clients of our servers and as servers of our client.
//!
//! What they check and answer stands in their scripts below `xtask/peers/`.

use std::{
    io::Write,
    ops::RangeInclusive,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{autobahn::SHELLS, outcome::Outcome, process::Running, project::Project, tools};

/// For one answer, and for a whole script.
const LIMIT: Duration = Duration::from_secs(120);
/// Small enough for a peer to send more in no time, large enough for its 1 MiB messages.
const MAX_MESSAGE: &str = "2097152";

/// Servers within other people's, and where they are; alone in a chat, a client has its echo.
const HOSTED: [(&str, &str); 2] = [("axum_chat", "ws"), ("tower_echo", "")];
/// What a server without settings takes.
const DEFAULT_MAX_MESSAGE: &str = "1048576";

/// What our client is given to send, and what it prints of the answer.
const TALK: [(&str, &str); 6] = [
    ("hello", "hello"),
    ("Grüße 🎈", "Grüße 🎈"),
    ("fragments", "fragmented"),
    ("ping", "pong came"),
    ("big", "x the end"),
    ("after the big one", "after the big one"),
];
/// How our servers are started, and what their clients are told of it.
const FLAVOURS: [(&[&str], &str); 3] = [
    (&[], "plain"),
    (&["--deflate=15"], "compressing"),
    (&["--deflate-shared"], "compressing"),
];
/// The windows of compression, as powers of two.
const WINDOW_BITS: RangeInclusive<u8> = 9..=15;
/// How many lines that resemble one another our client sends in each window.
const ALIKE: usize = 50;

/// What it is given whose answers it shows in its own way.
const ASIDE: [&str; 2] = ["binary", "empty"];

/// Python's `websockets`.
pub(crate) fn python(project: &Project) -> Outcome {
    let python = match tools::python_peer(project) {
        Ok(python) => python,
        Err(why) => return Outcome::Skipped(format!("Python's `websockets` can't be had: {why}")),
    };
    let script = |name: &str| {
        let mut command = Command::new(&python);
        // Leaves no compiled scripts behind.
        command.arg("-B").arg(project.root.join("xtask/peers").join(name));
        command
    };
    both_ways(
        project,
        "python",
        script("python_client.py"),
        script("python_server.py"),
    )
    .into()
}

/// Node's `ws`.
pub(crate) fn node(project: &Project) -> Outcome {
    let modules = match tools::node_peer(project) {
        Ok(modules) => modules,
        Err(why) => return Outcome::Skipped(format!("Node's `ws` can't be had: {why}")),
    };
    let script = |name: &str| {
        let mut command = Command::new("node");
        command.arg(project.root.join("xtask/peers").join(name)).arg(&modules);
        command
    };
    both_ways(project, "node", script("node_client.mjs"), script("node_server.mjs")).into()
}

fn both_ways(project: &Project, name: &str, mut client: Command, mut server: Command) -> Result<(), String> {
    let echoes = SHELLS.map(|shell| format!("echo_{shell}"));
    let mut examples: Vec<&str> = echoes.iter().map(String::as_str).collect();
    examples.extend(HOSTED.map(|(program, _)| program));
    examples.extend(["echo_tls", "client"]);
    project.build_examples(&examples)?;
    let log = project.fresh_dir(&format!("peers/{name}"))?.join("log");

    let script: Vec<_> = client.get_args().map(ToOwned::to_owned).collect();
    let mut visit = |ours: &mut Running, url: &str, what: &str, max: &str, mode: &str, certificate: Option<&str>| {
        client = Command::new(client.get_program());
        client.args(&script).args([url, max, mode]);
        if let Some(certificate) = certificate {
            client.envs([("SSL_CERT_FILE", certificate), ("NODE_EXTRA_CA_CERTS", certificate)]);
        }
        let what = format!("{name} client against {what}");
        serve(ours, &mut client, &log).map_err(|why| format!("{what}: {why}; see {}", log.display()))?;
        println!("{what}: fine");
        Ok::<(), String>(())
    };
    let servers = echoes.iter().map(|echo| (echo.as_str(), "")).chain(HOSTED);
    for (program, path) in servers {
        for (flags, mode) in FLAVOURS {
            let mut ours = project.example(program);
            ours.args(["--port", "0", "--max-message", MAX_MESSAGE]).args(flags);
            let mut ours = Running::start(&mut ours, &log)?;
            let url = format!("ws://{}/{path}", ours.address(LIMIT)?);
            let what = [&[program], flags].concat().join(" ");
            visit(&mut ours, &url, &what, MAX_MESSAGE, mode, None)?;
        }
    }
    let mut ours = Running::start(project.example("echo_tls").args(["--port", "0"]), &log)?;
    let certificate = ours.line(LIMIT, |line| line.strip_prefix("its certificate: ").map(str::to_owned))?;
    let url = format!("wss://{}", ours.address(LIMIT)?);
    visit(
        &mut ours,
        &url,
        "echo_tls",
        DEFAULT_MAX_MESSAGE,
        "plain",
        Some(&certificate),
    )?;

    let theirs = Running::start(&mut server, &log)?;
    let url = format!("ws://{}", theirs.address(LIMIT)?);
    let what = format!("client against {name} server");
    let mut client = project.example("client");
    client.arg(&url);
    connect(&theirs, &mut client, &log).map_err(|why| format!("{what}: {why}; see {}", log.display()))?;
    println!("{what}: fine");
    for bits in WINDOW_BITS {
        let what = format!("client --deflate={bits} against {name} server");
        let mut client = project.example("client");
        client.args([&format!("--deflate={bits}"), &url]);
        compress(&theirs, &mut client, bits, &log).map_err(|why| format!("{what}: {why}; see {}", log.display()))?;
        println!("{what}: fine");
    }
    Ok(())
}

/// Their client against our server, which is asked to end while the client waits for that.
fn serve(ours: &mut Running, client: &mut Command, log: &Path) -> Result<(), String> {
    let mut theirs = Running::start(client, log)?;
    theirs.line(LIMIT, |line| (line == "waiting").then_some(()))?;
    ours.ask_to_end()?;
    theirs.wait(LIMIT)?;
    ours.wait(LIMIT)
}

/// Our client against their server, twice: each side closes once.
fn connect(theirs: &Running, client: &mut Command, log: &Path) -> Result<(), String> {
    client.stdin(Stdio::piped());
    let mut ours = Running::start(client, log)?;
    let mut input = ours.stdin().expect("piped above");
    let mut say = |text: &str| writeln!(input, "{text}").map_err(|e| e.to_string());
    for aside in ASIDE {
        say(aside)?;
    }
    for (text, answer) in TALK {
        say(text)?;
        ours.line(LIMIT, |line| line.contains(answer).then_some(()))?;
    }
    say("close")?;
    // Its standard input stays open: the peer's close alone ends it.
    ours.line(LIMIT, |line| {
        (line.contains("4001") && line.contains("bye from the peer")).then_some(())
    })?;
    ours.end(LIMIT)?;
    theirs.line(LIMIT, |line| line.starts_with("closed 4001").then_some(()))?;

    let mut ours = Running::start(client, log)?;
    let mut input = ours.stdin().expect("piped above");
    writeln!(input, "hello").map_err(|e| e.to_string())?;
    ours.line(LIMIT, |line| line.contains("hello").then_some(()))?;
    drop(input);
    ours.wait(LIMIT)?;
    theirs.line(LIMIT, |line| line.starts_with("closed 1000").then_some(()))
}

/// Our client against their server, compressed in windows of this size: both sides say so.
fn compress(theirs: &Running, client: &mut Command, bits: u8, log: &Path) -> Result<(), String> {
    client.stdin(Stdio::piped());
    let mut ours = Running::start(client, log)?;
    let agreed = ours.line(LIMIT, |line| line.strip_prefix("agreed: ").map(str::to_owned))?;
    let opened = theirs.line(LIMIT, |line| line.strip_prefix("opened ").map(str::to_owned))?;
    if agreed != opened {
        return Err(format!("the client says {agreed:?} was agreed, the server {opened:?}"));
    }
    if !has_windows(&agreed, bits) {
        return Err(format!("not the windows that were asked for: {agreed:?}"));
    }
    let mut input = ours.stdin().expect("piped above");
    let mut ask = |text: &str, answer: &str| {
        writeln!(input, "{text}").map_err(|e| e.to_string())?;
        ours.line(LIMIT, |line| line.contains(answer).then_some(()))
    };
    for (text, answer) in TALK {
        ask(text, answer)?;
    }
    for number in 0..ALIKE {
        // Longer than what is sent as it is, and the later ones longer than the smallest window.
        let line = format!("{number}: {}", "all work and no play ".repeat(10 + number));
        ask(&line, &line)?;
    }
    ask("compressed", "it was compressed")?;
    drop(input);
    ours.wait(LIMIT)?;
    theirs.line(LIMIT, |line| line.starts_with("closed 1000").then_some(()))
}

/// Whether both directions keep to this window; the largest goes without saying.
fn has_windows(agreed: &str, bits: u8) -> bool {
    let mut parameters = agreed.split("; ");
    let name = parameters.next();
    let windows = parameters.filter(|it| it.contains("_max_window_bits="));
    let right = windows.filter(|it| it.ends_with(&format!("={bits}"))).count();
    name == Some("permessage-deflate") && (right == 2 || bits == 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_windows_must_be_as_asked() {
        let both = "permessage-deflate; client_max_window_bits=9; server_max_window_bits=9";
        assert!(has_windows(both, 9));
        assert!(!has_windows(both, 10));
        assert!(!has_windows("permessage-deflate; server_max_window_bits=9", 9));
        assert!(has_windows("permessage-deflate", 15));
        assert!(!has_windows("permessage-deflate", 14));
        assert!(!has_windows("no compression", 15));
    }
}
