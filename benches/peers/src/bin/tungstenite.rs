//! Echo on tungstenite, a thread for each connection. It does not tell whether input is buffered, so each message is
//! sent.

use std::net::TcpStream;
use std::thread;

use peers::{Args, listener};
use tungstenite::{Error, accept};

fn main() {
    for stream in listener(Args::parse()).incoming().map_while(Result::ok) {
        thread::spawn(|| drop(echo(stream)));
    }
}

fn echo(stream: TcpStream) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let Ok(mut ws) = accept(stream) else { return Ok(()) };
    loop {
        let message = ws.read()?;
        if message.is_text() || message.is_binary() {
            ws.send(message)?;
        }
    }
}
