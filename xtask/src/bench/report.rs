//! Tables in Markdown, kept under `target/bench/`.

use std::{fs, path::PathBuf, process::Command};

use crate::{process, project::Project};

/// A table with a heading for each column.
#[derive(Debug)]
pub(super) struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new<S: Into<String>>(heads: impl IntoIterator<Item = S>) -> Self {
        Self {
            heads: heads.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Markdown; all columns but the first hold figures.
    pub(super) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule = format!("|---|{}\n", "---:|".repeat(self.heads.len() - 1));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        line(&self.heads) + &rule + &rows
    }
}

/// Prints a report and keeps it, with the machine it comes from, as `target/bench/NAME.md`.
pub(super) fn keep(project: &Project, name: &str, text: &str) -> Result<(), String> {
    let text = format!("{text}\n{}\n", machine());
    println!("\n{text}");
    let path = write(project, &format!("{name}.md"), &text)?;
    println!("kept as {}", path.display());
    Ok(())
}

/// Writes a file of `target/bench/`.
pub(super) fn write(project: &Project, name: &str, text: &str) -> Result<PathBuf, String> {
    let path = dir(project)?.join(name);
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(path)
}

/// Where reports and logs are kept.
pub(super) fn dir(project: &Project) -> Result<PathBuf, String> {
    let dir = project.target.join("bench");
    fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    Ok(dir)
}

/// The processor, the system, how busy it is, and the date.
fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("");
    let count = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let said = |program: &str, args: &[&str]| {
        process::output(Command::new(program).args(args)).map_or_else(|_| "?".into(), |text| text.trim().to_owned())
    };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{count} × {}; {}; {}; load average {}; {}",
        model.trim_start_matches([' ', '\t', ':']),
        said("uname", &["-sr"]),
        said("rustc", &["--version"]),
        load.split(' ').next().unwrap_or("?"),
        said("date", &["-u", "+%F"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new(["a", "b"]);
        table.row(vec!["x".into(), "1".into()]);
        assert_eq!(table.markdown(), "| a | b |\n|---|---:|\n| x | 1 |\n");
    }
}
