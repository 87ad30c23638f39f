//! The least an echo can do: a loop over epoll that reads once, unmasks where the bytes lie, and writes once.
//!
//! It is no WebSocket server: it answers the one handshake that the load knows, and checks nothing, assembles nothing
//! and limits nothing. With `--broadcast` it tells every message to everybody: raw writes of the same bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use peers::epoll::{Epoll, Interest};
use peers::{Args, RESPONSE, listener};
use ws_frame::MaskKey;

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
        buffer: vec![0; HEADROOM + READ],
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

enum State {
    Handshake,
    /// This much of a header has come.
    Header(Vec<u8>),
    /// So much of a payload is to come.
    Payload(MaskKey, usize),
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
                state: State::Handshake,
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

impl State {
    /// Makes the answer to `count` bytes behind the headroom where they lie. Says whether they held a Close.
    fn answer<'a>(&mut self, buffer: &'a mut [u8], count: usize) -> (&'a [u8], bool) {
        let end = HEADROOM + count;
        let mut at = HEADROOM;
        if let Self::Handshake = self {
            *self = Self::Header(Vec::new());
            return (RESPONSE, false);
        }
        if let Self::Header(cut) = self {
            at -= cut.len();
            buffer[at..HEADROOM].copy_from_slice(cut);
            cut.clear();
        }
        // An answer has no key, so its header fits where its key lay; those that follow move up behind it.
        let in_header = matches!(self, Self::Header(_));
        let start = at + if in_header { KEY } else { 0 };
        let (mut to, mut closing) = (start, false);
        while at < end {
            let (key, left) = match *self {
                Self::Payload(key, left) => (key, left),
                _ => {
                    let Some((size, length)) = header(&buffer[at..end]) else {
                        *self = Self::Header(buffer[at..end].to_vec());
                        break;
                    };
                    closing |= buffer[at] & 0x0F == 8;
                    let key = &buffer[at + size - KEY..at + size];
                    let key = MaskKey::new(key.try_into().expect("four bytes"));
                    buffer[at + 1] &= 0x7F;
                    buffer.copy_within(at..at + size - KEY, to);
                    at += size;
                    to += size - KEY;
                    (key, length)
                }
            };
            let count = left.min(end - at);
            key.apply(&mut buffer[at..at + count]);
            if to < at {
                buffer.copy_within(at..at + count, to);
            }
            at += count;
            to += count;
            *self = if count < left {
                Self::Payload(key.rotated(count), left - count)
            } else {
                Self::Header(Vec::new())
            };
        }
        (&buffer[start..to.max(start)], closing)
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

/// The size of a client's header and of its payload, if the header is whole.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let (size, length) = match bytes.get(1)? & 0x7F {
        126 => (8, u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?).into()),
        127 => (14, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize),
        short => (6, short.into()),
    };
    (bytes.len() >= size).then_some((size, length))
}

const LISTENER: usize = usize::MAX;

const KEY: usize = 4;

/// Room for a header whose beginning came with the read before.
const HEADROOM: usize = 16;

/// As much as a socket has at once, for large messages.
const READ: usize = 256 << 10;
