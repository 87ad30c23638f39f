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
//!
//! A connection that several tasks use (after a split, as a `Stream` and `Sink`, or while a message streams) has no
//! owner that could drive: there, everybody writes by [`push`](Line::push), which leaves what the transport can't take
//! to the flusher, and asks it nothing while the flusher waits for it. Who waits for something else than the transport
//! leaves a waker here: the reader, and the [`watch`](Line::watch)ers, who want room, the end of all output, or the end.
//!
//! Whoever waits there may be the one who should be reading, so that nobody keeps the connection's deadlines. Hence the
//! flusher keeps one: a transport that takes nothing for as long as a silent peer would be given up after is given up.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::runtime::Handle;
use tokio::task::coop;
use tokio::time::{Sleep, sleep_until};
use ws_proto::{CloseCode, CloseFrame, Config, ConnectionError, Ending, Limits, Outbox, SendError, Sender, Timeouts};

use crate::error::{Error, repeat};
use crate::pong::{Pings, Pong};
use crate::pool;
use crate::timer::after;
use crate::watch::{Seat, Watchers};
use crate::websocket::ByteStream;

/// What all parts of a connection share.
pub(crate) struct Link<S> {
    line: Mutex<Line<S>>,
    /// Whether the reader of a shared connection has input unread: then replies to the rest of it may follow.
    unread: AtomicBool,
    /// Whose message is next, where writers have to wait: first come, first served.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

pub(crate) type Shared<S> = Arc<Link<S>>;

pub(crate) struct Line<S> {
    /// `None` once the connection has ended.
    pub(crate) io: Option<S>,
    pub(crate) sender: Sender,
    pub(crate) outbox: Outbox,
    pub(crate) pings: Pings,
    /// Why the connection failed, once its reader knows.
    pub(crate) failure: Option<ConnectionError>,
    /// How the connection ended, once it has.
    pub(crate) ending: Option<Box<Ending>>,
    /// A Close that a writer asked for, until the reader knows.
    pub(crate) closed: Option<Box<CloseFrame>>,
    /// How many writers there are, besides the owner.
    pub(crate) writers: usize,
    /// How many wait for their turn or have it.
    pub(crate) waiting: usize,
    /// The reader's, if it waits and the connection is shared.
    pub(crate) reader: Option<Waker>,
    watchers: Watchers,
    /// Where the flusher is spawned, whoever needs it; `None` as long as the connection was outside of any runtime.
    runtime: Option<Handle>,
    /// Why writing is over, if it failed. What is queued afterwards is dropped; there may still be something to read.
    error: Option<io::Error>,
    /// Whether the owner drives the output.
    pub(crate) owner_drives: bool,
    /// Whether the connection ended with output that had not left.
    lost: bool,
    /// Whether bytes were written to the transport that it may still hold back.
    unflushed: bool,
    /// Whether the transport could take no more, and whether it has since.
    blocked: bool,
    unblocked: bool,
    /// How long it may take nothing, and whether it has taken something since that was last asked.
    patience: Option<Duration>,
    moved: bool,
    /// Whether that was too long, until the owner knows.
    given_up: bool,
    flusher: Flusher,
    /// The flusher's, from when it first ran.
    flusher_waker: Option<Waker>,
}

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
    pub(crate) fn shared(io: S, sender: Sender, config: &Config) -> Shared<S> {
        let line = Self {
            io: Some(io),
            sender,
            outbox: Outbox::new(&config.limits),
            pings: Pings::default(),
            failure: None,
            ending: None,
            closed: None,
            writers: 0,
            waiting: 0,
            reader: None,
            watchers: Watchers::default(),
            runtime: Handle::try_current().ok(),
            error: None,
            owner_drives: false,
            lost: false,
            unflushed: false,
            blocked: false,
            unblocked: false,
            patience: patience(&config.timeouts),
            moved: false,
            given_up: false,
            flusher: Flusher::None,
            flusher_waker: None,
        };
        Arc::new(Link {
            line: Mutex::new(line),
            unread: AtomicBool::new(false),
            turn: tokio::sync::Mutex::new(()),
        })
    }

