//! Messages taken in piece by piece, and one after the other.

use std::fmt;
use std::io;

use ws_proto::{Bytes, DataKind, Message};

use crate::reader::Piece;
use crate::{Error, Reader};

/// Reads one message as it comes, through [`std::io::Read`], without holding it in memory.
///
/// Read to its end for the next message; the rest of one whose reader is dropped is skipped. Of text, what has been read
/// so far is UTF-8 up to a last character that may be cut. The limits on messages hold, and the deadline for their
/// assembly; see [`Limits`](crate::Limits) and [`Timeouts`](crate::Timeouts).
///
/// Control messages with [`Opcodes`](crate::Opcodes) of one's own that come among its parts are received behind it. If
/// they are more than [`Limits::output_high_water`](crate::Limits::output_high_water), reading fails; the connection goes
/// on behind this message.
pub struct MessageReader<'a> {
    reader: &'a mut Reader,
    kind: DataKind,
    /// What came and has not been read yet.
    rest: Bytes,
    /// Whether nothing comes behind `rest`.
    last: bool,
}

impl<'a> MessageReader<'a> {
    pub(crate) fn new(reader: &'a mut Reader, kind: DataKind, rest: Bytes, last: bool) -> Self {
        Self {
            reader,
            kind,
            rest,
            last,
        }
    }

    /// Text or binary.
    pub fn kind(&self) -> DataKind {
        self.kind
    }
}

impl io::Read for MessageReader<'_> {
    /// Zero is the end of the message. An error wraps the [`Error`] of the connection.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !self.last && !into.is_empty() {
            if self.reader.has_put_enough_by() {
                return Err(io::Error::other(
                    "too many control messages among the parts of this one",
                ));
            }
            match self.reader.next_part(into).map_err(into_io)? {
                Some(Piece::Part { last, copied, rest, .. }) => {
                    self.last = last;
                    self.rest = rest;
                    if copied > 0 {
                        return Ok(copied);
                    }
                }
                // Data never comes whole in the middle of a message, but control messages with opcodes of one's own do.
                Some(Piece::Message(message)) => self.reader.put_by(message),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = into.len().min(self.rest.len());
        into[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}

impl fmt::Debug for MessageReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReader")
            .field("kind", &self.kind)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

/// The messages that come, one after the other; see [`WebSocket::messages`](crate::WebSocket::messages).
#[derive(Debug)]
pub struct Messages<'a> {
    reader: &'a mut Reader,
    ended: bool,
}

impl<'a> Messages<'a> {
    pub(crate) fn new(reader: &'a mut Reader) -> Self {
        Self { reader, ended: false }
    }
}

impl Iterator for Messages<'_> {
    type Item = Result<Message, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.reader.recv().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error),
    }
}
