//! `cargo xtask fuzz`: the fuzz targets, and the tests of the only `unsafe` code under AddressSanitizer. Both need a nightly
//! toolchain.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
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
    targets: Vec<String>,
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
                _ => plan.targets.push(arg),
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

/// Runs the targets one after the other, each from its seeds and what earlier runs have found.
pub(crate) fn run(project: &Project, plan: &Plan) -> Outcome {
    let known = match targets(project) {
        Ok(known) => known,
        Err(why) => return Outcome::Failed(why),
    };
    if let Some(unknown) = plan.targets.iter().find(|target| !known.contains(target)) {
        return Outcome::Failed(format!("`{unknown}`: choose from {}", known.join(", ")));
    }
    let tool = match nightly().and_then(|()| cargo_fuzz(project)) {
        Ok(tool) => tool,
        Err(why) => return Outcome::Skipped(why),
    };
    let chosen = if plan.targets.is_empty() { &known } else { &plan.targets };
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
    if let Err(why) = nightly() {
        return Outcome::Skipped(why);
    }
    let mut tests = on_nightly();
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
        .args(["--target", TARGET, "--target-dir"])
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
    let mut fuzz = on_nightly();
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

/// As `fuzz/Cargo.toml` names them.
fn targets(project: &Project) -> Result<Vec<String>, String> {
    let dir = project.root.join("fuzz/fuzz_targets");
    let listed = fs::read_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut names: Vec<String> = listed
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// That there is such a toolchain.
fn nightly() -> Result<(), String> {
    if process::output(on_nightly().arg("--version")).is_ok() {
        return Ok(());
    }
    println!("installing a nightly toolchain");
    let install = [
        "toolchain",
        "install",
        "nightly",
        "--profile",
        "minimal",
        "--no-self-update",
    ];
    process::output(Command::new("rustup").args(install))
        .map(drop)
        .map_err(|why| format!("no nightly toolchain, and {why}"))
}

/// The folder of `cargo-fuzz`: one that is there, or our own.
fn cargo_fuzz(project: &Project) -> Result<PathBuf, String> {
    if let Some(path) = tools::find("cargo-fuzz") {
        return Ok(Path::new(&path).parent().unwrap_or(Path::new("/")).to_owned());
    }
    let dir = tools::set_up(project, "cargo-fuzz", CARGO_FUZZ, |dir, log| {
        let mut install = on_nightly();
        install.args(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ, "--root"]);
        process::run_logged(install.arg(dir), log, tools::STEP_LIMIT)
    })?;
    Ok(dir.join("bin"))
}

/// The other toolchain's Cargo, and nothing of the one that runs us.
fn on_nightly() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR"] {
        command.env_remove(variable);
    }
    command
}

fn path_with(tool: &Path) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", tool.display())
}

const CARGO_FUZZ: &str = "0.13.2";

const TARGET: &str = "x86_64-unknown-linux-gnu";

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
        let known = targets(&project).unwrap();
        assert_eq!(manifest.matches("[[bin]]").count(), known.len());
        for name in known {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            assert!(project.root.join("fuzz/seeds").join(&name).exists(), "{name} has seeds");
        }
    }

    #[test]
    fn figures_are_found_among_what_was_said() {
        let said = "#1 INITED cov: 5 ft: 6\n#9 DONE   cov: 7 ft: 8 exec/s: 3\nDone 9 runs";
        assert_eq!(summary(said), "#9 DONE   cov: 7 ft: 8 exec/s: 3");
        assert_eq!(summary(""), "no figures");
    }
}
