//! A connection's socket and what it keeps between turns.

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use ws_proto::Outbox;

use crate::alarms::Alarm;
use crate::flow::Flow;
use crate::socket::Socket;

/// A connection's socket and what it keeps between turns: idle, no buffer.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    pub(crate) flow: Flow,
    /// The earliest time that the server's alarms hold for this connection.
    pub(crate) alarm: Alarm,
    pub(crate) backlog: Option<Box<Backlog>>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Box<crate::tls::Session>>,
}

/// What the last turns left undone, because the peer does not read, or nobody listens to it.
pub(crate) struct Backlog {
    pub(crate) outbox: Outbox,
    pub(crate) unread: Unread,
}

/// Input that was read but not taken.
#[derive(Default)]
pub(crate) struct Unread {
    bytes: Vec<u8>,
    from: usize,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            #[cfg(feature = "tls")]
            tls: None,
            flow: Flow::default(),
            alarm: Alarm::NEVER,
            backlog: None,
        }
    }

    /// The socket, and apart from it what else reading and writing needs.
    #[inline]
    pub(crate) fn parts(&mut self) -> (Socket<'_>, &mut Flow, &mut Option<Box<Backlog>>) {
        let socket = Socket {
            stream: &self.stream,
            #[cfg(feature = "tls")]
            tls: &mut self.tls,
        };
        (socket, &mut self.flow, &mut self.backlog)
    }

    /// Whether TLS has something to write that the socket has not taken.
    pub(crate) fn holds_back(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.holds_back();
        }
        false
    }

    /// Whether there is something to do that no event will tell.
    pub(crate) fn wants_turn(&self) -> bool {
        if self.flow.paused {
            return false;
        }
        let has_input = self.flow.readable || self.flow.held;
        match &self.backlog {
            Some(backlog) if backlog.outbox.is_full() => false,
            Some(backlog) => has_input || !backlog.unread.is_empty(),
            None => has_input,
        }
    }

    /// Has the socket watched for room to write just while something waits for it. Returns false if nothing would ever
    /// wake this connection again.
    pub(crate) fn watch(&mut self, wanted: bool, registry: &Registry, token: Token) -> bool {
        if wanted == self.flow.watched {
            return true;
        }
        let interest = if wanted {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        let done = registry.reregister(&mut self.stream, token, interest).is_ok();
        self.flow.watched = wanted;
        done
    }
}

impl Unread {
    pub(crate) fn is_empty(&self) -> bool {
        self.from == self.bytes.len()
    }

    /// The bytes, to be changed in place.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.from..]
    }

    pub(crate) fn advance(&mut self, taken: usize) {
        self.from += taken.min(self.bytes.len() - self.from);
    }

    /// Takes all that is left.
    #[cfg(feature = "tls")]
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.bytes.drain(..std::mem::take(&mut self.from));
        std::mem::take(&mut self.bytes)
    }

    /// Puts bytes before those that are left.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.bytes = [bytes, &self.bytes[self.from..]].concat();
            self.from = 0;
        }
    }
}
