//! `cargo xtask soak`: the harm suite's attacks again and again on one server of each shell, beside good clients.

use crate::{
    args::{Args, Usage},
    outcome::Outcome,
    process,
    project::{Project, cargo},
};

/// How long it goes on.
#[derive(Debug)]
pub(crate) struct Plan {
    minutes: u64,
}

impl Plan {
    /// Reads `--minutes`.
    pub(crate) fn parse(mut args: Args) -> Result<Self, Usage> {
        let mut plan = Self {
            minutes: DEFAULT_MINUTES,
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--minutes" => plan.minutes = minutes(&mut args)?,
                _ => return Err(Usage::unknown(&arg)),
            }
        }
        Ok(plan)
    }
}

/// The value of `--minutes`.
pub(crate) fn minutes(args: &mut Args) -> Result<u64, Usage> {
    let value = args.value("--minutes")?;
    let number = value
        .parse()
        .ok()
        .filter(|minutes| (1..=MOST_MINUTES).contains(minutes));
    number.ok_or_else(|| Usage(format!("`--minutes {value}`: 1 to {MOST_MINUTES}")))
}

/// Built as for use; prints what the servers hold at the start, in the middle and at the end.
pub(crate) fn run(_: &Project, plan: &Plan) -> Outcome {
    let mut soak = cargo();
    soak.args([
        "test",
        "--quiet",
        "--release",
        "--package",
        "examples",
        "--test",
        "harm",
    ]);
    soak.args(["--", "soak", &(plan.minutes * 60).to_string()]);
    process::run(&mut soak).into()
}

const DEFAULT_MINUTES: u64 = 5;

/// A day: it has to end by itself.
const MOST_MINUTES: u64 = 24 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Option<u64> {
        let plan = Plan::parse(Args::new(args.iter().map(|arg| arg.to_string())));
        plan.ok().map(|plan| plan.minutes)
    }

    #[test]
    fn a_soak_is_bounded_in_time() {
        assert_eq!(parsed(&[]), Some(DEFAULT_MINUTES));
        assert_eq!(parsed(&["--minutes", "30"]), Some(30));
        for wrong in [&["--minutes"][..], &["--minutes", "0"], &["--minutes", "1441"], &["30"]] {
            assert_eq!(parsed(wrong), None, "{wrong:?}");
        }
    }
}
