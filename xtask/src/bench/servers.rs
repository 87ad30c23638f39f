//! The servers to be measured: ours, the peers', the floor.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    process::{self, Running},
    project::{Project, cargo},
};

use super::report;

/// The floor's name.
pub(super) const FLOOR: &str = "floor";

/// One echo server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) whose: Whose,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Whose {
    /// An example of this workspace.
    Ours,
    /// Ours, in the frame that the peers' servers have: their accept loop, and no other end than theirs.
    Framed,
    /// A program of `benches/peers` that is none of ours.
    Peer,
    /// The least that can be done: at all, on Tokio, with threads.
    Floor,
}

pub(super) const SERVERS: [Server; 13] = [
    Server {
        name: FLOOR,
        whose: Whose::Floor,
    },
    Server {
        name: "floor_tokio",
        whose: Whose::Floor,
    },
    Server {
        name: "floor_threads",
        whose: Whose::Floor,
    },
    Server {
        name: "echo_mio",
        whose: Whose::Ours,
    },
    Server {
        name: "echo_tokio",
        whose: Whose::Ours,
    },
    Server {
        name: "echo_blocking",
        whose: Whose::Ours,
    },
    Server {
        name: "ws_tokio",
        whose: Whose::Framed,
    },
    Server {
        name: "fastwebsockets",
        whose: Whose::Peer,
    },
    Server {
        name: "sockudo_ws",
        whose: Whose::Peer,
    },
    Server {
        name: "tokio_tungstenite",
        whose: Whose::Peer,
    },
    Server {
        name: "tokio_websockets",
        whose: Whose::Peer,
    },
    Server {
        name: "tungstenite",
        whose: Whose::Peer,
    },
    Server {
        name: "yawc",
        whose: Whose::Peer,
    },
];

/// Builds everything, and gives the servers that `wanted` names.
pub(super) fn build(project: &Project, wanted: impl Fn(&str) -> bool) -> Result<Vec<Server>, String> {
    let servers: Vec<Server> = SERVERS.into_iter().filter(|server| wanted(server.name)).collect();
    let ours: Vec<&str> = servers
        .iter()
        .filter(|s| s.whose == Whose::Ours)
        .map(|s| s.name)
        .collect();
    if !ours.is_empty() {
        project.build_examples(&ours)?;
    }
    build_peers(project)?;
    report::dir(project)?;
    Ok(servers)
}

/// Builds the package of the peers, the floor and the load.
pub(super) fn build_peers(project: &Project) -> Result<(), String> {
    cargo_on_peers(project, &["build", "--release"])
}

/// All of that package compiles, its benches too, with the lock as it is.
pub(super) fn check_peers(project: &Project) -> Result<(), String> {
    cargo_on_peers(project, &["check", "--all-targets", "--locked"])
}

fn cargo_on_peers(project: &Project, args: &[&str]) -> Result<(), String> {
    let mut command = cargo();
    command.args(args).args(["--quiet", "--manifest-path"]);
    command.arg(project.root.join("benches/peers/Cargo.toml"));
    process::run(command.arg("--target-dir").arg(project.target.join("peers")))
}

/// A program of that package.
pub(super) fn peer(project: &Project, name: &str) -> Command {
    Command::new(project.target.join("peers/release").join(name))
}

impl Server {
    /// Starts it on a processor of its own, and waits until it listens: the process, and its address.
    pub(super) fn start(&self, project: &Project, form: Form) -> Result<(Running, String), String> {
        let program = match self.whose {
            Whose::Ours => project.example(self.name),
            Whose::Framed | Whose::Peer | Whose::Floor => peer(project, self.name),
        };
        let mut command = pinned(project, SERVER_CPU, &program);
        command.args(["--port", "0", "--max-message", MAX_MESSAGE]);
        if form.heap {
            command.arg("--heap-report");
        }
        // Ours have one form, and it is the default.
        if self.whose == Whose::Peer {
            command.args(form.batch.then_some("--batch"));
            command.args(form.tuned.then_some("--tuned"));
        }
        start(project, self.name, &mut command)
    }
}

/// In which form a server is to run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Form {
    /// A peer's batching form, where it has one.
    pub(super) batch: bool,
    /// A peer's settings for speed, where its documentation gives some.
    pub(super) tuned: bool,
    /// Tell the heap.
    pub(super) heap: bool,
}

/// Starts a server's command, and waits until it listens.
pub(super) fn start(project: &Project, name: &str, command: &mut Command) -> Result<(Running, String), String> {
    let log = project.target.join("bench").join(format!("{name}.log"));
    let server = Running::start(command.stdin(Stdio::piped()), &log)?;
    let address = server.address(LIMIT)?;
    Ok((server, address))
}

/// A command on one processor, with as many files as can be had.
pub(super) fn pinned(project: &Project, cpu: &str, program: &Command) -> Command {
    let mut command = peer(project, "load");
    command
        .args(["pin", cpu])
        .arg(program.get_program())
        .args(program.get_args());
    command
}

/// Where servers run, and where the load does.
pub(super) const SERVER_CPU: &str = "0";
pub(super) const LOAD_CPU: &str = "1";

/// For a server to start, and for any single answer.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// The largest message of the benches fits.
const MAX_MESSAGE: &str = "67108864";
