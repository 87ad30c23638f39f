//! Settings from code, a JSON file and the command line: the same, however the program is started.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Map, Value};

use crate::pair_up;

/// Where to listen, and whether to be quiet: gathered from code, a JSON file and the command line, of which later ones
/// win, in this order.
///
/// | in code | in the file | on the command line | default |
/// |---|---|---|---|
/// | [`host`](Self::host) | `"host": "::1"` or `"hosts": ["127.0.0.1", "::1"]` | `--host`, `-a`; `--hosts`, `-b`, with commas | 127.0.0.1 |
/// | [`port`](Self::port) | `"port": 9001` or `"ports": [9001, 9002]` | `--port`, `-p`; `--ports`, `-r`, with commas | 8009 |
/// | [`quiet`](Self::quiet) | `"quiet": true` | `--quiet`, `-q` | not quiet |
///
/// The file is named by `--settings`, `-s`. In it `port` and `host` may be lists too. `--help` and `--version` are there as
/// well.
///
/// ```no_run
/// use ws_mio::{Client, Config, Http, Server, Settings};
/// # struct Echo; impl Client for Echo {}
///
/// let settings = Settings::new("echo", "0.1.0", "Sends everything back.").port(9002).discover_or_exit();
/// let mut server = Server::new(Config::default())?;
/// for address in server.listen_all(settings.addresses(), Http::clients(|| Echo))? {
///     println!("listening on ws://{address}");
/// }
/// server.run()
/// # ; Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    name: &'static str,
    version: &'static str,
    about: &'static str,
    hosts: Vec<String>,
    ports: Vec<u16>,
    quiet: bool,
}

impl Settings {
    /// The defaults, for a program of this name.
    pub fn new(name: &'static str, version: &'static str, about: &'static str) -> Self {
        Self {
            name,
            version,
            about,
            hosts: vec![DEFAULT_HOST.into()],
            ports: vec![DEFAULT_PORT],
            quiet: false,
        }
    }

    /// Listens on this host, an address or a name.
    pub fn host(self, host: &str) -> Self {
        self.hosts([host])
    }

    /// Listens on these hosts; see [`pair_up`] for how they go with ports.
    pub fn hosts<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Listens on this port, 0 for any free one.
    pub fn port(self, port: u16) -> Self {
        self.ports([port])
    }

    /// Listens on these ports.
    pub fn ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports = ports.into_iter().collect();
        self
    }

    /// Says nothing but errors.
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Takes what a JSON file says.
    ///
    /// # Errors
    /// [`SettingsError`]: it can't be read, is no JSON object, or has a key or a value that is not known.
    pub fn from_file(mut self, path: impl AsRef<Path>) -> Result<Self, SettingsError> {
        let path = path.as_ref();
        let refuse = |what: String| SettingsError::File(path.to_owned(), what);
        let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        let Value::Object(object) = value else {
            return Err(refuse("it is no JSON object".into()));
        };
        self.take_object(&object).map_err(refuse)?;
        Ok(self)
    }

    /// Takes what the program's command line says, and the file that it names.
    ///
    /// # Errors
    /// [`SettingsError`]; also for `--help` and `--version`, see [`SettingsError::exit`].
    pub fn discover(self) -> Result<Self, SettingsError> {
        self.from_args(std::env::args_os())
    }

    /// [`discover`](Self::discover), or the end of the program with what there is to say.
    pub fn discover_or_exit(self) -> Self {
        self.discover().unwrap_or_else(|error| error.exit())
    }

    /// [`discover`](Self::discover) with a command line of one's own, the program's name first.
    ///
    /// # Errors
    /// As there.
    pub fn from_args(self, args: impl IntoIterator<Item: Into<OsString> + Clone>) -> Result<Self, SettingsError> {
        let matches = self.command().try_get_matches_from(args).map_err(SettingsError::Args)?;
        let mut settings = match matches.get_one::<PathBuf>("settings") {
            Some(path) => self.from_file(path)?,
            None => self,
        };
        settings.take_matches(&matches);
        Ok(settings)
    }

    /// Where to listen, for [`Server::listen_all`](crate::Server::listen_all).
    pub fn addresses(&self) -> Vec<(&str, u16)> {
        let hosts: Vec<&str> = self.hosts.iter().map(|host| host.trim_matches(['[', ']'])).collect();
        pair_up(&hosts, &self.ports)
    }

    /// Whether to say nothing but errors.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    fn take_object(&mut self, object: &Map<String, Value>) -> Result<(), String> {
        for (one, many) in [("host", "hosts"), ("port", "ports")] {
            if object.contains_key(one) && object.contains_key(many) {
                return Err(format!("both '{one}' and '{many}'"));
            }
        }
        for (key, value) in object {
            let bad = || format!("'{key}' is {value}");
            match key.as_str() {
                "host" | "hosts" => {
                    let host = |value: &Value| value.as_str().map(Into::into);
                    self.hosts = one_or_many(value, host).ok_or_else(bad)?;
                }
                "port" | "ports" => {
                    let port = |value: &Value| u16::try_from(value.as_u64()?).ok();
                    self.ports = one_or_many(value, port).ok_or_else(bad)?;
                }
                "quiet" => self.quiet = value.as_bool().ok_or_else(bad)?,
                _ => return Err(format!("'{key}' is not known")),
            }
        }
        Ok(())
    }

    fn take_matches(&mut self, matches: &ArgMatches) {
        for name in ["host", "hosts"] {
            if let Some(hosts) = matches.get_many::<String>(name) {
                self.hosts = hosts.cloned().collect();
            }
        }
        for name in ["port", "ports"] {
            if let Some(ports) = matches.get_many::<u16>(name) {
                self.ports = ports.copied().collect();
            }
        }
        self.quiet |= matches.get_flag("quiet");
    }

    fn command(&self) -> Command {
        let arg = |name, short, value, help| Arg::new(name).long(name).short(short).value_name(value).help(help);
        let port = || value_parser!(u16);
        Command::new(self.name)
            .version(self.version)
            .about(self.about)
            .arg(arg("host", 'a', "HOST", "where to listen").conflicts_with("hosts"))
            .arg(arg("hosts", 'b', "HOSTS", "where to listen, with commas between them").value_delimiter(','))
            .arg(
                arg("port", 'p', "PORT", "on which port, 0 for any free one")
                    .value_parser(port())
                    .conflicts_with("ports"),
            )
            .arg(
                arg("ports", 'r', "PORTS", "on which ports, with commas between them")
                    .value_parser(port())
                    .value_delimiter(','),
            )
            .arg(arg("settings", 's', "FILE", "a JSON file with settings").value_parser(value_parser!(PathBuf)))
            .arg(
                Arg::new("quiet")
                    .long("quiet")
                    .short('q')
                    .action(ArgAction::SetTrue)
                    .help("say nothing but errors"),
            )
    }
}

