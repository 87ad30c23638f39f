//! Programs from outside: obtained once, kept under `target/tools/`, set up anew when the recipe
//! changes. Debian's packages and Rust toolchains are installed on the machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    process::{self, run_logged},
    project::Project,
};

/// The longest single step of a set-up: a download or a build on a slow machine.
pub(crate) const STEP_LIMIT: Duration = Duration::from_secs(15 * 60);

/// For `apt-get`.
pub(crate) const RETRIES: [&str; 2] = ["-o", "Acquire::Retries=3"];

const WEBSOCKETS: &str = "websockets==15.0.1";
const WS: &str = "ws@8.18.3";

/// A Python with the `websockets` package.
pub(crate) fn python_peer(project: &Project) -> Result<PathBuf, String> {
    let dir = set_up(project, "python-peer", WEBSOCKETS, |dir, log| {
        venv(&dir.join("venv"), log)?;
        let pip = dir.join("venv/bin/pip");
        run_logged(Command::new(pip).args(["install", WEBSOCKETS]), log, STEP_LIMIT)
    })?;
    Ok(dir.join("venv/bin/python"))
}

/// A folder whose `node_modules` hold the `ws` package.
pub(crate) fn node_peer(project: &Project) -> Result<PathBuf, String> {
    needs("node", &["nodejs"])?;
    needs("npm", &["npm"])?;
    set_up(project, "node-peer", WS, |dir, log| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--prefix"])
            .arg(dir)
            .arg(WS);
        run_logged(&mut npm, log, STEP_LIMIT)
    })
}

/// Chromium and its driver.
pub(crate) fn browser() -> Result<Browser, String> {
    let chromium = needs("chromium", &["chromium"])?;
    let driver = needs("chromedriver", &["chromium-driver"])?;
    Ok(Browser { chromium, driver })
}

/// The paths of the programs.
#[derive(Debug)]
pub(crate) struct Browser {
    pub(crate) chromium: String,
    pub(crate) driver: String,
}

/// Runs `build` in an empty folder `target/tools/NAME`, unless it stands already from the same
/// recipe. A half-done folder is wiped. What fails is tried once more: most of it comes over a network.
pub(crate) fn set_up(
    project: &Project,
    name: &str,
    recipe: &str,
    build: impl Fn(&Path, &Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let tools = project.target.join("tools");
    let dir = tools.join(name);
    let stamp = dir.join("stamp");
    // Virtual environments know their own path: a moved folder is built anew.
    let wanted = format!("{}\n{recipe}\n", dir.display());
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(dir);
    }
    let log = tools.join(format!("{name}.log"));
    println!("setting up {} (log: {})", dir.display(), log.display());
    let io = |e: std::io::Error| format!("{}: {e}", dir.display());
    twice(|| {
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(io)?;
        }
        fs::create_dir_all(&dir).map_err(io)?;
        fs::write(&log, "").map_err(io)?;
        build(&dir, &log)
    })?;
    fs::write(&stamp, wanted).map_err(io)?;
    Ok(dir)
}

/// Tries it once more if it fails.
fn twice(mut step: impl FnMut() -> Result<(), String>) -> Result<(), String> {
    step().or_else(|why| {
        println!("{why}; once more");
        step()
    })
}

/// Makes a virtual environment of the machine's Python 3.
pub(crate) fn venv(at: &Path, log: &Path) -> Result<(), String> {
    let ready = |module| process::output(Command::new("python3").args(["-c", &format!("import {module}")])).is_ok();
    if !ready("ensurepip") {
        install(&["python3", "python3-venv"])?;
    }
    run_logged(Command::new("python3").args(["-m", "venv"]).arg(at), log, STEP_LIMIT)
}

/// The path of a program, which is installed from Debian's packages if need be.
pub(crate) fn needs(program: &str, packages: &[&str]) -> Result<String, String> {
    if let Some(path) = find(program) {
        return Ok(path);
    }
    install(packages).map_err(|why| format!("no `{program}` here, and {why}"))?;
    find(program).ok_or_else(|| format!("no `{program}` after installing {packages:?}"))
}

/// Where a program is, if it is there.
pub(crate) fn find(program: &str) -> Option<String> {
    let path = process::output(Command::new("sh").args(["-c", r#"command -v "$0""#, program]));
    path.ok().map(|path| path.trim().to_owned())
}

/// That there is such a Rust toolchain; it is installed by rustup if need be.
pub(crate) fn toolchain(name: &str) -> Result<(), String> {
    if process::output(on_toolchain(name).arg("--version")).is_ok() {
        return Ok(());
    }
    println!("installing the Rust toolchain {name}");
    let install = ["toolchain", "install", name, "--profile", "minimal", "--no-self-update"];
    twice(|| process::output(Command::new("rustup").args(install)).map(drop))
        .map_err(|why| format!("no Rust toolchain {name}, and {why}"))
}

/// That toolchain's Cargo, and nothing of the one that runs us.
pub(crate) fn on_toolchain(name: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", name, "cargo"]);
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR"] {
        command.env_remove(variable);
    }
    command
}

fn install(packages: &[&str]) -> Result<(), String> {
    let root = process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !root || find("apt-get").is_none() {
        return Err(format!(
            "{} can only be installed by root with apt-get",
            packages.join(", ")
        ));
    }
    println!("installing {}", packages.join(", "));
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(RETRIES)
            .args(args)
            .args(packages);
        process::output(&mut command).map(drop)
    };
    // Package lists may be missing or stale: fetch them, but a fetch that fails settles nothing.
    let _ = process::output(Command::new("apt-get").args(["--quiet", "update"]));
    apt(&["--quiet", "install", "--yes", "--no-install-recommends"])
}
