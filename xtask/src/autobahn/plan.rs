//! What to run: which shells, in which roles, through which of their paths, and which cases.

use std::{fmt, time::Duration};

use crate::args::{Args, Usage};

/// The runtimes under test; the examples carry these names.
pub(crate) const SHELLS: [&str; 3] = ["tokio", "mio", "blocking"];

/// Which end of the connection our program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
}

/// The part of a shell that the messages pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A message at a time, received and sent by the same value.
    Plain,
    /// By a reader and a writer.
    Split,
    /// Each message copied, while it comes, into one that is being sent.
    Stream,
    /// The plain loop over TLS.
    Tls,
    /// The plain loop on a port of several protocols, told apart by the first bytes.
    OnePort,
}

/// One run of the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) shell: &'static str,
    pub(super) role: Role,
    pub(super) path: Way,
}

/// What to run.
#[derive(Debug)]
pub(crate) struct Plan {
    shells: Vec<&'static str>,
    roles: Vec<Role>,
    paths: Vec<Way>,
    /// Those that were asked for; else the usual ones of each path.
    cases: Option<Vec<String>>,
    pub(super) exclude: Vec<String>,
    /// For each run.
    pub(super) limit: Duration,
}

impl Default for Plan {
    /// Every path; all cases without compression, and a sample of those with it, through the plain one, fewer through
    /// the others.
    fn default() -> Self {
        Self {
            shells: SHELLS.to_vec(),
            roles: ROLES.map(|(_, role)| role).to_vec(),
            paths: PATHS.map(|(_, path)| path).to_vec(),
            cases: None,
            exclude: Vec::new(),
            limit: RUN_LIMIT,
        }
    }
}

impl Plan {
    /// Reads `--shell`, `--role`, `--path`, `--cases`, `--quick` and `--all`.
    pub(crate) fn parse(mut args: Args) -> Result<Self, Usage> {
        let mut plan = Self::default();
        let (mut shells, mut roles, mut paths) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--shell" => shells.push(args.one_of(&arg, SHELLS.map(|name| (name, name)))?),
                "--role" => roles.push(args.one_of(&arg, ROLES)?),
                "--path" => paths.push(args.one_of(&arg, PATHS)?),
                "--cases" => plan.want(args.value(&arg)?.split(',').map(str::to_owned).collect()),
                "--quick" => plan.exclude.push(MASS.to_owned()),
                "--all" => plan.want(vec!["*".into()]),
                _ => return Err(Usage::unknown(&arg)),
            }
        }
        if !shells.is_empty() {
            plan.shells = shells;
        }
        if !roles.is_empty() {
            plan.roles = roles;
        }
        if !paths.is_empty() {
            plan.paths = paths;
        }
        if plan.jobs().is_empty() {
            return Err(Usage("no shell that was named has such a path in such a role".into()));
        }
        Ok(plan)
    }

    /// The runs, the longest first: so all workers are busy to the end.
    pub(super) fn jobs(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for &path in &self.paths {
            for &shell in &self.shells {
                let roles = self.roles.iter().filter(|&&role| exists(shell, role, path));
                jobs.extend(roles.map(|&role| Job { shell, role, path }));
            }
        }
        jobs
    }

    /// What a path has to pass, as `wstest` wants it said.
    pub(super) fn cases(&self, path: Way) -> Vec<String> {
        let usual = || match path {
            Way::Plain => names(&PLAIN).chain([MASS.into()]).chain(sample()).collect(),
            _ => names(&PLAIN).chain(names(&THIN_SAMPLE)).collect(),
        };
        self.cases.clone().unwrap_or_else(usual)
    }

    fn want(&mut self, cases: Vec<String>) {
        self.cases = Some(cases);
        self.limit = ALL_LIMIT;
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shell, role, path } = self;
        write!(f, "{shell} {} {}", name(&ROLES, role), path.name())
    }
}

impl Way {
    pub(super) fn name(self) -> &'static str {
        name(&PATHS, &self)
    }
}

