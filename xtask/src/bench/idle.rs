//! What ten thousand idle connections cost: heap by counting allocators, and memory of the process.

use std::{
    fs,
    io::Write,
    process::{ChildStdin, Stdio},
};

use crate::{process::Running, project::Project};

use super::{
    Plan,
    report::{self, Table},
    servers::{self, Form, LIMIT, LOAD_CPU, Server, Whose},
};

pub(super) fn run(project: &Project, plan: &Plan) -> Result<(), String> {
    let servers = servers::build(project, |name| plan.wants(name))?;
    let heads = [
        "server",
        "heap, open",
        "heap, after a message",
        "memory, open",
        "memory, after a message",
    ];
    let mut table = Table::new(heads);
    // Floors keep nothing worth a figure.
    for server in servers.iter().filter(|server| server.whose != Whose::Floor) {
        let cells = match cost(project, server) {
            Ok([open, used]) => [open.heap, used.heap, open.resident, used.resident].map(|bytes| bytes.to_string()),
            Err(why) => {
                println!("{}: {why}", server.name);
                ["-"; 4].map(Into::into)
            }
        };
        table.row([server.name.to_owned()].into_iter().chain(cells).collect());
    }
    let text = format!(
        "{}\nBytes for each of {CONNECTIONS} idle connections ({THREADS} with threads), with the server's default \
         settings: on the heap (counting allocator), and of the process (resident; threads' stacks included).\n",
        table.markdown()
    );
    report::keep(project, "idle", &text)
}

#[derive(Clone, Copy, Debug)]
struct Memory {
    heap: usize,
    resident: usize,
}

/// For each connection: once open, and after each has echoed a message.
fn cost(project: &Project, server: &Server) -> Result<[Memory; 2], String> {
    let connections = if THREADED.contains(&server.name) {
        THREADS
    } else {
        CONNECTIONS
    };
    let form = Form {
        heap: true,
        ..Form::default()
    };
    let (mut running, address) = server.start(project, form)?;
    let mut ask = running.stdin().expect("piped");
    let before = memory(&running, &mut ask)?;

    let mut load = servers::peer(project, "load");
    load.args(["hold", "--address", &address, "--connections", &connections.to_string()]);
    let mut load = servers::pinned(project, LOAD_CPU, &load);
    let log = report::dir(project)?.join("hold.log");
    let mut load = Running::start(load.stdin(Stdio::piped()), &log)?;
    let mut go_on = load.stdin().expect("piped");
    let mut stage = |name: &str| {
        load.line(LIMIT, |line| (line == name).then_some(()))?;
        let now = memory(&running, &mut ask)?;
        go_on.write_all(b"\n").map_err(|e| e.to_string())?;
        let each = |now: usize, before: usize| now.saturating_sub(before).div_ceil(connections);
        Ok::<_, String>(Memory {
            heap: each(now.heap, before.heap),
            resident: each(now.resident, before.resident),
        })
    };
    Ok([stage("open")?, stage("used")?])
}

fn memory(server: &Running, ask: &mut ChildStdin) -> Result<Memory, String> {
    ask.write_all(b"\n").map_err(|e| format!("asking for the heap: {e}"))?;
    let heap = server.line(LIMIT, |line| line.strip_prefix("heap: ")?.parse().ok())?;
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).map_err(|e| e.to_string())?;
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    let resident: usize = resident.ok_or("the system tells no memory")?;
    Ok(Memory {
        heap,
        resident: resident * 1024,
    })
}

const CONNECTIONS: usize = 10_000;

/// A thread takes its connection: fewer will do, and are to be had everywhere.
const THREADED: [&str; 2] = ["echo_blocking", "tungstenite"];
const THREADS: usize = 500;
