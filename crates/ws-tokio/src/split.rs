//! The two halves of a connection that is received and sent on in different places.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ws_proto::{CloseCode, Compression, DataKind, Ending, Message, Prepared, SendError};

use crate::error::Error;
use crate::line::{Line, Link, Shared, lock};
use crate::message_reader::MessageReader;
use crate::message_writer::MessageWriter;
use crate::pong::Pong;
use crate::turn::After;
use crate::watch::{Seat, Wait};
use crate::websocket::{ByteStream, WebSocket};

/// The receiving half, from [`WebSocket::split`]. While it receives, pings are answered, deadlines kept and closes
/// obeyed: keep at it, whether you are interested in messages or not.
///
/// Dropping it ends the connection, as dropping a [`WebSocket`] does; the writers then get
/// [`SendError::Closed`](crate::SendError::Closed).
pub struct Reader<S: ByteStream>(pub(crate) WebSocket<S>);

/// The sending half, from [`WebSocket::split`]. A clone is another one of the same connection.
///
/// Messages are sent whole and in the order of the calls. While the queue is full, or a message is being streamed, the
/// others wait for their turn: first come, first served.
///
/// What can't leave at once is written by a task of the connection, so nothing waits for another call. Dropping the
/// last writer changes nothing: [`Reader::writer`] makes another.
pub struct Writer<S: ByteStream> {
    pub(crate) line: Shared<S>,
    #[cfg(feature = "futures")]
    pub(crate) outgoing: crate::stream_sink::Outgoing,
}

/// The halves can't be joined: they are not of the same connection, or there are more writers.
pub struct ReuniteError<S: ByteStream>(pub Reader<S>, pub Writer<S>);

impl<S: ByteStream> Reader<S> {
    /// The next message; see [`WebSocket::recv`], which this equals.
    ///
    /// # Errors
    /// As [`WebSocket::recv`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.0.recv().await
    }

    /// The next message from its first bytes on; see [`WebSocket::recv_stream`]. Copied into a
    /// [`send_stream`](Writer::send_stream) of the writer it is echoed without being held.
    ///
    /// # Errors
    /// As [`WebSocket::recv`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv_stream(&mut self) -> Result<Option<MessageReader<'_, S>>, Error> {
        self.0.recv_stream().await
    }

    /// How the connection ended, or is ending; `None` while it is simply open.
    pub fn ending(&self) -> Option<&Ending> {
        self.0.ending()
    }

    /// The subprotocol that was agreed on, if one was.
    pub fn protocol(&self) -> Option<&str> {
        self.0.protocol()
    }

    /// The time between the last answered keepalive ping and its pong.
    pub fn round_trip(&self) -> Option<Duration> {
        self.0.round_trip()
    }

    /// Another writer.
    pub fn writer(&self) -> Writer<S> {
        Writer::new(self.0.line.clone())
    }

    /// Joins the halves again.
    ///
    /// # Errors
    /// Gives both back if they are not of the same connection, or if there are clones of the writer.
    pub fn reunite(self, writer: Writer<S>) -> Result<WebSocket<S>, Box<ReuniteError<S>>> {
        let writers = lock(&writer.line).writers;
        if writers != 1 || !Arc::ptr_eq(&self.0.line, &writer.line) {
            return Err(Box::new(ReuniteError(self, writer)));
        }
        drop(writer);
        let mut ws = self.0;
        ws.unshare();
        Ok(ws)
    }

    pub(crate) fn new(ws: WebSocket<S>) -> Self {
        Self(ws)
    }
}

