//! A message as it is written: out of the door before it is complete, in constant memory.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use ws_proto::{CloseCode, DataKind, SendError};

use crate::error::Error;
use crate::line::{Line, Shared, lock};
use crate::message_reader::wrap;
use crate::split::{Turn, poll_drained, poll_put};
use crate::turn::After;
use crate::websocket::ByteStream;

/// A message that is being sent, from [`send_stream`](crate::Writer::send_stream): an `AsyncWrite`, to be
/// [`finish`](Self::finish)ed.
///
/// Every write is a fragment of 32 KiB at most and leaves at once, or waits while the queue is full; so gather small
/// pieces in a `BufWriter`. Text may be cut anywhere but must be UTF-8 taken together.
///
/// # Dropping it
/// A message that was begun and not finished can't be taken back: the connection is closed with 1011. If nothing was
/// written, dropping it has no effect.
///
/// ```no_run
/// # async fn upload(writer: ws_tokio::Writer<tokio::net::TcpStream>) -> Result<(), Box<dyn std::error::Error>> {
/// let mut file = tokio::fs::File::open("video").await?;
/// let mut message = writer.send_stream(ws_tokio::DataKind::Binary).await?;
/// tokio::io::copy(&mut file, &mut message).await?;
/// message.finish().await?;
/// # Ok(())
/// # }
/// ```
pub struct MessageWriter<'a, S: ByteStream> {
    shared: &'a Shared<S>,
    kind: DataKind,
    state: State,
    turn: Turn<'a, S>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unbegun,
    Open,
    Finished,
}

impl<'a, S: ByteStream> MessageWriter<'a, S> {
    pub(crate) async fn open(shared: &'a Shared<S>, kind: DataKind) -> Result<Self, Error> {
        let turn = Turn::wait(shared).await?;
        let line = lock(shared);
        line.check_open()?;
        if !line.sender.is_open() {
            return Err(SendError::Closed.into());
        }
        Ok(Self {
            shared,
            kind,
            state: State::Unbegun,
            turn,
        })
    }

    /// Ends the message. The next one can be sent then; what is queued leaves by itself.
    ///
    /// # Errors
    /// As [`Writer::send`](crate::Writer::send), and [`SendError::InvalidUtf8`] for text that ends inside of a
    /// character.
    ///
    /// # Cancel safety
    /// Dropping the future drops the message: see above.
    pub async fn finish(mut self) -> Result<(), Error> {
        std::future::poll_fn(|cx| self.poll_fragment(cx, &[], true)).await?;
        Ok(())
    }

    /// Sends the first bytes of what is given, as many as one fragment holds.
    fn poll_fragment(&mut self, cx: &mut Context<'_>, bytes: &[u8], last: bool) -> Poll<Result<usize, Error>> {
        if self.state == State::Finished {
            return Poll::Ready(Ok(0));
        }
        let bytes = &bytes[..bytes.len().min(MAX_FRAGMENT)];
        let mut queue = |line: &mut Line<S>| {
            if line.outbox.is_full() {
                return Err(SendError::QueueFull);
            }
            line.sender.fragment(self.kind, last, bytes, line.outbox.buffer())
        };
        ready!(poll_put(
            self.shared,
            cx,
            Some(&mut self.turn.wait),
            &mut queue,
            After::Write
        ))?;
        self.state = if last { State::Finished } else { State::Open };
        Poll::Ready(Ok(bytes.len()))
    }
}

impl<S: ByteStream> AsyncWrite for MessageWriter<'_, S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_fragment(cx, bytes, false).map_err(wrap)
    }

    /// Waits until what was written has left.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shared = self.shared;
        poll_drained(shared, &mut self.turn.wait, cx, Line::is_flushed).map_err(wrap)
    }

    /// Finishes the message; the connection stays open.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_fragment(cx, &[], true)).map_err(wrap)?;
        Poll::Ready(Ok(()))
    }
}

impl<S: ByteStream> Drop for MessageWriter<'_, S> {
    fn drop(&mut self) {
        if self.state == State::Open {
            // If it fails, there is nothing left to close.
            let _ = lock(self.shared).start_close(self.shared, CloseCode::INTERNAL_ERROR, "a message was abandoned");
        }
    }
}

impl<S: ByteStream> fmt::Debug for MessageWriter<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageWriter")
            .field("kind", &self.kind)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Large enough that headers and writes weigh nothing, small enough that two of them fit under the default high-water
/// mark: while one is written, the next is made.
const MAX_FRAGMENT: usize = 32 * 1024;
