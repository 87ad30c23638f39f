//! Connect, shake hands, close, again: some connections at a time.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use peers::REQUEST;
use peers::epoll::{Epoll, Interest};

use crate::Plan;
use crate::usage::{Run, Usage};

pub(crate) fn run(plan: &Plan) {
    let mut epoll = Epoll::new();
    let mut visits: Vec<Visit> = (0..AT_A_TIME).map(|token| Visit::begin(plan, token, &epoll)).collect();
    let mut run = Run::begin(plan, Usage::of_all);
    let mut ready = Vec::new();
    while !run.is_over() {
        ready.clear();
        ready.extend(epoll.wait());
        for &token in &ready {
            if visits[token].turn() {
                run.note(1, visits[token].began.elapsed());
                visits[token] = Visit::begin(plan, token, &epoll);
            }
        }
    }
}

struct Visit {
    stream: TcpStream,
    received: Vec<u8>,
    closed: bool,
    began: Instant,
}

impl Visit {
    fn begin(plan: &Plan, token: usize, epoll: &Epoll) -> Self {
        let began = Instant::now();
        let mut stream = TcpStream::connect(&plan.address).expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        stream.write_all(REQUEST).expect("a server that reads");
        stream.set_nonblocking(true).expect("a socket");
        epoll.add(&stream, token, Interest::Read);
        Self {
            stream,
            received: Vec::with_capacity(512),
            closed: false,
            began,
        }
    }

    /// Whether it is over: the server has answered the Close and ended the connection.
    fn turn(&mut self) -> bool {
        let mut buffer = [0; 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => {
                assert!(self.received.ends_with(&CLOSE_ECHO), "an end without a Close");
                return true;
            }
            Ok(count) => self.received.extend_from_slice(&buffer[..count]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            // What is left of a connection that was ended at both ends at once.
            Err(e) if e.kind() == ErrorKind::ConnectionReset && self.received.ends_with(&CLOSE_ECHO) => return true,
            Err(e) => panic!("reading: {e}"),
        }
        if !self.closed && self.received.ends_with(b"\r\n\r\n") {
            assert!(
                self.received.starts_with(b"HTTP/1.1 101 "),
                "{}",
                String::from_utf8_lossy(&self.received)
            );
            self.closed = true;
            self.stream.write_all(&CLOSE).expect("room for a Close");
        }
        false
    }
}

/// 1000, with a key of zeros.
const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8];
const CLOSE_ECHO: [u8; 4] = [0x88, 0x02, 0x03, 0xE8];

/// Enough for the server never to wait for us.
const AT_A_TIME: usize = 32;
