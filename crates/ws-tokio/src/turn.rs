//! The work of an open connection: events taken, output written, the transport read, the time told, the end obeyed.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use tokio::io::AsyncReadExt;
use tokio::task::coop;
use ws_proto::{Delivery, Event, Input, Message, Receiver, SendError, Transport};

use crate::error::{Error, repeat};
use crate::line::{Line, Shared, lock};
use crate::message_reader::Piece;
use crate::pong::Taps;
use crate::unread::Unread;
use crate::websocket::{ByteStream, WebSocket};

/// What to do with a message that has been queued.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Write,
    Keep,
}

/// One call of a method that may wait; its end, by success or by cancellation, hands the output back.
pub(crate) struct Owner<'a, S: ByteStream>(pub(crate) &'a mut WebSocket<S>);

impl<S: ByteStream> WebSocket<S> {
    pub(crate) async fn put<T>(
        &mut self,
        mut queue: impl FnMut(&mut Line<S>) -> Result<T, SendError>,
        after: After,
    ) -> Result<T, Error> {
        let mut owner = Owner(self);
        poll_fn(|cx| owner.poll_put(cx, &mut queue, after)).await
    }

    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        self.poll_next_of(Delivery::Messages, Self::next_message, |message| message, cx)
    }

    /// The next piece of a message. The whole of it, if it was begun while whole ones were asked for.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Piece>, Error>> {
        self.poll_next_of(Delivery::Chunks, Self::next_piece, Piece::whole, cx)
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.touched = true;
        loop {
            let mut line = lock(&self.line);
            let flushed = if self.shared {
                line.watch(&mut self.seat, cx);
                push_output(&mut self.receiver, &mut line, &self.line, cx)
            } else {
                poll_output(&mut self.receiver, &mut line, cx)
            };
            line.check()?;
            let transport = self.receiver.transport(&line.sender);
            drop(line);
            if flushed {
                return Poll::Ready(Ok(()));
            }
            if let Some(error) = self.receiver.ending().and_then(|ending| ending.error) {
                return Poll::Ready(Err(error.into()));
            }
            if transport == Transport::Drop {
                // Closed in peace, but the peer took too long to read what is left.
                return Poll::Ready(Err(Error::Io(io::ErrorKind::TimedOut.into())));
            }
            ready!(self.poll_wait(cx));
        }
    }

    /// From now on other tasks write as well, or nobody says when a wait is given up: see [`line`](crate::line).
    pub(crate) fn share(&mut self) {
        if !self.shared {
            self.shared = true;
            self.line.set_unread(!self.unread.is_empty());
        }
    }

    /// The other way round: nobody but the owner is left.
    pub(crate) fn unshare(&mut self) {
        self.shared = false;
        self.tell_of_close();
        lock(&self.line).reader = None;
    }

    /// The owner turns to something else: whatever has not left yet is the flusher's.
    pub(crate) fn hand_back(&mut self) {
        if !mem::take(&mut self.touched) {
            return;
        }
        let mut line = lock(&self.line);
        line.owner_drives = false;
        if !(line.is_flushed() || self.shared && line.is_left_to_flusher()) {
            line.rouse(&self.line);
        }
    }

    /// Learns of a Close that somebody else has sent.
    pub(crate) fn tell_of_close(&mut self) {
        if let Some(frame) = lock(&self.line).closed.take() {
            self.receiver.handle_local_close(*frame);
        }
    }

    /// The next of what is asked for, from what was read, or else from what is read now.
    #[inline]
    fn poll_next_of<T>(
        &mut self,
        delivery: Delivery,
        next: impl Fn(&mut Self) -> Option<T>,
        whole: impl Fn(Message) -> T,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<T>, Error>> {
        self.deliver(delivery);
        loop {
            if let Some(next) = next(self) {
                return Poll::Ready(Ok(Some(next)));
            }
            if self.ended || self.is_left_to_close() {
                return Poll::Ready(self.outcome().map(|()| None));
            }
            if let Some(message) = ready!(self.poll_turn(cx)) {
                return Poll::Ready(Ok(Some(whole(message))));
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        if self.delivery != delivery {
            self.delivery = delivery;
            self.receiver.set_delivery(delivery);
        }
    }

    /// Takes events off what was read, up to the next message. What is left of a message that somebody began to read
    /// in pieces is dropped.
    fn next_message(&mut self) -> Option<Message> {
        while !self.unread.is_empty() {
            let mut input = Input::new(self.unread.bytes());
            let message = self.receiver.next_message(&mut input).or_else(|| {
                // An error is the connection's ending as well, and comes to light when the input has run dry.
                let event = self.receiver.next_event(&mut input).ok().flatten()?;
                tell(&event, &self.taps, &self.line);
                event.into_message()
            });
            let left = input.len();
            self.unread.keep(left);
            self.after_event();
            if message.is_some() {
                return message;
            }
        }
        None
    }

    fn next_piece(&mut self) -> Option<Piece> {
        while !self.unread.is_empty() {
            let bytes = self.unread.bytes();
            let start = bytes.as_ptr() as usize;
            let place = start..start + bytes.len();
            let mut input = Input::new(bytes);
            let piece = match self.receiver.next_event(&mut input) {
                Ok(Some(Event::Chunk(part, data))) => Some(Piece::chunk(part, &data, place)),
                Ok(Some(event)) => {
                    tell(&event, &self.taps, &self.line);
                    event.into_message().map(Piece::whole)
                }
                _ => None,
            };
            let left = input.len();
            match piece {
                // The piece lies in the buffer: it stays until the next one is asked for.
                Some(mut piece) => {
                    piece.shift(self.unread.hold(left));
                    self.after_event();
                    return Some(piece);
                }
                None => self.unread.keep(left),
            }
            self.after_event();
        }
        None
    }

    /// Passes on what receiving owes.
    #[inline]
    fn after_event(&mut self) {
        if let Some(reply) = self.receiver.take_reply() {
            let mut line = lock(&self.line);
            line.sender.reply(reply);
            line.transmit();
            self.touched = true;
        }
        if self.shared && self.unread.is_empty() {
            self.line.set_unread(false);
        }
    }

    /// With nothing unread: writes, does what the end of a connection asks for, reads once, tells the time. Pending
    /// if nothing of this got anywhere.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut line = lock(&self.line);
        self.touched |= !line.is_flushed();
        if let Some(frame) = line.closed.take() {
            self.receiver.handle_local_close(*frame);
        }
        if line.take_given_up() && self.receiver.handle_eof().is_err() {
            self.error = Some(io::ErrorKind::TimedOut.into());
        }
        let flushed = if self.shared {
            push_output(&mut self.receiver, &mut line, &self.line, cx)
        } else {
            poll_output(&mut self.receiver, &mut line, cx)
        };
        let transport = self.receiver.transport(&line.sender);
        let must_shut = matches!(transport, Transport::HalfClose | Transport::FlushThenClose) && flushed && !self.shut;
        if must_shut {
            self.shut = line.poll_shutdown(cx).is_ready();
        }
        let mut reads = true;
        match transport {
            Transport::KeepOpen | Transport::AwaitEof | Transport::HalfClose => {}
            Transport::FlushThenClose if !self.shut => reads = false,
            Transport::FlushThenClose | Transport::Drop => {
                line.end(self.receiver.ending());
                self.ended = true;
                return Poll::Ready(None);
            }
        }
        if reads {
            match poll_input(&mut self.receiver, &mut self.unread, &mut line, cx) {
                Poll::Ready(result) => {
                    if let Some(reply) = self.receiver.take_reply() {
                        line.sender.reply(reply);
                        self.touched = true;
                    }
                    if self.shared {
                        self.line.set_unread(!self.unread.is_empty());
                    }
                    return Poll::Ready(result.unwrap_or_else(|error| {
                        self.error = Some(error);
                        None
                    }));
                }
                Poll::Pending => {}
            }
        }
        if let Poll::Ready(now) = self.timer.poll_due(self.receiver.poll_timeout(), cx) {
            tell_time(&mut self.receiver, &mut line, now);
            self.touched |= !line.is_flushed();
            line.dismiss();
            return Poll::Ready(None);
        }
        Poll::Pending
    }

    fn poll_put<T>(
        &mut self,
        cx: &mut Context<'_>,
        queue: &mut impl FnMut(&mut Line<S>) -> Result<T, SendError>,
        after: After,
    ) -> Poll<Result<T, Error>> {
        loop {
            if let Some(error) = self.receiver.ending().and_then(|ending| ending.error) {
                return Poll::Ready(Err(error.into()));
            }
            let mut line = lock(&self.line);
            line.check()?;
            if after == After::Write {
                line.lend();
            }
            match queue(&mut line) {
                Err(SendError::QueueFull) => {}
                Err(SendError::FragmentOpen) if self.shared => {
                    // Another writer's message is being streamed.
                    line.settle();
                    line.watch(&mut self.seat, cx);
                    drop(line);
                    ready!(self.poll_wait(cx));
                    continue;
                }
                Err(error) => {
                    line.settle();
                    return Poll::Ready(Err(error.into()));
                }
                Ok(value) if after == After::Keep => return Poll::Ready(Ok(value)),
                Ok(value) => {
                    let defer = !self.unread.is_empty();
                    if defer || line.poll_flush(cx).is_pending() {
                        line.rouse(&self.line);
                    }
                    return Poll::Ready(line.check().map(|()| value));
                }
            }
            self.touched = true;
            if self.shared {
                line.watch(&mut self.seat, cx);
                push_output(&mut self.receiver, &mut line, &self.line, cx);
            } else {
                poll_output(&mut self.receiver, &mut line, cx);
            }
            if line.outbox.is_full() {
                drop(line);
                ready!(self.poll_wait(cx));
            }
        }
    }

    /// Waits for the transport to take more, which it has been asked to, or for a deadline.
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Poll::Ready(now) = self.timer.poll_due(self.receiver.poll_timeout(), cx) {
            tell_time(&mut self.receiver, &mut lock(&self.line), now);
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// The peer has closed, and answering is the caller's part.
    fn is_left_to_close(&mut self) -> bool {
        let clean = self
            .receiver
            .ending()
            .is_some_and(|ending| ending.received.is_some() && ending.error.is_none());
        clean && lock(&self.line).sender.is_open()
    }

    fn outcome(&self) -> Result<(), Error> {
        let Some(error) = self.receiver.ending().and_then(|ending| ending.error) else {
            return Ok(());
        };
        match &self.error {
            Some(error) => Err(Error::Io(repeat(error))),
            None => Err(Error::Connection(error)),
        }
    }
}

impl<S: ByteStream> Deref for Owner<'_, S> {
    type Target = WebSocket<S>;

    fn deref(&self) -> &WebSocket<S> {
        self.0
    }
}

impl<S: ByteStream> DerefMut for Owner<'_, S> {
    fn deref_mut(&mut self) -> &mut WebSocket<S> {
        self.0
    }
}

