//! A message on its way from the connection to its callback.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc};
use tokio::time::{Instant, timeout_at};
use ws_proto::{Bytes, Config, DataKind, Message};

use crate::error::Error;
use crate::line::lock;
use crate::message_reader::assemble;
use crate::server::client::Client;
use crate::timer::after;
use crate::watch::Wait;

/// A message, given to [`Client::on_message`](crate::Client::on_message) with its first bytes: collect it with
/// [`get`](Self::get), or read it as it comes, as an `AsyncRead` and `AsyncBufRead`.
///
/// It can be moved to another task; the callback's return is what lets the next message come.
///
/// # Errors
/// As a [`MessageReader`](crate::MessageReader): if the connection ends or fails before the message does. With
/// `UnexpectedEof`, too, if what is left of it was dropped because we close: see
/// [`Client::on_message`](crate::Client::on_message).
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

/// The other end. Dropping it before the message's end fails the message.
pub(crate) struct MessageFeed {
    parts: mpsc::UnboundedSender<Part>,
}

/// The bound for everything of one connection that has been read and not taken by its callbacks, as its reader sees it.
///
/// While the reader waits for room, nobody works for the connection: what it would notice lies behind what it does not
/// read, and a peer that is made to wait must not be given up for its silence. But the callback that it waits for may
/// itself wait for the end of the connection, which only the reader brings. So it does not wait for ever once that is
/// to end.
pub(crate) struct Ahead<'a> {
    client: &'a Client,
    patience: Duration,
    /// When it is over, if it has begun to run out.
    until: Option<Instant>,
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

    /// A pipe for one message. Waits while too much has been read ahead. `None` if there will be no room any more.
    pub(crate) async fn pipe(kind: DataKind, ahead: &mut Ahead<'_>) -> Option<(MessageFeed, Self)> {
        let begun = ahead.acquire(OVERHEAD).await?;
        let (sender, parts) = mpsc::unbounded_channel();
        let feed = MessageFeed { parts: sender };
        let stream = Self {
            kind,
            parts,
            current: Bytes::new(),
            held: None,
            _begun: begun,
            ended: false,
        };
        Some((feed, stream))
    }
}

impl MessageFeed {
    /// Passes some bytes on, when there is room. `false` if nobody wants them any more, or there will be none.
    pub(crate) async fn push(&self, bytes: &[u8], ahead: &mut Ahead<'_>) -> bool {
        for bytes in bytes.chunks(MAX_PART) {
            let room = tokio::select! {
                room = ahead.acquire(bytes.len() + OVERHEAD) => room,
                () = self.parts.closed() => return false,
            };
            let Some(room) = room else { return false };
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

impl<'a> Ahead<'a> {
    pub(crate) fn new(client: &'a Client, config: &Config) -> Self {
        Self {
            client,
            patience: config.timeouts.close.unwrap_or(DEFAULT_PATIENCE),
            until: None,
        }
    }

    /// Waits for room. `None` if there will be none any more: what comes is to be dropped.
    async fn acquire(&mut self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        match self.client.ahead().clone().try_acquire_many_owned(bytes as u32) {
            Ok(room) => Some(room),
            Err(TryAcquireError::Closed) => None,
            // Boxed, so that its memory is not kept for the connection's life.
            Err(TryAcquireError::NoPermits) => Box::pin(self.wait(bytes)).await,
        }
    }

    async fn wait(&mut self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let ahead = self.client.ahead();
        let mut room = pin!(ahead.clone().acquire_many_owned(bytes as u32));
        tokio::select! {
            biased;
            room = &mut room => return room.ok(),
            () = closing(self.client) => {}
        }
        let until = *self.until.get_or_insert_with(|| after(self.patience));
        match timeout_at(until, room).await {
            Ok(room) => room.ok(),
            Err(_) => {
                ahead.close();
                None
            }
        }
    }
}

/// Waits until a Close of ours has been asked for, by whomever, or the connection has failed: in the reader's stead, who
/// is told of both.
async fn closing(client: &Client) {
    let link = &client.writer().line;
    let mut wait = Wait::new(link);
    poll_fn(|cx| {
        let mut line = lock(link);
        if line.check_open().is_err() || !line.sender.is_open() {
            return Poll::Ready(());
        }
        line.watch_reading(cx);
        line.watch_end(&mut wait, cx);
        Poll::Pending
    })
    .await;
}

/// The bound itself.
pub(crate) fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(AHEAD))
}

/// Twice what one read brings: while a callback works on the one half, the other comes.
const AHEAD: usize = 64 * 1024;

/// What a message costs besides its bytes, and every part of one: so that many small ones are bounded as well.
const OVERHEAD: usize = 128;

/// A part must fit into the bound together with its message.
const MAX_PART: usize = 32 * 1024;

/// The default of [`Timeouts::close`](ws_proto::Timeouts::close): callbacks are not waited for without a bound, even
/// where peers are.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(5);
