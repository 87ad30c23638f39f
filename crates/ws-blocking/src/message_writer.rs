//! A message written piece by piece.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use ws_proto::{CloseCode, DataKind};

use crate::Error;
use crate::shared::{Shared, Ticket};

/// Writes one message piece by piece, through [`std::io::Write`]. Ends with [`finish`](Self::finish).
///
/// Pieces are gathered to 16 KiB before they leave as a fragment. Text may be cut anywhere; together it must be UTF-8.
///
/// A message that was begun can't be taken back: once a piece has left, dropping the writer unfinished closes the
/// connection with [`INTERNAL_ERROR`](CloseCode::INTERNAL_ERROR). Before, it has no effect.
pub struct MessageWriter<'a> {
    shared: Arc<Shared>,
    /// Nobody else queues a message meanwhile.
    ticket: Option<Ticket>,
    kind: DataKind,
    gathered: Vec<u8>,
    /// Whether anything of it has left.
    begun: bool,
    /// For the Close of an unfinished message.
    patience: Option<Duration>,
    writer: PhantomData<&'a ()>,
}

impl MessageWriter<'_> {
    pub(crate) fn new(shared: &Arc<Shared>, patience: Option<Duration>, kind: DataKind) -> Result<Self, Error> {
        Ok(Self {
            shared: Arc::clone(shared),
            ticket: Some(shared.draw_ticket()?),
            kind,
            gathered: Vec::new(),
            begun: false,
            patience,
            writer: PhantomData,
        })
    }

    /// Ends the message, and waits until all of it is written.
    ///
    /// # Errors
    /// As [`WebSocket::send`](crate::WebSocket::send), and [`SendError::InvalidUtf8`](crate::SendError::InvalidUtf8) if
    /// it was to be text.
    pub fn finish(mut self) -> Result<(), Error> {
        let number = self.leave(true)?;
        self.ticket = None;
        Ok(self.shared.flush(number)?)
    }

    /// Queues what has been gathered.
    fn leave(&mut self, last: bool) -> Result<u64, Error> {
        let Some(ticket) = &self.ticket else {
            unreachable!("the ticket is given back when the message ends")
        };
        // If it fails it stays: a message with a hole in it must not leave.
        let (kind, bytes) = (self.kind, &self.gathered);
        let number = ticket.queue(|sender, outbox| sender.fragment(kind, last, bytes, outbox.buffer()))?;
        self.begun = true;
        self.gathered.clear();
        Ok(number)
    }
}

impl io::Write for MessageWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gathered.len() >= PIECE {
            let number = self.leave(false).map_err(into_io)?;
            self.shared.flush(number)?;
        }
        let count = bytes.len().min(PIECE - self.gathered.len());
        self.gathered.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Sends what has been gathered as a fragment.
    fn flush(&mut self) -> io::Result<()> {
        if !self.gathered.is_empty() {
            let number = self.leave(false).map_err(into_io)?;
            self.shared.flush(number)?;
        }
        Ok(())
    }
}

impl Drop for MessageWriter<'_> {
    fn drop(&mut self) {
        // The others get their turn when there is nothing left that they could break into.
        let ticket = self.ticket.take();
        if ticket.is_some() && self.begun {
            // Without effect if it is closed already.
            let _ = self
                .shared
                .close_within(CloseCode::INTERNAL_ERROR, "message not finished", self.patience);
        }
    }
}

/// Shows how much is held, not what.
impl fmt::Debug for MessageWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageWriter")
            .field("kind", &self.kind)
            .field("gathered", &self.gathered.len())
            .finish_non_exhaustive()
    }
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error),
    }
}

/// As much as a read of most peers takes in at once; frames of this size cost next to nothing in headers.
const PIECE: usize = 16 * 1024;
