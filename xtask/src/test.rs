//! `cargo xtask test`: everything that can be tested, part by part.

use std::time::{Duration, Instant};

use crate::{
    args::{Args, Usage},
    autobahn, bench, browser, fuzz, memory,
    outcome::Outcome,
    peers, process,
    project::{Package, Project, cargo},
    tools,
};

/// One part; the whole of a room's tests counts as one.
struct Part {
    name: &'static str,
    what: &'static str,
    run: fn(&Project) -> Outcome,
}

const PARTS: [Part; 14] = [
    Part {
        name: "unit",
        what: "unit and integration tests of the workspace, with all features",
        run: unit,
    },
    Part {
        name: "doc",
        what: "documentation examples",
        run: doc,
    },
    Part {
        name: "features",
        what: "the tests of each crate with no features",
        run: features,
    },
    Part {
        name: "msrv",
        what: "the crates compile with the oldest Rust that they promise",
        run: msrv,
    },
    Part {
        name: "no-std",
        what: "programs without std, and without an allocator",
        run: no_std,
    },
    Part {
        name: "examples",
        what: "smoke tests of the programs, conformance, and the harm suite",
        run: examples,
    },
    Part {
        name: "fuzz",
        what: "every fuzz target for ten seconds",
        run: |project| fuzz::run(project, &fuzz::Plan::brief()),
    },
    Part {
        name: "asan",
        what: "the tests of ws-frame under AddressSanitizer",
        run: fuzz::address_sanitizer,
    },
    Part {
        name: "autobahn",
        what: "the Autobahn suite: all shells, both roles, all paths",
        run: autobahn,
    },
    Part {
        name: "python",
        what: "Python's `websockets` as client and as server",
        run: peers::python,
    },
    Part {
        name: "node",
        what: "Node's `ws` as client and as server",
        run: peers::node,
    },
    Part {
        name: "browser",
        what: "a real browser: two tabs in the chat, compressed echoes",
        run: browser::chat,
    },
    Part {
        name: "memory",
        what: "heap bytes per idle connection",
        run: memory::run,
    },
    Part {
        name: "instructions",
        what: "instructions of the core's hot paths, beside the table that is kept",
        run: bench::instructions,
    },
];

/// Programs that must link and run without std.
const NO_STD: [&str; 2] = ["frame", "proto"];

/// What to run.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    list: bool,
    only: Vec<&'static str>,
    skip: Vec<&'static str>,
}

impl Plan {
    /// Reads `--list`, `--only` and `--skip`.
    pub(crate) fn parse(mut args: Args) -> Result<Self, Usage> {
        let mut plan = Self::default();
        let known = PARTS.map(|part| (part.name, part.name));
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--list" => plan.list = true,
                "--only" => plan.only.push(args.one_of(&arg, known)?),
                "--skip" => plan.skip.push(args.one_of(&arg, known)?),
                _ => return Err(Usage::unknown(&arg)),
            }
        }
        Ok(plan)
    }

    fn parts(&self) -> impl Iterator<Item = &'static Part> {
        PARTS
            .iter()
            .filter(|part| (self.only.is_empty() || self.only.contains(&part.name)) && !self.skip.contains(&part.name))
    }
}

/// Runs the parts in order, also behind a failed one; the last line is the count alone.
pub(crate) fn run(project: &Project, plan: &Plan) -> Outcome {
    if plan.list {
        for Part { name, what, .. } in &PARTS {
            println!("{name:12} {what}");
        }
        return Outcome::Passed;
    }
    let mut results = Vec::new();
    for part in plan.parts() {
        println!("\n=== {}: {}", part.name, part.what);
        let started = Instant::now();
        let outcome = (part.run)(project);
        let line = result_line(part.name, &outcome, started.elapsed());
        println!("=== {line}");
        results.push((outcome, line));
    }

    println!();
    for (_, line) in &results {
        println!("{line}");
    }
    let count = |wanted: fn(&Outcome) -> bool| results.iter().filter(|(o, _)| wanted(o)).count();
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_) | Outcome::Reported));
    let passed = count(|outcome| matches!(outcome, Outcome::Passed));
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_) | Outcome::Incomplete));
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    whole(failed, skipped)
}

/// Everything has been said by the last line.
fn whole(failed: usize, skipped: usize) -> Outcome {
    match (failed, skipped) {
        (0, 0) => Outcome::Passed,
        (0, _) => Outcome::Incomplete,
        _ => Outcome::Reported,
    }
}

