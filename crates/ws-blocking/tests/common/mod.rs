//! Raw peers, and servers in threads.

#![allow(dead_code, reason = "every test program uses a part")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;
use ws_blocking::{Accept, Config, Error, Incoming, Role, Server, StopHandle, WebSocket};

/// The end of a connection that the test plays by hand. Frames it sends are masked with zero.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

impl Raw {
    /// Connected to a server's connection, past the handshake.
    pub(crate) fn to_server(config: Config) -> (Self, WebSocket) {
        Self::to(Role::Server, config)
    }

    /// Connected to a client's connection, past the handshake.
    pub(crate) fn to_client(config: Config) -> (Self, WebSocket) {
        Self::to(Role::Client, config)
    }

    fn to(role: Role, config: Config) -> (Self, WebSocket) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let raw = Self::connect(listener.local_addr().unwrap());
        let (stream, _) = listener.accept().unwrap();
        (raw, WebSocket::from_raw(stream, role, config, &[]).unwrap())
    }

    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        // A test that hangs should fail.
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        // The system lets it grow with what is read, up to any size: nothing would have to wait for room then.
        SockRef::from(&stream).set_recv_buffer_size(256 << 10).unwrap();
        Self { stream }
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Exactly these bytes come next.
    pub(crate) fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let mut came = vec![0; bytes.as_ref().len()];
        self.stream.read_exact(&mut came).unwrap();
        assert_eq!(came, bytes.as_ref());
    }

    /// An unmasked Close with this code comes next; gives the reason.
    pub(crate) fn expect_close(&mut self, code: u16) -> String {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head).unwrap();
        assert_eq!((head[0], u16::from_be_bytes([head[2], head[3]])), (0x88, code));
        let mut reason = vec![0; usize::from(head[1]) - 2];
        self.stream.read_exact(&mut reason).unwrap();
        String::from_utf8(reason).unwrap()
    }

    /// The transport ends properly, without a reset, and nothing comes before.
    pub(crate) fn expect_eof(&mut self) {
        assert_eq!(self.read_to_end(), b"");
    }

    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        rest
    }

    /// Reads up to the end of an HTTP head.
    pub(crate) fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }
}

/// A client's frame, masked with zero.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len(), 0x80);
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// A server's frame.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len(), 0);
    frame.extend_from_slice(payload);
    frame
}

/// A Close payload.
pub(crate) fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

fn header(first: u8, len: usize, mask: u8) -> Vec<u8> {
    match len {
        0..=125 => vec![first, mask | len as u8],
        126..=0xffff => [&[first, mask | 126], &(len as u16).to_be_bytes()[..]].concat(),
        _ => [&[first, mask | 127], &(len as u64).to_be_bytes()[..]].concat(),
    }
}

/// A good handshake request.
pub(crate) const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A server in a thread, stopped and joined at the end of the test.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    pub(crate) stop: StopHandle,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    pub(crate) fn start(server: Server, handler: impl Fn(Incoming) + Send + Sync + 'static) -> Self {
        let (address, stop) = (server.local_addr().unwrap(), server.stop_handle());
        let thread = Some(thread::spawn(move || server.serve(handler).unwrap()));
        Self { address, stop, thread }
    }

    pub(crate) fn echo(config: Config) -> Self {
        let server = Server::bind("127.0.0.1:0").unwrap().config(config);
        Self::start(server, |incoming| drop(echo(incoming)))
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Stops it and waits until it has ended.
    pub(crate) fn end(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.finish();
        }
    }
}

pub(crate) fn echo(incoming: Incoming) -> Result<(), Error> {
    let mut ws = incoming.accept(Accept::new())?;
    while let Some(message) = ws.recv()? {
        ws.feed(message)?;
    }
    Ok(())
}

/// Runs something in a thread; the result must come in time.
pub(crate) fn in_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> impl FnOnce() -> T {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || sender.send(work()));
    move || {
        let result = receiver.recv_timeout(PATIENCE).expect("it ends");
        let _ = thread.join();
        result
    }
}

/// How long a test waits for what should happen at once; machines may have much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
