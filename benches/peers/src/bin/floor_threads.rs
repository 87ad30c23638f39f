//! The least an echo can do with threads: one for each connection, that reads and writes.

use std::io::{Read, Result, Write};
use std::net::TcpStream;
use std::thread;

use peers::least::{HEADROOM, State, room};
use peers::{Args, listener};

fn main() {
    for stream in listener(Args::parse()).incoming().map_while(Result::ok) {
        thread::spawn(|| drop(echo(stream)));
    }
}

fn echo(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let (mut state, mut buffer) = (State::default(), room());
    loop {
        let count = stream.read(&mut buffer[HEADROOM..])?;
        if count == 0 {
            return Ok(());
        }
        let (answer, closing) = state.answer(&mut buffer, count);
        stream.write_all(answer)?;
        if closing {
            return Ok(());
        }
    }
}
