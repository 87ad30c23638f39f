//! The writing side of one connection.

use std::io::{self, IoSlice, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use ws_proto::{Config, Outbox, SendError, Sender, Timeouts};

use crate::Error;
use crate::deadline::{Deadline, MIN_TIMEOUT, is_near, is_timeout};

/// What is sent and how it leaves. Lives behind the lock of [`Shared`](crate::shared::Shared).
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) sender: Sender,
    outbox: Outbox,
    /// As it is set on the socket.
    timeout: Option<Duration>,
    timeouts: Timeouts,
    /// Why the transport takes nothing more.
    failure: Option<io::ErrorKind>,
    /// Whether the peer made a write wait and then took some.
    pub(crate) progressed: bool,
    /// System calls so far.
    #[cfg(test)]
    pub(crate) writes: usize,
}

impl Writer {
    /// The socket must have no write timeout.
    pub(crate) fn new(sender: Sender, config: &Config) -> Self {
        Self {
            sender,
            outbox: Outbox::new(&config.limits),
            timeout: None,
            timeouts: config.timeouts.clone(),
            failure: None,
            progressed: false,
            #[cfg(test)]
            writes: 0,
        }
    }

    /// Why the transport takes nothing more, if it doesn't.
    pub(crate) fn failure(&self) -> Option<io::ErrorKind> {
        self.failure
    }

    /// Whether, since the last call, the peer made a write wait and then took some: it reads, however slowly.
    pub(crate) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progressed)
    }

    /// Queues something, after making room for it. What it refuses is not queued.
    pub(crate) fn queue(
        &mut self,
        stream: &TcpStream,
        queue: impl FnOnce(&mut Sender, &mut Outbox) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        if self.outbox.is_full() {
            self.flush(stream)?;
        }
        self.check()?;
        Ok(queue(&mut self.sender, &mut self.outbox)?)
    }

    /// Moves what the protocol owes to the queue, unless the queue is full: then it waits in its slot.
    pub(crate) fn collect_owed(&mut self) {
        if self.sender.owes() && !self.outbox.is_full() {
            self.sender.poll_transmit(self.outbox.buffer());
        }
    }

    /// Writes everything that is queued or owed, with the usual patience: [`Timeouts::ping_timeout`], or once our
    /// Close is asked for [`Timeouts::close`].
    pub(crate) fn flush(&mut self, stream: &TcpStream) -> io::Result<()> {
        let patience = if self.sender.is_open() {
            self.timeouts.ping_timeout
        } else {
            self.timeouts.close
        };
        self.flush_within(stream, patience)
    }

    /// Writes everything that is queued or owed. The peer must take [`MIN_PROGRESS`] bytes, or the rest, each
    /// `patience` (the first time it may be twice that); otherwise the transport is given up.
    pub(crate) fn flush_within(&mut self, stream: &TcpStream, patience: Option<Duration>) -> io::Result<()> {
        self.check()?;
        let result = self.write_out(stream, patience);
        if let Err(error) = &result {
            self.fail(stream, error.kind());
        }
        result
    }

    fn write_out(&mut self, stream: &TcpStream, patience: Option<Duration>) -> io::Result<()> {
        let mut left = patience.map(|patience| patience.max(MIN_TIMEOUT));
        let mut deadline = None;
        let mut progress = 0;
        let mut total = 0;
        self.collect_owed();
        while !self.outbox.is_empty() {
            self.set_timeout(stream, left)?;
            match self.write_once(stream) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    progress += count;
                    total += count;
                    self.outbox.advance(count);
                }
                Err(error) if is_timeout(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            self.collect_owed();
            if self.outbox.is_empty() {
                break;
            }
            self.progressed |= total > 0;
            // The clock is read only for a peer that did not take everything at once.
            if progress >= MIN_PROGRESS {
                progress = 0;
                deadline = None;
            }
            left = deadline.get_or_insert_with(|| Deadline::after(patience)).left()?;
        }
        if total > KEEP_CAPACITY {
            self.outbox.release();
        }
        Ok(())
    }

    fn write_once(&mut self, mut stream: &TcpStream) -> io::Result<usize> {
        #[cfg(test)]
        {
            self.writes += 1;
        }
        if self.outbox.is_contiguous() {
            return stream.write(self.outbox.first());
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let used = self.outbox.slices(&mut slices);
        stream.write_vectored(&slices[..used])
    }

    fn set_timeout(&mut self, stream: &TcpStream, wanted: Option<Duration>) -> io::Result<()> {
        if !is_near(self.timeout, wanted) {
            stream.set_write_timeout(wanted)?;
            self.timeout = wanted;
        }
        Ok(())
    }

    /// Gives the transport up, so that the reading side ends as well.
    fn fail(&mut self, stream: &TcpStream, why: io::ErrorKind) {
        self.failure = Some(why);
        self.outbox.clear();
        self.outbox.release();
        // It may be closed already.
        let _ = stream.shutdown(Shutdown::Both);
    }

    #[cfg(test)]
    pub(crate) fn queued(&self) -> usize {
        self.outbox.len()
    }

    fn check(&self) -> io::Result<()> {
        self.failure.map_or(Ok(()), |why| Err(why.into()))
    }
}

/// How many bytes a peer must take each time its deadline is renewed: a peer that takes one at a time must not hold the
/// thread for ever.
const MIN_PROGRESS: usize = 16 * 1024;

/// After more bytes than this at once, the queue's memory is freed: one large message should not be held on to for the
/// life of the connection.
const KEEP_CAPACITY: usize = 64 * 1024;

/// Pieces per vectored write: eight large messages, each with a header.
const MAX_SLICES: usize = 16;