fn name<T: PartialEq>(names: &[(&'static str, T)], wanted: &T) -> &'static str {
    let found = names.iter().find(|(_, value)| value == wanted);
    found.expect("every value has a name").0
}

fn exists(shell: &str, role: Role, path: Way) -> bool {
    match path {
        Way::Plain | Way::Tls => true,
        Way::Split | Way::Stream => shell != "mio",
        // Who connects has no port to share.
        Way::OnePort => shell == "mio" && role == Role::Server,
    }
}

fn names(cases: &[&str]) -> impl Iterator<Item = String> {
    cases.iter().map(ToString::to_string)
}

/// Spelled out, since the tool takes a pattern for the start of a name: `12.*.1` would be 12.1.18 as well.
fn sample() -> impl Iterator<Item = String> {
    COMPRESSION
        .iter()
        .flat_map(|group| SAMPLE.map(|case| format!("{group}.{case}")))
}

const ROLES: [(&str, Role); 2] = [("server", Role::Server), ("client", Role::Client)];

const PATHS: [(&str, Way); 5] = [
    ("plain", Way::Plain),
    ("split", Way::Split),
    ("stream", Way::Stream),
    ("tls", Way::Tls),
    ("one-port", Way::OnePort),
];

/// The cases without compression, by section, but for [`MASS`].
const PLAIN: [&str; 8] = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"];

/// Large messages and many of them: left out by `--quick`, and usually through all paths but the plain one.
const MASS: &str = "9.*";

/// The groups of compression, each with the same 18 cases; in full they take a quarter of an hour or more for each run.
const COMPRESSION: [&str; 12] = [
    "12.1", "12.2", "12.3", "12.4", "12.5", "13.1", "13.2", "13.3", "13.4", "13.5", "13.6", "13.7",
];

/// Of each group: messages of 16 bytes, of 4 KiB, and of 8 KiB in fragments.
const SAMPLE: [u8; 3] = [1, 5, 11];

/// Messages of 8 KiB in fragments, with and without a memory; a case takes a second or two.
const THIN_SAMPLE: [&str; 4] = ["12.1.11", "12.4.11", "13.2.11", "13.7.11"];

/// For one run of the usual cases; a fast machine needs a minute.
const RUN_LIMIT: Duration = Duration::from_secs(8 * 60);

/// For one run of all cases; it takes a quarter of an hour or more.
const ALL_LIMIT: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(args: &[&str]) -> Result<Plan, Usage> {
        Plan::parse(Args::new(args.iter().map(|arg| arg.to_string())))
    }

    fn jobs(args: &[&str]) -> Vec<String> {
        plan(args).unwrap().jobs().iter().map(Job::to_string).collect()
    }

    #[test]
    fn every_shell_is_run_in_both_roles_through_all_its_paths() {
        let all = jobs(&[]);
        assert_eq!(all.len(), 4 * 2 + (2 * 2 + 1) + 4 * 2);
        assert_eq!(all[0], "tokio server plain");
        assert_eq!(
            jobs(&["--shell", "mio"]),
            [
                "mio server plain",
                "mio client plain",
                "mio server tls",
                "mio client tls",
                "mio server one-port",
            ]
        );
        assert_eq!(
            jobs(&["--path", "stream", "--shell", "tokio"]),
            ["tokio server stream", "tokio client stream"]
        );
        assert_eq!(
            jobs(&[
                "--path", "split", "--role", "client", "--shell", "mio", "--shell", "blocking"
            ]),
            ["blocking client split"]
        );
    }

    #[test]
    fn the_plain_path_takes_a_sample_of_compression_and_the_others_a_thinner_one() {
        let usual = Plan::default();
        let sampled = |path| {
            let cases = usual.cases(path).into_iter();
            cases.filter(|case| !case.ends_with('*')).collect::<Vec<_>>()
        };
        let plain = sampled(Way::Plain);
        assert_eq!(
            (plain.len(), plain[0].as_str(), plain[35].as_str()),
            (36, "12.1.1", "13.7.11")
        );
        let tls = sampled(Way::Tls);
        assert_eq!(tls, THIN_SAMPLE);
        let mass = MASS.to_owned();
        assert!(usual.cases(Way::Plain).contains(&mass) && !usual.cases(Way::Tls).contains(&mass));
    }

    #[test]
    fn cases_asked_for_are_those_of_every_path() {
        let usual = Plan::default();
        let all = plan(&["--all"]).unwrap();
        assert_eq!(
            (all.cases(Way::Plain), all.cases(Way::Split)),
            (vec!["*".into()], vec!["*".into()])
        );
        assert!(all.limit > usual.limit);
        assert_eq!(plan(&["--quick"]).unwrap().exclude, [MASS]);
        assert_eq!(
            plan(&["--cases", "12.1.1,1.*"]).unwrap().cases(Way::Tls),
            ["12.1.1", "1.*"]
        );
    }

    #[test]
    fn what_cannot_be_run_is_refused() {
        for bad in [
            &["--shell", "none"][..],
            &["--role"],
            &["--path", "one-port", "--role", "client"],
            &["--path", "stream", "--shell", "mio"],
            &["stray"],
        ] {
            assert!(plan(bad).is_err(), "{bad:?}");
        }
    }
}