    /// Whether everything has left, what the protocol owes included.
    pub(crate) fn is_flushed(&self) -> bool {
        self.outbox.is_empty() && !self.unflushed && !self.sender.owes()
    }

    /// Whether the connection is over and nothing was lost on its way out.
    pub(crate) fn has_ended_flushed(&self) -> bool {
        self.io.is_none() && !self.lost && self.failure.is_none() && self.error.is_none()
    }

    /// Queues what the protocol owes, if there is room. Whether anything was.
    pub(crate) fn transmit(&mut self) -> bool {
        self.sender.owes() && !self.outbox.is_full() && self.sender.poll_transmit(self.outbox.buffer())
    }

    /// Queues what is owed, a Close that had no room above all, before the transport is left to itself: three small
    /// frames at most.
    pub(crate) fn transmit_last(&mut self) {
        if self.error.is_none() {
            self.sender.poll_transmit(self.outbox.buffer());
        }
    }

    /// Whether writing has failed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.error
            .as_ref()
            .map_or(Ok(()), |error| Err(Error::Io(repeat(error))))
    }

    /// Queues a ping.
    pub(crate) fn queue_ping(&mut self, payload: &[u8]) -> Result<Pong, SendError> {
        if self.outbox.is_full() {
            return Err(SendError::QueueFull);
        }
        self.sender.ping(payload, self.outbox.buffer())?;
        Ok(self.pings.push(payload))
    }

    /// Queues a pong.
    pub(crate) fn queue_pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        if self.outbox.is_full() {
            return Err(SendError::QueueFull);
        }
        self.sender.pong(payload, self.outbox.buffer())
    }

    /// Whether a message could still be sent; for those who don't know how the connection stands.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if let Some(error) = self.failure {
            return Err(error.into());
        }
        self.check()?;
        if self.io.is_none() {
            return Err(SendError::Closed.into());
        }
        Ok(())
    }

    /// Starts the closing handshake from beside the reader, who is told.
    pub(crate) fn start_close(&mut self, shared: &Shared<S>, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.check_open()?;
        let frame = self.sender.close(code, reason)?;
        self.closed = Some(Box::new(frame));
        self.rouse(shared);
        self.wake_reader();
        Ok(())
    }

    /// Memory for what is to be queued and written at once. It goes back when all has been written, or as soon as the
    /// transport can take no more, but for what is left.
    pub(crate) fn lend(&mut self) {
        if !self.blocked && !self.outbox.has_memory() {
            self.outbox.lend(pool::take_output());
        }
    }

    /// Gives memory back that nothing is in.
    pub(crate) fn settle(&mut self) {
        if self.outbox.is_empty() {
            pool::put_back_output(self.outbox.release());
        }
    }

    /// Writes until everything has left or writing has failed for good; see [`check`](Self::check).
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.poll_write_all(cx);
        if polled.is_pending() && !self.blocked {
            self.blocked = true;
            let rest = self.outbox.take();
            pool::put_back_output(mem::replace(&mut self.outbox, rest).release());
        }
        self.settle();
        polled
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.transmit();
            if self.error.is_some() {
                // Behind what was cut off it would not be understood.
                self.outbox.clear();
            }
            if self.outbox.is_empty() {
                break;
            }
            match self.poll_write(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => self.fail(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    self.outbox.advance(count);
                    self.unflushed = true;
                    self.note_progress();
                }
                Poll::Ready(Err(error)) => self.fail(error),
            }
        }
        if self.unflushed {
            if let Some(io) = &mut self.io {
                match Pin::new(io).poll_flush(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(())) => self.note_progress(),
                    Poll::Ready(Err(error)) => self.fail(error),
                }
            }
            self.unflushed = false;
        }
        Poll::Ready(())
    }

    /// Writes what the transport takes, and leaves the rest to the flusher: for shared connections. Whether all has
    /// left.
    pub(crate) fn push(&mut self, shared: &Shared<S>, cx: &mut Context<'_>) -> bool {
        if self.is_flushed() {
            return true;
        }
        if self.blocked && matches!(self.flusher, Flusher::Waiting | Flusher::Scheduled) {
            return false;
        }
        let flushed = self.poll_flush(cx).is_ready();
        if !flushed {
            self.rouse(shared);
        }
        self.wake_watchers();
        flushed
    }

    /// Whether nobody but the flusher has anything to do for the output: it waits for the transport already.
    pub(crate) fn is_left_to_flusher(&self) -> bool {
        self.blocked && self.flusher == Flusher::Waiting && !self.owner_drives
    }

    /// Wakes a task when there is room, everything has left, or all is over.
    pub(crate) fn watch(&mut self, seat: &mut Seat, cx: &Context<'_>) {
        self.watchers.add(seat, cx, false);
    }

    /// Wakes a task when all is over.
    pub(crate) fn watch_end(&mut self, seat: &mut Seat, cx: &Context<'_>) {
        self.watchers.add(seat, cx, true);
    }

    pub(crate) fn unwatch(&mut self, seat: &Seat) {
        self.watchers.remove(seat);
    }

    /// Whether a message could be queued, and it is nobody else's turn.
    pub(crate) fn has_room(&self) -> bool {
        !self.outbox.is_full() && self.waiting == 0
    }

    /// Wakes the reader of a shared connection when output has moved, or somebody has closed.
    pub(crate) fn watch_reading(&mut self, cx: &Context<'_>) {
        if !self.reader.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.reader = Some(cx.waker().clone());
        }
    }

    /// Wakes those who wait for what has happened.
    pub(crate) fn wake_watchers(&mut self) {
        if self.io.is_none() {
            self.watchers.wake_all();
        } else if !self.outbox.is_full() || self.error.is_some() {
            self.watchers.wake();
        }
    }

    /// The connection has failed: nothing more can be sent, and no pong will come.
    pub(crate) fn fail_writers(&mut self, error: ConnectionError) {
        if self.failure.is_none() {
            self.failure = Some(error);
            self.pings = Pings::default();
            self.watchers.wake_all();
        }
    }

    /// Wakes the reader if it is somebody else.
    #[cfg(feature = "futures")]
    pub(crate) fn wake_other_reader(&mut self, cx: &Context<'_>) {
        if self.reader.as_ref().is_some_and(|waker| !waker.will_wake(cx.waker())) {
            self.wake_reader();
        }
    }

    fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
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

    /// Whether the transport was given up for taking nothing; for the owner, once.
    pub(crate) fn take_given_up(&mut self) -> bool {
        mem::take(&mut self.given_up)
    }

    /// Drops the transport and whatever is queued for it, and lets the flusher end.
    pub(crate) fn end(&mut self, ending: Option<&Ending>) -> (Option<S>, Outbox) {
        self.lost |= !self.is_flushed();
        let io = self.io.take();
        if self.ending.is_none() {
            self.ending = ending.map(|ending| Box::new(*ending));
        }
        let outbox = mem::replace(&mut self.outbox, Outbox::new(&Limits::default()));
        self.unflushed = false;
        self.pings = Pings::default();
        self.reader = None;
        self.dismiss();
        self.wake_watchers();
        (io, outbox)
    }

    /// Makes sure that what is queued leaves although the owner turns to something else.
    pub(crate) fn rouse(&mut self, shared: &Shared<S>) {
        match mem::replace(&mut self.flusher, Flusher::Scheduled) {
            Flusher::Scheduled | Flusher::Dismissed => {}
            Flusher::Waiting => self.wake_flusher(),
            Flusher::None => match self.runtime() {
                Some(runtime) => drop(runtime.spawn(Flush {
                    shared: shared.clone(),
                    stalled: None,
                })),
                None => {
                    // Nobody to leave it to: now or with the owner's next call.
                    self.flusher = Flusher::None;
                    let _ = self.poll_flush(&mut Context::from_waker(Waker::noop()));
                }
            },
        }
    }

    /// Where to spawn: if not where the connection was made, where it is used.
    pub(crate) fn runtime(&mut self) -> Option<&Handle> {
        if self.runtime.is_none() {
            self.runtime = Handle::try_current().ok();
        }
        self.runtime.as_ref()
    }

    /// Lets the flusher end: it is cheap to spawn, but an idle connection should not pay for one.
    pub(crate) fn dismiss(&mut self) {
        if self.flusher == Flusher::Waiting && (self.is_flushed() || self.io.is_none()) {
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

    /// The transport has taken something.
    fn note_progress(&mut self) {
        self.unblocked |= mem::take(&mut self.blocked);
        self.moved = true;
    }

    #[cold]
    fn fail(&mut self, error: io::Error) {
        self.outbox.clear();
        self.unflushed = false;
        self.blocked = false;
        self.error.get_or_insert(error);
        self.watchers.wake_all();
    }

    #[cold]
    fn give_up(&mut self) {
        self.fail(io::ErrorKind::TimedOut.into());
        self.settle();
        self.given_up = true;
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

pub(crate) fn lock<S>(shared: &Link<S>) -> MutexGuard<'_, Line<S>> {
    // A panic can come from the transport only, and leaves the line as good as the transport.
    shared.line.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S> Link<S> {
    /// Whether replies to input that is still unread may follow: then what is sent waits for them.
    pub(crate) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Only a hint, so it orders nothing: the flusher makes up for its being late.
    pub(crate) fn set_unread(&self, unread: bool) {
        self.unread.store(unread, Ordering::Relaxed);
    }
}

/// The flusher: writes what the owner left behind.
struct Flush<S> {
    shared: Shared<S>,
    /// While the transport takes nothing: ends when it has had its time, or has moved meanwhile.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S: ByteStream> Future for Flush<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut line = lock(&this.shared);
        if line.io.is_none() || line.flusher == Flusher::Dismissed {
            line.flusher = Flusher::None;
            line.flusher_waker = None;
            return Poll::Ready(());
        }
        if !line.owner_drives {
            // Ready or not, it stays for the next time.
            let _ = line.poll_flush(cx);
            if poll_stalled(&mut this.stalled, &mut line, cx).is_ready() {
                line.give_up();
            }
            if line.unblocked || line.is_flushed() || line.error.is_some() {
                line.wake_reader();
            }
            line.wake_watchers();
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

/// Ready when the transport has taken nothing for too long. As lazy as the connection's timer: a sleep that ends too
/// early is armed anew then, so it takes between once and twice as long.
fn poll_stalled<S: ByteStream>(
    stalled: &mut Option<Pin<Box<Sleep>>>,
    line: &mut Line<S>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let Some(patience) = line.patience.filter(|_| line.blocked) else {
        *stalled = None;
        return Poll::Pending;
    };
    let sleep = stalled.get_or_insert_with(|| {
        line.moved = false;
        Box::pin(sleep_until(after(patience)))
    });
    loop {
        ready!(pin!(coop::unconstrained(sleep.as_mut())).poll(cx));
        if !mem::take(&mut line.moved) {
            return Poll::Ready(());
        }
        sleep.as_mut().reset(after(patience));
    }
}

/// How long a transport may take nothing: as long as a peer can have been silent at most when a reader gives it up, so
/// that a reader who is at it comes first.
fn patience(timeouts: &Timeouts) -> Option<Duration> {
    let until_pinged = timeouts.ping_interval?.saturating_mul(2);
    Some(until_pinged.saturating_add(timeouts.ping_timeout?))
}

/// The most pieces in one vectored write. A queue at its default bound of 64 KiB has at most 16 payloads that are
/// shared, and as many pieces between them.
const MAX_SLICES: usize = 32;
