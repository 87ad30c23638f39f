//! A message as it comes: from its first bytes on, in constant memory.

use std::fmt;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, ReadBuf};
use ws_proto::{Bytes, DataKind, Message, Part, Utf8Bytes};

use crate::error::Error;
use crate::websocket::{ByteStream, WebSocket};

/// A message that is still coming in, from [`recv_stream`](WebSocket::recv_stream): an `AsyncRead` and `AsyncBufRead`
/// that ends with the message.
///
/// Reading takes from the connection what is needed, so a reader who pauses makes the peer pause. Pings in between are
/// answered while it reads. [`Timeouts::assembly`](crate::Timeouts::assembly) and
/// [`Limits::max_message`](crate::Limits::max_message) hold for it: raise them for long ones.
///
/// Text is checked as it comes, but a read may end in the middle of a character.
///
/// # Errors
/// If the connection ends or fails before the message does, reading fails with an `io::Error` that holds the
/// [`Error`]; if the peer closes in the middle of a message, with `UnexpectedEof`.
///
/// # Dropping it
/// What is left of the message is dropped as it comes, by whoever receives next.
pub struct MessageReader<'a, S: ByteStream> {
    ws: &'a mut WebSocket<S>,
    piece: Piece,
}

/// A part of a message, as it came.
pub(crate) struct Piece {
    kind: DataKind,
    first: bool,
    last: bool,
    bytes: Source,
}

/// Where the bytes of a piece are.
enum Source {
    /// In the buffer of what was read, which is held meanwhile.
    Held(Range<usize>),
    Owned(Bytes),
}

impl<'a, S: ByteStream> MessageReader<'a, S> {
    /// Waits for the first bytes of a message.
    pub(crate) async fn open(ws: &'a mut WebSocket<S>) -> Result<Option<Self>, Error> {
        ws.share();
        let piece = std::future::poll_fn(|cx| {
            loop {
                let piece = ready!(ws.poll_piece(cx));
                ws.hand_back();
                match piece {
                    // The rest of a message that somebody stopped reading.
                    Ok(Some(piece)) if !piece.first => {}
                    other => return Poll::Ready(other),
                }
            }
        })
        .await?;
        Ok(piece.map(|piece| Self { ws, piece }))
    }

    /// Text or binary.
    pub fn kind(&self) -> DataKind {
        self.piece.kind
    }

    /// Whether all of the message has been read.
    pub fn is_finished(&self) -> bool {
        self.piece.last && self.rest().is_empty()
    }

    /// Collects what is left of the message. Text that was read up to the middle of a character comes as binary.
    ///
    /// # Errors
    /// As reading, but as an [`Error`].
    ///
    /// # Cancel safety
    /// Dropping the future drops the message.
    pub async fn collect(mut self) -> Result<Message, Error> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).await?;
        Ok(assemble(self.kind(), bytes.into()))
    }

    fn rest(&self) -> &[u8] {
        match &self.piece.bytes {
            Source::Held(range) => self.ws.unread.held(range.clone()),
            Source::Owned(bytes) => bytes,
        }
    }
}

impl<S: ByteStream> AsyncBufRead for MessageReader<'_, S> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.rest().is_empty() && !this.piece.last {
            let piece = this.ws.poll_piece(cx);
            this.ws.hand_back();
            match ready!(piece) {
                Ok(Some(piece)) => this.piece = piece,
                Ok(None) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Err(error) => return Poll::Ready(Err(wrap(error))),
            }
        }
        Poll::Ready(Ok(this.rest()))
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        match &mut self.piece.bytes {
            Source::Held(range) => range.start = range.end.min(range.start + count),
            Source::Owned(bytes) => drop(bytes.split_to(count.min(bytes.len()))),
        }
    }
}

impl<S: ByteStream> AsyncRead for MessageReader<'_, S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let bytes = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = bytes.len().min(into.remaining());
        into.put_slice(&bytes[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: ByteStream> Drop for MessageReader<'_, S> {
    fn drop(&mut self) {
        // An idle connection holds no buffer.
        self.ws.unread.release();
    }
}

impl<S: ByteStream> fmt::Debug for MessageReader<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReader")
            .field("kind", &self.piece.kind)
            .field("unread", &self.rest().len())
            .field("last", &self.piece.last)
            .finish_non_exhaustive()
    }
}

impl Piece {
    /// `start` is the address of the input that the chunk was taken from: most chunks lie in it and need not be
    /// copied.
    pub(crate) fn chunk(part: Part, data: &[u8], input: Range<usize>) -> Self {
        let at = data.as_ptr() as usize;
        let bytes = if input.contains(&at) {
            Source::Held(at - input.start..at - input.start + data.len())
        } else {
            Source::Owned(Bytes::copy_from_slice(data))
        };
        Self {
            kind: part.kind,
            first: part.first,
            last: part.last,
            bytes,
        }
    }

    pub(crate) fn whole(message: Message) -> Self {
        Self {
            kind: message.as_payload().kind(),
            first: true,
            last: true,
            bytes: Source::Owned(message.into_bytes()),
        }
    }

    /// The input began here in its buffer.
    pub(crate) fn shift(&mut self, by: usize) {
        if let Source::Held(range) = &mut self.bytes {
            range.start += by;
            range.end += by;
        }
    }
}

/// A message of what was read. Text that was read up to the middle of a character before is no text any more.
pub(crate) fn assemble(kind: DataKind, bytes: Bytes) -> Message {
    match kind {
        DataKind::Text => match Utf8Bytes::try_from(bytes.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(bytes),
        },
        DataKind::Custom(kind) => Message::Custom(kind, bytes),
        _ => Message::Binary(bytes),
    }
}

pub(crate) fn wrap(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error),
    }
}
