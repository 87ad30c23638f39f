//! A listening socket and what runs on the connections that come through it.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::num::NonZeroU16;
use std::rc::Rc;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use crate::{Address, ClientId, Protocol};

/// The name of one listener of a server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(NonZeroU16);

impl ListenerId {
    pub(crate) fn new(index: usize) -> Option<Self> {
        let number = u16::try_from(index + 1).ok()?;
        NonZeroU16::new(number).map(Self)
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0.get()) - 1
    }
}

impl fmt::Debug for ListenerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListenerId({})", self.index())
    }
}

/// A connection that has come.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Arrival {
    /// The name that the connection was given.
    pub id: ClientId,
    /// Where it comes from.
    pub peer: Address,
    /// Through which listener.
    pub listener: ListenerId,
    /// Where that listens, with the actual port.
    pub at: Address,
}

/// What runs on the connections of a listener: makes a [`Protocol`] for each.
///
/// Any `FnMut(&Arrival) -> Box<dyn Protocol>` is one, and so are [`Http`](crate::Http),
/// [`Detect`](crate::Detect) and [`each`](crate::each).
pub trait Serve {
    /// A protocol for a connection.
    fn serve(&mut self, arrival: &Arrival) -> Box<dyn Protocol>;
}

impl<F: FnMut(&Arrival) -> Box<dyn Protocol>> Serve for F {
    fn serve(&mut self, arrival: &Arrival) -> Box<dyn Protocol> {
        self(arrival)
    }
}

/// A service that several listeners share.
#[derive(Clone)]
pub(crate) struct SharedService(Rc<RefCell<dyn Serve>>);

impl SharedService {
    pub(crate) fn new(service: impl Serve + 'static) -> Self {
        Self(Rc::new(RefCell::new(service)))
    }
}

impl Serve for SharedService {
    fn serve(&mut self, arrival: &Arrival) -> Box<dyn Protocol> {
        self.0.borrow_mut().serve(arrival)
    }
}

/// A listening socket with what serves its connections.
pub(crate) struct Listener {
    pub(crate) id: ListenerId,
    pub(crate) door: Door,
    /// Whether connections may wait.
    pub(crate) ready: bool,
    pub(crate) service: Box<dyn Serve>,
}

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Door {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(mio::net::UnixListener),
}

/// What accepting gave.
pub(crate) enum Accepted {
    Stream(TcpStream, Address),
    /// Nobody waits.
    Drained,
    /// The process or the machine is out of something, file descriptors most likely.
    Exhausted,
}

impl Door {
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => registry.register(listener, token, Interest::READABLE),
            #[cfg(unix)]
            Self::Unix(listener) => registry.register(listener, token, Interest::READABLE),
        }
    }

    pub(crate) fn accept(&mut self) -> Accepted {
        loop {
            let accepted = match self {
                Self::Tcp(listener) => listener.accept().map(|(stream, peer)| {
                    // Only delays small messages; a connection without it works as well.
                    let _ = stream.set_nodelay(true);
                    (stream, peer.into())
                }),
                #[cfg(unix)]
                Self::Unix(listener) => listener.accept().map(|(stream, peer)| {
                    let path = peer.as_pathname().map(std::path::Path::to_owned);
                    (any_stream(stream), Address::Unix(path))
                }),
            };
            match accepted {
                Ok((stream, peer)) => return Accepted::Stream(stream, peer),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Accepted::Drained,
                    // About a connection that is gone again, not about the listener.
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {}
                    _ => return Accepted::Exhausted,
                },
            }
        }
    }
}

/// A stream socket of one kind is read, written, watched and shut down as those of any other kind are, so all
/// connections have one type. What is TCP's own (no delay, IP addresses) fails on the others and is not asked of them.
#[cfg(unix)]
pub(crate) fn any_stream(stream: mio::net::UnixStream) -> TcpStream {
    std::os::fd::OwnedFd::from(stream).into()
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("id", &self.id)
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}
