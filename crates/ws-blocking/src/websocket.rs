//! An open connection, as its thread sees it.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ws_proto::extension::Agreed;
use ws_proto::{
    CloseCode, Config, Connection, ConnectionError, Delivery, Ending, Event, Input, Instant, Message, Prepared,
    Receiver, Role, SendError, Transport,
};

use crate::deadline::{Deadline, MIN_TIMEOUT, is_near, is_timeout};
use crate::input::ReadBuffer;
use crate::shared::Shared;
use crate::writer::Writer;
use crate::{Error, Handle, handshaking};

/// An open WebSocket connection over a TCP stream.
///
/// Belongs to one thread, in which its calls block; a [`Handle`] ends it from another one. Pings are answered,
/// keepalive pings sent and deadlines kept while [`recv`](Self::recv) waits, so a thread that has nothing to send
/// should be in there.
///
/// Messages come whole, whatever `Config::delivery` says. Pings are not shown: with
/// [`Replies::pong`](crate::Replies::pong) off they stay unanswered.
///
/// Dropping it ends the transport at once, without a closing handshake: the peer sees an abnormal end, and messages
/// that were fed and not flushed are lost. [`close`](Self::close) first.
#[derive(Debug)]
pub struct WebSocket {
    receiver: Receiver,
    shared: Arc<Shared>,
    buffer: ReadBuffer,
    config: Arc<Config>,
    protocol: Option<String>,
    /// As it is set on the socket.
    read_timeout: Option<Duration>,
    /// Whether this thread has queued something since it last flushed.
    unflushed: bool,
    /// Why reading or writing failed first.
    failure: Option<io::Error>,
    half_closed: bool,
    /// Whether the transport has ended.
    ended: bool,
}