/// What is wrong with settings.
#[derive(Debug)]
#[non_exhaustive]
pub enum SettingsError {
    /// With the file, and what.
    File(PathBuf, String),
    /// With the command line; or it asks for help or the version, which is not wrong at all.
    Args(clap::Error),
}

impl SettingsError {
    /// Says what there is to say, and ends the program: with 0 if it was asked for, with 2 if something is wrong.
    pub fn exit(&self) -> ! {
        match self {
            Self::Args(error) => error.exit(),
            Self::File(..) => {
                eprintln!("error: {self}");
                process::exit(2)
            }
        }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, what) => write!(f, "settings in {}: {what}", path.display()),
            Self::Args(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SettingsError {}

impl From<SettingsError> for io::Error {
    fn from(error: SettingsError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error.to_string())
    }
}

/// A value or a list of some, none of which may be of another kind.
fn one_or_many<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    match value {
        Value::Array(values) if values.is_empty() => None,
        Value::Array(values) => values.iter().map(read).collect(),
        value => Some(vec![read(value)?]),
    }
}

const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 8009;

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::new("program", "1.2.3", "Does things.")
    }

    fn file(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("ws-mio-{}-{name}.json", process::id()));
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn later_sources_win() {
        assert_eq!(settings().addresses(), [("127.0.0.1", 8009)]);
        let path = file("later", r#"{"port": [1, 2], "hosts": ["::1"], "quiet": true}"#);
        let with_file = [OsString::from("program"), "--settings".into(), path.clone().into()];
        let coded = settings().port(9002).host("10.0.0.1");
        assert_eq!(coded.addresses(), [("10.0.0.1", 9002)]);
        let found = coded.clone().from_args(with_file.clone()).unwrap();
        assert_eq!(found.addresses(), [("::1", 1), ("::1", 2)]);
        assert!(found.is_quiet() && !coded.is_quiet());
        let more = ["--ports", "3,4", "-a", "127.0.0.1"].map(OsString::from);
        let found = coded.clone().from_args(with_file.into_iter().chain(more)).unwrap();
        assert_eq!(found.addresses(), [("127.0.0.1", 3), ("127.0.0.1", 4)]);
        let found = coded.from_args(["program", "-b", "a,b", "-r", "1,2", "-q"]).unwrap();
        assert_eq!(found.addresses(), [("a", 1), ("b", 2)]);
        assert!(found.is_quiet());
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_wrong_is_told() {
        let cases = [
            ("unknown", r#"{"prot": 1}"#, "'prot' is not known"),
            ("value", r#"{"port": 65536}"#, "'port' is 65536"),
            ("kind", r#"{"ports": [1, "2"]}"#, r#"'ports' is [1,"2"]"#),
            ("none", r#"{"hosts": []}"#, "'hosts' is []"),
            ("both", r#"{"port": 1, "ports": [2]}"#, "both 'port' and 'ports'"),
            ("list", "[]", "it is no JSON object"),
            ("broken", "{", "EOF while parsing"),
        ];
        for (name, text, expected) in cases {
            let path = file(name, text);
            let error = settings().from_file(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            fs::remove_file(path).unwrap();
        }
        let error = settings().from_file("/no/such/file").unwrap_err().to_string();
        assert!(error.starts_with("settings in /no/such/file: "), "{error}");
        let bad: [&[&str]; 6] = [
            &["program", "--port", "65536"],
            &["program", "--port", "1", "--ports", "2"],
            &["program", "--ports", "1,x"],
            &["program", "--settings", "/no/such/file"],
            &["program", "--prot", "1"],
            &["program", "stray"],
        ];
        for args in bad {
            assert!(settings().from_args(args).is_err(), "{args:?}");
        }
        for (asked, expected) in [("--help", "--ports"), ("--version", "1.2.3")] {
            let error = settings().from_args(["program", asked]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
