//! What the counterparts of Autobahn's fuzzing server and fuzzing client have in common, whatever they run on.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use lexopt::prelude::*;
use ws_proto::Config;
use ws_tokio::tls;
use ws_tokio::tls::rustls::{ClientConfig, ServerConfig};

use crate::args::{config, exit_with_usage, or_exit, windowed, with_scheme};

/// What such a program is told: which end it is, and `--path PATH`.
#[derive(Clone, Debug)]
pub struct Args<P> {
    /// Which end of the connections it is.
    pub end: End,
    /// The part of the runtime that the messages pass.
    pub path: P,
}

/// An end of connections.
#[derive(Clone, Debug)]
pub enum End {
    /// `--url URL --agent NAME [--ca FILE]`
    Client(Client),
    /// `--port PORT [--cert FILE --key FILE]`
    Server(Server),
}

/// Of the fuzzing server.
#[derive(Clone, Debug)]
pub struct Client {
    /// Where it listens, without a slash at the end.
    pub url: String,
    /// The name for its report.
    pub agent: String,
    /// What to trust, for `wss`.
    ca: Option<PathBuf>,
}

/// Of the fuzzing client.
#[derive(Clone, Debug)]
pub struct Server {
    port: u16,
    /// Certificate and key, for `wss`.
    identity: Option<(PathBuf, PathBuf)>,
}

impl<P: Copy> Args<P> {
    /// Reads the program's arguments, or ends the program. These are the paths there are; without `--path` it is the
    /// first.
    pub fn parse<const N: usize>(paths: [(&str, P); N]) -> Self {
        let usage = format!("{USAGE} {}", paths.map(|(name, _)| name).join(", "));
        or_exit(Self::from_parser(lexopt::Parser::from_env(), &paths, &usage), &usage)
    }

    /// What the suite needs to try everything: room for its messages, and compression with whatever window it asks for.
    pub fn config(&self) -> Config {
        config(Some(MAX_MESSAGE), Some(&windowed(15)))
    }

    fn from_parser(mut parser: lexopt::Parser, paths: &[(&str, P)], usage: &str) -> Result<Self, lexopt::Error> {
        let (mut url, mut agent, mut ca, mut port, mut certificate, mut key) = (None, None, None, None, None, None);
        let mut path = paths[0].1;
        while let Some(arg) = parser.next()? {
            match arg {
                Long("url") => url = Some(parser.value()?.string()?),
                Long("agent") => agent = Some(parser.value()?.string()?),
                Long("ca") => ca = Some(parser.value()?.into()),
                Long("port") => port = Some(parser.value()?.parse()?),
                Long("cert") => certificate = Some(parser.value()?.into()),
                Long("key") => key = Some(parser.value()?.into()),
                Long("path") => {
                    let wanted = parser.value()?.string()?;
                    let found = paths.iter().find(|(name, _)| *name == wanted);
                    path = found.ok_or_else(|| format!("there is no path '{wanted}'"))?.1;
                }
                Long("help") | Short('h') => exit_with_usage(usage),
                _ => return Err(arg.unexpected()),
            }
        }
        let end = match (url, agent, ca, port, certificate, key) {
            (Some(url), Some(agent), ca, None, None, None) => End::Client(Client {
                url: with_scheme(url)?.trim_end_matches('/').to_owned(),
                agent,
                ca,
            }),
            (None, None, None, Some(port), certificate, key) if certificate.is_some() == key.is_some() => {
                End::Server(Server {
                    port,
                    identity: certificate.zip(key),
                })
            }
            _ => return Err("neither a client's arguments nor a server's".into()),
        };
        Ok(Self { end, path })
    }
}

impl Client {
    /// Tells how many cases there are, in a text message.
    pub fn count_url(&self) -> String {
        format!("{}/getCaseCount", self.url)
    }

    /// Runs a case, from 1 on.
    pub fn case_url(&self, case: u32) -> String {
        format!("{}/runCase?case={case}&agent={}", self.url, self.agent)
    }

    /// Writes the report; it is done when the connection ends.
    pub fn report_url(&self) -> String {
        format!("{}/updateReports?agent={}", self.url, self.agent)
    }

    /// What to trust in place of the usual, if that was given.
    pub fn tls(&self) -> Result<Option<Arc<ClientConfig>>, Box<dyn Error>> {
        let Some(file) = &self.ca else { return Ok(None) };
        Ok(Some(tls::trusting(&fs::read(file)?)?))
    }
}

impl Server {
    /// Where to listen, on this machine.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// To serve over TLS, if that was asked for.
    pub fn tls(&self) -> Result<Option<Arc<ServerConfig>>, Box<dyn Error>> {
        let Some((certificate, key)) = &self.identity else {
            return Ok(None);
        };
        Ok(Some(tls::server_config(&fs::read(certificate)?, &fs::read(key)?)?))
    }
}

/// The suite's largest messages have 16 MiB; a limit of ours must not be what a case finds.
const MAX_MESSAGE: u64 = 64 * 1024 * 1024;

const USAGE: &str = "usage: --url URL --agent NAME [--ca FILE] [--path PATH]
       --port PORT [--cert FILE --key FILE] [--path PATH]
  --url URL     run the cases of the fuzzing server that listens there
  --agent NAME  the name for its report
  --ca FILE     for wss: trust these certificates (PEM)
  --port PORT   echo whatever a fuzzing client sends (0: on any free port)
  --cert FILE   over TLS, with this certificate (PEM)
  --key FILE    and its key (PEM)
  --path PATH   through which part of the runtime messages go:";

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Args<u8>, lexopt::Error> {
        Args::from_parser(lexopt::Parser::from_args(args), &[("one", 1), ("two", 2)], "")
    }

    #[test]
    fn it_is_a_client_or_a_server() {
        let args = parsed(&["--url", "ws://x:1/", "--agent", "me", "--path", "two"]).unwrap();
        assert_eq!(args.path, 2);
        let End::Client(client) = args.end else {
            panic!("no client: {args:?}")
        };
        assert_eq!(client.case_url(3), "ws://x:1/runCase?case=3&agent=me");
        assert!(client.tls().unwrap().is_none());
        let args = parsed(&["--port", "0"]).unwrap();
        assert_eq!(args.path, 1);
        let End::Server(server) = args.end else {
            panic!("no server: {args:?}")
        };
        assert_eq!(server.address(), "127.0.0.1:0");
        assert!(server.tls().unwrap().is_none());
        let args = parsed(&["--port", "0", "--cert", "/no/such/file", "--key", "/no/such/file"]).unwrap();
        assert!(matches!(args.end, End::Server(server) if server.tls().is_err()));
    }

    #[test]
    fn bad_arguments_are_refused() {
        for bad in [
            &[][..],
            &["--url", "ws://x"],
            &["--agent", "me"],
            &["--agent", "me", "--url", "x:9001"],
            &["--agent", "me", "--url", "ws://x", "--port", "1"],
            &["--port", "1", "--cert", "x"],
            &["--port", "1", "--ca", "x"],
            &["--port", "1", "--path", "three"],
        ] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
    }
}
