//! A server, a client that keeps a diary, and a raw peer, all in the test's own thread.
#![allow(dead_code, unreachable_pub, missing_docs)]

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use ws_mio::{
    Agreed, Answer, Client, CloseCode, Config, Context, Ending, Error, Http, Part, Payload, Request, Response, Server,
    Start,
};

/// What a client was told.
#[derive(Debug)]
pub enum Note {
    Open(Agreed),
    Text(String),
    Binary(Vec<u8>),
    Chunk(Vec<u8>, bool),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Drained,
    Close(Ending),
    Fail(Error),
    Dropped,
}

pub type Diary = Rc<RefCell<Vec<Note>>>;

/// What a client does with a message.
pub type React = fn(&mut Context<'_>, Payload<'_>);

/// Writes down everything, and reacts.
pub struct Recorder {
    pub diary: Option<Diary>,
    pub start: fn(&Request) -> Start,
    pub open: fn(&mut Context<'_>),
    pub react: React,
    pub drained: fn(&mut Context<'_>),
    pub ping: fn(&mut Context<'_>),
    pub close: fn(&mut Context<'_>),
}

impl Recorder {
    pub fn new(diary: &Diary) -> Self {
        Self {
            diary: Some(diary.clone()),
            start: |_| Start::accept(),
            open: |_| {},
            react: |_, _| {},
            drained: |_| {},
            ping: |_| {},
            close: |_| {},
        }
    }

    /// Writes nothing down.
    pub fn quiet() -> Self {
        let mut quiet = Self::new(&Diary::default());
        quiet.diary = None;
        quiet
    }

    pub fn echo(diary: &Diary) -> Self {
        Self::new(diary).on_message(|context, message| context.send(message).unwrap())
    }

    pub fn on_start(mut self, start: fn(&Request) -> Start) -> Self {
        self.start = start;
        self
    }

    pub fn on_open(mut self, open: fn(&mut Context<'_>)) -> Self {
        self.open = open;
        self
    }

    pub fn on_message(mut self, react: React) -> Self {
        self.react = react;
        self
    }

    pub fn on_drained(mut self, drained: fn(&mut Context<'_>)) -> Self {
        self.drained = drained;
        self
    }

    pub fn on_ping(mut self, ping: fn(&mut Context<'_>)) -> Self {
        self.ping = ping;
        self
    }

    pub fn on_close(mut self, close: fn(&mut Context<'_>)) -> Self {
        self.close = close;
        self
    }

    fn note(&self, note: Note) {
        if let Some(diary) = &self.diary {
            diary.borrow_mut().push(note);
        }
    }
}

impl Client for Recorder {
    fn start(&mut self, _context: &mut Context<'_>, request: &Request) -> Start {
        (self.start)(request)
    }

    fn open(&mut self, context: &mut Context<'_>, agreed: &Agreed) {
        self.note(Note::Open(agreed.clone()));
        (self.open)(context);
    }

    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        self.note(match message {
            Payload::Text(text) => Note::Text(text.into()),
            Payload::Binary(bytes) | Payload::Custom(_, bytes) => Note::Binary(bytes.into()),
            _ => return,
        });
        (self.react)(context, message);
    }

    fn recv_chunk(&mut self, _context: &mut Context<'_>, part: Part, bytes: &[u8]) {
        self.note(Note::Chunk(bytes.into(), part.last));
    }

    fn ping(&mut self, context: &mut Context<'_>, payload: &[u8]) {
        self.note(Note::Ping(payload.into()));
        (self.ping)(context);
    }

    fn pong(&mut self, _context: &mut Context<'_>, payload: &[u8]) {
        self.note(Note::Pong(payload.into()));
    }

    fn drain(&mut self, context: &mut Context<'_>) {
        self.note(Note::Drained);
        (self.drained)(context);
    }

    fn error(&mut self, context: &mut Context<'_>, error: Error) {
        if context.ending().is_none() {
            self.note(Note::Fail(error));
        }
    }

    fn close(&mut self, context: &mut Context<'_>, status: CloseCode, reason: &str) {
        if let Some(ending) = context.ending().copied() {
            assert_eq!((status, reason), (ending.code(), ending.reason()));
            self.note(Note::Close(ending));
            (self.close)(context);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.note(Note::Dropped);
    }
}

/// A server on a free port of loopback, whose connections all have recorders.
pub struct World {
    pub server: Server,
    pub address: SocketAddr,
    /// What the accepted connections' clients were told.
    pub diary: Diary,
}

impl World {
    pub fn new(config: Config, recorder: fn(&Diary) -> Recorder) -> Self {
        Self::at("127.0.0.1:0", config, recorder)
    }

    pub fn at(address: &str, config: Config, recorder: fn(&Diary) -> Recorder) -> Self {
        let diary = Diary::default();
        let mut server = Server::new(config).unwrap();
        let for_factory = diary.clone();
        let service = Http::new(move |request, _arrival| match request.is_upgrade() {
            true => Answer::client(recorder(&for_factory)),
            false => Answer::page(Response::new(200).with_body("a page")),
        });
        let address = server.listen(address, service).unwrap();
        Self { server, address, diary }
    }

    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Turns the server until there is what is looked for.
    pub fn until<T>(&mut self, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(
                begun.elapsed() < WATCHDOG,
                "nothing came of it; the diary: {:?}",
                self.diary.borrow()
            );
            self.server.turn(Some(GRANULE)).unwrap();
        }
    }

    /// Turns the server until the accepted connections' clients were told this.
    pub fn until_noted<T>(&mut self, mut look: impl FnMut(&Note) -> Option<T>) -> T {
        self.until(|world| world.diary.borrow().iter().find_map(&mut look))
    }

    /// Turns the server until a client was told the end.
    pub fn until_closed(&mut self) -> Ending {
        self.until_noted(|note| {
            if let Note::Close(ending) = note {
                Some(*ending)
            } else {
                None
            }
        })
    }

    /// A raw peer whose handshake is done.
    pub fn peer(&mut self) -> Peer {
        self.peer_with(b"")
    }

    /// A raw peer whose handshake is done, and that sent these bytes behind its request.
    pub fn peer_with(&mut self, behind: &[u8]) -> Peer {
        let mut peer = Peer::connect(self.address);
        peer.send(&[REQUEST.as_bytes(), behind].concat());
        let head = self.head(&mut peer);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        peer
    }

    /// The head of the HTTP answer that the peer gets.
    pub fn head(&mut self, peer: &mut Peer) -> String {
        self.until(|_| {
            peer.receive();
            let end = peer.got.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
            Some(String::from_utf8(peer.got.drain(..end).collect()).unwrap())
        })
    }

    /// The next frame that the peer gets: its first byte and its payload.
    pub fn frame(&mut self, peer: &mut Peer) -> (u8, Vec<u8>) {
        self.until(|_| peer.frame())
    }

    /// Turns the server until the peer has got the end of the transport; returns what came before it.
    pub fn rest(&mut self, peer: &mut Peer) -> Vec<u8> {
        self.until(|_| {
            peer.receive();
            peer.ended.then_some(())
        });
        std::mem::take(&mut peer.got)
    }
}

/// Turns the server until this is so.
pub fn until(server: &mut Server, mut done: impl FnMut(&mut Server) -> bool) {
    until_some(server, |server| done(server).then_some(()));
}

/// Turns the server until there is what is looked for.
pub fn until_some<T>(server: &mut Server, mut look: impl FnMut(&mut Server) -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look(server) {
            return found;
        }
        assert!(begun.elapsed() < WATCHDOG, "nothing came of it");
        server.turn(Some(GRANULE)).unwrap();
    }
}

/// The other end of a connection, without any library.
pub struct Peer {
    pub stream: TcpStream,
    pub got: Vec<u8>,
    pub ended: bool,
}

impl Peer {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self {
            stream,
            got: Vec::new(),
            ended: false,
        }
    }

    /// Writes all of it; only for what fits into the socket's buffers.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Writes what the socket takes.
    pub fn try_send(&mut self, bytes: &[u8]) -> usize {
        match self.stream.write(bytes) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{error}"),
        }
    }

    /// Takes what has come.
    pub fn receive(&mut self) {
        let mut buffer = vec![0; 1 << 16];
        while !self.ended {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.ended = true,
                Ok(count) => self.got.extend(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        self.receive();
        let [first, short, ..] = *self.got else { return None };
        let (head, len) = match short {
            126 => (
                4,
                usize::from(u16::from_be_bytes(self.got.get(2..4)?.try_into().unwrap())),
            ),
            127 => (
                10,
                u64::from_be_bytes(self.got.get(2..10)?.try_into().unwrap()) as usize,
            ),
            short => (2, usize::from(short)),
        };
        assert!(short < 128, "a server's frames have no mask");
        let payload = self.got.get(head..head + len)?.to_vec();
        self.got.drain(..head + len);
        Some((first, payload))
    }
}

/// A client's frame, under a mask that changes nothing.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ ..126 => bytes.push(0x80 | len as u8),
        len @ ..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// The payload of a Close.
pub fn close(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// A configuration without keepalive, so that the frames on the wire are those that a test is about.
pub fn config() -> Config {
    let mut config = Config::default();
    config.timeouts.ping_interval = None;
    config
}

pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

pub const REQUEST: &str = "GET /chat?room=1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Long enough for the slowest machine; only a failing test waits that long.
const WATCHDOG: Duration = Duration::from_secs(60);

/// How often to look at the peer while the server has nothing to do.
const GRANULE: Duration = Duration::from_millis(2);