impl WebSocket {
    /// A connection whose opening handshake was done elsewhere. `leftover` is what was read behind the handshake.
    ///
    /// # Errors
    /// [`Error::Io`] if the socket can't be set up.
    pub fn from_raw(
        stream: TcpStream,
        role: Role,
        config: impl Into<Arc<Config>>,
        leftover: &[u8],
    ) -> Result<Self, Error> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        Self::open(
            Arc::new(stream),
            role,
            config.into(),
            ReadBuffer::new(leftover),
            None,
            &Agreed::default(),
        )
    }

    pub(crate) fn open(
        stream: Arc<TcpStream>,
        role: Role,
        config: Arc<Config>,
        buffer: ReadBuffer,
        protocol: Option<String>,
        extensions: &Agreed,
    ) -> Result<Self, Error> {
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        let mut connection = match role {
            Role::Server => Connection::server(Arc::clone(&config)),
            Role::Client => Connection::client(Arc::clone(&config), rand::random),
        };
        connection.extend(extensions);
        let (mut receiver, sender) = connection.split();
        receiver.set_delivery(Delivery::Messages);
        Ok(Self {
            receiver,
            shared: Arc::new(Shared::new(stream, Writer::new(sender, &config))),
            buffer,
            config,
            protocol,
            read_timeout: None,
            unflushed: false,
            failure: None,
            half_closed: false,
            ended: false,
        })
    }

    /// Writes the answer that opens the connection. What `opened` lets others do to the connection comes behind it.
    pub(crate) fn write_answer(&self, answer: &[u8], deadline: Deadline, opened: impl FnOnce()) -> io::Result<()> {
        self.shared.with_writer(|_, stream| {
            opened();
            handshaking::write(stream, answer, deadline)?;
            stream.set_write_timeout(None)
        })
    }

    /// Waits for a message. `None` means that the closing handshake is done and the transport has ended:
    /// [`ending`](Self::ending) tells the codes and who was first. After the end every call gives the same.
    ///
    /// Before it waits, what was [`feed`](Self::feed)ed is flushed. If [`Replies::close`](crate::Replies::close) is
    /// off, `None` comes as soon as the peer's Close does: answer it with [`close`](Self::close).
    ///
    /// # Errors
    /// The connection ended otherwise: [`Error::Connection`] if the peer broke the protocol (it has been told), a
    /// deadline passed or the transport ended without a Close, [`Error::Io`] if it failed. Messages that came before are
    /// delivered first.
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        while !self.receiver.is_finished() {
            if let Some(message) = self.next_message() {
                return Ok(Some(message));
            }
            if self.receiver.is_finished() {
                break;
            }
            if let Some(message) = self.wait_for_input() {
                return Ok(Some(message));
            }
        }
        self.end()
    }

    /// Whether input was read that [`recv`](Self::recv) has not looked at yet: if not, the next call is likely to wait.
    pub fn has_buffered_input(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Sends a message, and all that was fed before it.
    ///
    /// Waits while the peer does not read. A peer must take 16 KiB, or what there is, each
    /// [`Timeouts::ping_timeout`](crate::Timeouts::ping_timeout); one that does not is given up: the transport ends,
    /// and this call fails with [`TimedOut`](io::ErrorKind::TimedOut). Note that two peers which both only send, and
    /// more than the system buffers, stop each other.
    ///
    /// # Errors
    /// [`Error::Send`] if we have closed; nothing was sent then. [`Error::Io`] if the transport failed.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed(message)?;
        self.flush()
    }

    /// Queues a message, to leave together with others: with the next [`flush`](Self::flush) or [`send`](Self::send),
    /// when [`recv`](Self::recv) has to wait for input, or when
    /// [`output_high_water`](crate::Limits::output_high_water) is reached. A loop of `recv` and `feed` thus answers
    /// all that came in one read with one write.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.queue(|writer, stream| writer.queue(stream, |sender, outbox| sender.queue(&message, outbox)))
    }

    /// As [`feed`](Self::feed), for a message that was framed once for many connections.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn feed_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.queue(|writer, stream| writer.queue(stream, |sender, outbox| sender.queue_prepared(message, outbox)))
    }

    /// Writes what was queued. Waits as [`send`](Self::send) does.
    ///
    /// # Errors
    /// [`Error::Io`] if the transport failed.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.unflushed = false;
        let (result, progressed) = self
            .shared
            .with_writer(|writer, stream| (writer.flush(stream), writer.take_progress()));
        if progressed {
            // Writing may have taken longer than the deadlines that were not looked at meanwhile.
            self.receiver.handle_progress();
        }
        Ok(result?)
    }

    /// Sends a ping of up to 125 bytes. Keepalive pings go by themselves; the pong is swallowed.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::ControlTooLong`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.queue(|writer, stream| writer.queue(stream, |sender, outbox| sender.ping(payload, outbox.buffer())))?;
        self.flush()
    }

    /// Closes: sends a Close, waits for the peer's and for the end of the transport. Messages that come meanwhile are
    /// dropped; who wants them calls [`start_close`](Self::start_close), then [`recv`](Self::recv) until `None`.
    ///
    /// If the connection is closing already, this waits for the end only.
    ///
    /// # Errors
    /// [`Error::Send`] if the code must not be sent or the reason is over 123 bytes; the connection is as before. Those
    /// of `recv`; a peer that does not answer within [`Timeouts::close`](crate::Timeouts::close) is
    /// [`Timeout::Close`](crate::Timeout::Close).
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        match self.start_close(code, reason) {
            Ok(()) | Err(Error::Send(SendError::Closed)) => {}
            Err(error) => return Err(error),
        }
        while self.recv()?.is_some() {}
        Ok(())
    }

    /// Sends a Close and does not wait for the answer. Nothing can be sent any more;
    /// [`recv`](Self::recv) delivers what still comes.
    ///
    /// # Errors
    /// [`Error::Send`] if we have closed before, the code must not be sent or the reason is over 123 bytes.
    /// [`Error::Io`] if the transport failed.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.note_close();
        let frame = self.shared.with_writer(|writer, _| writer.sender.close(code, reason))?;
        self.receiver.handle_local_close(frame);
        self.flush()
    }

    /// How the connection ended, or is ending; `None` while it is simply open.
    pub fn ending(&self) -> Option<&Ending> {
        self.receiver.ending()
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// The time between the last answered keepalive ping and its pong.
    pub fn round_trip(&self) -> Option<Duration> {
        self.receiver.round_trip()
    }

    /// Where the peer is.
    ///
    /// # Errors
    /// If the transport has ended.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.shared.stream.peer_addr()
    }

    /// A handle that ends this connection from another thread.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::downgrade(&self.shared), self.config.timeouts.close)
    }

    /// The next message that the buffer holds whole or to its end. Failures stay with the receiver.
    fn next_message(&mut self) -> Option<Message> {
        while !self.buffer.is_empty() {
            let mut input = Input::new(self.buffer.unread());
            let event = self.receiver.next_event(&mut input);
            let left = input.len();
            let message = event.ok().flatten().and_then(Event::into_message);
            self.buffer.keep(left);
            self.pass_reply();
            if message.is_some() {
                return message;
            }
        }
        None
    }

    /// Reads once, or sees to what is due. A large message may be complete with that.
    fn wait_for_input(&mut self) -> Option<Message> {
        self.prepare_to_wait();
        if self.receiver.is_finished() {
            return None;
        }
        let Some(window) = self.receiver.direct_window() else {
            let result = self.buffer.fill(&*self.shared.stream);
            self.after_read(result);
            return None;
        };
        let result = (&*self.shared.stream).read(window);
        let count = self.after_read(result)?;
        let event = self.receiver.handle_direct(count);
        self.pass_reply();
        event.ok().flatten().and_then(Event::into_message)
    }

    /// Brings the connection up to date: another thread's Close, deadlines, output, the read timeout.
    fn prepare_to_wait(&mut self) {
        self.note_close();
        let wait = loop {
            if self.unflushed {
                // If it fails, reading goes on to what the peer had sent before.
                let _ = self.flush();
            }
            let wait = self.handle_due();
            if !self.unflushed {
                break wait;
            }
        };
        if !is_near(self.read_timeout, wait) {
            match self.shared.stream.set_read_timeout(wait) {
                Ok(()) => self.read_timeout = wait,
                Err(error) => self.transport_ended(Some(error)),
            }
        }
    }

    /// Sees to all deadlines that have passed, and tells how long to wait for the next one.
    fn handle_due(&mut self) -> Option<Duration> {
        let mut wait = None;
        while let Some(at) = self.receiver.poll_timeout() {
            let now = Instant::from(std::time::Instant::now());
            if at > now {
                wait = Some(at.saturating_duration_since(now));
                break;
            }
            // The receiver keeps the failure.
            let _ = self.receiver.handle_timeout(now);
            self.pass_reply();
        }
        // A thread that waits can't be told of a Close by a handle, so it looks for one now and then.
        if Arc::weak_count(&self.shared) > 0 {
            wait = wait.into_iter().chain(self.config.timeouts.close).min();
        }
        wait.map(|wait| wait.max(MIN_TIMEOUT))
    }

    /// The number of bytes that were read; `None` if none were.
    fn after_read(&mut self, result: io::Result<usize>) -> Option<usize> {
        // A handle may have closed while we waited; what was read may be the answer to that.
        self.note_close();
        match result {
            Ok(0) => self.transport_ended(None),
            Ok(count) => return Some(count),
            Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.transport_ended(Some(error)),
        }
        None
    }

    fn transport_ended(&mut self, why: Option<io::Error>) {
        self.failure = self.failure.take().or(why);
        // The receiver keeps the failure, if it is one.
        let _ = self.receiver.handle_eof();
    }

    fn note_close(&mut self) {
        if let Some(frame) = self.shared.take_untold_close() {
            self.receiver.handle_local_close(frame);
        }
    }

    fn pass_reply(&mut self) {
        if let Some(reply) = self.receiver.take_reply() {
            self.shared.with_writer(|writer, _| {
                writer.sender.reply(reply);
                writer.collect_owed();
            });
            self.unflushed = true;
        }
    }

    fn queue(&mut self, queue: impl FnOnce(&mut Writer, &TcpStream) -> Result<(), Error>) -> Result<(), Error> {
        self.shared.with_writer(queue)?;
        self.unflushed = true;
        Ok(())
    }

    /// Brings the transport to its end, as the receiver says, and tells how the connection ended.
    fn end(&mut self) -> Result<Option<Message>, Error> {
        while !self.ended {
            self.prepare_to_wait();
            let (transport, failure) = self
                .shared
                .with_writer(|writer, _| (self.receiver.transport(&writer.sender), writer.failure()));
            match transport {
                _ if failure.is_some() => self.end_transport(failure.map(io::Error::from)),
                // The application answers the Close itself.
                Transport::KeepOpen => break,
                Transport::AwaitEof => self.discard_input(),
                Transport::HalfClose => {
                    self.half_close();
                    self.discard_input();
                }
                Transport::FlushThenClose | Transport::Drop => self.end_transport(None),
            }
        }
        match self.receiver.ending().and_then(|ending| ending.error) {
            None => Ok(None),
            Some(ConnectionError::Disconnected) => Err(self
                .failure
                .as_ref()
                .map_or(ConnectionError::Disconnected.into(), |error| same(error).into())),
            Some(error) => Err(error.into()),
        }
    }

    fn half_close(&mut self) {
        if !self.half_closed {
            self.half_closed = true;
            // It fails only if the transport has ended, which reading tells.
            let _ = self.shared.stream.shutdown(Shutdown::Write);
        }
    }

    /// Reads once without looking at it.
    fn discard_input(&mut self) {
        let result = self.buffer.fill(&*self.shared.stream);
        self.buffer.keep(0);
        self.after_read(result);
    }

    #[cfg(test)]
    pub(crate) fn receiver_for_test(&mut self) -> &mut Receiver {
        &mut self.receiver
    }

    #[cfg(test)]
    pub(crate) fn shared_for_test(&self) -> &Shared {
        &self.shared
    }

    fn end_transport(&mut self, why: Option<io::Error>) {
        self.ended = true;
        self.failure = self.failure.take().or(why);
        // It may have ended already.
        let _ = self.shared.shutdown();
    }
}

/// The error once more: it is not `Clone`, and the end is told as often as it is asked for.
fn same(error: &io::Error) -> io::Error {
    error
        .raw_os_error()
        .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}
