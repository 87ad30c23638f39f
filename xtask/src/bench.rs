//! `cargo xtask bench`: our servers beside the peers' and beside a floor, over real sockets; and instruction counts.
//!
//! The peers are programs of a package apart (`benches/peers`), so their dependencies are never ours. Figures of a run
//! are comparable with one another only: whatever is compared is measured in turn, round by round, and ratios are
//! medians of ratios within a round.

mod broadcast;
mod connect;
mod echo;
mod idle;
mod instructions;
mod load;
mod plot;
mod report;
mod servers;
mod statistics;

use crate::{
    args::{Args, Usage},
    outcome::Outcome,
    project::Project,
};

/// The part of `cargo xtask test`: counts instructions and compares them with the table that is kept.
pub(crate) fn instructions(project: &Project) -> Outcome {
    instructions::run(project, false)
}

/// A part of `cargo xtask lint`: the peers' package is in no workspace that anything else compiles.
pub(crate) fn check_peers(project: &Project) -> Result<(), String> {
    servers::check_peers(project)
}

struct Bench {
    name: &'static str,
    run: fn(&Project, &Plan) -> Outcome,
}

const BENCHES: [Bench; 5] = [
    Bench {
        name: "echo",
        run: |project, plan| echo::run(project, plan).into(),
    },
    Bench {
        name: "broadcast",
        run: |project, plan| broadcast::run(project, plan).into(),
    },
    Bench {
        name: "connect",
        run: |project, plan| connect::run(project, plan).into(),
    },
    Bench {
        name: "idle",
        run: |project, plan| idle::run(project, plan).into(),
    },
    Bench {
        name: INSTRUCTIONS,
        run: |project, plan| instructions::run(project, plan.update),
    },
];

/// What to measure, and how long.
#[derive(Debug)]
pub(crate) struct Plan {
    which: Option<usize>,
    /// Every server once a round.
    rounds: usize,
    /// For each measurement, behind its warm-up.
    seconds: f64,
    /// The servers to measure, or all if there are none; the floor is always among them.
    only: Vec<&'static str>,
    /// Keep the instruction counts as the new table.
    update: bool,
}

impl Plan {
    /// Reads the bench's name and the options.
    pub(crate) fn parse(mut args: Args) -> Result<Self, Usage> {
        let mut plan = Self {
            which: None,
            rounds: ROUNDS,
            seconds: SECONDS,
            only: Vec::new(),
            update: false,
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--rounds" => plan.rounds = number(&arg, &args.value(&arg)?)?,
                "--seconds" => plan.seconds = number(&arg, &args.value(&arg)?)?,
                "--only" => plan.only.push(server(&arg, &args.value(&arg)?)?),
                "--update" => plan.update = true,
                name if plan.which.is_none() && BENCHES.iter().any(|bench| bench.name == name) => {
                    plan.which = BENCHES.iter().position(|bench| bench.name == name);
                }
                _ => return Err(Usage::unknown(&arg)),
            }
        }
        if plan.rounds == 0 || plan.seconds <= 0.0 {
            return Err(Usage("nothing would be measured".into()));
        }
        if plan.update && plan.which.is_some_and(|which| BENCHES[which].name != INSTRUCTIONS) {
            return Err(Usage(format!("`--update`: only `{INSTRUCTIONS}` keeps a table")));
        }
        Ok(plan)
    }

    /// Whether the server of this name is to be measured.
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || name == servers::FLOOR || self.only.contains(&name)
    }
}

/// Runs the one that is named, or all; the first failure is the outcome, behind all of them.
pub(crate) fn run(project: &Project, plan: &Plan) -> Outcome {
    let mut outcome = Outcome::Passed;
    for (index, bench) in BENCHES.iter().enumerate() {
        if plan.which.is_some_and(|which| which != index) {
            continue;
        }
        println!("\n=== bench {}", bench.name);
        let ended = (bench.run)(project, plan);
        if matches!(outcome, Outcome::Passed) {
            outcome = ended;
        }
    }
    outcome
}

/// The server of this name, of whichever bench.
fn server(flag: &str, value: &str) -> Result<&'static str, Usage> {
    let known: Vec<_> = servers::SERVERS
        .iter()
        .map(|server| server.name)
        .chain(broadcast::OURS)
        .collect();
    let found = known.iter().copied().find(|name| *name == value);
    found.ok_or_else(|| Usage(format!("`{flag} {value}`: choose from {}", known.join(", "))))
}

fn number<T: std::str::FromStr>(flag: &str, value: &str) -> Result<T, Usage> {
    value
        .parse()
        .map_err(|_| Usage(format!("`{flag} {value}`: not a number")))
}

/// The one bench whose figures are kept in the repository.
const INSTRUCTIONS: &str = "instructions";

/// A median of fewer says little.
const ROUNDS: usize = 5;

/// Long enough for a hundred thousand short messages, and for the kernel's accounting.
const SECONDS: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Plan, Usage> {
        Plan::parse(Args::new(args.iter().map(|arg| arg.to_string())))
    }

    #[test]
    fn a_bench_is_chosen_by_name() {
        assert_eq!(parse(&[]).unwrap().which, None);
        assert_eq!(parse(&["--rounds", "3", "connect"]).unwrap().which, Some(2));
        assert!(parse(&["nothing"]).is_err());
        assert!(parse(&["--rounds", "0"]).is_err());
    }

    #[test]
    fn the_floor_is_always_measured() {
        let plan = parse(&["--only", "echo_mio"]).unwrap();
        assert!(plan.wants("echo_mio") && plan.wants(servers::FLOOR));
        assert!(!plan.wants("yawc"));
    }

    #[test]
    fn a_server_of_no_such_name_is_refused() {
        assert!(parse(&["--only", "nothing"]).is_err());
        assert!(parse(&["broadcast", "--only", "broadcast_mio"]).is_ok());
    }

    #[test]
    fn only_the_instructions_have_a_table_to_update() {
        assert!(parse(&["echo", "--update"]).is_err());
        assert!(parse(&["--update", "instructions"]).is_ok());
        assert!(parse(&["--update"]).is_ok());
    }
}
