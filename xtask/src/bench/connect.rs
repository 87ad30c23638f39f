//! Connections that open, close and go: how many a second, and what one costs the server.

use crate::project::Project;

use super::{
    Plan,
    load::{self, Sample, in_turn, middle, quotients},
    report::{self, Table},
    servers::{self, FLOOR, Form, Server},
    statistics::{median, range},
};

pub(super) fn run(project: &Project, plan: &Plan) -> Result<(), String> {
    let servers = servers::build(project, |name| plan.wants(name))?;
    let samples = in_turn(plan.rounds, servers.len(), |index| one(project, plan, &servers[index]))?;
    let floor = servers
        .iter()
        .position(|server| server.name == FLOOR)
        .expect("always measured");
    let heads = [
        "server",
        "CPU/connection",
        "ratio",
        "range",
        "connections/s",
        "p50",
        "p99",
        "busy",
    ];
    let mut table = Table::new(heads);
    for (server, rounds) in servers.iter().zip(&samples) {
        let ratios = || quotients(rounds, &samples[floor]);
        let (least, most) = range(ratios());
        table.row(vec![
            server.name.into(),
            format!("{:.1} µs", middle(rounds, |s| s.cpu) / 1e3),
            format!("{:.2}", median(ratios())),
            format!("{least:.2}–{most:.2}"),
            format!("{:.0}", middle(rounds, |s| s.rate)),
            format!("{:.0} µs", middle(rounds, |s| s.p50)),
            format!("{:.0} µs", middle(rounds, |s| s.p99)),
            format!("{:.0} %", middle(rounds, |s| s.busy) * 100.0),
        ]);
    }
    let text = format!(
        "{}\nConnect, handshake, Close both ways, end; 32 at a time; medians of {} rounds.\n",
        table.markdown(),
        plan.rounds
    );
    report::keep(project, "connect", &text)
}

fn one(project: &Project, plan: &Plan, server: &Server) -> Result<Sample, String> {
    let (running, address) = server.start(project, Form::default())?;
    let words = ["--seconds".to_owned(), plan.seconds.to_string()];
    let sample = load::run(project, "connect", (running.id(), &address), &words);
    sample.map_err(|why| format!("{}: {why}", server.name))
}
