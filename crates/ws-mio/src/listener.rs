//! A listening socket and who decides about its requests.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use ws_proto::handshake::Request;

use crate::Decision;

/// A listening socket with its factory of handlers.
pub(crate) struct Listener<H> {
    pub(crate) socket: TcpListener,
    /// Whether connections may wait.
    pub(crate) ready: bool,
    factory: Box<Factory<H>>,
}

/// Decides about a request.
type Factory<H> = dyn FnMut(&Request, SocketAddr) -> Decision<H>;

/// What accepting gave.
pub(crate) enum Accepted {
    Stream(TcpStream, SocketAddr),
    /// Nobody waits.
    Drained,
    /// The process or the machine is out of something, file descriptors most likely.
    Exhausted,
}

impl<H> Listener<H> {
    pub(crate) fn new(socket: TcpListener, factory: impl FnMut(&Request, SocketAddr) -> Decision<H> + 'static) -> Self {
        Self {
            socket,
            ready: false,
            factory: Box::new(factory),
        }
    }

    pub(crate) fn decide(&mut self, request: &Request, peer: SocketAddr) -> Decision<H> {
        (self.factory)(request, peer)
    }

    pub(crate) fn accept(&mut self) -> Accepted {
        loop {
            match self.socket.accept() {
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

impl<H> fmt::Debug for Listener<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}
