//! One connection of a hub, for its users.

use std::fmt;
use std::net::SocketAddr;

use ws_proto::SendError;

use super::wire::{Messages, Wire};
use crate::Error;

/// Names one connection; never used again by the same hub or client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub(crate) u64);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// One connection: who is at its other end, and a way to send there. Cheap to clone, for any thread. It may be kept when the
/// connection has ended, and keeps nothing of it; sending fails then.
#[derive(Debug)]
pub struct Peer<W: Wire = Messages> {
    id: PeerId,
    address: Option<SocketAddr>,
    writer: W::Weak,
}

impl<W: Wire> Peer<W> {
    pub(crate) fn new(id: PeerId, writer: &W::Writer) -> Self {
        Self {
            id,
            address: W::peer_addr(writer).ok(),
            writer: W::downgrade(writer),
        }
    }

    /// Its name in the hub.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// Where it is; `None` for a unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Sends a message, waiting while the other side does not read, as [`WebSocket::send`](crate::WebSocket::send) tells.
    ///
    /// # Errors
    /// [`Error::Send`] if the connection is closing or has ended, [`Error::Io`] if the transport failed.
    pub fn send(&self, message: impl Into<W::Message>) -> Result<(), Error> {
        let writer = self.writer().ok_or(SendError::Closed)?;
        W::send(&writer, message.into())
    }

    /// Begins the proper end, and does not wait for it. Without effect if it has begun.
    pub fn disconnect(&self) {
        if let Some(writer) = self.writer() {
            W::close(&writer);
        }
    }

    /// Ends the transport at once.
    pub fn shutdown(&self) {
        if let Some(writer) = self.writer() {
            W::shutdown(&writer);
        }
    }

    /// The writing half, for what else it can do; `None` once the connection has ended. Whoever keeps it keeps the socket.
    pub fn writer(&self) -> Option<W::Writer> {
        W::upgrade(&self.writer)
    }
}

impl<W: Wire> Clone for Peer<W> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            address: self.address,
            writer: self.writer.clone(),
        }
    }
}

/// The same connection.
impl<W: Wire> PartialEq for Peer<W> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<W: Wire> Eq for Peer<W> {}
