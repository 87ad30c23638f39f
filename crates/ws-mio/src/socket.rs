//! A connection's socket, with TLS over it or without.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;

/// A connection's socket, of whatever kind (see [`any_stream`](crate::listener)), and its TLS if it has that; borrowed
/// from where both lie close together.
pub(crate) struct Socket<'a> {
    pub(crate) stream: &'a TcpStream,
    #[cfg(feature = "tls")]
    pub(crate) tls: &'a mut Option<Box<crate::tls::Session>>,
}

impl Socket<'_> {
    #[inline]
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut *self.tls {
            return tls.read(self.stream, into);
        }
        self.stream.read(into)
    }

    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut *self.tls {
            return tls.write(self.stream, &[IoSlice::new(bytes)]);
        }
        self.stream.write(bytes)
    }

    pub(crate) fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut *self.tls {
            return tls.write(self.stream, slices);
        }
        self.stream.write_vectored(slices)
    }

    /// Whether a short read means that there is nothing more for now: a stream socket that gives less than it was asked
    /// for is empty, which saves the read that would tell so. Event queues that only start to watch again once a call
    /// would have blocked need that call; and records of TLS end where they like.
    #[inline]
    pub(crate) fn short_read_drains(&self) -> bool {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return false;
        }
        cfg!(unix)
    }

    /// Whether what was read may have made room for writing: TLS waits for the peer's part of the handshake.
    #[inline]
    pub(crate) fn reading_makes_room(&self) -> bool {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return !self.holds_back();
        }
        false
    }

    /// Whether something was accepted for writing, or is to be said by TLS itself, that the socket has not taken.
    #[inline]
    pub(crate) fn holds_back(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(tls) = &*self.tls {
            return tls.holds_back();
        }
        false
    }

    /// Writes what is held back. Returns whether all of it went.
    pub(crate) fn push(&mut self) -> io::Result<bool> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut *self.tls {
            return tls.push(self.stream);
        }
        Ok(true)
    }

    /// Ends the sending direction.
    pub(crate) fn shut(&mut self) {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut *self.tls {
            tls.say_goodbye(self.stream);
        }
        // Fails only if the peer has ended the connection before.
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}
