//! Getting to a server: one address after the other.

use std::io;
use std::net::SocketAddr;
use std::vec;

use mio::net::TcpStream;
use mio::{Interest, Token};
use ws_proto::Instant;
use ws_proto::handshake::HandshakeError;

use crate::flow::Stage;
use crate::{Error, Io, Next, Protocol, Ready};

/// Connects, then lets a protocol take over.
pub(crate) struct Dial {
    /// The addresses that have not been tried.
    addresses: vec::IntoIter<SocketAddr>,
    protocol: Option<Box<dyn Protocol>>,
    /// When to give up altogether.
    until: Instant,
    /// When to give up the address being tried.
    attempt_until: Instant,
}

impl Dial {
    pub(crate) fn new(addresses: vec::IntoIter<SocketAddr>, protocol: Box<dyn Protocol>, until: Instant) -> Self {
        Self {
            addresses,
            protocol: Some(protocol),
            until,
            attempt_until: Instant::ZERO,
        }
    }

    /// Gives up the address being tried in time for the remaining ones to get their share.
    fn begin_attempt(&mut self, io: &mut Io<'_>) {
        let now = io.now();
        let shares = u32::try_from(self.addresses.len() + 1).unwrap_or(u32::MAX);
        self.attempt_until = now + self.until.saturating_duration_since(now) / shares;
        io.wake_at(self.attempt_until);
    }

    /// Tries the next address.
    fn redial(&mut self, io: &mut Io<'_>, error: io::Error) -> Next {
        if io.now() >= self.until {
            return Next::Fail(HandshakeError::TimedOut.into());
        }
        let token = Token(io.id().place());
        let registered = next_stream(&mut self.addresses, error).and_then(|mut next| {
            io.shared.registry.register(&mut next, token, DIAL_INTEREST)?;
            Ok(next)
        });
        match registered {
            Ok(next) => {
                io.wire.stream = next;
                self.begin_attempt(io);
                Next::Stay
            }
            Err(error) => Next::Fail(error.into()),
        }
    }

    fn look(&mut self, io: &mut Io<'_>) -> Next {
        let stream = &io.wire.stream;
        let result = match stream.take_error() {
            Ok(None) => stream.peer_addr().map(drop),
            Ok(Some(error)) | Err(error) => Err(error),
        };
        match result {
            Ok(()) => {
                // Only delays small messages; a connection without it works as well.
                let _ = stream.set_nodelay(true);
                io.wire.flow.stage = Stage::Live;
                io.wire.flow.writable = true;
                self.protocol.take().map_or(Next::Drop, Next::Become)
            }
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Next::Stay,
            Err(error) => self.redial(io, error),
        }
    }
}

impl Protocol for Dial {
    fn accept(&mut self, io: &mut Io<'_>) -> Next {
        self.begin_attempt(io);
        Next::Stay
    }

    fn ready(&mut self, io: &mut Io<'_>, why: Ready) -> Next {
        match why {
            Ready::Stop => Next::Fail(Error::Stopped),
            Ready::Time if io.now() >= self.attempt_until => self.redial(io, io::ErrorKind::TimedOut.into()),
            Ready::Time => {
                io.wake_at(self.attempt_until);
                Next::Stay
            }
            Ready::Io => self.look(io),
            Ready::Mail if io.is_called_off() => Next::Fail(called_off()),
            _ => Next::Stay,
        }
    }

    fn close(&mut self, io: &mut Io<'_>, why: Option<Error>) {
        if let Some(protocol) = &mut self.protocol {
            protocol.close(io, why);
        }
    }
}

/// Starts to connect to the first address for which that is possible; `error` is for when there is none.
pub(crate) fn next_stream(addresses: &mut vec::IntoIter<SocketAddr>, mut error: io::Error) -> io::Result<TcpStream> {
    for address in addresses {
        match TcpStream::connect(address) {
            Ok(stream) => return Ok(stream),
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

/// Somebody has closed a connection before it was open.
pub(crate) fn called_off() -> Error {
    io::Error::from(io::ErrorKind::ConnectionAborted).into()
}

/// What a dialling socket is watched for: becoming writable means connected.
pub(crate) const DIAL_INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);
