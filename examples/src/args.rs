//! Command lines of the programs. Whatever is wrong with one ends the program with a sentence and exit code 2.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process;

use lexopt::prelude::*;
use ws_proto::Config;
use ws_proto::deflate::Deflate;

use crate::heap;

/// What a server is told: `--host HOST --port PORT --max-message BYTES --deflate[=BITS] --deflate-shared --heap-report`.
#[derive(Clone, Debug)]
pub struct ServerArgs {
    /// Where to listen; 127.0.0.1 if not given. An IPv6 address goes without brackets.
    pub host: String,
    /// On which port; 9001 if not given, 0 for any free one.
    pub port: u16,
    /// The largest message to accept, in bytes, if given.
    pub max_message: Option<u64>,
    /// How to compress, if at all.
    pub deflate: Option<Deflate>,
    /// Whether to answer lines on stdin with the bytes on the heap; see [`heap`].
    pub heap_report: bool,
}

impl ServerArgs {
    /// Reads the program's arguments, or ends the program. Reports of the heap begin if they are asked for.
    pub fn parse() -> Self {
        let args = or_exit(Self::from_parser(lexopt::Parser::from_env()), SERVER_USAGE);
        if args.heap_report {
            heap::report_on_stdin();
        }
        args
    }

    /// The default configuration with the compression and the limit that were given; the latter for messages and so
    /// for frames.
    pub fn config(&self) -> Config {
        config(self.max_message, self.deflate.as_ref())
    }

    /// Host and port, as binding and printing want them.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Ends the program because it can't listen, and says why.
    pub fn exit_unbound(&self, error: &io::Error) -> ! {
        let address = self.address();
        match error.kind() {
            io::ErrorKind::AddrInUse => {
                eprintln!(
                    "error: port {} is in use: choose another with --port, or 0 for any free one ({address})",
                    self.port
                );
            }
            _ => eprintln!("error: cannot listen on {address}: {error}"),
        }
        process::exit(1)
    }

    fn from_parser(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut args = Self {
            host: DEFAULT_HOST.into(),
            port: DEFAULT_PORT,
            max_message: None,
            deflate: None,
            heap_report: false,
        };
        while let Some(arg) = parser.next()? {
            match arg {
                Long("host") => args.host = parser.value()?.string()?.trim_matches(['[', ']']).into(),
                Long("port") => args.port = parser.value()?.parse()?,
                Long("max-message") => args.max_message = Some(parser.value()?.parse()?),
                Long("deflate") => args.deflate = Some(dedicated(parser.optional_value())?),
                Long("deflate-shared") => args.deflate = Some(Deflate::shared()),
                Long("heap-report") => args.heap_report = true,
                Long("help") | Short('h') => exit_with_usage(SERVER_USAGE),
                _ => return Err(arg.unexpected()),
            }
        }
        Ok(args)
    }
}

/// What a client is told: `--deflate[=BITS] --ca FILE --proxy URL URL`.
#[derive(Clone, Debug)]
pub struct ClientArgs {
    /// Where to connect to.
    pub url: String,
    /// How to compress, if at all.
    pub deflate: Option<Deflate>,
    /// A file with the certificates to trust in place of the usual ones.
    pub ca: Option<PathBuf>,
    /// The proxy to go through in place of the one that the environment asks for.
    pub proxy: Option<String>,
}

impl ClientArgs {
    /// Reads the program's arguments, or ends the program.
    pub fn parse() -> Self {
        or_exit(Self::from_parser(lexopt::Parser::from_env()), CLIENT_USAGE)
    }

    /// The default configuration with the compression that was given.
    pub fn config(&self) -> Config {
        config(None, self.deflate.as_ref())
    }

    fn from_parser(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let (mut url, mut deflate, mut ca, mut proxy) = (None, None, None, None);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("deflate") => deflate = Some(dedicated(parser.optional_value())?),
                Long("ca") => ca = Some(parser.value()?.into()),
                Long("proxy") => proxy = Some(parser.value()?.string()?),
                Value(value) if url.is_none() => url = Some(value.string()?),
                Long("help") | Short('h') => exit_with_usage(CLIENT_USAGE),
                _ => return Err(arg.unexpected()),
            }
        }
        Ok(Self {
            url: with_scheme(url.ok_or("the URL is missing")?)?,
            deflate,
            ca,
            proxy,
        })
    }
}

/// Prints `listening on ws://HOST:PORT`, the line that others wait for.
pub fn announce(address: SocketAddr) {
    println!("listening on ws://{address}");
    // Nobody reads it if this fails, and serving doesn't depend on it.
    let _ = io::stdout().flush();
}

pub(crate) fn config(max_message: Option<u64>, deflate: Option<&Deflate>) -> Config {
    let mut config = Config::default();
    if let Some(bytes) = max_message {
        config.limits.max_message = bytes;
        config.limits.max_frame = bytes;
    }
    if let Some(deflate) = deflate {
        config.handshake.extensions.push(deflate.clone());
    }
    config
}

