//! One message to everybody, beside raw writes of the same bytes.

use std::process::Command;

use crate::{
    process,
    project::{Project, cargo},
};

use super::{
    Plan,
    load::{self, Sample, in_turn, middle, quotients},
    report::{self, Table},
    servers::{self, FLOOR, SERVER_CPU},
    statistics::{median, range},
};

/// Of this workspace's package `benches`.
pub(super) const OURS: [&str; 3] = ["broadcast_mio", "broadcast_tokio", "broadcast_blocking"];

/// A thread takes its connection: so many of them, and no more.
const THREADED: &str = "broadcast_blocking";
const THREADS: usize = 1_000;

/// Connections, and bytes of a message.
const CASES: [(usize, usize); 4] = [(1_000, 20), (1_000, 1024), (10_000, 20), (10_000, 1024)];

pub(super) fn run(project: &Project, plan: &Plan) -> Result<(), String> {
    let ours: Vec<&str> = OURS.into_iter().filter(|name| plan.wants(name)).collect();
    let mut build = cargo();
    build.args(["build", "--quiet", "--release", "--package", "benches"]);
    for name in &ours {
        build.args(["--example", name]);
    }
    if !ours.is_empty() {
        process::run(&mut build)?;
    }
    servers::build_peers(project)?;
    report::dir(project)?;

    let names: Vec<&str> = [FLOOR].into_iter().chain(ours).collect();
    let heads = [
        "connections × payload",
        "server",
        "CPU/delivery",
        "ratio",
        "range",
        "deliveries/s",
        "to all: p50",
        "p99",
    ];
    let mut table = Table::new(heads);
    for (connections, size) in CASES {
        let names: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| connections <= THREADS || *name != THREADED)
            .collect();
        let samples = in_turn(plan.rounds, names.len(), |index| {
            one(project, plan, names[index], connections, size).map_err(|why| format!("{}: {why}", names[index]))
        })?;
        for (name, rounds) in names.iter().zip(&samples) {
            let ratios = || quotients(rounds, &samples[0]);
            let (least, most) = range(ratios());
            table.row(vec![
                format!("{connections} × {size} B"),
                (*name).into(),
                format!("{:.2} µs", middle(rounds, |s| s.cpu) / 1e3),
                format!("{:.2}", median(ratios())),
                format!("{least:.2}–{most:.2}"),
                format!("{:.0}", middle(rounds, |s| s.rate)),
                format!("{:.1} ms", middle(rounds, |s| s.p50) / 1e3),
                format!("{:.1} ms", middle(rounds, |s| s.p99) / 1e3),
            ]);
        }
    }
    let text = format!(
        "{}\nOne message at a time; the floor writes the same bytes to every socket. Medians of {} rounds of {} s.\n",
        table.markdown(),
        plan.rounds,
        plan.seconds
    );
    report::keep(project, "broadcast", &text)
}

fn one(project: &Project, plan: &Plan, name: &str, connections: usize, size: usize) -> Result<Sample, String> {
    let program = match name {
        FLOOR => servers::peer(project, name),
        _ => Command::new(project.target.join("release/examples").join(name)),
    };
    let mut command = servers::pinned(project, SERVER_CPU, &program);
    if name == FLOOR {
        command.args(["--port", "0", "--broadcast"]);
    }
    let (running, address) = servers::start(project, name, &mut command)?;
    let words = [
        ("--connections", connections.to_string()),
        ("--size", size.to_string()),
        ("--seconds", plan.seconds.to_string()),
    ];
    let words: Vec<String> = words
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect();
    load::run(project, "broadcast", (running.id(), &address), &words)
}
