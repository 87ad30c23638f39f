//! The other end of a connection under test: bytes as they are, right or wrong.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use crate::frames::{self, Frame};
use crate::process::PATIENCE;

pub(crate) const REQUEST: &str = "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A client's mask.
pub(crate) const MASK: [u8; 4] = [0xa1, 0x52, 0x0f, 0xe8];

/// For a byte a second: the deadlines of the tests are shorter by as much.
const TRICKLE: Duration = Duration::from_millis(50);

/// Whoever sits at the other end.
#[derive(Debug)]
pub(crate) struct Attacker {
    pub(crate) socket: TcpStream,
    came: Vec<u8>,
    /// Clients mask.
    mask: Option<[u8; 4]>,
}

impl Attacker {
    /// A client without a request.
    pub(crate) fn dial(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).expect("somebody listens");
        Self::on(socket, Some(MASK))
    }

    /// A client, with the handshake done.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let mut it = Self::dial(address);
        it.write(REQUEST.as_bytes()).expect("a request is read");
        let head = it.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        it
    }

    pub(crate) fn on(socket: TcpStream, mask: Option<[u8; 4]>) -> Self {
        socket.set_nodelay(true).expect("an open socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("an open socket");
        socket.set_write_timeout(Some(PATIENCE)).expect("an open socket");
        Self {
            socket,
            came: Vec::new(),
            mask,
        }
    }

    /// Writes all of it, or fails when the peer has ended the connection.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), ()> {
        match self.socket.write_all(bytes) {
            Ok(()) => Ok(()),
            Err(error) if is_end(error.kind()) => Err(()),
            Err(error) => panic!("while writing: {error}"),
        }
    }

    /// Writes it so many times, or until the peer ends the connection.
    pub(crate) fn flood(&mut self, bytes: &[u8], times: usize) -> Result<(), ()> {
        (0..times).try_for_each(|_| self.write(bytes))
    }

    pub(crate) fn frame(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        frames::write(first, payload, self.mask)
    }

    /// A frame with another length than it has, and without any of its payload.
    pub(crate) fn header(&self, first: u8, declared: u64) -> Vec<u8> {
        let mut header = vec![first, if self.mask.is_some() { 0xff } else { 0x7f }];
        header.extend(declared.to_be_bytes());
        header.extend(self.mask.iter().flatten());
        header
    }

    /// Sends a frame to a peer that must take it.
    pub(crate) fn send(&mut self, first: u8, payload: &[u8]) {
        let frame = self.frame(first, payload);
        self.write(&frame).expect("the peer takes a frame");
    }

    /// The next head.
    pub(crate) fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.came.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head: Vec<u8> = self.came.drain(..at + 4).collect();
                return String::from_utf8(head).expect("a head is text");
            }
            assert!(self.read(), "the connection ended in the head: {:?}", self.text());
        }
    }

    /// The next frame; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = frames::read(&mut self.came) {
                assert_ne!(frame.masked, self.mask.is_some(), "clients mask, servers don't");
                return Some(frame);
            }
            if !self.read() {
                return None;
            }
        }
    }

    /// The payload of the next data frame. Pings before it are answered.
    pub(crate) fn data(&mut self) -> Vec<u8> {
        loop {
            let frame = self.next().expect("a message, not the end");
            match frame.first {
                0x81 | 0x82 => return frame.payload,
                0x89 => self.send(0x8a, &frame.payload),
                0x88 => panic!("a Close in place of a message: {:x?}", frame.payload),
                _ => {}
            }
        }
    }

    /// The code of the next Close; `None` if the connection ends without one.
    pub(crate) fn close(&mut self) -> Option<u16> {
        loop {
            let frame = self.next()?;
            if frame.first == 0x88 {
                let code = frame.payload.get(..2);
                return Some(code.map_or(1005, |code| u16::from_be_bytes([code[0], code[1]])));
            }
        }
    }

    /// Waits until the peer ends the connection, and gives what came until then.
    pub(crate) fn until_end(&mut self) -> String {
        while self.read() {}
        self.text()
    }

    /// Writes a byte now and then, until something comes. How many bytes it took.
    pub(crate) fn trickle(&mut self, bytes: impl IntoIterator<Item = u8>) -> usize {
        self.socket.set_read_timeout(Some(TRICKLE)).expect("an open socket");
        let mut written = 0;
        for byte in bytes {
            if self.write(&[byte]).is_err() {
                break;
            }
            written += 1;
            let mut buffer = [0; 1024];
            match self.socket.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    self.came.extend_from_slice(&buffer[..count]);
                    // Pings and pongs are not what is waited for.
                    while self.came.first().is_some_and(|first| matches!(first, 0x89 | 0x8a)) {
                        if frames::read(&mut self.came).is_none() {
                            break;
                        }
                    }
                    if !self.came.is_empty() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if is_end(error.kind()) => break,
                Err(error) => panic!("while trickling: {error}"),
            }
        }
        self.socket.set_read_timeout(Some(PATIENCE)).expect("an open socket");
        written
    }

    /// Writes it again and again until for a while nothing more is taken.
    pub(crate) fn fill(&mut self, bytes: &[u8]) {
        self.socket
            .set_write_timeout(Some(10 * TRICKLE))
            .expect("an open socket");
        // It ends in the middle of the bytes, so nothing can be written behind them.
        while let Ok(1..) = self.socket.write(bytes) {}
    }

    /// The same connection, for a thread that reads while this one writes. What has come already is not in it.
    pub(crate) fn other_end(&self) -> Self {
        Self {
            socket: self.socket.try_clone().expect("a descriptor"),
            came: Vec::new(),
            mask: self.mask,
        }
    }

    /// Ends the sending direction.
    pub(crate) fn half_close(&mut self) {
        // It may have ended already.
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        let socket = SockRef::from(&self.socket);
        socket.set_linger(Some(Duration::ZERO)).expect("an open socket");
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.came).into_owned()
    }

    /// Reads more; `false` at the end, however it comes.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 64 * 1024];
        match self.socket.read(&mut buffer) {
            Ok(count) => {
                self.came.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) if is_end(error.kind()) => false,
            Err(error) => panic!("while reading: {error}"),
        }
    }
}

fn is_end(error: ErrorKind) -> bool {
    matches!(
        error,
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::NotConnected
    )
}
