//! Echoes: on each connection a window of messages in one write, the next when all of it has come back.

use std::net::TcpStream;
use std::time::Instant;

use peers::epoll::{Epoll, Interest};

use crate::usage::{Run, Usage};
use crate::{Plan, client};

pub(crate) fn run(plan: &Plan) {
    let (frame, echo) = client::frames(plan.size);
    let load = Load {
        window: frame.repeat(plan.window),
        echoes: echo.repeat(plan.window),
        epoll: Epoll::new(),
    };
    let mut connections: Vec<Connection> = (0..plan.connections)
        .map(|_| Connection {
            stream: client::open(&plan.address),
            unsent: 0,
            received: 0,
            began: Instant::now(),
        })
        .collect();
    for (token, connection) in connections.iter_mut().enumerate() {
        connection.stream.set_nonblocking(true).expect("a socket");
        load.epoll.add(&connection.stream, token, Interest::Read);
        connection.begin(&load, token);
    }
    load.run(&mut connections, plan);
}

struct Load {
    window: Vec<u8>,
    echoes: Vec<u8>,
    epoll: Epoll,
}

struct Connection {
    stream: TcpStream,
    /// Bytes of the window.
    unsent: usize,
    /// Bytes of the echoes.
    received: usize,
    began: Instant,
}

impl Load {
    fn run(mut self, connections: &mut [Connection], plan: &Plan) {
        let mut buffer = vec![0; BUFFER];
        let mut run = Run::begin(plan, Usage::of);
        let mut ready = Vec::new();
        while !run.is_over() {
            ready.clear();
            ready.extend(self.epoll.wait());
            for &token in &ready {
                let connection = &mut connections[token];
                if connection.unsent > 0 {
                    connection.send(&self, token);
                }
                if connection.receive(&self, &mut buffer) {
                    run.note(plan.window, connection.began.elapsed());
                    connection.begin(&self, token);
                }
            }
        }
    }
}

impl Connection {
    fn begin(&mut self, load: &Load, token: usize) {
        self.began = Instant::now();
        self.unsent = client::write(&self.stream, &load.window);
        if self.unsent > 0 {
            load.epoll.modify(&self.stream, token, Interest::Both);
        }
    }

    fn send(&mut self, load: &Load, token: usize) {
        self.unsent = client::write(&self.stream, &load.window[load.window.len() - self.unsent..]);
        if self.unsent == 0 {
            load.epoll.modify(&self.stream, token, Interest::Read);
        }
    }

    /// Whether all echoes have come.
    fn receive(&mut self, load: &Load, buffer: &mut [u8]) -> bool {
        self.received += client::read(&self.stream, &load.echoes[self.received..], buffer);
        let all = self.received == load.echoes.len();
        if all {
            self.received = 0;
        }
        all
    }
}

/// For one read.
const BUFFER: usize = 256 << 10;
