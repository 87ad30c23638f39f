//! Independent implementations as clients of our servers and as servers of our client.
//!
//! What they check and answer stands in their scripts below `xtask/peers/`.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{autobahn::SHELLS, outcome::Outcome, process::Running, project::Project, tools};

/// For one answer, and for a whole script.
const LIMIT: Duration = Duration::from_secs(120);
/// Small enough for a peer to send more in no time, large enough for its 1 MiB messages.
const MAX_MESSAGE: &str = "2097152";

/// What our client is given to send, and what it prints of the answer.
const TALK: [(&str, &str); 6] = [
    ("hello", "hello"),
    ("Grüße 🎈", "Grüße 🎈"),
    ("fragments", "fragmented"),
    ("ping", "pong came"),
    ("big", "x the end"),
    ("after the big one", "after the big one"),
];
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
        command.arg(project.root.join("xtask/peers").join(name));
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
    examples.push("client");
    project.build_examples(&examples)?;
    let log = project.fresh_dir(&format!("peers/{name}"))?.join("log");

    let script: Vec<_> = client.get_args().map(ToOwned::to_owned).collect();
    for echo in &echoes {
        let mut ours = project.example(echo);
        ours.args(["--port", "0", "--max-message", MAX_MESSAGE]);
        let mut ours = Running::start(&mut ours, &log)?;
        let url = format!("ws://{}", ours.address(LIMIT)?);
        client = Command::new(client.get_program());
        client.args(&script).args([&url, MAX_MESSAGE]);
        serve(&mut ours, &mut client, &log)
            .map_err(|why| format!("{name} client against {echo}: {why}; see {}", log.display()))?;
        println!("{name} client against {echo}: fine");
    }

    let theirs = Running::start(&mut server, &log)?;
    let url = format!("ws://{}", theirs.address(LIMIT)?);
    let mut client = project.example("client");
    client.arg(url);
    connect(&theirs, &mut client, &log)
        .map_err(|why| format!("client against {name} server: {why}; see {}", log.display()))?;
    println!("client against {name} server: fine");
    Ok(())
}

/// Their client against our server, which is asked to end while the client waits for that.
fn serve(ours: &mut Running, client: &mut Command, log: &Path) -> Result<(), String> {
    let mut theirs = Running::start(client, log)?;
    theirs.line(LIMIT, |line| (line == "waiting").then_some(()))?;
    ours.interrupt()?;
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
