//! `cargo xtask fuzz`: the fuzz targets, and the tests of the only `unsafe` code under AddressSanitizer. Both need a nightly
//! toolchain.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    args::{Args, Usage},
    outcome::Outcome,
    process,
    project::Project,
    soak, tools,
};

/// Which targets to run, and how long each.
#[derive(Debug)]
pub(crate) struct Plan {
    /// All, if none is named.
    targets: Vec<&'static str>,
    time: Duration,
}

impl Plan {
    /// Reads `--minutes` and names.
    pub(crate) fn parse(mut args: Args) -> Result<Self, Usage> {
        let mut plan = Self {
            targets: Vec::new(),
            time: Duration::from_secs(60 * DEFAULT_MINUTES),
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--minutes" => plan.time = Duration::from_secs(60 * soak::minutes(&mut args)?),
                flag if flag.starts_with('-') => return Err(Usage::unknown(flag)),
                _ => plan.targets.push(known(&arg)?),
            }
        }
        Ok(plan)
    }

    /// Every target, for as long as it takes to see that it works.
    pub(crate) fn brief() -> Self {
        Self {
            targets: Vec::new(),
            time: BRIEF,
        }
    }
}

/// The target of this name.
fn known(name: &str) -> Result<&'static str, Usage> {
    let found = TARGETS.into_iter().find(|target| *target == name);
    found.ok_or_else(|| Usage(format!("`{name}`: choose from {}", TARGETS.join(", "))))
}

/// Runs the targets one after the other, each from its seeds and what earlier runs have found.
pub(crate) fn run(project: &Project, plan: &Plan) -> Outcome {
    let tool = match tools::toolchain(NIGHTLY).and_then(|()| cargo_fuzz(project)) {
        Ok(tool) => tool,
        Err(why) => return Outcome::Skipped(why),
    };
    let chosen = if plan.targets.is_empty() {
        &TARGETS[..]
    } else {
        &plan.targets
    };
    let found: Vec<_> = chosen
        .iter()
        .filter_map(|target| run_target(project, &tool, target, plan.time).err())
        .collect();
    match found.is_empty() {
        true => Outcome::Passed,
        false => Outcome::Failed(found.join("\n")),
    }
}

/// Every access to memory in the tests of ws-frame is within what it owns.
pub(crate) fn address_sanitizer(project: &Project) -> Outcome {
    if let Err(why) = tools::toolchain(NIGHTLY) {
        return Outcome::Skipped(why);
    }
    let mut tests = tools::on_toolchain(NIGHTLY);
    // With a target given, what runs at build time is left as it is.
    tests
        .args([
            "test",
            "--quiet",
            "--package",
            "ws-frame",
            "--all-features",
            "--lib",
            "--tests",
        ])
        .args(["--target", MACHINE, "--target-dir"])
        .arg(project.target.join("asan"))
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .current_dir(&project.root);
    process::run(&mut tests).into()
}

fn run_target(project: &Project, tool: &Path, target: &str, time: Duration) -> Result<(), String> {
    let dir = project.root.join("fuzz");
    let corpus = dir.join("corpus").join(target);
    fs::create_dir_all(&corpus).map_err(|e| format!("{}: {e}", corpus.display()))?;
    let log = project.fresh_dir(&format!("fuzz-logs/{target}"))?.join("log");
    let mut fuzz = tools::on_toolchain(NIGHTLY);
    fuzz.args(["fuzz", "run", "--target-dir"])
        .arg(project.target.join("fuzz"))
        .arg(target)
        .arg(&corpus);
    let seeds = dir.join("seeds").join(target);
    if seeds.exists() {
        fuzz.arg(seeds);
    }
    fuzz.args(["--", "-len_control=0", "-print_final_stats=1"])
        .arg(format!("-max_len={MAX_LEN}"))
        .arg(format!("-max_total_time={}", time.as_secs()))
        .current_dir(&dir)
        .env("PATH", path_with(tool));
    process::run_logged(&mut fuzz, &log, time + tools::STEP_LIMIT).map_err(|why| format!("{target}: {why}"))?;
    let said = fs::read_to_string(&log).unwrap_or_default();
    println!("fuzz: {target}: {}", summary(&said));
    Ok(())
}

/// The last line with figures: executions, coverage, corpus.
fn summary(said: &str) -> &str {
    let last = said.lines().rfind(|line| line.contains(" cov: "));
    last.unwrap_or("no figures").trim()
}

/// The folder of `cargo-fuzz`: one that is there, or our own.
fn cargo_fuzz(project: &Project) -> Result<PathBuf, String> {
    if let Some(path) = tools::find("cargo-fuzz") {
        return Ok(Path::new(&path).parent().unwrap_or(Path::new("/")).to_owned());
    }
    let dir = tools::set_up(project, "cargo-fuzz", CARGO_FUZZ, |dir, log| {
        let mut install = tools::on_toolchain(NIGHTLY);
        install.args(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ, "--root"]);
        process::run_logged(install.arg(dir), log, tools::STEP_LIMIT)
    })?;
    Ok(dir.join("bin"))
}

fn path_with(tool: &Path) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", tool.display())
}

const CARGO_FUZZ: &str = "0.13.2";

/// As `fuzz/Cargo.toml` names them.
const TARGETS: [&str; 9] = [
    "handshake",
    "header",
    "inflate",
    "mask",
    "negotiation",
    "operations",
    "receive",
    "roundtrip",
    "utf8",
];

const NIGHTLY: &str = "nightly";

const MACHINE: &str = "x86_64-unknown-linux-gnu";

const BRIEF: Duration = Duration::from_secs(10);

/// What a target is to stand before it is called done.
const DEFAULT_MINUTES: u64 = 10;

/// Room for some messages; long ones come of repetition.
const MAX_LEN: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_those_in_the_manifest() {
        let project = Project::find().unwrap();
        let manifest = fs::read_to_string(project.root.join("fuzz/Cargo.toml")).unwrap();
        let files = fs::read_dir(project.root.join("fuzz/fuzz_targets")).unwrap();
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
        assert_eq!(files.count(), TARGETS.len());
        for name in TARGETS {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            assert!(project.root.join("fuzz/seeds").join(name).exists(), "{name} has seeds");
        }
    }

    #[test]
    fn a_target_of_no_such_name_is_refused() {
        let parse = |name: &str| Plan::parse(Args::new([name.to_owned()].into_iter()));
        assert_eq!(parse("mask").unwrap().targets, ["mask"]);
        assert!(parse("nonsense").is_err());
    }

    #[test]
    fn figures_are_found_among_what_was_said() {
        let said = "#1 INITED cov: 5 ft: 6\n#9 DONE   cov: 7 ft: 8 exec/s: 3\nDone 9 runs";
        assert_eq!(summary(said), "#9 DONE   cov: 7 ft: 8 exec/s: 3");
        assert_eq!(summary(""), "no figures");
    }
}
