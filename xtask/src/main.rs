//! The project's own tasks; run `cargo xtask` for the list.
#![forbid(unsafe_code)]

mod args;
mod autobahn;
mod bench;
mod browser;
mod fuzz;
mod layers;
mod lint;
mod memory;
mod outcome;
mod peers;
mod process;
mod project;
mod soak;
mod source;
mod test;
mod tools;
mod wstest;

use std::process::ExitCode;

use args::{Args, Usage};
use outcome::Outcome;
use project::Project;

const USAGE: &str = "\
usage: cargo xtask TASK

  lint             formatting, clippy, documentation, layer rules
  test [--list] [--only PART]... [--skip PART]...
                   every test there is; the last line counts the parts
  autobahn [--shell tokio|mio|blocking]... [--role server|client]...
           [--path plain|split|stream|tls|one-port]...
           [--cases LIST] [--quick] [--all]
                   the Autobahn suite, through every path that a shell has;
                   of 12.* and 13.* (compression) a sample, and through all
                   paths but the plain one a thinner sample and no 9.*
                   --cases  comma-separated, as in `--cases 6.*,7.1.1`
                   --quick  without 9.* (large messages)
                   --all    every case there is: 517, for hours through all paths
                   reports: target/autobahn/SHELL-ROLE-PATH/reports/index.html
                   $WSTEST: a command to use instead of a `wstest` set up here
  memory           heap bytes per idle connection, at 10,000 connections
  bench [echo|broadcast|connect|idle|instructions]
        [--rounds N] [--seconds S] [--only SERVER]... [--update]
                   our servers beside the peers' and beside a floor, over loopback;
                   instructions of the core's hot paths beside the table that is
                   kept (--update: a new table); reports: target/bench/
  fuzz [--minutes N] [TARGET]...
                   the fuzz targets, 10 minutes each if not told otherwise
  soak [--minutes N]
                   good clients and the harm suite's attacks on one server of each
                   shell, for 5 minutes if not told otherwise

exit code: 0 passed, 1 failed, 2 bad arguments,
           3 skipped, in whole or in part (a tool can't be had)";

fn main() -> ExitCode {
    match dispatch(Args::new(std::env::args().skip(1))) {
        Ok(Outcome::Passed) => ExitCode::SUCCESS,
        Ok(Outcome::Failed(why)) => {
            eprintln!("FAILED: {why}");
            ExitCode::from(1)
        }
        Ok(Outcome::Reported) => ExitCode::from(1),
        Ok(Outcome::Skipped(why)) => {
            eprintln!("SKIPPED: {why}");
            ExitCode::from(3)
        }
        Ok(Outcome::Incomplete) => ExitCode::from(3),
        Err(Usage(what)) => {
            eprintln!("{what}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn dispatch(mut args: Args) -> Result<Outcome, Usage> {
    let task = args.next().ok_or_else(|| Usage("no task given".into()))?;
    match task.as_str() {
        "lint" => {
            args.end()?;
            Ok(within(lint::run))
        }
        "test" => {
            let plan = test::Plan::parse(args)?;
            Ok(within(|project| test::run(project, &plan)))
        }
        "autobahn" => {
            let plan = autobahn::Plan::parse(args)?;
            Ok(within(|project| autobahn::run(project, &plan)))
        }
        "memory" => {
            args.end()?;
            Ok(within(memory::run))
        }
        memory::MEASURE => {
            args.end()?;
            Ok(within(memory::measure))
        }
        "bench" => {
            let plan = bench::Plan::parse(args)?;
            Ok(within(|project| bench::run(project, &plan)))
        }
        "fuzz" => {
            let plan = fuzz::Plan::parse(args)?;
            Ok(within(|project| fuzz::run(project, &plan)))
        }
        "soak" => {
            let plan = soak::Plan::parse(args)?;
            Ok(within(|project| soak::run(project, &plan)))
        }
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(Outcome::Passed)
        }
        _ => Err(Usage(format!("unknown task `{task}`"))),
    }
}

fn within(task: impl FnOnce(&Project) -> Outcome) -> Outcome {
    Project::find().map_or_else(Outcome::Failed, |project| task(&project))
}