/// Compression with a state for each connection, in the windows that were asked for.
fn dedicated(bits: Option<OsString>) -> Result<Deflate, lexopt::Error> {
    let Some(bits) = bits else {
        return Ok(Deflate::dedicated());
    };
    let bits = bits.parse()?;
    if (9..=15).contains(&bits) {
        Ok(windowed(bits))
    } else {
        Err(format!("a window has 9 to 15 bits, not {bits}").into())
    }
}

/// Compression with windows of at most 2 to this power, in both directions.
pub(crate) fn windowed(bits: u8) -> Deflate {
    let mut deflate = Deflate::dedicated();
    deflate.window_bits = bits;
    deflate.peer_window_bits = bits;
    deflate
}

/// Refuses what is no WebSocket URL at first sight; the rest shows when it is connected to.
pub(crate) fn with_scheme(url: String) -> Result<String, lexopt::Error> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if scheme.eq_ignore_ascii_case("ws") || scheme.eq_ignore_ascii_case("wss") {
        Ok(url)
    } else {
        Err(format!("'{url}' does not start with ws:// or wss://").into())
    }
}

pub(crate) fn or_exit<T>(args: Result<T, lexopt::Error>, usage: &str) -> T {
    args.unwrap_or_else(|error| {
        eprintln!("error: {error}\n{usage}");
        process::exit(2)
    })
}

pub(crate) fn exit_with_usage(usage: &str) -> ! {
    println!("{usage}");
    process::exit(0)
}

const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 9001;

const SERVER_USAGE: &str =
    "usage: [--host HOST] [--port PORT] [--max-message BYTES] [--deflate[=BITS] | --deflate-shared]
       [--heap-report]
  --host HOST          where to listen (default 127.0.0.1)
  --port PORT          on which port (default 9001, 0 for any free one)
  --max-message BYTES  the largest message to accept (default 1 MiB)
  --deflate[=BITS]     compress, each connection with a state of its own; windows of 2 to this power, 9 to 15
                       (default 12 for what is sent, 15 for what comes)
  --deflate-shared     compress every message by itself: idle connections need no memory for it
  --heap-report        answer every line on stdin with the bytes on the heap";
const CLIENT_USAGE: &str = "usage: [--deflate[=BITS]] [--ca FILE] [--proxy URL] URL
  URL               where to connect to, such as ws://127.0.0.1:9001/
  --ca FILE         for wss: trust these certificates (PEM) and no others
  --proxy URL       go through http://[USER:PASSWORD@]HOST[:PORT] or socks5://... (default: what http_proxy, https_proxy,
                    all_proxy and no_proxy say)
  --deflate[=BITS]  offer compression; windows of 2 to this power, 9 to 15 (default 12 for what is sent)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_defaults_and_take_every_option() {
        let args = ServerArgs::from_parser(lexopt::Parser::from_args([""; 0])).unwrap();
        assert_eq!(
            (args.address().as_str(), args.max_message, args.heap_report),
            ("127.0.0.1:9001", None, false)
        );
        let given = ["--host", "::1", "--port=0", "--max-message", "5", "--heap-report"];
        let args = ServerArgs::from_parser(lexopt::Parser::from_args(given)).unwrap();
        assert_eq!(
            (args.address().as_str(), args.max_message, args.heap_report),
            ("[::1]:0", Some(5), true)
        );
    }

    #[test]
    fn compression_is_off_unless_it_is_asked_for() {
        let server = |args: &[&str]| ServerArgs::from_parser(lexopt::Parser::from_args(args)).unwrap();
        assert!(server(&[]).config().handshake.extensions.is_empty());
        assert_eq!(server(&["--deflate"]).deflate.unwrap().window_bits, 12);
        let narrow = server(&["--deflate=9"]);
        assert!(!narrow.config().handshake.extensions.is_empty());
        assert_eq!(
            narrow.deflate.map(|it| (it.window_bits, it.peer_window_bits)),
            Some((9, 9))
        );
        assert!(!server(&["--deflate-shared"]).deflate.unwrap().context_takeover);
        let client = |args: &[&str]| ClientArgs::from_parser(lexopt::Parser::from_args(args)).unwrap();
        assert!(client(&["ws://x"]).config().handshake.extensions.is_empty());
        assert!(
            !client(&["--deflate", "ws://x"])
                .config()
                .handshake
                .extensions
                .is_empty()
        );
    }

    #[test]
    fn bad_arguments_are_refused() {
        let bad: [&[&str]; 8] = [
            &["--deflate=8"],
            &["--deflate=16"],
            &["--deflate="],
            &["--port", "65536"],
            &["--port"],
            &["--max-message", "x"],
            &["--what"],
            &["stray"],
        ];
        for args in bad {
            assert!(
                ServerArgs::from_parser(lexopt::Parser::from_args(args)).is_err(),
                "{args:?}"
            );
        }
        assert!(ClientArgs::from_parser(lexopt::Parser::from_args([""; 0])).is_err());
        assert!(ClientArgs::from_parser(lexopt::Parser::from_args(["ws://x", "ws://y"])).is_err());
        assert!(ClientArgs::from_parser(lexopt::Parser::from_args(["http://x"])).is_err());
        assert!(ClientArgs::from_parser(lexopt::Parser::from_args(["WS://x"])).is_ok());
    }
}