impl<S: ByteStream> Drop for Owner<'_, S> {
    fn drop(&mut self) {
        self.0.hand_back();
    }
}

/// Writes what is queued and what the protocol owes, in the flusher's stead until it is handed back. Whether all of it
/// has left.
fn poll_output<S: ByteStream>(receiver: &mut Receiver, line: &mut Line<S>, cx: &mut Context<'_>) -> bool {
    let mut flushed = line.is_flushed();
    if !flushed {
        line.owner_drives = true;
        flushed = line.poll_flush(cx).is_ready();
    }
    if line.take_unblocked() {
        receiver.handle_progress();
    }
    flushed
}

/// The same for a shared connection: what the transport can't take is the flusher's. Exchanges news with the writers.
fn push_output<S: ByteStream>(
    receiver: &mut Receiver,
    line: &mut Line<S>,
    shared: &Shared<S>,
    cx: &mut Context<'_>,
) -> bool {
    line.watch_reading(cx);
    if let Some(error) = receiver.ending().and_then(|ending| ending.error) {
        line.fail_writers(error);
    }
    let flushed = line.push(shared, cx);
    if line.take_unblocked() {
        receiver.handle_progress();
    }
    flushed
}

/// Tells who wants to know of pings and pongs.
#[inline]
fn tell<S>(event: &Event<'_>, taps: &Taps, line: &Shared<S>) {
    match event {
        Event::Ping(payload) => taps.ping(payload),
        Event::Pong(payload) => {
            lock(line).pings.answer(payload);
            taps.pong(payload);
        }
        _ => {}
    }
}

