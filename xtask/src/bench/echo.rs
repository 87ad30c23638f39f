//! Echoes over loopback: what a message costs our servers, the peers', and the floor.

use crate::project::Project;

use super::{
    Plan, load,
    load::Sample,
    plot,
    report::{self, Table},
    servers::{self, FLOOR, Form, Server, Whose},
    statistics::{median, range},
};

/// What is in flight.
#[derive(Clone, Copy, Debug)]
struct Case {
    connections: usize,
    /// Messages in flight on each.
    window: usize,
    size: usize,
}

const CASES: [Case; 9] = [
    Case::new(1, 1, 20),
    Case::new(32, 1, 20),
    Case::new(500, 1, 20),
    Case::new(32, 1, 512),
    Case::new(8, 1, 16 << 10),
    Case::new(2, 1, 1 << 20),
    Case::new(32, 16, 20),
    Case::new(32, 16, 1 << 10),
    Case::new(500, 16, 20),
];

/// The rows of a target: short messages one by one, or windows of them.
const SHORT: [usize; 4] = [1, 2, 3, 4];
const WINDOWS: [usize; 2] = [6, 7];

/// A server of ours, the cases, beside whom, and how many times their processor time it may take.
const TARGETS: [(&str, &[usize], &str, f64); 6] = [
    ("echo_mio", &SHORT, FLOOR, 1.05),
    ("echo_mio", &WINDOWS, FLOOR, 1.15),
    ("ws_tokio", &SHORT, FLOOR, 1.10),
    ("ws_tokio", &WINDOWS, FLOOR, 1.5),
    ("echo_blocking", &SHORT, "tungstenite", 0.6),
    ("echo_blocking", &WINDOWS, FLOOR, 1.5),
];

/// Samples by case, server and round.
type Samples = Vec<Vec<Vec<Sample>>>;

pub(super) fn run(project: &Project, plan: &Plan) -> Result<(), String> {
    let servers = servers::build(project, |name| plan.wants(name))?;
    let results = Results {
        samples: measure(project, plan, &servers)?,
        servers,
    };
    let text = format!(
        "{}\n{}\n{}\n{}",
        results.ratios(plan),
        results.targets().unwrap_or_default(),
        results.ahead().unwrap_or_default(),
        results.details()
    );
    report::keep(project, "echo", &text)?;
    let plot = report::write(project, "echo.svg", &results.plot())?;
    println!("and {}", plot.display());
    Ok(())
}

/// All servers in turn, case by case, round by round; the order moves on by one each round.
fn measure(project: &Project, plan: &Plan, servers: &[Server]) -> Result<Samples, String> {
    let mut samples = vec![vec![Vec::new(); servers.len()]; CASES.len()];
    for round in 0..plan.rounds {
        for (case, samples) in CASES.iter().zip(&mut samples) {
            for turn in 0..servers.len() {
                let index = (round + turn) % servers.len();
                let sample = one(project, plan, &servers[index], case)?;
                println!(
                    "{} of {}, {}, {}: {:.0} ns, {:.0} a second, {:.0} % busy",
                    round + 1,
                    plan.rounds,
                    case.title(),
                    servers[index].name,
                    sample.cpu,
                    sample.rate,
                    sample.busy * 100.0
                );
                samples[index].push(sample);
            }
        }
    }
    Ok(samples)
}

fn one(project: &Project, plan: &Plan, server: &Server, case: &Case) -> Result<Sample, String> {
    let form = Form {
        batch: case.window > 1,
        tuned: true,
        heap: false,
    };
    let (running, address) = server.start(project, form)?;
    let words = [
        ("--connections", case.connections.to_string()),
        ("--window", case.window.to_string()),
        ("--size", case.size.to_string()),
        ("--seconds", plan.seconds.to_string()),
    ];
    let words: Vec<String> = words
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect();
    load::run(project, "echo", (running.id(), &address), &words).map_err(|why| format!("{}: {why}", server.name))
}

