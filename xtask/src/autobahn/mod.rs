//! The Autobahn suite against our echo servers and clients.

use std::{
    collections::BTreeMap,
    fmt, fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    args::{Args, Usage},
    outcome::Outcome,
    process::Running,
    project::Project,
    wstest::Wstest,
};

/// The runtimes under test; the examples carry these names.
pub(crate) const SHELLS: [&str; 3] = ["tokio", "mio", "blocking"];

/// The cases without compression, by section.
const PLAIN: [&str; 9] = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"];
/// The groups of compression, each with the same 18 cases; in full they take a quarter of an hour or more for each run.
const COMPRESSION: [&str; 12] = [
    "12.1", "12.2", "12.3", "12.4", "12.5", "13.1", "13.2", "13.3", "13.4", "13.5", "13.6", "13.7",
];
/// Of each group: messages of 16 bytes, of 4 KiB, and of 8 KiB in fragments.
const COMPRESSION_SAMPLE: [u8; 3] = [1, 5, 11];
/// Large messages and many of them: left out by `--quick`.
const MASS: &str = "9.*";
/// Section 9 sends messages of 16 MiB; the echo servers' own default is tighter.
const MAX_MESSAGE: &str = "67108864";
/// Compression with a memory, and whatever window a case asks for.
const DEFLATE: &str = "--deflate=15";
/// `wstest` needs most of the processor time, so more at once than this gains nothing on the usual
/// machine and makes the suite's own deadlines tight.
const AT_ONCE: usize = 2;
/// For a program to say that it is ready.
const START_LIMIT: Duration = Duration::from_secs(60);
/// For one run of the usual cases; a fast machine needs a minute.
const RUN_LIMIT: Duration = Duration::from_secs(8 * 60);
/// For one run of all cases; it takes a quarter of an hour or more.
const ALL_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Which end of the connection our program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
        })
    }
}

/// What to run.
#[derive(Debug)]
pub(crate) struct Plan {
    shells: Vec<&'static str>,
    roles: Vec<Role>,
    cases: Vec<String>,
    exclude: Vec<String>,
    /// For each run.
    limit: Duration,
}

impl Default for Plan {
    /// Everything, but of compression a sample.
    fn default() -> Self {
        Self {
            shells: SHELLS.to_vec(),
            roles: vec![Role::Server, Role::Client],
            cases: PLAIN.iter().map(ToString::to_string).chain(sample()).collect(),
            exclude: Vec::new(),
            limit: RUN_LIMIT,
        }
    }
}

impl Plan {
    /// Reads `--shell`, `--role`, `--cases`, `--quick` and `--all`.
    pub(crate) fn parse(mut args: Args) -> Result<Self, Usage> {
        let mut plan = Self::default();
        let (mut shells, mut roles) = (Vec::new(), Vec::new());
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--shell" => shells.push(args.one_of(&arg, SHELLS.map(|name| (name, name)))?),
                "--role" => roles.push(args.one_of(&arg, [("server", Role::Server), ("client", Role::Client)])?),
                "--cases" => {
                    plan.cases = args.value(&arg)?.split(',').map(str::to_owned).collect();
                    plan.limit = ALL_LIMIT;
                }
                "--quick" => plan.exclude.push(MASS.to_owned()),
                "--all" => {
                    plan.cases = vec!["*".into()];
                    plan.limit = ALL_LIMIT;
                }
                _ => return Err(Usage::unknown(&arg)),
            }
        }
        if !shells.is_empty() {
            plan.shells = shells;
        }
        if !roles.is_empty() {
            plan.roles = roles;
        }
        Ok(plan)
    }
}

