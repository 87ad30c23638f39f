//! The writing half of a connection.

use std::fmt;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ws_proto::{CloseCode, Compression, Config, DataKind, Message, Prepared, SendError};

use crate::deadline::Deadline;
use crate::shared::{Shared, Unwritten};
use crate::{Error, Handle, MessageWriter};

/// The writing half of a connection; see [`WebSocket::split`](crate::WebSocket::split).
///
/// Clones write to the same connection, from any number of threads: messages leave in the order in which they were
/// sent, and those that wait for the same turn leave in one write. Dropping writers changes nothing about the
/// connection: it goes on to receive, to answer pings and to end.
#[derive(Clone)]
pub struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) config: Arc<Config>,
}

impl Writer {
    /// As [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// # Errors
    /// [`Error::Send`] if the connection is closing or has ended; nothing was sent then. [`Error::Io`] if the transport
    /// failed.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        let number = self.shared.queue(|sender, outbox| sender.queue(&message, outbox))?;
        Ok(self.shared.flush(number)?)
    }

    /// As [`send`](Self::send), saying whether the message is to be compressed, if that was agreed on.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_with(&self, message: impl Into<Message>, compression: Compression) -> Result<(), Error> {
        let message = message.into();
        let number = self
            .shared
            .queue(|sender, outbox| sender.queue_with(&message, compression, outbox))?;
        Ok(self.shared.flush(number)?)
    }

    /// As [`WebSocket::feed`](crate::WebSocket::feed). A reader that waits already is not woken for it: [`flush`](Self::flush)
    /// when that was all.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn feed(&self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.shared.queue(|sender, outbox| sender.queue(&message, outbox))?;
        Ok(())
    }

    /// As [`feed`](Self::feed), for a message that was framed once for many connections.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn feed_prepared(&self, message: &Prepared) -> Result<(), Error> {
        self.shared
            .queue(|sender, outbox| sender.queue_prepared(message, outbox))?;
        Ok(())
    }

    /// Queues a message if there is room for it, and writes what there is room for.
    pub(crate) fn offer(&self, message: &Prepared) -> Result<Offered, Error> {
        if !self
            .shared
            .try_queue(|sender, outbox| sender.queue_prepared(message, outbox))?
        {
            return Ok(Offered::Full);
        }
        Ok(match self.shared.flush_now()? {
            Unwritten::Nothing => Offered::Sent,
            Unwritten::Until(_) => Offered::Queued,
        })
    }

    /// Writes what was queued, by whomever. Waits as [`send`](Self::send) does.
    ///
    /// # Errors
    /// [`Error::Io`] if the transport failed.
    pub fn flush(&self) -> Result<(), Error> {
        Ok(self.shared.flush_all()?)
    }

    /// Begins a message that is written piece by piece, without being held in memory. Messages that others send
    /// meanwhile wait for its end.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_writer(&self, kind: DataKind) -> Result<MessageWriter<'_>, Error> {
        MessageWriter::new(&self.shared, self.config.timeouts.close, kind)
    }

    /// Sends a ping of up to 125 bytes and does not wait for its pong, which is swallowed.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::ControlTooLong`].
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        let number = self.shared.ping(payload)?;
        Ok(self.shared.flush(number)?)
    }

    /// Sends a ping and waits for its pong, which a thread in [`Reader::recv`](crate::Reader::recv) must take in; gives
    /// the time between.
    ///
    /// # Errors
    /// [`Error::NothingYet`] if it does not come in time, or another thread pings meanwhile. Those of
    /// [`send`](Self::send).
    pub fn measure_round_trip(&self, patience: Duration) -> Result<Duration, Error> {
        let deadline = Deadline::after(Some(patience));
        let payload = rand::random();
        self.shared.start_ping(payload)?;
        self.shared.wait_for_pong(payload, deadline)
    }

    /// Sends a Close, behind all that was sent or fed before. Nothing can be sent any more; the [`Reader`](crate::Reader)
    /// delivers what still comes, and then the end.
    ///
    /// # Errors
    /// [`Error::Send`] if we have closed before, the code must not be sent or the reason is over 123 bytes.
    /// [`Error::Io`] if the transport failed.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let number = self.shared.close(code, reason).map_err(Error::Send)?;
        Ok(self.shared.flush(number)?)
    }

    /// Ends the transport at once, without a closing handshake. Whatever other threads wait for on this connection ends
    /// with an error.
    pub fn shutdown(&self) {
        self.shared.line.shutdown();
    }

    /// Whether data can still be sent: nobody has closed.
    pub fn is_open(&self) -> bool {
        self.shared.with_sender(ws_proto::Sender::is_open)
    }

    /// A handle that ends this connection from another thread, and does not keep it.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::downgrade(&self.shared), self.config.timeouts.close)
    }

    pub(crate) fn downgrade(&self) -> WeakWriter {
        WeakWriter {
            shared: Arc::downgrade(&self.shared),
            config: Arc::clone(&self.config),
        }
    }

    /// Where the peer is.
    ///
    /// # Errors
    /// If the transport has ended, or is no TCP stream.
    pub fn peer_addr(&self) -> io::Result<std::net::SocketAddr> {
        self.shared.line.socket.peer_addr()
    }
}

/// A hold of a writing half that does not keep the connection.
#[derive(Clone, Debug)]
pub struct WeakWriter {
    shared: Weak<Shared>,
    config: Arc<Config>,
}

impl WeakWriter {
    pub(crate) fn upgrade(&self) -> Option<Writer> {
        Some(Writer {
            shared: self.shared.upgrade()?,
            config: Arc::clone(&self.config),
        })
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("line", &self.shared.line)
            .finish_non_exhaustive()
    }
}

/// It is not worth an error to close what is closing.
pub(crate) fn ignore_closed(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::Send(SendError::Closed)) => Ok(()),
        result => result,
    }
}

/// How far a message got without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It is out, or another thread is writing it.
    Sent,
    /// It waits for room on the way, and for somebody to write it.
    Queued,
    /// It has not been queued.
    Full,
}
