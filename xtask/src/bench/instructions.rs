//! Instructions that the core's hot paths take, counted by callgrind: the same on every run, so a slower commit shows.
//!
//! Each path runs so often and then twice as often; the difference is its own. The table is kept in the repository, and
//! belongs to the compiler and the processor's features that it names.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf, process::Command};

use crate::{
    outcome::Outcome,
    process,
    project::{Project, cargo},
    tools,
};

use super::report::{self, Table};

/// Counts, and compares with the table that is kept, or keeps the counts as the new one.
pub(super) fn run(project: &Project, update: bool) -> Outcome {
    let valgrind = match tools::needs("valgrind", &["valgrind"]) {
        Ok(valgrind) => valgrind,
        Err(why) => return Outcome::Skipped(why),
    };
    let here = match process::output(Command::new("rustc").arg("--version")) {
        Ok(version) => format!("{}, {}", version.trim(), processor()),
        Err(why) => return Outcome::Failed(why),
    };
    let path = project.root.join("benches/instructions.txt");
    let kept = fs::read_to_string(&path).unwrap_or_default();
    if !update && kept.lines().next() != Some(&here) {
        let of = kept.lines().next().unwrap_or("nothing");
        return Outcome::Skipped(format!(
            "the table is of {of}, this is {here}: `cargo xtask bench instructions --update`"
        ));
    }
    let counts = match count(project, &valgrind) {
        Ok(counts) => counts,
        Err(why) => return Outcome::Failed(why),
    };
    if update {
        return keep(path, &here, &counts).into();
    }
    let (table, worse) = compare(&parse(&kept), &counts);
    if let Err(why) = report::keep(project, "instructions", &table.markdown()) {
        return Outcome::Failed(why);
    }
    if worse.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed(worse.join("; "))
    }
}

/// What code is chosen by at run time: ours, and that of dependencies.
fn processor() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    return match std::is_x86_feature_detected!("avx2") {
        true => "with avx2",
        false => "without avx2",
    };
    #[cfg(not(target_arch = "x86_64"))]
    return std::env::consts::ARCH;
}

/// A name, and the instructions that it takes.
type Counts = Vec<(String, u64)>;

fn count(project: &Project, valgrind: &str) -> Result<Counts, String> {
    let mut build = cargo();
    build.args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "benches",
        "--example",
        "instructions",
    ]);
    process::run(&mut build)?;
    let program = project.target.join("release/examples/instructions");
    let names = process::output(&mut Command::new(&program))?;
    let mut counts = Vec::new();
    for name in names.lines() {
        let of = |times: u64| instructions(valgrind, &program, name, times);
        counts.push((name.to_owned(), (of(2 * TIMES)? - of(TIMES)?).div_ceil(TIMES)));
    }
    Ok(counts)
}

fn instructions(valgrind: &str, program: &PathBuf, name: &str, times: u64) -> Result<u64, String> {
    let mut command = Command::new(valgrind);
    // What is counted is told on standard error.
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--log-fd=1"]);
    let said = process::output(command.arg(program).arg(name).arg(times.to_string()))?;
    let count = said
        .lines()
        .find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    count.ok_or_else(|| format!("valgrind tells no count for {name}: {said}"))
}

/// All paths side by side; and those that take more than they may, or are not in both.
fn compare(kept: &BTreeMap<String, u64>, counts: &Counts) -> (Table, Vec<String>) {
    let mut table = Table::new(["path", "kept", "counted", "change"]);
    let mut worse = Vec::new();
    for (name, count) in counts {
        let Some(&before) = kept.get(name) else {
            worse.push(format!(
                "{name} is not in the table: `cargo xtask bench instructions --update`"
            ));
            continue;
        };
        let change = (*count as f64 / before as f64 - 1.0) * 100.0;
        table.row(vec![
            name.clone(),
            before.to_string(),
            count.to_string(),
            format!("{change:+.1} %"),
        ]);
        if change > TOLERANCE {
            worse.push(format!("{name} takes {count} instructions instead of {before}"));
        }
    }
    for name in kept.keys().filter(|kept| counts.iter().all(|(name, _)| name != *kept)) {
        worse.push(format!(
            "{name} is in the table, but was not counted: `cargo xtask bench instructions --update`"
        ));
    }
    (table, worse)
}

fn parse(kept: &str) -> BTreeMap<String, u64> {
    let lines = kept.lines().skip(1).filter_map(|line| line.rsplit_once(' '));
    lines
        .filter_map(|(name, count)| Some((name.trim().to_owned(), count.parse().ok()?)))
        .collect()
}

fn keep(path: PathBuf, here: &str, counts: &Counts) -> Result<(), String> {
    let mut text = format!("{here}\n");
    for (name, count) in counts {
        let _ = writeln!(text, "{name:32} {count:>6}");
    }
    print!("{text}");
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// So often that what grows does so at the same rate in both runs.
const TIMES: u64 = 1000;

/// In percent. Counts move a little with the allocator and with the lengths of paths.
const TOLERANCE: f64 = 3.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn worse(kept: &str, counted: u64) -> Vec<String> {
        compare(&parse(kept), &vec![("a path".into(), counted)]).1
    }

    #[test]
    fn more_than_the_tolerance_is_told() {
        let kept = "rustc 1\na path    1000\n";
        assert!(worse(kept, 1029).is_empty());
        assert!(worse(kept, 500).is_empty());
        assert_eq!(worse(kept, 1031).len(), 1);
    }

    #[test]
    fn a_path_without_a_count_is_told() {
        assert_eq!(worse("rustc 1\n", 1).len(), 1);
    }

    #[test]
    fn a_count_without_a_path_is_told() {
        let told = worse("rustc 1\na path    1\nanother    1\n", 1);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("another is in the table, but was not counted"));
    }
}
