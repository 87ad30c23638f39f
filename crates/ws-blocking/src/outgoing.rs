//! Bytes on their way out: what waits, and what is being written.

use std::fmt;
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ws_proto::{Limits, Outbox};

use crate::deadline::Deadline;
use crate::line::Line;
use crate::socket::{Interest, would_block};

/// Replies, and behind them messages.
pub(crate) struct Batch {
    /// What the protocol owes: it goes first.
    pub(crate) replies: Vec<u8>,
    replies_written: usize,
    pub(crate) queue: Outbox,
}

impl Batch {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            replies: Vec::new(),
            replies_written: 0,
            queue: Outbox::new(limits),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.replies.len() == self.replies_written && self.queue.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.replies.len() - self.replies_written + self.queue.len()
    }

    /// The pieces to write next, as many as fit; gives their number.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let replies = &self.replies[self.replies_written..];
        if replies.is_empty() {
            return self.queue.slices(slices);
        }
        slices[0] = IoSlice::new(replies);
        1 + self.queue.slices(&mut slices[1..])
    }

    /// So many bytes have been taken off the front.
    pub(crate) fn advance(&mut self, count: usize) {
        let replies = count.min(self.replies.len() - self.replies_written);
        self.replies_written += replies;
        if self.replies_written == self.replies.len() {
            self.replies.clear();
            self.replies_written = 0;
        }
        self.queue.advance(count - replies);
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.replies = Vec::new();
        self.replies_written = 0;
        self.queue.clear();
        self.queue.release();
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

/// What is being written, and since when the peer takes nothing of it. Belongs to whoever has the turn to write.
#[derive(Default)]
pub(crate) struct Outgoing {
    pub(crate) batch: Batch,
    /// With TLS, what has been encrypted of the batch, and how much of that is written.
    pub(crate) cipher: Vec<u8>,
    pub(crate) cipher_written: usize,
    /// How many batches have been put on the way, this one included.
    pub(crate) number: u64,
    /// By when the peer must have taken more, once it made us wait.
    pub(crate) deadline: Option<Deadline>,
    /// What it has taken towards that.
    progress: usize,
    /// Of this batch.
    written: usize,
    /// System calls so far.
    #[cfg(test)]
    pub(crate) writes: usize,
}

impl Outgoing {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            batch: Batch::new(limits),
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.cipher_written == self.cipher.len()
    }

    /// Writes until everything is out. The peer must take [`MIN_PROGRESS`] bytes, or the rest, each `patience`.
    pub(crate) fn write_out(
        &mut self,
        line: &Line,
        patience: Option<Duration>,
        progressed: &AtomicBool,
    ) -> io::Result<()> {
        while !self.write_some(line, patience, progressed)? {
            let deadline = self.deadline.unwrap_or(Deadline::NEVER);
            line.wait(Interest::WRITABLE, deadline)?;
        }
        Ok(())
    }

    /// Writes what there is room for, and tells whether that was everything. Fails with
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the peer has not taken enough in time.
    pub(crate) fn write_some(
        &mut self,
        line: &Line,
        patience: Option<Duration>,
        progressed: &AtomicBool,
    ) -> io::Result<bool> {
        while !self.is_empty() || line.owes() {
            #[cfg(test)]
            {
                self.writes += 1;
            }
            match line.write(self) {
                Ok(0) if !self.is_empty() => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written += count;
                    if self.deadline.is_some() {
                        progressed.store(true, Ordering::Relaxed);
                        self.progress += count;
                    }
                    if self.progress >= MIN_PROGRESS {
                        self.progress = 0;
                        self.deadline = None;
                    }
                }
                Err(error) if would_block(&error) => {
                    #[cfg(test)]
                    {
                        self.writes -= 1;
                    }
                    // The clock is read only for a peer that did not take everything at once.
                    let deadline = *self.deadline.get_or_insert_with(|| Deadline::after(patience));
                    deadline.left()?;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        self.finish();
        Ok(true)
    }

    fn finish(&mut self) {
        self.deadline = None;
        self.progress = 0;
        if self.written > KEEP_CAPACITY {
            self.batch.queue.release();
            self.batch.replies = Vec::new();
            self.cipher = Vec::new();
            self.cipher_written = 0;
        }
        self.written = 0;
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.batch.clear();
        self.cipher = Vec::new();
        self.cipher_written = 0;
        self.finish();
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} bytes)", self.len())
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

/// How many bytes a peer must take each time its deadline is renewed: a peer that takes one at a time must not hold the
/// thread for ever.
const MIN_PROGRESS: usize = 16 * 1024;

/// After more bytes than this at once, the queue's memory is freed: one large message should not be held on to for the
/// life of the connection.
const KEEP_CAPACITY: usize = 64 * 1024;
