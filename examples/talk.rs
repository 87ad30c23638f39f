//! A WebSocket client for the terminal with two threads: one reads stdin and sends, the other receives and prints. Neither
//! waits for the other, over `ws://` and `wss://` alike. Ctrl-D closes.
//!
//! `cargo run --release --example talk -- [--ca FILE] ws://127.0.0.1:9001/`

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::thread;

use examples::args::ClientArgs;
use examples::outcome;
use ws_blocking::{CloseCode, Connect, Message, Proxy, Writer, tls};

fn main() -> ExitCode {
    outcome::exit_code(run(&ClientArgs::parse()))
}

fn run(args: &ClientArgs) -> Result<(), Box<dyn Error>> {
    let mut connect = Connect::new(&args.url)?.config(args.config());
    if let Some(ca) = &args.ca {
        connect = connect.tls(tls::trusting(&std::fs::read(ca)?)?);
    }
    connect = match &args.proxy {
        Some(proxy) => connect.proxy(Proxy::parse(proxy)?),
        None => connect.proxy_from_environment()?,
    };
    let (mut reader, writer) = connect.connect()?.split();
    eprintln!("connected to {}; Ctrl-D ends", args.url);

    // Reading a terminal can't be given up half-way: if the other side closes first, this thread ends with the program.
    thread::spawn(move || {
        if let Err(error) = send_lines(&writer) {
            eprintln!("cannot send: {error}");
        }
    });
    for message in reader.messages() {
        match message? {
            Message::Text(text) => println!("{}", text.as_str()),
            other => println!("({} bytes)", other.len()),
        }
    }
    if let Some(ending) = reader.ending() {
        println!("closed: {} {}", ending.code(), ending.reason());
    }
    Ok(())
}

fn send_lines(writer: &Writer) -> Result<(), ws_blocking::Error> {
    for line in io::stdin().lines().map_while(Result::ok) {
        writer.send(line)?;
    }
    // What the other side still has to say is printed until its Close comes.
    writer.close(CloseCode::NORMAL, "")
}