impl Case {
    const fn new(connections: usize, window: usize, size: usize) -> Self {
        Self {
            connections,
            window,
            size,
        }
    }

    fn title(&self) -> String {
        let size = match self.size {
            0..1024 => format!("{} B", self.size),
            1024..0x10_0000 => format!("{} KiB", self.size >> 10),
            _ => format!("{} MiB", self.size >> 20),
        };
        let window = if self.window > 1 {
            format!("{} × ", self.window)
        } else {
            String::new()
        };
        format!("{} × {window}{size}", self.connections)
    }
}

struct Results {
    servers: Vec<Server>,
    samples: Samples,
}

impl Results {
    /// Processor time as a multiple of another server's, round by round.
    fn quotients(&self, case: usize, server: usize, other: usize) -> impl Iterator<Item = f64> {
        load::quotients(&self.samples[case][server], &self.samples[case][other])
    }

    fn ratio(&self, case: usize, server: usize, other: usize) -> f64 {
        median(self.quotients(case, server, other))
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.servers.iter().position(|server| server.name == name)
    }

    fn floor(&self) -> usize {
        self.index(FLOOR).expect("always measured")
    }

    fn ratios(&self, plan: &Plan) -> String {
        let titles = CASES.iter().map(Case::title);
        let mut table = Table::new(
            ["server CPU per message, the floor's = 1".to_owned()]
                .into_iter()
                .chain(titles),
        );
        for (index, server) in self.servers.iter().enumerate() {
            let cells = (0..CASES.len()).map(|case| format!("{:.2}", self.ratio(case, index, self.floor())));
            table.row([server.name.to_owned()].into_iter().chain(cells).collect());
        }
        let floor = (0..CASES.len()).map(|case| format!("{:.2} µs", self.median(case, self.floor(), |s| s.cpu) / 1e3));
        table.row(["the floor's 1 is".to_owned()].into_iter().chain(floor).collect());
        format!(
            "{}\nConnections × messages in flight on each (1 if not said) × payload; medians of {} rounds of {} s.\n",
            table.markdown(),
            plan.rounds,
            plan.seconds
        )
    }

    fn median(&self, case: usize, server: usize, figure: fn(&Sample) -> f64) -> f64 {
        load::middle(&self.samples[case][server], figure)
    }

    /// Each target, and whether it is met; none if nobody is there that has one.
    fn targets(&self) -> Option<String> {
        let mut table = Table::new(["target", "beside", "at most", "measured", ""]);
        let mut any = false;
        for (name, cases, beside, most) in TARGETS {
            let (Some(server), Some(other)) = (self.index(name), self.index(beside)) else {
                continue;
            };
            for &case in cases {
                any = true;
                let measured = self.ratio(case, server, other);
                let verdict = if measured <= most { "met" } else { "MISSED" };
                table.row(vec![
                    format!("{name}, {}", CASES[case].title()),
                    beside.into(),
                    format!("{most:.2}"),
                    format!("{measured:.2}"),
                    verdict.into(),
                ]);
            }
        }
        any.then(|| table.markdown())
    }

    /// Where a peer takes less than ours of the same kind.
    fn ahead(&self) -> Option<String> {
        let mut lines = String::new();
        for (ours, _) in self.of(Whose::Ours).chain(self.of(Whose::Framed)) {
            let threads = self.servers[ours].name == "echo_blocking";
            for (peer, _) in self
                .of(Whose::Peer)
                .filter(|(_, server)| (server.name == "tungstenite") == threads)
            {
                for (case, title) in CASES.iter().map(Case::title).enumerate() {
                    let ratio = self.ratio(case, ours, peer);
                    if ratio > 1.0 {
                        let (least, most) = range(self.quotients(case, ours, peer));
                        lines += &format!(
                            "- {title}: {} takes {ratio:.2} times what {} takes ({least:.2} to {most:.2})\n",
                            self.servers[ours].name, self.servers[peer].name
                        );
                    }
                }
            }
        }
        (!lines.is_empty()).then(|| format!("Behind a peer:\n{lines}"))
    }

