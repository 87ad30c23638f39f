//! The Autobahn suite against our echo servers and clients, through every path that messages take.

mod plan;
mod report;

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use self::{
    plan::{Job, Role, Way},
    report::{Tally, judge, read_json},
};
use crate::{
    outcome::Outcome,
    process::{self, Running},
    project::Project,
    wstest::Wstest,
};

pub(crate) use self::plan::{Plan, SHELLS};

/// Runs the plan, a few runs at a time, and prints a line for each. What fails is run once more with nobody beside it,
/// and that counts: cases have deadlines of a second by the clock, which a machine with no time for them misses.
pub(crate) fn run(project: &Project, plan: &Plan) -> Outcome {
    let wstest = match Wstest::obtain(project) {
        Ok(wstest) => wstest,
        Err(why) => return Outcome::Skipped(format!("Autobahn's wstest can't be had: {why}")),
    };
    let jobs = plan.jobs();
    let mut examples: Vec<String> = jobs.iter().map(|&job| example(job)).collect();
    if jobs.iter().any(|job| job.path == Way::Tls) {
        examples.push(CERTIFICATE.into());
    }
    if let Err(why) = project.build_examples(&examples.iter().map(String::as_str).collect::<Vec<_>>()) {
        return Outcome::Failed(why);
    }

    let cores = thread::available_parallelism().map_or(1, |n| n.get());
    let queue = Mutex::new(jobs.into_iter());
    let failed = Mutex::new(Vec::new());
    let is_perfect = |job| {
        let started = Instant::now();
        let result = Run {
            project,
            wstest: &wstest,
            plan,
            job,
        }
        .go();
        let seconds = started.elapsed().as_secs();
        let line = result
            .as_ref()
            .map_or_else(|why| format!("FAILED: {why}"), Tally::to_string);
        println!("autobahn {job} ({seconds} s): {line}");
        result.is_ok_and(|tally| tally.is_perfect())
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(cores) {
            scope.spawn(|| {
                loop {
                    let Some(job) = queue.lock().expect("no worker panics").next() else {
                        break;
                    };
                    if !is_perfect(job) {
                        failed.lock().expect("no worker panics").push(job);
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().expect("no worker panics");
    failed.retain(|&job| {
        println!("autobahn {job}: once more, by itself");
        !is_perfect(job)
    });
    let mut failed: Vec<_> = failed.iter().map(Job::to_string).collect();
    failed.sort();
    if failed.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed(failed.join(", "))
    }
}

/// One shell in one role, through one of its paths.
struct Run<'a> {
    project: &'a Project,
    wstest: &'a Wstest,
    plan: &'a Plan,
    job: Job,
}

impl Run<'_> {
    fn go(&self) -> Result<Tally, String> {
        let dir = self.project.fresh_dir(&format!("autobahn/{}", self.name()))?;
        if self.is_tls() {
            process::run(self.project.example(CERTIFICATE).arg(&dir))?;
        }
        let asked = match self.job.role {
            Role::Server => self.serve(&dir),
            Role::Client => self.connect(&dir),
        };
        let asked = asked.map_err(|why| format!("{why}; logs: {}", dir.display()))?;
        let reports = dir.join("reports");
        let index = read_json(&reports.join("index.json"))?;
        Ok(judge(&asked, &index[self.name()], &reports))
    }

    /// Our server, their client.
    fn serve(&self, dir: &Path) -> Result<Vec<String>, String> {
        let mut server = self.project.example(&example(self.job));
        server.current_dir(dir).args(["--port", "0"]);
        match self.job.path {
            Way::Plain => server.args(["--max-message", MAX_MESSAGE, DEFLATE]),
            Way::Tls => server.args(["--cert", CERT_FILE, "--key", KEY_FILE]),
            path => server.args(["--path", path.name()]),
        };
        let server = Running::start(&mut server, &dir.join("server.log"))?;
        let url = format!("{}://{}", self.scheme(), server.address(START_LIMIT)?);
        let mut spec = self.spec();
        spec["servers"] = json!([{ "agent": self.name(), "url": url }]);
        let mut wstest = self.wstest(dir, &spec, "fuzzingclient")?;
        let asked = cases(&wstest)?;
        wstest.wait(self.plan.limit)?;
        Ok(asked)
    }

    /// Our client, their server.
    fn connect(&self, dir: &Path) -> Result<Vec<String>, String> {
        let port = free_port()?;
        let url = format!("{}://127.0.0.1:{port}", self.scheme());
        let mut spec = self.spec();
        spec["url"] = json!(url);
        if self.is_tls() {
            spec["cert"] = json!(CERT_FILE);
            spec["key"] = json!(KEY_FILE);
        }
        let wstest = self.wstest(dir, &spec, "fuzzingserver")?;
        let asked = cases(&wstest)?;
        // It says nothing once it listens.
        wait_for_port(port)?;
        let mut client = self.project.example(&example(self.job));
        client.current_dir(dir).args(["--url", &url, "--agent", &self.name()]);
        match self.job.path {
            Way::Plain => &mut client,
            Way::Tls => client.args(["--ca", CERT_FILE]),
            path => client.args(["--path", path.name()]),
        };
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
            "cases": self.plan.cases(self.job.path),
            "exclude-cases": self.plan.exclude,
            "exclude-agent-cases": {},
        })
    }

    /// What the reports call it, and its folder.
    fn name(&self) -> String {
        self.job.to_string().replace(' ', "-")
    }

    fn is_tls(&self) -> bool {
        self.job.path == Way::Tls
    }

    fn scheme(&self) -> &'static str {
        if self.is_tls() { "wss" } else { "ws" }
    }
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

/// Reads the line `Cases = ['1.1.1', '1.1.2']`.
fn case_list(line: &str) -> Option<Vec<String>> {
    let list = line.strip_prefix("Cases = [")?;
    Some(list.split('\'').skip(1).step_by(2).map(str::to_owned).collect())
}

/// The usual echo server where that is what is tested.
fn example(Job { shell, role, path }: Job) -> String {
    match (role, path) {
        (Role::Server, Way::Plain) => format!("echo_{shell}"),
        _ => format!("autobahn_{shell}"),
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

/// Section 9 sends messages of 16 MiB; the echo servers' own default is tighter.
const MAX_MESSAGE: &str = "67108864";

/// Compression with a memory, and whatever window a case asks for.
const DEFLATE: &str = "--deflate=15";

/// The example that makes these files.
const CERTIFICATE: &str = "certificate";
const CERT_FILE: &str = "cert.pem";
const KEY_FILE: &str = "key.pem";

/// `wstest` needs most of the processor time, so more at once than this gains nothing on the usual
/// machine and makes the suite's own deadlines tight.
const AT_ONCE: usize = 2;

/// For a program to say that it is ready.
const START_LIMIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_list_is_read() {
        assert_eq!(case_list("Cases = ['1.1.1', '9.8.6']").unwrap(), ["1.1.1", "9.8.6"]);
        assert_eq!(case_list("Cases = []").unwrap(), Vec::<String>::new());
        assert_eq!(case_list("Ok, will run 16 test cases"), None);
    }
}
