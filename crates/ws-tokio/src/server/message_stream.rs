//! A message on its way from the connection to its callback.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use ws_proto::{Bytes, DataKind, Message};

use crate::error::Error;
use crate::message_reader::assemble;

/// A message, given to [`Client::on_message`](crate::Client::on_message) with its first bytes: collect it with
/// [`get`](Self::get), or read it as it comes, as an `AsyncRead` and `AsyncBufRead`.
///
/// It can be moved to another task; the callback's return is what lets the next message come.
///
/// # Errors
/// As a [`MessageReader`](crate::MessageReader): if the connection ends or fails before the message does.
///
/// # Dropping it
/// What is left of the message is dropped as it comes.
pub struct MessageStream {
    kind: DataKind,
    parts: mpsc::UnboundedReceiver<Part>,
    current: Bytes,
    /// What `current` takes of the connection's bound, and the message itself.
    held: Option<OwnedSemaphorePermit>,
    _begun: OwnedSemaphorePermit,
    ended: bool,
}

/// The other end.
pub(crate) struct MessageFeed {
    parts: mpsc::UnboundedSender<Part>,
    ahead: Arc<Semaphore>,
}

enum Part {
    Bytes(Bytes, OwnedSemaphorePermit),
    End,
    Failed(io::Error),
}

impl MessageStream {
    /// Waits for the whole message, or what is left of it. Text that was read up to the middle of a character comes as
    /// binary.
    ///
    /// # Errors
    /// [`Error::Connection`] or [`Error::Io`] if the connection failed before.
    pub async fn get(mut self) -> Result<Message, Error> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).await?;
        Ok(assemble(self.kind, bytes.into()))
    }

    /// Text or binary.
    pub fn kind(&self) -> DataKind {
        self.kind
    }

    /// A pipe for one message. Waits while too much has been read ahead.
    pub(crate) async fn pipe(kind: DataKind, ahead: &Arc<Semaphore>) -> (MessageFeed, Self) {
        let begun = acquire(ahead, OVERHEAD).await;
        let (sender, parts) = mpsc::unbounded_channel();
        let feed = MessageFeed {
            parts: sender,
            ahead: ahead.clone(),
        };
        let stream = Self {
            kind,
            parts,
            current: Bytes::new(),
            held: None,
            _begun: begun,
            ended: false,
        };
        (feed, stream)
    }
}

impl MessageFeed {
    /// Passes some bytes on, when there is room. `false` if nobody wants them any more.
    pub(crate) async fn push(&self, bytes: &[u8]) -> bool {
        for bytes in bytes.chunks(MAX_PART) {
            let room = tokio::select! {
                room = acquire(&self.ahead, bytes.len() + OVERHEAD) => room,
                () = self.parts.closed() => return false,
            };
            if self
                .parts
                .send(Part::Bytes(Bytes::copy_from_slice(bytes), room))
                .is_err()
            {
                return false;
            }
        }
        true
    }

    pub(crate) fn end(self) {
        let _ = self.parts.send(Part::End);
    }

    pub(crate) fn fail(self, error: io::Error) {
        let _ = self.parts.send(Part::Failed(error));
    }
}

impl AsyncBufRead for MessageStream {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.current.is_empty() && !this.ended {
            this.held = None;
            match ready!(this.parts.poll_recv(cx)) {
                Some(Part::Bytes(bytes, held)) => {
                    this.current = bytes;
                    this.held = Some(held);
                }
                Some(Part::End) => this.ended = true,
                Some(Part::Failed(error)) => return Poll::Ready(Err(error)),
                // The server was dropped, or this has failed before.
                None => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            }
        }
        Poll::Ready(Ok(&this.current))
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        let count = count.min(self.current.len());
        drop(self.current.split_to(count));
    }
}

impl AsyncRead for MessageStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let bytes = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = bytes.len().min(into.remaining());
        into.put_slice(&bytes[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for MessageStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageStream")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The bound for everything of one connection that has been read and not taken by its callback.
pub(crate) fn ahead() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(AHEAD))
}

async fn acquire(ahead: &Arc<Semaphore>, bytes: usize) -> OwnedSemaphorePermit {
    match ahead.clone().acquire_many_owned(bytes as u32).await {
        Ok(permit) => permit,
        Err(_) => unreachable!("nobody closes it"),
    }
}

/// Twice what one read brings: while a callback works on the one half, the other comes.
const AHEAD: usize = 64 * 1024;

/// What a message costs besides its bytes, and every part of one: so that many small ones are bounded as well.
const OVERHEAD: usize = 128;

/// A part must fit into the bound together with its message.
const MAX_PART: usize = 32 * 1024;
