//! Autobahn's `wstest`: `$WSTEST`, or set up from packages, or in a container.
//!
//! The tool needs CPython 2.7, which current systems no longer carry. Debian bullseye's packages
//! are fetched with package lists of our own and unpacked below `target/tools/`, not installed. What
//! is: a C compiler and Python 3's venv, if the machine lacks them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    process::{self, run_logged},
    project::Project,
    tools::{self, STEP_LIMIT},
};

/// The Debian release that carries CPython 2.7.
const SUITE: &str = "bullseye";
/// Its keys, on a Debian machine.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// CPython 2.7 with what its `ssl` and `ctypes` are linked to.
const DEBIAN: [&str; 9] = [
    "python2.7",
    "python2.7-minimal",
    "libpython2.7-minimal",
    "libpython2.7-stdlib",
    "libpython2.7",
    "python2.7-dev",
    "libpython2.7-dev",
    "libssl1.1",
    "libffi7",
];
/// The last `virtualenv` that knows Python 2.7.
const VIRTUALENV: &str = "virtualenv==20.15.1";
/// What `pip install` is called with, one line a call: the last versions that work together.
const PIP: [&str; 4] = [
    "setuptools==44.0.0 wheel==0.36.2 incremental==16.10.1 six==1.16.0 typing==3.10.0.0",
    // Its build requirements would be resolved to versions without Python 2.7.
    "--no-build-isolation Twisted==19.10.0",
    "pyOpenSSL==19.1.0 cryptography==3.3.2 zope.interface==4.6.0 txaio==2.1.0 jinja2==2.11.3 \
     markupsafe==1.1.1 Werkzeug==1.0.1 klein==17.10.0 unittest2==1.1.0 \
     service_identity==18.1.0 autobahn[accelerate]==0.10.9",
    "--no-deps autobahntestsuite==0.8.2",
];
/// The published image of the same tool.
const IMAGE: &str = "crossbario/autobahn-testsuite";

/// A way to run `wstest`.
#[derive(Debug)]
pub(crate) enum Wstest {
    /// `$WSTEST`, split at blanks.
    Given(Vec<String>),
    /// Our own set-up: the program, and the folders of the libraries it needs.
    Own { program: PathBuf, libraries: String },
    /// A container, as this user: the reports are to be ours.
    Docker { user: String },
}

impl Wstest {
    /// Finds the tool, or sets it up; an error says why none can be had.
    pub(crate) fn obtain(project: &Project) -> Result<Self, String> {
        if let Ok(given) = env::var("WSTEST") {
            let words: Vec<String> = given.split_whitespace().map(str::to_owned).collect();
            return if words.is_empty() {
                Err("$WSTEST is empty".into())
            } else {
                Ok(Self::Given(words))
            };
        }
        let own = match set_up(project) {
            Ok(own) => return Ok(own),
            Err(why) => why,
        };
        let id = |flag| process::output(Command::new("id").arg(flag));
        match process::output(Command::new("docker").arg("info")) {
            Ok(_) => Ok(Self::Docker {
                user: format!("{}:{}", id("-u")?.trim(), id("-g")?.trim()),
            }),
            Err(_) => Err(format!("$WSTEST is not set, no Docker engine answers, and {own}")),
        }
    }

    /// The command that runs the tool in `dir` (an absolute path).
    pub(crate) fn command(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = match self {
            Self::Given(words) => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]);
                command
            }
            Self::Own { program, libraries } => {
                let mut command = Command::new(program);
                command.env("LD_LIBRARY_PATH", libraries);
                command
            }
            Self::Docker { user } => {
                let mut command = Command::new("docker");
                command.args(["run", "--rm", "--init", "--network", "host", "--user", user]);
                command.arg("--volume").arg(format!("{}:/run-here", dir.display()));
                command.args(["--workdir", "/run-here", IMAGE, "wstest"]);
                command
            }
        };
        command.current_dir(dir).args(args);
        command
    }
}

fn set_up(project: &Project) -> Result<Wstest, String> {
    let recipe = [&[SUITE, VIRTUALENV], DEBIAN.as_slice(), PIP.as_slice()]
        .concat()
        .join("\n");
    let dir = tools::set_up(project, "wstest", &recipe, |dir, log| {
        tools::needs("gcc", &["gcc", "libc6-dev"])?;
        unpack(dir, log)?;
        install(dir, log)
    })?;
    let libraries = libraries(&dir)?;
    Ok(Wstest::Own {
        program: dir.join("python/bin/wstest"),
        libraries,
    })
}