/// A failure is the connection's ending as well.
fn tell_time<S>(receiver: &mut Receiver, line: &mut Line<S>, now: ws_proto::Instant) {
    let _ = receiver.handle_timeout(now);
    if let Some(reply) = receiver.take_reply() {
        line.sender.reply(reply);
    }
}

/// Reads once, for the usual into `unread`, in the middle of a large message straight into it.
fn poll_input<S: ByteStream>(
    receiver: &mut Receiver,
    unread: &mut Unread,
    line: &mut Line<S>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Option<Message>>> {
    let Some(io) = &mut line.io else { return Poll::Pending };
    // However fast the peer is, Tokio's budget makes the task yield now and then, over any transport.
    let coop = ready!(coop::poll_proceed(cx));
    let (result, message) = match receiver.direct_buf() {
        Some(window) => match ready!(pin!(io.read_buf(&mut window.limit(MAX_DIRECT_READ))).poll(cx)) {
            Ok(count) => {
                let event = receiver.handle_direct(count).ok().flatten();
                (Ok(count), event.and_then(|event| event.into_message()))
            }
            Err(error) => (Err(error), None),
        },
        None => (ready!(unread.poll_fill(io, cx)), None),
    };
    coop.made_progress();
    if !matches!(result, Ok(1..)) && receiver.handle_eof().is_ok() {
        // However the transport ended, it was to be expected.
        return Poll::Ready(Ok(None));
    }
    Poll::Ready(result.map(|_| message))
}

/// How much one read brings of a large message. Some transports zero what they are given, for every call.
const MAX_DIRECT_READ: usize = 64 * 1024;
