//! The least an echo can do: a loop over epoll that reads once, unmasks where the bytes lie, and writes once.
//!
//! It is no WebSocket server: it answers the one handshake that the load knows, and checks nothing, assembles nothing
//! and limits nothing. With `--broadcast` it tells every message to everybody: raw writes of the same bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use peers::epoll::{Epoll, Interest};
use peers::least::{HEADROOM, State, room};
use peers::{Args, RESPONSE, listener};

fn main() {
    let args = Args::parse();
    let listener = listener(args);
    listener.set_nonblocking(true).expect("a socket");
    let mut epoll = Epoll::new();
    epoll.add(&listener, LISTENER, Interest::Read);
    let mut floor = Floor {
        broadcast: args.broadcast,
        listener,
        clients: Vec::new(),
        free: Vec::new(),
        buffer: room(),
    };
    let mut ready = Vec::new();
    loop {
        ready.clear();
        ready.extend(epoll.wait());
        for &token in &ready {
            if token == LISTENER {
                floor.accept(&epoll);
            } else {
                floor.turn(token, &epoll);
            }
        }
    }
}

struct Floor {
    broadcast: bool,
    listener: TcpListener,
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
    buffer: Vec<u8>,
}

struct Client {
    socket: Socket,
    state: State,
}

struct Socket {
    stream: TcpStream,
    /// What the stream did not take.
    unsent: Vec<u8>,
}

impl Floor {
    fn accept(&mut self, epoll: &Epoll) {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).expect("a socket");
            let _ = stream.set_nodelay(true);
            let token = self.free.pop().unwrap_or_else(|| {
                self.clients.push(None);
                self.clients.len() - 1
            });
            epoll.add(&stream, token, Interest::Read);
            let socket = Socket {
                stream,
                unsent: Vec::new(),
            };
            self.clients[token] = Some(Client {
                socket,
                state: State::default(),
            });
        }
    }

    fn turn(&mut self, token: usize, epoll: &Epoll) {
        let Some(client) = &mut self.clients[token] else { return };
        let open = if client.socket.unsent.is_empty() {
            match client.socket.stream.read(&mut self.buffer[HEADROOM..]) {
                Ok(0) => false,
                Ok(count) => self.input(token, count, epoll),
                Err(e) => e.kind() == ErrorKind::WouldBlock,
            }
        } else {
            client.socket.write_rest(token, epoll)
        };
        if !open {
            self.clients[token] = None;
            self.free.push(token);
        }
    }

    /// Whether the connection goes on.
    fn input(&mut self, token: usize, count: usize, epoll: &Epoll) -> bool {
        let client = self.clients[token].as_mut().expect("its turn");
        let (answer, closing) = client.state.answer(&mut self.buffer, count);
        if !self.broadcast || closing || answer == RESPONSE {
            return client.socket.write(answer, token, epoll) && !closing;
        }
        for (token, client) in self.clients.iter_mut().enumerate() {
            if let Some(client) = client {
                client.socket.write(answer, token, epoll);
            }
        }
        true
    }
}

impl Socket {
    /// Whether the connection goes on.
    fn write(&mut self, bytes: &[u8], token: usize, epoll: &Epoll) -> bool {
        if bytes.is_empty() {
            return true;
        }
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return true;
        }
        let written = match self.stream.write(bytes) {
            Ok(written) => written,
            Err(e) if e.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return false,
        };
        if written < bytes.len() {
            self.unsent.extend_from_slice(&bytes[written..]);
            epoll.modify(&self.stream, token, Interest::Write);
        }
        true
    }

    fn write_rest(&mut self, token: usize, epoll: &Epoll) -> bool {
        let rest = std::mem::take(&mut self.unsent);
        let open = self.write(&rest, token, epoll);
        if self.unsent.is_empty() {
            epoll.modify(&self.stream, token, Interest::Read);
        }
        open
    }
}

const LISTENER: usize = usize::MAX;
