//! Sends files of any size in constant memory, each as one message, and receives them.
//!
//! `cargo run --release --example stream_file -- receive --into DIR`
//! `cargo run --release --example stream_file -- send ws://127.0.0.1:9001/ FILE`
//!
//! For measuring, `receive` without a directory throws away what comes, and `send --zeros BYTES` makes it up. Both say
//! at the end how much memory they have used at most.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use examples::{outcome, stop};
use lexopt::prelude::*;
use tokio::fs::{self, OpenOptions};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use ws_tokio::{Client, CloseCode, Config, DataKind, Error, MessageStream, Server, connect};

#[tokio::main]
async fn main() -> ExitCode {
    let task = match Task::parse() {
        Ok(task) => task,
        Err(error) => {
            eprintln!("error: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    outcome::exit_code(match task {
        Task::Send { url, source } => send(&url, source).await,
        Task::Receive { address, into } => receive(address, into).await.map_err(Error::from),
    })
}

enum Task {
    Send { url: String, source: Source },
    Receive { address: String, into: Option<PathBuf> },
}

enum Source {
    File(PathBuf),
    Zeros(u64),
}

/// Sends one file: its name as text, then itself.
async fn send(url: &str, source: Source) -> Result<(), Error> {
    let (name, len, mut source): (_, _, Box<dyn AsyncRead + Unpin>) = match source {
        Source::Zeros(len) => ("zeros".to_owned(), len, Box::new(tokio::io::repeat(0).take(len))),
        Source::File(path) => {
            let file = fs::File::open(&path).await?;
            (
                file_name(&path.to_string_lossy()),
                file.metadata().await?.len(),
                Box::new(file),
            )
        }
    };
    let (mut reader, writer) = connect(url).config(unlimited()).await?.split();
    // Receiving answers pings and notices the end; what the server says is that all has come.
    let receiving = tokio::spawn(async move {
        let message = reader.recv().await?;
        Ok::<_, Error>((message, reader))
    });
    writer.send(name).await?;
    let mut message = writer.send_stream(DataKind::Binary).await?;
    let mut source = BufReader::with_capacity(BUFFER, &mut source);
    copy(&mut source, &mut message, Some(len)).await?;
    message.finish().await?;
    let (message, mut reader) = receiving.await.map_err(io::Error::other)??;
    if let Some(text) = message.as_ref().and_then(|message| message.as_text()) {
        println!("{text}");
    }
    let _ = writer.start_close(CloseCode::NORMAL, "");
    while reader.recv().await?.is_some() {}
    report_memory();
    Ok(())
}

/// Serves until the program is asked to end.
async fn receive(address: String, into: Option<PathBuf>) -> io::Result<()> {
    let server = Server::bind(address)
        .config(unlimited())
        .on_connection(move |client| {
            let into = into.clone();
            async move { take_files(&client, into) }
        })
        .start()
        .await?;
    if let Some(address) = server.local_addr() {
        println!("listening on ws://{address}");
        io::stdout().flush()?;
    }
    stop::requested().await;
    server.shutdown(Duration::from_secs(1)).await;
    report_memory();
    Ok(())
}

fn take_files(client: &Client, into: Option<PathBuf>) {
    let writer = client.writer().clone();
    let name = std::sync::Arc::new(std::sync::Mutex::new(String::from("file")));
    client.on_message(move |mut message| {
        let (writer, into, name) = (writer.clone(), into.clone(), name.clone());
        async move {
            if message.kind() == DataKind::Text {
                let mut told = String::new();
                // A name that is too long, or none, is not worth a word: the file gets the default one.
                let mut beginning = (&mut message).take(MAX_NAME);
                if beginning.read_to_string(&mut told).await.is_ok() && !told.is_empty() {
                    *name.lock().unwrap() = file_name(&told);
                }
                return;
            }
            let name = name.lock().unwrap().clone();
            let answer = match save(&mut message, into.as_deref(), &name).await {
                Ok(count) => format!("{name}: {count} bytes"),
                Err(error) => format!("{name}: {error}"),
            };
            println!("{answer}");
            let _ = writer.send(answer).await;
        }
    });
}

/// Never over a file that is there.
async fn save(message: &mut MessageStream, into: Option<&Path>, name: &str) -> io::Result<u64> {
    let Some(into) = into else {
        return copy(message, &mut tokio::io::sink(), None).await;
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(into.join(name))
        .await?;
    let count = copy(message, &mut file, None).await?;
    file.flush().await?;
    Ok(count)
}

/// Copies everything, and draws a bar meanwhile if somebody is looking.
async fn copy(
    from: &mut (impl AsyncBufRead + Unpin),
    into: &mut (impl AsyncWrite + Unpin),
    len: Option<u64>,
) -> io::Result<u64> {
    let drawn = io::stderr().is_terminal();
    let (mut count, mut shown) = (0, 0);
    loop {
        let bytes = from.fill_buf().await?;
        if bytes.is_empty() {
            if drawn {
                eprintln!();
            }
            return Ok(count);
        }
        let written = into.write(bytes).await?;
        from.consume(written);
        count += written as u64;
        if drawn && count - shown >= SHOWN_EVERY {
            shown = count;
            eprint!("\r{}", bar(count, len));
        }
    }
}

fn bar(count: u64, len: Option<u64>) -> String {
    let mebibytes = count / (1024 * 1024);
    match len.filter(|len| *len > 0) {
        None => format!("{mebibytes} MiB"),
        Some(len) => {
            let filled = (count.min(len) as u128 * 40 / len as u128) as usize;
            format!("[{}{}] {mebibytes} MiB", "#".repeat(filled), " ".repeat(40 - filled))
        }
    }
}

/// The last part of a path, whatever a stranger has put before it.
fn file_name(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|char| !char.is_control()).collect();
    match name.as_str() {
        "" | "." | ".." => "file".to_owned(),
        _ => name,
    }
}

/// What streaming is for: as long as it likes, for as long as it takes.
fn unlimited() -> Config {
    let mut config = Config::default();
    config.limits.max_message = u64::MAX;
    config.limits.max_frame = u64::MAX;
    config.limits.max_fragments = u32::MAX;
    config.timeouts.assembly = None;
    config
}

fn report_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        eprintln!("memory at most: {}", peak.trim());
    }
}