/// Runs the plan, a few runs at a time, and prints a line for each.
pub(crate) fn run(project: &Project, plan: &Plan) -> Outcome {
    let wstest = match Wstest::obtain(project) {
        Ok(wstest) => wstest,
        Err(why) => return Outcome::Skipped(format!("Autobahn's wstest can't be had: {why}")),
    };
    let jobs: Vec<(&str, Role)> = plan
        .shells
        .iter()
        .flat_map(|&shell| plan.roles.iter().map(move |&role| (shell, role)))
        .collect();
    let examples: Vec<String> = jobs.iter().map(|&(shell, role)| example(shell, role)).collect();
    if let Err(why) = project.build_examples(&examples.iter().map(String::as_str).collect::<Vec<_>>()) {
        return Outcome::Failed(why);
    }

    let cores = thread::available_parallelism().map_or(1, |n| n.get());
    let queue = Mutex::new(jobs.into_iter());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(cores) {
            scope.spawn(|| {
                loop {
                    let Some((shell, role)) = queue.lock().expect("no worker panics").next() else {
                        break;
                    };
                    let started = Instant::now();
                    let result = Run {
                        project,
                        wstest: &wstest,
                        plan,
                        shell,
                        role,
                    }
                    .go();
                    let seconds = started.elapsed().as_secs();
                    let line = result
                        .as_ref()
                        .map_or_else(|why| format!("FAILED: {why}"), Tally::to_string);
                    println!("autobahn {shell} {role} ({seconds} s): {line}");
                    if !result.is_ok_and(|tally| tally.problems.is_empty()) {
                        failed.lock().expect("no worker panics").push(format!("{shell} {role}"));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().expect("no worker panics");
    failed.sort();
    if failed.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed(failed.join(", "))
    }
}

/// One shell in one role.
struct Run<'a> {
    project: &'a Project,
    wstest: &'a Wstest,
    plan: &'a Plan,
    shell: &'a str,
    role: Role,
}

impl Run<'_> {
    fn go(&self) -> Result<Tally, String> {
        let dir = self
            .project
            .fresh_dir(&format!("autobahn/{}-{}", self.shell, self.role))?;
        let asked = match self.role {
            Role::Server => self.serve(&dir),
            Role::Client => self.connect(&dir),
        };
        let asked = asked.map_err(|why| format!("{why}; logs: {}", dir.display()))?;
        let reports = dir.join("reports");
        let index = read_json(&reports.join("index.json"))?;
        Ok(judge(&asked, &index[self.agent()], &reports))
    }

    /// Our server, their client.
    fn serve(&self, dir: &Path) -> Result<Vec<String>, String> {
        let mut server = self.project.example(&example(self.shell, self.role));
        server.args(["--port", "0", "--max-message", MAX_MESSAGE, DEFLATE]);
        let server = Running::start(&mut server, &dir.join("server.log"))?;
        let url = format!("ws://{}", server.address(START_LIMIT)?);
        let mut spec = self.spec();
        spec["servers"] = json!([{ "agent": self.agent(), "url": url }]);
        let mut wstest = self.wstest(dir, &spec, "fuzzingclient")?;
        let asked = cases(&wstest)?;
        wstest.wait(self.plan.limit)?;
        Ok(asked)
    }

    /// Our client, their server.
    fn connect(&self, dir: &Path) -> Result<Vec<String>, String> {
        let port = free_port()?;
        let url = format!("ws://127.0.0.1:{port}");
        let mut spec = self.spec();
        spec["url"] = json!(url);
        let wstest = self.wstest(dir, &spec, "fuzzingserver")?;
        let asked = cases(&wstest)?;
        // It says nothing once it listens.
        wait_for_port(port)?;
        let mut client = self.project.example(&example(self.shell, self.role));
        client.args(["--url", &url, "--agent", &self.agent()]);
        Running::start(&mut client, &dir.join("client.log"))?.wait(self.plan.limit)?;
        Ok(asked)
    }

    fn wstest(&self, dir: &Path, spec: &Value, mode: &str) -> Result<Running, String> {
        fs::write(dir.join("spec.json"), spec.to_string()).map_err(|e| e.to_string())?;
        // Web port 0: no page server beside it.
        let args = ["--mode", mode, "--spec", "spec.json", "--webport", "0"];
        Running::start(&mut self.wstest.command(dir, &args), &dir.join("wstest.log"))
    }

    fn spec(&self) -> Value {
        json!({
            "outdir": "./reports",
            "cases": self.plan.cases,
            "exclude-cases": self.plan.exclude,
            "exclude-agent-cases": {},
        })
    }

    fn agent(&self) -> String {
        format!("ws-{}", self.shell)
    }
}

/// What came of one run.
#[derive(Debug, Default)]
struct Tally {
    /// How many cases, by their worse verdict.
    counts: BTreeMap<String, usize>,
    problems: Vec<Problem>,
}

/// A case that did not pass.
#[derive(Debug)]
struct Problem {
    case: String,
    what: String,
    expected: String,
    report: PathBuf,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases", self.counts.values().sum::<usize>())?;
        for (verdict, count) in &self.counts {
            write!(f, ", {count} {verdict}")?;
        }
        for Problem {
            case,
            what,
            expected,
            report,
        } in &self.problems
        {
            write!(
                f,
                "\n  FAILED case {case}: {what}\n    expected: {expected}\n    report: {}",
                report.display()
            )?;
        }
        Ok(())
    }
}

/// Holds the report against the cases asked for: nothing but OK and INFORMATIONAL passes.
fn judge(asked: &[String], results: &Value, reports: &Path) -> Tally {
    let passes = |verdict: &str| matches!(verdict, "OK" | "INFORMATIONAL");
    let mut tally = Tally::default();
    for case in asked {
        let result = &results[case];
        let verdict = |key: &str| result[key].as_str().unwrap_or("MISSING").to_owned();
        let (behavior, close) = (verdict("behavior"), verdict("behaviorClose"));
        let worse = if passes(&behavior) && !passes(&close) {
            &close
        } else {
            &behavior
        };
        *tally.counts.entry(worse.clone()).or_default() += 1;
        if passes(&behavior) && passes(&close) {
            continue;
        }
        let report = reports.join(result["reportfile"].as_str().unwrap_or("index.json"));
        let details = read_json(&report).unwrap_or_default();
        tally.problems.push(Problem {
            case: case.clone(),
            what: format!("behavior {behavior}, close {close}"),
            expected: details["expectation"]
                .as_str()
                .unwrap_or("the case to be run")
                .to_owned(),
            report,
        });
    }
    tally
}

/// The cases that `wstest` says it will run.
fn cases(wstest: &Running) -> Result<Vec<String>, String> {
    let cases = wstest.line(START_LIMIT, case_list)?;
    if cases.is_empty() {
        Err("no case of that name".into())
    } else {
        Ok(cases)
    }
}

/// Spelled out, since the tool takes a pattern for the start of a name: `12.*.1` would be 12.1.18 as well.
fn sample() -> impl Iterator<Item = String> {
    COMPRESSION
        .iter()
        .flat_map(|group| COMPRESSION_SAMPLE.map(|case| format!("{group}.{case}")))
}

/// Reads the line `Cases = ['1.1.1', '1.1.2']`.
fn case_list(line: &str) -> Option<Vec<String>> {
    let list = line.strip_prefix("Cases = [")?;
    Some(list.split('\'').skip(1).step_by(2).map(str::to_owned).collect())
}

fn example(shell: &str, role: Role) -> String {
    match role {
        Role::Server => format!("echo_{shell}"),
        Role::Client => format!("autobahn_{shell}"),
    }
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}

fn wait_for_port(port: u16) -> Result<(), String> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(_) => return Ok(()),
            Err(e) if Instant::now() > deadline => {
                return Err(format!("wstest on port {port}: {e}"));
            }
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn read_json(path: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(behavior: &str, close: &str) -> Tally {
        let results = json!({ "1.1.1": { "behavior": behavior, "behaviorClose": close } });
        judge(&["1.1.1".to_owned()], &results, Path::new("reports"))
    }

    #[test]
    fn only_ok_and_informational_pass() {
        for (behavior, close) in [("OK", "OK"), ("OK", "INFORMATIONAL"), ("INFORMATIONAL", "OK")] {
            assert!(judged(behavior, close).problems.is_empty(), "{behavior}, {close}");
        }
        for bad in [
            "FAILED",
            "NON-STRICT",
            "UNIMPLEMENTED",
            "WRONG CODE",
            "UNCLEAN",
            "FAILED BY CLIENT",
            "",
        ] {
            assert_eq!(judged(bad, "OK").problems.len(), 1, "behavior {bad}");
            assert_eq!(judged("OK", bad).problems.len(), 1, "close {bad}");
            assert_eq!(judged("OK", bad).counts[bad], 1, "the worse verdict counts");
        }
    }

    #[test]
    fn a_case_asked_for_and_not_reported_fails() {
        let asked = ["1.1.1".to_owned(), "1.1.2".to_owned()];
        let results = json!({ "1.1.1": { "behavior": "OK", "behaviorClose": "OK" } });
        let tally = judge(&asked, &results, Path::new("reports"));
        assert_eq!(tally.problems.len(), 1);
        assert!(
            tally.to_string().contains("FAILED case 1.1.2: behavior MISSING"),
            "{tally}"
        );
        assert_eq!(judge(&asked, &Value::Null, Path::new("reports")).problems.len(), 2);
    }

    #[test]
    fn the_case_list_is_read() {
        assert_eq!(case_list("Cases = ['1.1.1', '9.8.6']").unwrap(), ["1.1.1", "9.8.6"]);
        assert_eq!(case_list("Cases = []").unwrap(), Vec::<String>::new());
        assert_eq!(case_list("Ok, will run 16 test cases"), None);
    }

    #[test]
    fn the_default_plan_takes_a_sample_of_compression() {
        let plan = |args: &[&str]| Plan::parse(Args::new(args.iter().map(|arg| arg.to_string())));
        let usual = plan(&[]).unwrap();
        let sampled: Vec<_> = usual
            .cases
            .iter()
            .filter(|case| case.starts_with("1") && case.len() > 4)
            .collect();
        assert_eq!(
            (sampled.len(), sampled[0].as_str(), sampled[35].as_str()),
            (36, "12.1.1", "13.7.11")
        );
        assert!(sampled.iter().all(|case| !case.contains('*')));
        assert_eq!(plan(&["--all"]).unwrap().cases, ["*"]);
        assert!(plan(&["--all"]).unwrap().limit > usual.limit);
        assert_eq!(plan(&["--quick"]).unwrap().exclude, [MASS]);
        assert_eq!(plan(&["--cases", "12.1.1,1.*"]).unwrap().cases, ["12.1.1", "1.*"]);
        assert_eq!(plan(&["--shell", "mio"]).unwrap().shells, ["mio"]);
        assert!(plan(&["--shell", "none"]).is_err());
        assert!(plan(&["--role"]).is_err());
        assert!(plan(&["stray"]).is_err());
    }
}