    fn of(&self, whose: Whose) -> impl Iterator<Item = (usize, &Server)> {
        self.servers
            .iter()
            .enumerate()
            .filter(move |(_, server)| server.whose == whose)
    }

    /// All figures, a table for each case.
    fn details(&self) -> String {
        let mut text = String::new();
        for (case, title) in CASES.iter().map(Case::title).enumerate() {
            let heads = [
                "server",
                "CPU/message",
                "ratio",
                "range",
                "messages/s",
                "p50",
                "p99",
                "busy",
                "saturated",
            ];
            let mut table = Table::new(heads);
            for (index, server) in self.servers.iter().enumerate() {
                let (least, most) = range(self.quotients(case, index, self.floor()));
                let busy = self.median(case, index, |s| s.busy);
                table.row(vec![
                    server.name.into(),
                    format!("{:.2} µs", self.median(case, index, |s| s.cpu) / 1e3),
                    format!("{:.2}", self.ratio(case, index, self.floor())),
                    format!("{least:.2}–{most:.2}"),
                    format!("{:.0}", self.median(case, index, |s| s.rate)),
                    format!("{:.0} µs", self.median(case, index, |s| s.p50)),
                    format!("{:.0} µs", self.median(case, index, |s| s.p99)),
                    format!("{:.0} %", busy * 100.0),
                    if busy >= SATURATED { "yes" } else { "no" }.into(),
                ]);
            }
            text += &format!("\n{title}:\n\n{}", table.markdown());
        }
        text
    }

    fn plot(&self) -> String {
        let groups: Vec<plot::Group> = (0..CASES.len())
            .map(|case| plot::Group {
                title: CASES[case].title(),
                bars: (0..self.servers.len())
                    .map(|server| self.ratio(case, server, self.floor()))
                    .collect(),
            })
            .collect();
        let series: Vec<plot::Series> = self
            .servers
            .iter()
            .map(|server| plot::Series {
                name: server.name,
                ours: matches!(server.whose, Whose::Ours | Whose::Framed),
            })
            .collect();
        plot::svg(
            "Server CPU per echoed message, the floor's = 1 (less is better)",
            &series,
            &groups,
        )
    }
}

/// Below that, the server waited.
const SATURATED: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::*;

    fn results(cpu: &[(&'static str, Whose, [f64; 2])]) -> Results {
        let servers = cpu.iter().map(|&(name, whose, _)| Server { name, whose }).collect();
        let rounds = |cpu: [f64; 2]| {
            cpu.map(|cpu| Sample {
                cpu,
                ..Sample::default()
            })
            .to_vec()
        };
        let case: Vec<Vec<Sample>> = cpu.iter().map(|&(_, _, cpu)| rounds(cpu)).collect();
        Results {
            servers,
            samples: vec![case; CASES.len()],
        }
    }

    #[test]
    fn cases_have_titles() {
        assert_eq!(CASES[5].title(), "2 × 1 MiB");
        assert_eq!(CASES[7].title(), "32 × 16 × 1 KiB");
    }

    #[test]
    fn a_ratio_is_taken_within_a_round() {
        // The machine was twice as slow in the second round.
        let results = results(&[
            (FLOOR, Whose::Floor, [10.0, 20.0]),
            ("echo_mio", Whose::Ours, [11.0, 22.0]),
        ]);
        assert!((results.ratio(0, 1, 0) - 1.1).abs() < 1e-9);
        assert!(results.targets().unwrap().contains("MISSED"));
    }

    #[test]
    fn a_peer_ahead_is_told() {
        let ours = ("echo_tokio", Whose::Ours, [11.0, 11.0]);
        let with = |cpu| results(&[(FLOOR, Whose::Floor, [10.0; 2]), ours, ("yawc", Whose::Peer, [cpu; 2])]);
        assert!(with(10.5).ahead().unwrap().contains("1.05 times what yawc"));
        assert!(with(12.0).ahead().is_none());
    }
}
