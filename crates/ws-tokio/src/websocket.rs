//! An open connection.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::task::coop;
use ws_proto::{
    CloseCode, Config, Connection, Delivery, Ending, Input, Message, Outbox, Prepared, SendError, Sender, Transport,
};

use crate::error::{Error, repeat};
use crate::goodbye::{patience, say_goodbye};
use crate::line::{Line, Shared, lock};
use crate::timer::{Timer, after};
use crate::unread::{Unread, poll_read};

/// What a connection runs over: a `TcpStream`, a TLS stream, an in-memory pipe. Implemented for everything that fits.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> ByteStream for S {}

/// An open WebSocket connection, from [`accept`](crate::accept), [`connect`](crate::connect) or
/// [`from_raw`](Self::from_raw).
///
/// * **Receiving**: [`recv`](Self::recv), until it answers `None` or an error; then [`ending`](Self::ending) tells how
///   it ended.
/// * **Sending**: [`send`](Self::send); or [`feed`](Self::feed) any number of times and [`flush`](Self::flush) once.
/// * **Closing**: [`close`](Self::close); or [`start_close`](Self::start_close), and go on receiving.
///
/// Pings are answered, silence is noticed and deadlines are kept while any method waits. A task that holds a
/// connection without calling any gets none of this: receive, at least in a `select!`.
///
/// All methods may be cancelled, in a `select!` say, without harm: nothing received is lost, and what is sent is
/// accepted whole or not at all.
///
/// Dropping it drops the transport at once, unless output or a closing handshake is under way: then what is queued
/// is still written, for at most [`Timeouts::linger`](crate::Timeouts::linger). To part in peace, close.
pub struct WebSocket<S: ByteStream> {
    connection: Connection,
    line: Shared<S>,
    unread: Unread,
    timer: Timer,
    config: Arc<Config>,
    protocol: Option<Box<str>>,
    /// Why reading failed, if it did.
    error: Option<io::Error>,
    /// Whether the method that runs has written or queued anything, and must hand the output back when it ends.
    touched: bool,
    /// Whether our direction of the transport has been shut down.
    shut: bool,
    /// Whether all is over, and the transport dropped.
    ended: bool,
}

impl<S: ByteStream> WebSocket<S> {
    /// A connection whose opening handshake was done elsewhere. `connection` is new, and `leftover` what was read
    /// behind the handshake. `config` is the one that the connection was made with.
    pub fn from_raw(
        stream: S,
        mut connection: Connection,
        config: impl Into<Arc<Config>>,
        leftover: impl Into<Vec<u8>>,
    ) -> Self {
        // There is no method that would hand out chunks.
        connection.set_delivery(Delivery::Messages);
        Self::open(stream, connection, config.into(), leftover.into().into(), None)
    }

