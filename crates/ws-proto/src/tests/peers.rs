//! What the tests share: a peer that collects what happens to it, and frames written by hand.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use crate::{
    CloseCode, CloseFrame, Config, Connection, ConnectionError, CustomKind, Event, Input, Instant, Message, Transport,
};

/// The mask of every client frame in the tests.
pub(crate) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// An event, without its borrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Chunk { data: Vec<u8>, first: bool, last: bool },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Custom(CustomKind, Vec<u8>),
    Close(Option<u16>, String),
    Error(ConnectionError),
}

impl Seen {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn close(code: CloseCode, reason: &str) -> Self {
        Self::Close(Some(code.as_u16()), reason.into())
    }
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.into_owned()),
            Event::Binary(bytes) => Self::Binary(bytes.into_owned()),
            Event::Custom(kind, bytes) => Self::Custom(kind, bytes.into_owned()),
            Event::Chunk(part, data) => Self::Chunk {
                data: data.into_owned(),
                first: part.first,
                last: part.last,
            },
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close(frame) => Self::Close(frame.code().map(CloseCode::as_u16), frame.reason().into()),
        }
    }
}

impl From<Message> for Seen {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.as_str().into()),
            Message::Binary(bytes) => Self::Binary(bytes.into()),
            Message::Custom(kind, bytes) => Self::Custom(kind, bytes.into()),
        }
    }
}

/// One side of a connection, with what it has seen and written, and its clock.
pub(crate) struct Peer {
    pub(crate) conn: Connection,
    pub(crate) seen: Vec<Seen>,
    pub(crate) out: Vec<u8>,
    pub(crate) now: Instant,
    /// Whether it asks for messages to keep first.
    pub(crate) keeps: bool,
}

impl Peer {
    pub(crate) fn server(config: Config) -> Self {
        Self::new(Connection::server(config))
    }

    pub(crate) fn client(config: Config) -> Self {
        Self::new(Connection::client(config, || MASK))
    }

    fn new(mut conn: Connection) -> Self {
        let now = Instant::from_millis(1_000_000);
        conn.handle_timeout(now).unwrap();
        Self {
            conn,
            seen: Vec::new(),
            out: Vec::new(),
            now,
            keeps: false,
        }
    }

    /// Feeds bytes as one read would bring them.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        let mut input = Input::new(&mut bytes);
        loop {
            let kept = if self.keeps {
                self.conn.next_message(&mut input)
            } else {
                None
            };
            if let Some(message) = kept {
                self.seen.push(message.into());
                continue;
            }
            match self.conn.next_event(&mut input) {
                Ok(Some(event)) => self.seen.push(event.into()),
                Ok(None) => break,
                Err(error) => {
                    self.seen.push(Seen::Error(error));
                    self.conn.poll_transmit(&mut self.out);
                    return;
                }
            }
            self.conn.poll_transmit(&mut self.out);
        }
        assert!(input.is_empty(), "no event, but bytes left");
    }

    /// What was written since the last call.
    pub(crate) fn take_out(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.out)
    }

    /// What was seen since the last call.
    pub(crate) fn take_seen(&mut self) -> Vec<Seen> {
        core::mem::take(&mut self.seen)
    }

    pub(crate) fn close(&mut self, code: CloseCode, reason: &str) {
        self.conn.close(code, reason).unwrap();
        self.conn.poll_transmit(&mut self.out);
    }

    /// Lets time pass, one deadline after the other.
    pub(crate) fn advance(&mut self, by: Duration) -> Result<(), ConnectionError> {
        let end = self.now + by;
        loop {
            let due = self.conn.poll_timeout().filter(|at| *at <= end);
            self.now = due.map_or(end, |at| at.max(self.now));
            let result = if due.is_some() {
                self.conn.handle_timeout(self.now)
            } else {
                Ok(())
            };
            self.conn.poll_transmit(&mut self.out);
            result?;
            if due.is_none() || self.conn.transport() == Transport::Drop {
                return Ok(());
            }
        }
    }

    /// Hands everything back and forth until both are quiet.
    pub(crate) fn exchange(&mut self, other: &mut Self) {
        while !self.out.is_empty() || !other.out.is_empty() {
            let bytes = self.take_out();
            other.feed(&bytes);
            let bytes = other.take_out();
            self.feed(&bytes);
        }
    }
}

/// A frame, with a mask or without, from its first byte and its payload; the length in its shortest form.
pub(crate) fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(masked | len as u8),
        len @ 126..=0xffff => {
            bytes.push(masked | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(masked | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    let key = mask.unwrap_or_default();
    bytes.extend(mask.iter().flatten());
    bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
    bytes
}

/// A frame as a client sends it.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, Some(MASK), payload)
}

/// A frame as a server sends it.
pub(crate) fn plain(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, None, payload)
}

/// A Close as a server sends it.
pub(crate) fn plain_close(code: CloseCode, reason: &str) -> Vec<u8> {
    plain(0x88, CloseFrame::new(code, reason).unwrap().payload())
}

/// The code of the Close that an unmasked output ends with.
pub(crate) fn last_close_code(out: &[u8]) -> Option<u16> {
    let start = (0..out.len())
        .rev()
        .find(|&at| out[at] == 0x88 && at + 2 + usize::from(out[at + 1]) == out.len())?;
    Some(u16::from_be_bytes([*out.get(start + 2)?, *out.get(start + 3)?]))
}