impl<S: ByteStream> Writer<S> {
    /// Sends a message; see [`WebSocket::send`]. Waits while the queue is full or it is not our turn.
    ///
    /// # Errors
    /// [`Error::Send`] after a Close or the end of the connection, [`Error::Connection`] if it has failed,
    /// [`Error::Io`] if the transport has.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message has not been accepted, nor any part of it.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        put(
            &self.line,
            |line| line.sender.queue(&message, &mut line.outbox),
            After::Write,
        )
        .await
    }

    /// Sends a message, and says whether to compress it; see [`WebSocket::send_with`].
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn send_with(&self, message: impl Into<Message>, compression: Compression) -> Result<(), Error> {
        let message = message.into();
        let queue = |line: &mut Line<S>| line.sender.queue_with(&message, compression, &mut line.outbox);
        put(&self.line, queue, After::Write).await
    }

    /// Sends a message that was framed before; see [`WebSocket::send_prepared`].
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_prepared(&self, message: &Prepared) -> Result<(), Error> {
        put(
            &self.line,
            |line| line.sender.queue_prepared(message, &mut line.outbox),
            After::Write,
        )
        .await
    }

    /// Queues a message without writing it, unless the queue is full. It leaves with the next [`flush`](Self::flush) or
    /// [`send`](Self::send) of any writer, or when the reader next has something to do.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn feed(&self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        put(
            &self.line,
            |line| line.sender.queue(&message, &mut line.outbox),
            After::Keep,
        )
        .await
    }

    /// Sends a message if that needs no waiting, from any thread. It is written by a task of the connection; outside of
    /// a Tokio runtime that must be another one of its threads that is running.
    ///
    /// # Errors
    /// [`SendError::QueueFull`] in [`Error::Send`] if it would have to wait; otherwise as [`send`](Self::send).
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        try_put(&self.line, |line| line.sender.queue(&message, &mut line.outbox))
    }

    /// As [`try_send`](Self::try_send), for a message that was framed before.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    pub fn try_send_prepared(&self, message: &Prepared) -> Result<(), Error> {
        try_put(&self.line, |line| line.sender.queue_prepared(message, &mut line.outbox))
    }

    /// Begins a message that is sent as it is written; other messages wait until it is finished, pings and pongs don't.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    pub async fn send_stream(&self, kind: DataKind) -> Result<MessageWriter<'_, S>, Error> {
        MessageWriter::open(&self.line, kind).await
    }

    /// Waits until everything that is queued has been written. A peer that stops reading is given up: soon, if somebody is
    /// receiving, and in a minute or two else.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn flush(&self) -> Result<(), Error> {
        let mut wait = Wait::new(&self.line);
        poll_fn(|cx| poll_flushed(&self.line, &mut wait, cx)).await
    }

    /// Waits until the queue is no longer full and it is nobody else's turn: then [`try_send`](Self::try_send) takes a
    /// message.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn drained(&self) -> Result<(), Error> {
        let mut wait = Wait::new(&self.line);
        poll_fn(|cx| poll_drained(&self.line, &mut wait, cx, Line::has_room)).await
    }

    /// Sends a ping with up to 125 bytes; await what it returns for the round-trip time. See [`WebSocket::ping`].
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::ControlTooLong`](crate::SendError::ControlTooLong).
    pub async fn ping(&self, payload: &[u8]) -> Result<Pong, Error> {
        let mut queue = |line: &mut Line<S>| line.queue_ping(payload);
        // No message's turn is waited for: control frames may stand between fragments.
        let mut wait = Wait::new(&self.line);
        poll_fn(|cx| poll_put(&self.line, cx, Some(&mut wait), &mut queue, After::Write)).await
    }

    /// Sends a pong that nobody asked for, or the answer to a ping if [`Replies::pong`](crate::Replies::pong) is off.
    ///
    /// # Errors
    /// As [`ping`](Self::ping).
    pub async fn pong(&self, payload: &[u8]) -> Result<(), Error> {
        let mut queue = |line: &mut Line<S>| line.queue_pong(payload);
        let mut wait = Wait::new(&self.line);
        poll_fn(|cx| poll_put(&self.line, cx, Some(&mut wait), &mut queue, After::Write)).await
    }

    /// Sends a pong if that needs no waiting: for callbacks, which can't.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send), and [`SendError::ControlTooLong`].
    pub fn try_pong(&self, payload: &[u8]) -> Result<(), Error> {
        let mut line = lock(&self.line);
        line.check_open()?;
        line.queue_pong(payload)?;
        line.rouse(&self.line);
        Ok(())
    }

    /// Starts the closing handshake and returns at once. The [`Reader`] gets what the peer still sends, and then the
    /// end.
    ///
    /// # Errors
    /// As [`send`](Self::send), and if the code must not be sent or the reason is over 123 bytes.
    pub fn start_close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        lock(&self.line).start_close(&self.line, code, reason)
    }

    /// Closes the connection and waits until it is over, which somebody must be receiving for; how it ended, the
    /// [`Reader`] tells. If it has been closed before, this only waits.
    ///
    /// # Errors
    /// [`Error::Send`] if the code must not be sent or the reason is over 123 bytes; then nothing was done.
    pub async fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        match self.start_close(code, reason) {
            Err(error @ Error::Send(SendError::Close(_))) => return Err(error),
            // Whatever else stands against it means that it is over, or will be.
            _ => self.ended().await,
        }
        Ok(())
    }

    /// Waits until the connection is over.
    pub async fn ended(&self) {
        let mut wait = Wait::new(&self.line);
        poll_fn(|cx| {
            let mut line = lock(&self.line);
            if line.io.is_none() {
                return Poll::Ready(());
            }
            line.watch_end(&mut wait, cx);
            Poll::Pending
        })
        .await;
    }

    /// How the connection ended, once it is over.
    pub fn ending(&self) -> Option<Ending> {
        lock(&self.line).ending.as_deref().copied()
    }

    /// Whether messages can no longer be sent: a Close has been, or the connection is over.
    pub fn is_closed(&self) -> bool {
        let line = lock(&self.line);
        line.check_open().is_err() || !line.sender.is_open()
    }

    /// Bytes that are queued and not yet written.
    pub fn queued(&self) -> usize {
        lock(&self.line).outbox.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        lock(&self.line).outbox.is_full()
    }

    pub(crate) fn new(line: Shared<S>) -> Self {
        lock(&line).writers += 1;
        Self {
            line,
            #[cfg(feature = "futures")]
            outgoing: Default::default(),
        }
    }
}

impl<S: ByteStream> Clone for Writer<S> {
    fn clone(&self) -> Self {
        Self::new(self.line.clone())
    }
}

impl<S: ByteStream> Drop for Writer<S> {
    fn drop(&mut self) {
        let mut line = lock(&self.line);
        line.writers -= 1;
        #[cfg(feature = "futures")]
        line.unwatch(&self.outgoing.seat);
    }
}

impl<S: ByteStream> fmt::Debug for Reader<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reader").field(&self.0).finish()
    }
}

impl<S: ByteStream> fmt::Debug for Writer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}

impl<S: ByteStream> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReuniteError")
    }
}

impl<S: ByteStream> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are not of the same connection, or there are more writers")
    }
}

impl<S: ByteStream> std::error::Error for ReuniteError<S> {}

/// A place among those who wait for their turn to send a message, and from when it comes, the turn.
pub(crate) struct Turn<'a, S: ByteStream> {
    link: &'a Link<S>,
    held: Option<tokio::sync::MutexGuard<'a, ()>>,
    /// For waiting when the turn has come.
    pub(crate) wait: Wait<'a, S>,
}

impl<'a, S: ByteStream> Turn<'a, S> {
    /// Waits for the turn, as long as messages can be sent at all: who has it may not let go of it for ever.
    pub(crate) async fn wait(link: &'a Link<S>) -> Result<Self, Error> {
        lock(link).waiting += 1;
        let mut turn = Self {
            link,
            held: None,
            wait: Wait::new(link),
        };
        let mut place = pin!(link.turn.lock());
        let held = poll_fn(|cx| {
            if let Poll::Ready(held) = place.as_mut().poll(cx) {
                return Poll::Ready(Ok(held));
            }
            let mut line = lock(link);
            line.check_open()?;
            line.watch_end(&mut turn.wait, cx);
            Poll::Pending
        });
        let held: Result<_, Error> = held.await;
        turn.held = Some(held?);
        Ok(turn)
    }
}

impl<S: ByteStream> Drop for Turn<'_, S> {
    fn drop(&mut self) {
        // In this order: who comes between the two would only queue behind the others.
        self.held = None;
        let mut line = lock(self.link);
        line.waiting -= 1;
        line.wake_watchers();
    }
}

/// Queues a message from beside the reader.
async fn put<S: ByteStream>(
    shared: &Shared<S>,
    mut queue: impl FnMut(&mut Line<S>) -> Result<(), SendError>,
    after: After,
) -> Result<(), Error> {
    let at_once = poll_fn(|cx| match poll_put(shared, cx, None, &mut queue, after) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => Poll::Ready(None),
    });
    if let Some(result) = at_once.await {
        return result;
    }
    let mut turn = Turn::wait(shared).await?;
    poll_fn(|cx| poll_put(shared, cx, Some(&mut turn.wait), &mut queue, after)).await
}

/// Without a seat to wait in, this is pending at once if it would have to wait, also for others to have their turn.
pub(crate) fn poll_put<S: ByteStream, T>(
    shared: &Shared<S>,
    cx: &mut Context<'_>,
    mut seat: Option<&mut Seat>,
    queue: &mut impl FnMut(&mut Line<S>) -> Result<T, SendError>,
    after: After,
) -> Poll<Result<T, Error>> {
    let mut line = lock(shared);
    loop {
        line.check_open()?;
        if line.waiting > 0 && seat.is_none() {
            return Poll::Pending;
        }
        if after == After::Write {
            line.lend();
        }
        match queue(&mut line) {
            Err(SendError::QueueFull) => {}
            Err(SendError::FragmentOpen) if seat.is_none() => {}
            Err(error) => {
                line.settle();
                return Poll::Ready(Err(error.into()));
            }
            Ok(value) => {
                match after {
                    After::Keep => {}
                    After::Write if shared.has_unread() => line.rouse(shared),
                    After::Write => drop(line.push(shared, cx)),
                }
                return Poll::Ready(line.check().map(|()| value));
            }
        }
        let Some(seat) = &mut seat else {
            return Poll::Pending;
        };
        // It may only have been fed so far.
        line.push(shared, cx);
        if line.outbox.is_full() {
            line.watch(seat, cx);
            return Poll::Pending;
        }
    }
}

fn try_put<S: ByteStream>(
    shared: &Shared<S>,
    queue: impl FnOnce(&mut Line<S>) -> Result<(), SendError>,
) -> Result<(), Error> {
    let mut line = lock(shared);
    line.check_open()?;
    if line.waiting > 0 {
        return Err(SendError::QueueFull.into());
    }
    queue(&mut line)?;
    if !line.is_left_to_flusher() {
        line.rouse(shared);
    }
    Ok(())
}

/// Waits until all has left, also if the connection has ended behind it.
pub(crate) fn poll_flushed<S: ByteStream>(
    shared: &Shared<S>,
    seat: &mut Seat,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Error>> {
    if lock(shared).has_ended_flushed() {
        return Poll::Ready(Ok(()));
    }
    poll_drained(shared, seat, cx, Line::is_flushed)
}

pub(crate) fn poll_drained<S: ByteStream>(
    shared: &Shared<S>,
    seat: &mut Seat,
    cx: &mut Context<'_>,
    enough: impl Fn(&Line<S>) -> bool,
) -> Poll<Result<(), Error>> {
    let mut line = lock(shared);
    if !enough(&line) {
        line.push(shared, cx);
    }
    line.check_open()?;
    if enough(&line) {
        return Poll::Ready(Ok(()));
    }
    line.watch(seat, cx);
    Poll::Pending
}