fn result_line(name: &str, outcome: &Outcome, took: Duration) -> String {
    let seconds = took.as_secs();
    match outcome {
        Outcome::Passed => format!("{name}: passed ({seconds} s)"),
        Outcome::Failed(why) => format!("{name}: FAILED ({seconds} s): {why}"),
        Outcome::Reported => format!("{name}: FAILED ({seconds} s)"),
        Outcome::Skipped(why) => format!("{name}: SKIPPED: {why}"),
        Outcome::Incomplete => format!("{name}: SKIPPED in part ({seconds} s)"),
    }
}

fn unit(_: &Project) -> Outcome {
    let what = ["--workspace", "--exclude", "examples", "--all-features"];
    cargo_test(&[&what[..], &["--lib", "--bins", "--tests"]].concat()).into()
}

fn doc(_: &Project) -> Outcome {
    cargo_test(&["--workspace", "--doc"]).into()
}

/// That each feature alone compiles, tests included, is seen by the lints.
fn features(project: &Project) -> Outcome {
    let mut packages = project.packages.iter().filter(|package| !package.features.is_empty());
    packages
        .try_for_each(|package| cargo_test(&["--lib", "--tests", "--no-default-features", "--package", &package.name]))
        .into()
}

/// The libraries alone: tests may ask for a newer compiler.
fn msrv(project: &Project) -> Outcome {
    let crates = project.packages.iter().filter(|one| one.name.starts_with("ws-"));
    for Package { name, rust_version, .. } in crates {
        if let Err(why) = tools::toolchain(rust_version) {
            return Outcome::Skipped(why);
        }
        let mut check = tools::on_toolchain(rust_version);
        check.args(["check", "--quiet", "--lib", "--all-features", "--package", name]);
        check.arg("--target-dir").arg(project.target.join("msrv"));
        if let Err(why) = process::run(check.current_dir(&project.root)) {
            return Outcome::Failed(why);
        }
    }
    Outcome::Passed
}

/// A plain run of each program; a build that needs std or an allocator does not link.
fn no_std(project: &Project) -> Outcome {
    NO_STD
        .iter()
        .try_for_each(|name| {
            let mut run = cargo();
            run.args(["run", "--quiet", "--manifest-path"]);
            run.arg(project.root.join("xtask/no_std").join(name).join("Cargo.toml"));
            run.arg("--target-dir").arg(project.target.join("no_std"));
            process::run(&mut run)
        })
        .into()
}

fn examples(project: &Project) -> Outcome {
    let built = project.build_examples(&["*"]);
    built.and_then(|()| cargo_test(&["--package", "examples"])).into()
}

fn autobahn(project: &Project) -> Outcome {
    autobahn::run(project, &autobahn::Plan::default())
}

fn cargo_test(args: &[&str]) -> Result<(), String> {
    process::run(cargo().args(["test", "--quiet"]).args(args))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(args: &[&str]) -> Vec<&'static str> {
        let plan = Plan::parse(Args::new(args.iter().map(|arg| arg.to_string()))).unwrap();
        plan.parts().map(|part| part.name).collect()
    }

    #[test]
    fn parts_are_chosen_by_name() {
        assert_eq!(chosen(&[]).len(), PARTS.len());
        assert_eq!(chosen(&["--only", "node", "--only", "doc"]), ["doc", "node"]);
        assert_eq!(chosen(&["--skip", "autobahn"]).len(), PARTS.len() - 1);
        assert!(!chosen(&["--skip", "autobahn"]).contains(&"autobahn"));
    }

    #[test]
    fn a_part_of_no_such_name_is_refused() {
        let args = ["--only", "nothing"].map(str::to_owned);
        assert!(Plan::parse(Args::new(args.into_iter())).is_err());
    }

    #[test]
    fn only_a_pass_is_called_passed() {
        let line = |outcome| result_line("x", &outcome, Duration::ZERO);
        assert!(line(Outcome::Passed).contains("passed"));
        for other in [
            Outcome::Failed("y".into()),
            Outcome::Reported,
            Outcome::Skipped("y".into()),
            Outcome::Incomplete,
        ] {
            assert!(!line(other).contains("passed"));
        }
    }

    #[test]
    fn a_run_with_a_skipped_part_has_not_passed() {
        assert!(matches!(whole(0, 0), Outcome::Passed));
        assert!(matches!(whole(0, 1), Outcome::Incomplete));
        assert!(matches!(whole(1, 0), Outcome::Reported));
        assert!(matches!(whole(1, 1), Outcome::Reported));
    }
}
