//! The transport and what is on its way out: the part of a connection that its owner shares with a flusher.
//!
//! The owner is whoever holds the [`WebSocket`](crate::WebSocket). It queues messages, and while input is unread it
//! leaves them queued, so that what one read brought is answered in one write. But its task may then await something
//! that has nothing to do with the connection, and nobody would write. That is what the flusher is for: a task that is
//! spawned when output is first deferred, and woken whenever it is again. Tokio runs it when the owner's task yields,
//! for whatever reason. If the owner has written by then, it finds nothing, which is the usual case. It ends when the
//! connection has been quiet for a while, or ends itself.
//!
//! A transport remembers one waiting writer only. So:
//!
//! 1. All access to the transport is under the lock, which is never held over an await.
//! 2. While a method of the owner may wait for the transport, it drives the output itself, and has said so by
//!    [`owner_drives`](Line::owner_drives) under the lock under which it asked. The flusher does not touch the transport
//!    then.
//! 3. When the method ends, by success or by cancellation, it calls [`rouse`](Line::rouse) if output is left, whether
//!    it has waited or not: asking was enough to take the flusher's place in the transport.
//! 4. There is one flusher at most, and its waker stays here as long as it lives. So it can always be reached, also to
//!    tell it to end.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::AsyncWrite;
use tokio::runtime::Handle;
use ws_proto::{Limits, Outbox};

use crate::error::{Error, repeat};
use crate::websocket::ByteStream;

pub(crate) struct Line<S> {
    /// `None` once the connection has ended.
    pub(crate) io: Option<S>,
    pub(crate) outbox: Outbox,
    /// Why writing is over, if it failed. What is queued afterwards is dropped; there may still be something to read.
    error: Option<io::Error>,
    /// Whether the owner drives the output.
    pub(crate) owner_drives: bool,
    /// Whether bytes were written to the transport that it may still hold back.
    unflushed: bool,
    /// Whether the transport could take no more, and whether it has since.
    blocked: bool,
    unblocked: bool,
    flusher: Flusher,
    /// The flusher's, from when it first ran.
    flusher_waker: Option<Waker>,
}

pub(crate) type Shared<S> = Arc<Mutex<Line<S>>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flusher {
    /// There is none.
    None,
    /// It will run as soon as somebody yields.
    Scheduled,
    /// It waits, for the transport or for [`Line::rouse`].
    Waiting,
    /// It will run, and end unless it is roused before.
    Dismissed,
}

impl<S: ByteStream> Line<S> {
    pub(crate) fn new(io: S, limits: &Limits) -> Self {
        Self {
            io: Some(io),
            outbox: Outbox::new(limits),
            error: None,
            owner_drives: false,
            unflushed: false,
            blocked: false,
            unblocked: false,
            flusher: Flusher::None,
            flusher_waker: None,
        }
    }

    /// Whether everything has left.
    pub(crate) fn is_flushed(&self) -> bool {
        self.outbox.is_empty() && !self.unflushed
    }

    /// Whether writing has failed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.error
            .as_ref()
            .map_or(Ok(()), |error| Err(Error::Io(repeat(error))))
    }

    /// Writes until everything has left or writing has failed for good; see [`check`](Self::check).
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.outbox.is_empty() {
            match self.poll_write(cx) {
                Poll::Pending => {
                    self.blocked = true;
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0)) => self.fail(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    self.outbox.advance(count);
                    self.unflushed = true;
                    self.unblocked |= mem::take(&mut self.blocked);
                }
                Poll::Ready(Err(error)) => self.fail(error),
            }
        }
        if self.unflushed {
            if let Some(io) = &mut self.io {
                if let Err(error) = ready!(Pin::new(io).poll_flush(cx)) {
                    self.fail(error);
                }
            }
            self.unflushed = false;
        }
        Poll::Ready(())
    }

    /// Ends our direction.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(io) = &mut self.io {
            if let Err(error) = ready!(Pin::new(io).poll_shutdown(cx)) {
                self.fail(error);
            }
        }
        Poll::Ready(())
    }

    /// Whether a transport that could take no more has taken some since the last time this was asked.
    pub(crate) fn take_unblocked(&mut self) -> bool {
        mem::take(&mut self.unblocked)
    }

    /// Drops the transport and whatever is queued for it, and lets the flusher end.
    pub(crate) fn end(&mut self) -> (Option<S>, Outbox) {
        let io = self.io.take();
        let outbox = mem::replace(&mut self.outbox, Outbox::new(&Limits::default()));
        self.unflushed = false;
        self.dismiss();
        (io, outbox)
    }

    /// Makes sure that what is queued leaves although the owner turns to something else.
    pub(crate) fn rouse(&mut self, shared: &Shared<S>) {
        match mem::replace(&mut self.flusher, Flusher::Scheduled) {
            Flusher::Scheduled | Flusher::Dismissed => {}
            Flusher::Waiting => self.wake_flusher(),
            Flusher::None => match Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(Flush { shared: shared.clone() })),
                Err(_) => {
                    // Nobody to leave it to: now or with the owner's next call.
                    self.flusher = Flusher::None;
                    let _ = self.poll_flush(&mut Context::from_waker(Waker::noop()));
                }
            },
        }
    }

    /// Lets the flusher end: it is cheap to spawn, but an idle connection should not pay for one.
    pub(crate) fn dismiss(&mut self) {
        if self.flusher == Flusher::Waiting && self.is_flushed() {
            self.flusher = Flusher::Dismissed;
            self.wake_flusher();
        }
    }

    fn wake_flusher(&self) {
        if let Some(waker) = &self.flusher_waker {
            waker.wake_by_ref();
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(io) = &mut self.io else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        if self.outbox.is_contiguous() || !io.is_write_vectored() {
            return Pin::new(io).poll_write(cx, self.outbox.first());
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let used = self.outbox.slices(&mut slices);
        Pin::new(io).poll_write_vectored(cx, &slices[..used])
    }

    #[cold]
    fn fail(&mut self, error: io::Error) {
        self.outbox.clear();
        self.error.get_or_insert(error);
    }
}

impl<S> fmt::Debug for Line<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("outbox", &self.outbox)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

pub(crate) fn lock<S>(shared: &Shared<S>) -> MutexGuard<'_, Line<S>> {
    // A panic can come from the transport only, and leaves the line as good as the transport.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The flusher: writes what the owner left behind.
struct Flush<S> {
    shared: Shared<S>,
}

impl<S: ByteStream> Future for Flush<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut line = lock(&self.shared);
        if line.io.is_none() || line.flusher == Flusher::Dismissed {
            line.flusher = Flusher::None;
            line.flusher_waker = None;
            return Poll::Ready(());
        }
        if !line.owner_drives {
            // Ready or not, it stays for the next time.
            let _ = line.poll_flush(cx);
        }
        line.flusher = Flusher::Waiting;
        if !line
            .flusher_waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            line.flusher_waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// The most pieces in one vectored write. A queue at its default bound of 64 KiB has at most 16 payloads that are
/// shared, and as many pieces between them.
const MAX_SLICES: usize = 32;