    /// The next message, once it is complete; `None` when the connection has been closed in peace.
    ///
    /// Both lasts: every later call answers the same. [`ending`](Self::ending) tells the codes and who was first. While
    /// the end is being worked out (our last bytes written, the peer's end of the transport awaited) this waits, at
    /// most for the configured deadlines.
    ///
    /// With [`Replies::close`](crate::Replies::close) off, `None` comes with the peer's Close, and
    /// [`close`](Self::close) is still to be called.
    ///
    /// # Errors
    /// [`Error::Connection`] if the connection ended otherwise, [`Error::Io`] if the transport failed. Messages that
    /// came before are delivered first, and the peer has been told the reason if it could be.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        let mut owner = Owner(self);
        poll_fn(|cx| owner.poll_recv(cx)).await
    }

    /// Sends a message.
    ///
    /// It is on its way when this returns: written, or, while other input is unread, about to be written together
    /// with the replies to it, or, if the transport can take no more just now, queued and written as soon as it can.
    ///
    /// Waits only while [`Limits::output_high_water`](crate::Limits::output_high_water) bytes are queued.
    ///
    /// # Errors
    /// [`Error::Send`] after a Close; [`Error::Connection`] if the connection has failed, also while waiting;
    /// [`Error::Io`] if the transport has. What the peer sent before can still be received.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message has not been accepted, nor any part of it.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.put(|sender, outbox| sender.queue(&message, outbox), After::Write)
            .await
    }

    /// Sends a message that was framed before: for the same message to many peers. Otherwise as [`send`](Self::send).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.put(|sender, outbox| sender.queue_prepared(message, outbox), After::Write)
            .await
    }

    /// Queues a message without writing it, unless the queue is full. It leaves with the next [`flush`](Self::flush)
    /// or [`send`](Self::send), or while [`recv`](Self::recv) waits.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.put(|sender, outbox| sender.queue(&message, outbox), After::Keep)
            .await
    }

    /// Waits until everything that is queued has been written.
    ///
    /// # Errors
    /// [`Error::Io`] if the transport has failed or, after a Close, its time is over; [`Error::Connection`] if the
    /// connection failed while waiting.
    pub async fn flush(&mut self) -> Result<(), Error> {
        let mut owner = Owner(self);
        poll_fn(|cx| owner.poll_flush(cx)).await
    }

    /// Sends a ping with up to 125 bytes. The pong is not shown; for pings as a sign of life there is
    /// [`Timeouts::ping_interval`](crate::Timeouts::ping_interval).
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::ControlTooLong`].
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        let queue = |sender: &mut Sender, outbox: &mut Outbox| {
            if outbox.is_full() {
                Err(SendError::QueueFull)
            } else {
                sender.ping(payload, outbox.buffer())
            }
        };
        self.put(queue, After::Write).await
    }

    /// Closes the connection and waits until it is over: for the peer's Close at most
    /// [`Timeouts::close`](crate::Timeouts::close), and for the end of the transport. Messages that still come are
    /// dropped; who wants them calls [`start_close`](Self::start_close) and goes on receiving.
    ///
    /// If the peer has closed first, or [`start_close`](Self::start_close) was called before, this only waits.
    ///
    /// # Errors
    /// [`Error::Send`] if the code must not be sent or the reason is over 123 bytes; then nothing was done. Otherwise
    /// as [`recv`](Self::recv).
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        match self.begin_close(code, reason) {
            Ok(()) | Err(SendError::Closed) => {}
            Err(error) => return Err(error.into()),
        }
        while self.recv().await?.is_some() {}
        Ok(())
    }

    /// Sends a Close and returns at once. Go on receiving: the peer may still send messages before its own Close.
    ///
    /// # Errors
    /// [`Error::Send`] if we have closed before or all is over, if the code must not be sent, or if the reason is over 123 bytes.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.begin_close(code, reason)?;
        let mut line = lock(&self.line);
        self.connection.poll_outbox(&mut line.outbox);
        line.rouse(&self.line);
        Ok(())
    }

    /// How the connection ended, or is ending; `None` while it is simply open.
    pub fn ending(&self) -> Option<&Ending> {
        self.connection.ending()
    }

    /// The subprotocol that was agreed on, if one was.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// The time between the last answered keepalive ping and its pong.
    pub fn round_trip(&self) -> Option<Duration> {
        self.connection.round_trip()
    }

    /// Bytes that are queued and not yet written.
    pub fn queued(&self) -> usize {
        lock(&self.line).outbox.len()
    }

    pub(crate) fn open(
        stream: S,
        connection: Connection,
        config: Arc<Config>,
        unread: Unread,
        protocol: Option<String>,
    ) -> Self {
        Self {
            connection,
            line: Arc::new(Mutex::new(Line::new(stream, &config.limits))),
            unread,
            timer: Timer::new(),
            config,
            protocol: protocol.map(String::into_boxed_str),
            error: None,
            touched: false,
            shut: false,
            ended: false,
        }
    }

    /// Makes our Close owed, unless there is nobody to send it to any more.
    fn begin_close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        if self.ended {
            return Err(SendError::Closed);
        }
        self.connection.close(code, reason)
    }

    async fn put(
        &mut self,
        mut queue: impl FnMut(&mut Sender, &mut Outbox) -> Result<(), SendError>,
        after: After,
    ) -> Result<(), Error> {
        let mut owner = Owner(self);
        poll_fn(|cx| owner.poll_put(cx, &mut queue, after)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        loop {
            if let Some(message) = self.next_message() {
                return Poll::Ready(Ok(Some(message)));
            }
            if self.ended || self.is_left_to_close() {
                return Poll::Ready(self.outcome());
            }
            if let Some(message) = ready!(self.poll_turn(cx)) {
                return Poll::Ready(Ok(Some(message)));
            }
        }
    }

    /// Takes events off what was read, up to the next message.
    fn next_message(&mut self) -> Option<Message> {
        while !self.unread.is_empty() {
            let mut input = Input::new(self.unread.bytes());
            // An error is the connection's ending as well, and comes to light when the input has run dry.
            let message = self
                .connection
                .next_event(&mut input)
                .ok()
                .flatten()
                .and_then(|event| event.into_message());
            let left = input.len();
            self.unread.keep(left);
            if self.connection.sender().owes() {
                self.touched |= self.connection.poll_outbox(&mut lock(&self.line).outbox);
            }
            if message.is_some() {
                return message;
            }
        }
        None
    }

    /// With nothing unread: writes, does what the end of a connection asks for, reads once, tells the time. Pending
    /// if nothing of this got anywhere.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.touched = true;
        let mut line = lock(&self.line);
        let flushed = poll_output(&mut self.connection, &mut line, cx);
        let transport = self.connection.transport();
        let must_shut = matches!(transport, Transport::HalfClose | Transport::FlushThenClose) && flushed && !self.shut;
        if must_shut {
            self.shut = line.poll_shutdown(cx).is_ready();
        }
        let mut reads = true;
        match transport {
            Transport::KeepOpen | Transport::AwaitEof | Transport::HalfClose => {}
            Transport::FlushThenClose if !self.shut => reads = false,
            Transport::FlushThenClose | Transport::Drop => {
                line.end();
                self.ended = true;
                return Poll::Ready(None);
            }
        }
        if reads {
            match poll_input(&mut self.connection, &mut self.unread, &mut line, cx) {
                Poll::Ready(Ok(message)) => return Poll::Ready(message),
                Poll::Ready(Err(error)) => {
                    self.error = Some(error);
                    return Poll::Ready(None);
                }
                Poll::Pending => {}
            }
        }
        if let Poll::Ready(now) = self.timer.poll_due(self.connection.poll_timeout(), cx) {
            // A failure is the connection's ending as well.
            let _ = self.connection.handle_timeout(now);
            line.dismiss();
            return Poll::Ready(None);
        }
        line.outbox.release();
        Poll::Pending
    }

    fn poll_put(
        &mut self,
        cx: &mut Context<'_>,
        queue: &mut impl FnMut(&mut Sender, &mut Outbox) -> Result<(), SendError>,
        after: After,
    ) -> Poll<Result<(), Error>> {
        loop {
            if let Some(error) = self.connection.ending().and_then(|ending| ending.error) {
                return Poll::Ready(Err(error.into()));
            }
            let mut line = lock(&self.line);
            line.check()?;
            match queue(self.connection.sender(), &mut line.outbox) {
                Err(SendError::QueueFull) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
                Ok(()) if matches!(after, After::Keep) => return Poll::Ready(Ok(())),
                Ok(()) => {
                    let defer = !self.unread.is_empty();
                    if defer || line.poll_flush(cx).is_pending() {
                        line.rouse(&self.line);
                    }
                    return Poll::Ready(line.check());
                }
            }
            self.touched = true;
            poll_output(&mut self.connection, &mut line, cx);
            if line.outbox.is_full() {
                drop(line);
                ready!(self.poll_wait(cx));
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.touched = true;
        loop {
            let mut line = lock(&self.line);
            let flushed = poll_output(&mut self.connection, &mut line, cx);
            line.check()?;
            drop(line);
            if flushed {
                return Poll::Ready(Ok(()));
            }
            if let Some(error) = self.connection.ending().and_then(|ending| ending.error) {
                return Poll::Ready(Err(error.into()));
            }
            if self.connection.transport() == Transport::Drop {
                // Closed in peace, but the peer took too long to read what is left.
                return Poll::Ready(Err(Error::Io(io::ErrorKind::TimedOut.into())));
            }
            ready!(self.poll_wait(cx));
        }
    }

    /// Waits for the transport to take more, which it has been asked to, or for a deadline.
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Poll::Ready(now) = self.timer.poll_due(self.connection.poll_timeout(), cx) {
            // A failure is the connection's ending as well.
            let _ = self.connection.handle_timeout(now);
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// The owner turns to something else: whatever has not left yet is the flusher's.
    fn hand_back(&mut self) {
        if !mem::take(&mut self.touched) {
            return;
        }
        let mut line = lock(&self.line);
        line.owner_drives = false;
        if !line.is_flushed() {
            line.rouse(&self.line);
        }
    }

    /// The peer has closed, and answering is the caller's part.
    fn is_left_to_close(&mut self) -> bool {
        let clean = self
            .connection
            .ending()
            .is_some_and(|ending| ending.received.is_some() && ending.error.is_none());
        clean && self.connection.sender().is_open()
    }

    fn outcome(&self) -> Result<Option<Message>, Error> {
        let Some(error) = self.connection.ending().and_then(|ending| ending.error) else {
            return Ok(None);
        };
        match &self.error {
            Some(error) => Err(Error::Io(repeat(error))),
            None => Err(Error::Connection(error)),
        }
    }
}

impl<S: ByteStream> Drop for WebSocket<S> {
    fn drop(&mut self) {
        let mut line = lock(&self.line);
        // A Close that had no room: three small frames at most.
        self.connection.poll_transmit(line.outbox.buffer());
        let unfinished = !line.is_flushed() || self.connection.ending().is_some();
        let (Some(io), outbox) = line.end() else { return };
        drop(line);
        let (true, Ok(runtime)) = (unfinished, Handle::try_current()) else {
            return;
        };
        let patience = patience(&self.config);
        runtime.spawn(say_goodbye(io, outbox, after(patience), patience));
    }
}

impl<S: ByteStream> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("connection", &self.connection)
            .field("unread", &self.unread)
            .field("queued", &self.queued())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// What to do with a message that has been queued.
#[derive(Clone, Copy)]
enum After {
    Write,
    Keep,
}

/// One call of a method that may wait; its end, by success or by cancellation, hands the output back.
struct Owner<'a, S: ByteStream>(&'a mut WebSocket<S>);

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
fn poll_output<S: ByteStream>(connection: &mut Connection, line: &mut Line<S>, cx: &mut Context<'_>) -> bool {
    line.owner_drives = true;
    loop {
        connection.poll_outbox(&mut line.outbox);
        let flushed = line.poll_flush(cx).is_ready();
        if line.take_unblocked() {
            connection.handle_progress();
        }
        if !flushed || !connection.sender().owes() {
            return flushed;
        }
    }
}

/// Reads once, for the usual into `unread`, in the middle of a large message straight into it.
fn poll_input<S: ByteStream>(
    connection: &mut Connection,
    unread: &mut Unread,
    line: &mut Line<S>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Option<Message>>> {
    let Some(io) = &mut line.io else { return Poll::Pending };
    // However fast the peer is, Tokio's budget makes the task yield now and then, over any transport.
    let coop = ready!(coop::poll_proceed(cx));
    let (result, message) = match connection.direct_window() {
        Some(window) => match ready!(poll_read(io, window, cx)) {
            Ok(count) => {
                let event = connection.handle_direct(count).ok().flatten();
                (Ok(count), event.and_then(|event| event.into_message()))
            }
            Err(error) => (Err(error), None),
        },
        None => (ready!(unread.poll_fill(io, cx)), None),
    };
    coop.made_progress();
    if !matches!(result, Ok(1..)) && connection.handle_eof().is_ok() {
        // However the transport ended, it was to be expected.
        return Poll::Ready(Ok(None));
    }
    Poll::Ready(result.map(|_| message))
}
