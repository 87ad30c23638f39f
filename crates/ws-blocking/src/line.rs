//! The transport under a connection: a socket, or TLS over one.

use std::io::{self, IoSlice};
use std::net::Shutdown;

use crate::deadline::Deadline;
use crate::outgoing::Outgoing;
use crate::socket::{Interest, Stream, would_block};
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// Reading and writing are for one thread each, at the same time. Nothing here waits but
/// [`wait`](Self::wait) and what says so.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) socket: Stream,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
}

/// What reading keeps: with TLS, bytes that were read and not yet decrypted.
#[derive(Debug, Default)]
pub(crate) struct Inflow {
    #[cfg(feature = "tls")]
    pub(crate) cipher: crate::tls::Cipher,
}

impl Line {
    /// Over a bare socket.
    pub(crate) fn plain(socket: Stream) -> io::Result<Self> {
        socket.prepare()?;
        Ok(Self {
            socket,
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    /// With TLS, whose handshake is still to be done.
    #[cfg(feature = "tls")]
    pub(crate) fn with_tls(socket: Stream, tls: Tls) -> io::Result<Self> {
        socket.prepare()?;
        Ok(Self { socket, tls: Some(tls) })
    }

    /// Does the transport's own handshake, if it has one. Fails with [`TimedOut`](io::ErrorKind::TimedOut) when the
    /// deadline passes.
    pub(crate) fn shake_hands(&self, inflow: &mut Inflow, deadline: Deadline) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.shake_hands(&self.socket, &mut inflow.cipher, deadline);
        }
        let _ = (inflow, deadline);
        Ok(())
    }

    /// Reads what is there; fails with [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is. Less than `into` holds
    /// means that there is no more at the moment.
    pub(crate) fn read(&self, inflow: &mut Inflow, into: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.read(&self.socket, &mut inflow.cipher, into);
        }
        let _ = inflow;
        self.socket.read(into)
    }

    /// Whether what has been read from the socket may not have been given out yet.
    #[cfg_attr(not(feature = "tls"), allow(clippy::unused_self, reason = "only TLS does"))]
    pub(crate) fn holds_input_back(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// Writes once what there is room for, of what is on its way. Fails with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none.
    pub(crate) fn write(&self, out: &mut Outgoing) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.write(&self.socket, out);
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let count = match out.batch.slices(&mut slices) {
            0 => 0,
            1 => self.socket.write(&slices[0])?,
            used => self.socket.write_vectored(&slices[..used])?,
        };
        out.batch.advance(count);
        Ok(count)
    }

    /// Whether the transport itself has something to say, apart from what is queued.
    pub(crate) fn owes(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.owes();
        }
        false
    }

    /// As [`Stream::wait`].
    pub(crate) fn wait(&self, interest: Interest, deadline: Deadline) -> io::Result<bool> {
        self.socket.wait(interest, deadline)
    }

    /// Reads, waiting until something comes. Fails with [`TimedOut`](io::ErrorKind::TimedOut) when the deadline passes.
    /// What TLS has to say meanwhile is written.
    pub(crate) fn read_by(&self, inflow: &mut Inflow, into: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        loop {
            match self.read(inflow, into) {
                Err(error) if would_block(&error) => {}
                result => return result,
            }
            if self.owes() {
                self.write_by(&[], deadline)?;
            }
            self.wait_by(Interest::READABLE, deadline)?;
        }
    }

    /// Writes everything. Fails with [`TimedOut`](io::ErrorKind::TimedOut) when the deadline passes. Not while
    /// anything else is on its way.
    pub(crate) fn write_by(&self, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        let mut out = Outgoing::default();
        out.batch.replies.extend_from_slice(bytes);
        while !out.is_empty() || self.owes() {
            match self.write(&mut out) {
                Ok(0) if !out.is_empty() => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if would_block(&error) => self.wait_by(Interest::WRITABLE, deadline)?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Tells the peer that nothing more will come; not while anything is on its way.
    pub(crate) fn end_sending(&self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            // If there is no room for it at once, the end of the transport has to do.
            tls.say_goodbye(&self.socket);
        }
        self.socket.shutdown(Shutdown::Write)
    }

    /// Ends the transport at once; whoever waits for it wakes up.
    pub(crate) fn shutdown(&self) {
        // It fails only if it has ended already.
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    fn wait_by(&self, interest: Interest, deadline: Deadline) -> io::Result<()> {
        // Also for a socket that is always ready, and of whose input nothing comes: records without anything in them.
        deadline.left()?;
        if self.wait(interest, deadline)? {
            Ok(())
        } else {
            Err(io::ErrorKind::TimedOut.into())
        }
    }
}

/// Pieces per vectored write: eight large messages, each with a header.
pub(crate) const MAX_SLICES: usize = 16;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tests::pair;

    #[test]
    fn a_socket_that_is_ready_is_not_waited_for_beyond_the_deadline() {
        let (_peer, ws) = pair(ws_proto::Config::default(), &[]);
        let line = &ws.shared().line;
        // There is room, so it is ready.
        line.wait_by(Interest::WRITABLE, Deadline::NEVER).unwrap();
        let late = line.wait_by(Interest::WRITABLE, Deadline::after(Some(Duration::ZERO)));
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