/// Fetches and unpacks the Debian packages into `dir/root`.
fn unpack(dir: &Path, log: &Path) -> Result<(), String> {
    let apt = dir.join("apt");
    let debs = dir.join("debs");
    for path in [&apt.join("lists/partial"), &apt.join("cache/archives/partial"), &debs] {
        fs::create_dir_all(path).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    fs::write(apt.join("status"), "").map_err(|e| e.to_string())?;

    let mut last = format!("no Debian package source is configured, so no {SUITE}");
    for mirror in mirrors() {
        match fetch(&mirror, &apt, &debs, log) {
            Ok(()) => {
                for deb in fs::read_dir(&debs).map_err(|e| e.to_string())?.flatten() {
                    let mut dpkg = Command::new("dpkg");
                    dpkg.arg("-x").arg(deb.path()).arg(dir.join("root"));
                    run_logged(&mut dpkg, log, STEP_LIMIT)?;
                }
                return Ok(());
            }
            Err(why) => last = why,
        }
    }
    Err(last)
}

fn fetch(mirror: &str, apt: &Path, debs: &Path, log: &Path) -> Result<(), String> {
    let signed = if Path::new(KEYRING).exists() {
        format!("[signed-by={KEYRING}] ")
    } else {
        String::new()
    };
    let list = format!("deb {signed}{mirror} {SUITE} main\n");
    fs::write(apt.join("sources.list"), list).map_err(|e| e.to_string())?;

    let path = apt.display();
    let options = [
        format!("Dir::Etc::sourcelist={path}/sources.list"),
        "Dir::Etc::sourceparts=/dev/null".into(),
        format!("Dir::State={path}"),
        format!("Dir::State::status={path}/status"),
        format!("Dir::Cache={path}/cache"),
        // The folder may be one that apt's own user cannot enter.
        "APT::Sandbox::User=".into(),
        // A release past its support is no longer signed anew.
        "Acquire::Check-Valid-Until=false".into(),
        "Acquire::Languages=none".into(),
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".into(),
        // Without this a source that cannot be read is only warned about.
        "APT::Update::Error-Mode=any".into(),
    ];
    let run = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(tools::RETRIES);
        for option in &options {
            command.args(["-o", option]);
        }
        run_logged(command.args(args).current_dir(debs), log, STEP_LIMIT)
    };
    run(&["update"])?;
    run(&[&["download"], DEBIAN.as_slice()].concat())
}

/// Makes the Python 2.7 environment and installs the suite into it.
fn install(dir: &Path, log: &Path) -> Result<(), String> {
    tools::venv(&dir.join("venv"), log)?;
    let step = |command: &mut Command| run_logged(command, log, STEP_LIMIT);
    step(Command::new(dir.join("venv/bin/pip")).args(["install", VIRTUALENV]))?;

    let root = dir.join("root/usr");
    let include = root.join("include");
    let headers = format!("{}:{}", include.join("python2.7").display(), include.display());
    let libraries = libraries(dir)?;
    let within = |command: &mut Command| {
        step(
            command
                .env("LD_LIBRARY_PATH", &libraries)
                .env("C_INCLUDE_PATH", &headers),
        )
    };
    let virtualenv = dir.join("venv/bin/virtualenv");
    let (python2, env) = (root.join("bin/python2.7"), dir.join("python"));
    within(Command::new(virtualenv).arg("--python").arg(python2).arg(&env))?;
    for packages in PIP {
        let mut pip = Command::new(env.join("bin/pip"));
        within(pip.arg("install").args(packages.split_whitespace()))?;
    }
    within(Command::new(env.join("bin/wstest")).arg("--autobahnversion"))
}

/// The library folders of the unpacked packages, as a search path.
fn libraries(dir: &Path) -> Result<String, String> {
    let mut found = Vec::new();
    for lib in [dir.join("root/usr/lib"), dir.join("root/lib")] {
        // One folder per machine type: `x86_64-linux-gnu` and its like.
        let entries = fs::read_dir(&lib)
            .map(|all| all.flatten().collect())
            .unwrap_or(Vec::new());
        let folders = entries.iter().map(|entry| entry.path().display().to_string());
        found.extend(folders.filter(|path| path.contains("-linux-")));
    }
    if found.is_empty() {
        Err("the Python 2.7 packages hold no libraries".into())
    } else {
        Ok(found.join(":"))
    }
}

/// Where this machine gets its packages from: the likeliest Debian archive first.
fn mirrors() -> Vec<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    let enabled = files.iter().filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "list" || extension == "sources")
    });
    let texts: Vec<String> = enabled.filter_map(|path| fs::read_to_string(path).ok()).collect();
    archives(&texts.join("\n"))
}

/// The archive addresses in apt's source lists, of either format.
fn archives(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        let words = if let Some(rest) = line.strip_prefix("URIs:") {
            rest
        } else if line.starts_with("deb ") {
            line
        } else {
            continue;
        };
        for word in words.split_whitespace().filter(|word| word.contains("://")) {
            let base = word.trim_end_matches('/').to_owned();
            // Where mirrors keep releases past their support.
            if let Some(host) = base.strip_suffix("/debian") {
                found.push(format!("{host}/debian-archive/debian"));
            }
            found.push(base);
        }
    }
    // The main archive first, its annexe next, anything else last.
    found.sort_by_key(|base| match base {
        _ if base.ends_with("/debian-archive/debian") => 1,
        _ if base.ends_with("/debian") => 0,
        _ => 2,
    });
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::archives;

    #[test]
    fn both_list_formats_name_the_archive() {
        let text = "# deb http://commented.test/debian bookworm main\n\
                    Types: deb\nURIs: http://one.test/debian-security http://one.test/debian/\n\
                    deb [arch=amd64] http://two.test/debian bookworm main\n";
        assert_eq!(
            archives(text),
            [
                "http://one.test/debian",
                "http://two.test/debian",
                "http://one.test/debian-archive/debian",
                "http://two.test/debian-archive/debian",
                "http://one.test/debian-security",
            ]
        );
    }
}