impl Task {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut parser = lexopt::Parser::from_env();
        let (mut words, mut zeros, mut into) = (Vec::new(), None, None);
        let (mut host, mut port) = ("127.0.0.1".to_owned(), 9001u16);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("zeros") => zeros = Some(parser.value()?.parse()?),
                Long("into") => into = Some(parser.value()?.into()),
                Long("host") => host = parser.value()?.string()?,
                Long("port") => port = parser.value()?.parse()?,
                Long("help") | Short('h') => {
                    println!("{USAGE}");
                    std::process::exit(0)
                }
                Value(word) => words.push(word),
                _ => return Err(arg.unexpected()),
            }
        }
        let mut words = words.into_iter();
        let task = words.next().ok_or("send or receive?")?.string()?;
        match (task.as_str(), words.next(), words.next(), zeros) {
            ("receive", None, None, None) => Ok(Self::Receive {
                address: format!("{host}:{port}"),
                into,
            }),
            ("send", Some(url), Some(path), None) => Ok(Self::Send {
                url: url.string()?,
                source: Source::File(path.into()),
            }),
            ("send", Some(url), None, Some(len)) => Ok(Self::Send {
                url: url.string()?,
                source: Source::Zeros(len),
            }),
            _ => Err("that is not how it goes".into()),
        }
    }
}

const USAGE: &str = "usage: receive [--host HOST] [--port PORT] [--into DIR]
       send URL FILE | send URL --zeros BYTES";

/// The size of a fragment.
const BUFFER: usize = 32 * 1024;

/// How many bytes of text are looked at for a name.
const MAX_NAME: u64 = 255;

/// How often the bar is drawn, in bytes.
const SHOWN_EVERY: u64 = 8 * 1024 * 1024;
