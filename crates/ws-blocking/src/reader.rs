//! The reading half of a connection: messages in, deadlines, the end.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ws_proto::{
    Bytes, Config, ConnectionError, DataKind, Delivery, Ending, Event, Input, Instant, Message, Receiver, SendError,
    Timeout, Transport,
};

use crate::deadline::Deadline;
use crate::input::ReadBuffer;
use crate::line::Inflow;
use crate::shared::{PING_LEN, Shared, Unwritten};
use crate::socket::{Interest, would_block};
use crate::{Error, Handle, Interrupter, MessageReader, Messages};

/// The reading half of a connection; see [`WebSocket::split`](crate::WebSocket::split).
///
/// A thread should be in one of its receiving calls: they answer pings, send keepalive pings, keep the deadlines and do
/// the closing handshake, although no one writes.
///
/// Dropping it ends the transport at once, since nobody could do that any more: whoever writes gets an error.
#[derive(Debug)]
pub struct Reader {
    receiver: Receiver,
    pub(crate) shared: Arc<Shared>,
    inflow: Inflow,
    buffer: ReadBuffer,
    /// Messages that came before a pong that was waited for, or among the parts of another.
    put_by: PutBy,
    pub(crate) config: Arc<Config>,
    protocol: Option<String>,
    /// Whether the writing half is in the same hands, so that nobody else closes.
    pub(crate) alone: bool,
    /// Whether the last read brought as much as it could.
    likely_more: bool,
    interrupter: Option<Interrupter>,
    /// Why reading or writing failed first.
    failure: Option<io::Error>,
    half_closed: bool,
    /// Whether the transport has ended.
    ended: bool,
}

/// Messages that wait to be asked for.
#[derive(Debug, Default)]
struct PutBy {
    messages: VecDeque<Message>,
    /// What they take, in bytes; empty ones take something, too.
    size: usize,
}

impl PutBy {
    fn push(&mut self, message: Message) {
        self.size += message.len() + size_of::<Message>();
        self.messages.push_back(message);
    }

    fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.size -= message.len() + size_of::<Message>();
        Some(message)
    }

    fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

/// What came of data.
pub(crate) enum Piece {
    /// A whole message.
    Message(Message),
    /// A part of a message that is delivered in parts.
    Part {
        kind: DataKind,
        first: bool,
        last: bool,
        /// How much of it went to the caller's buffer.
        copied: usize,
        /// What found no room there.
        rest: Bytes,
    },
}

impl Reader {
    pub(crate) fn new(
        receiver: Receiver,
        shared: Arc<Shared>,
        inflow: Inflow,
        buffer: ReadBuffer,
        config: Arc<Config>,
        protocol: Option<String>,
    ) -> Self {
        let likely_more = shared.line.holds_input_back();
        Self {
            receiver,
            shared,
            inflow,
            buffer,
            put_by: PutBy::default(),
            config,
            protocol,
            alone: true,
            // With TLS, the opening handshake may have left some with the session, of which the socket knows nothing.
            likely_more,
            interrupter: None,
            failure: None,
            half_closed: false,
            ended: false,
        }
    }

    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    ///
    /// # Errors
    /// As there.
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.recv_by(Deadline::NEVER)
    }

    /// As [`WebSocket::recv_timeout`](crate::WebSocket::recv_timeout).
    ///
    /// # Errors
    /// As there.
    pub fn recv_timeout(&mut self, patience: Duration) -> Result<Option<Message>, Error> {
        self.recv_by(Deadline::after(Some(patience)))
    }

    /// As [`WebSocket::try_recv`](crate::WebSocket::try_recv).
    ///
    /// # Errors
    /// As there.
    pub fn try_recv(&mut self) -> Result<Option<Message>, Error> {
        self.recv_timeout(Duration::ZERO)
    }

    /// As [`WebSocket::messages`](crate::WebSocket::messages).
    pub fn messages(&mut self) -> Messages<'_> {
        Messages::new(self)
    }

    /// As [`WebSocket::recv_reader`](crate::WebSocket::recv_reader).
    ///
    /// # Errors
    /// As there.
    pub fn recv_reader(&mut self) -> Result<Option<MessageReader<'_>>, Error> {
        if let Some(message) = self.put_by.pop() {
            let kind = message.as_payload().kind();
            return Ok(Some(MessageReader::new(self, kind, message.into_bytes(), true)));
        }
        self.receiver.set_delivery(Delivery::Chunks);
        loop {
            match self.next_piece(&mut [], Deadline::NEVER)? {
                None => return Ok(None),
                Some(Piece::Message(message)) => {
                    let kind = message.as_payload().kind();
                    return Ok(Some(MessageReader::new(self, kind, message.into_bytes(), true)));
                }
                Some(Piece::Part {
                    kind,
                    first: true,
                    last,
                    rest,
                    ..
                }) => return Ok(Some(MessageReader::new(self, kind, rest, last))),
                // Of a message whose reader was dropped.
                Some(Piece::Part { .. }) => {}
            }
        }
    }

    /// As [`WebSocket::has_buffered_input`](crate::WebSocket::has_buffered_input).
    pub fn has_buffered_input(&self) -> bool {
        !self.buffer.is_empty() || !self.put_by.is_empty()
    }

    /// What ends a waiting call of this reader from another thread; the connection stays as it is.
    ///
    /// # Errors
    /// If the system has no descriptors to give: it takes two.
    pub fn interrupter(&mut self) -> io::Result<Interrupter> {
        match &self.interrupter {
            Some(interrupter) => Ok(interrupter.clone()),
            None => Ok(self.interrupter.insert(Interrupter::new()?).clone()),
        }
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
    /// If the transport has ended, or is no TCP stream.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.shared.line.socket.peer_addr()
    }

    /// A handle that ends this connection from another thread.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::downgrade(&self.shared), self.config.timeouts.close)
    }

    /// Keeps a message that comes before it is asked for.
    pub(crate) fn put_by(&mut self, message: Message) {
        self.put_by.push(message);
    }

    /// A peer must not be able to make us keep any number of them.
    pub(crate) fn has_put_enough_by(&self) -> bool {
        self.put_by.size >= self.config.limits.output_high_water
    }

    /// The next part of the message that is delivered in parts; what finds no room in `into` is given.
    pub(crate) fn next_part(&mut self, into: &mut [u8]) -> Result<Option<Piece>, Error> {
        self.next_piece(into, Deadline::NEVER)
    }

    /// Receives until the pong to this ping has come; messages that come before it are put by.
    pub(crate) fn recv_pong(&mut self, payload: [u8; PING_LEN], deadline: Deadline) -> Result<Duration, Error> {
        self.receiver.set_delivery(Delivery::Messages);
        let mut late = false;
        loop {
            if let Some(time) = self.shared.ping_time(payload) {
                return Ok(time);
            }
            if self.receiver.is_finished() {
                return Err(SendError::Closed.into());
            }
            if self.has_put_enough_by() {
                return Err(Error::NothingYet);
            }
            let piece = match self.next_buffered(&mut []) {
                None if self.buffer.is_empty() && self.shared.ping_time(payload).is_none() => {
                    if late {
                        return Err(Error::NothingYet);
                    }
                    late = deadline.has_passed();
                    self.wait_for_input(&mut [], deadline)?
                }
                piece => piece,
            };
            if let Some(Piece::Message(message)) = piece {
                self.put_by.push(message);
            }
        }
    }

    pub(crate) fn recv_by(&mut self, deadline: Deadline) -> Result<Option<Message>, Error> {
        if let Some(message) = self.put_by.pop() {
            return Ok(Some(message));
        }
        self.receiver.set_delivery(Delivery::Messages);
        loop {
            match self.next_piece(&mut [], deadline)? {
                None => return Ok(None),
                Some(Piece::Message(message)) => return Ok(Some(message)),
                // Of a message whose reader was dropped.
                Some(Piece::Part { .. }) => {}
            }
        }
    }

    fn next_piece(&mut self, into: &mut [u8], deadline: Deadline) -> Result<Option<Piece>, Error> {
        let mut late = false;
        while !self.receiver.is_finished() {
            if let Some(piece) = self.next_buffered(into) {
                return Ok(Some(piece));
            }
            if self.receiver.is_finished() {
                break;
            }
            if late {
                return Err(Error::NothingYet);
            }
            // Then one read is all: a peer that never stops to send what is no message must not hold the call.
            late = deadline.has_passed();
            if let Some(piece) = self.wait_for_input(into, deadline)? {
                return Ok(Some(piece));
            }
        }
        self.end(deadline)?;
        Ok(None)
    }

    /// The next piece that the buffer holds whole or to its end. Failures stay with the receiver.
    fn next_buffered(&mut self, into: &mut [u8]) -> Option<Piece> {
        while !self.buffer.is_empty() {
            let unread = self.buffer.unread();
            // No more than there is room for, so that a part is copied once.
            let taken = if into.is_empty() {
                unread.len()
            } else {
                unread.len().min(into.len())
            };
            let behind = unread.len() - taken;
            let mut input = Input::new(&mut unread[..taken]);
            let message = self.receiver.next_message(&mut input).map(Piece::Message);
            let piece = message.or_else(|| {
                let event = self.receiver.next_event(&mut input).ok().flatten()?;
                take_in(event, into, &self.shared)
            });
            let left = input.len() + behind;
            self.buffer.keep(left);
            self.pass_reply();
            if piece.is_some() || self.receiver.is_finished() {
                return piece;
            }
        }
        None
    }

    /// Reads once, or sees to what is due. A large message may be complete with that.
    fn wait_for_input(&mut self, into: &mut [u8], deadline: Deadline) -> Result<Option<Piece>, Error> {
        let until = self.prepare_to_wait();
        if self.receiver.is_finished() || !self.wait(until, deadline)? {
            return Ok(None);
        }
        let (line, inflow) = (&self.shared.line, &mut self.inflow);
        let Some(window) = self.receiver.direct_window() else {
            let result = self.buffer.fill(|into| line.read(inflow, into));
            let size = self.buffer.capacity();
            self.after_read(result, size);
            return Ok(None);
        };
        let size = window.len();
        let result = line.read(inflow, window);
        let Some(count) = self.after_read(result, size) else {
            return Ok(None);
        };
        let event = self.receiver.handle_direct(count);
        let piece = event
            .ok()
            .flatten()
            .and_then(|event| take_in(event, into, &self.shared));
        self.pass_reply();
        Ok(piece)
    }

    /// Waits until there may be input; `false` if something else has to be looked at first.
    fn wait(&mut self, (due, unwritten): (Deadline, Unwritten), deadline: Deadline) -> Result<bool, Error> {
        if self.likely_more {
            let interrupted = self.interrupter.as_ref().filter(|interrupter| interrupter.is_raised());
            return match interrupted.is_some_and(Interrupter::take) {
                true => Err(Error::NothingYet),
                false => Ok(true),
            };
        }
        let (interest, room) = match unwritten {
            Unwritten::Nothing => (Interest::READABLE, Deadline::NEVER),
            Unwritten::Until(room) => (
                Interest {
                    readable: true,
                    writable: true,
                },
                room,
            ),
        };
        let until = due.min(room).min(deadline);
        let waited = match &self.interrupter {
            None => self.shared.line.wait(interest, until),
            Some(interrupter) => self.shared.line.socket.wait_or(interest, until, interrupter),
        };
        match waited {
            Ok(true) if self.interrupter.as_ref().is_some_and(Interrupter::take) => Err(Error::NothingYet),
            Ok(true) => Ok(true),
            Ok(false) if deadline.has_passed() => Err(Error::NothingYet),
            Ok(false) => Ok(false),
            Err(error) => {
                self.transport_ended(Some(error));
                Ok(false)
            }
        }
    }

    /// Brings the connection up to date: another thread's Close, output, deadlines. Tells until when it may wait, and
    /// what it should write then.
    fn prepare_to_wait(&mut self) -> (Deadline, Unwritten) {
        loop {
            self.note_close();
            // If it fails, reading goes on to what the peer had sent before.
            let unwritten = self.shared.flush_now().unwrap_or(Unwritten::Nothing);
            if let Some(due) = self.handle_due() {
                return (due, unwritten);
            }
        }
    }

    /// Sees to all deadlines that have passed, and tells the next one; `None` if there is something to write now.
    fn handle_due(&mut self) -> Option<Deadline> {
        if self.shared.take_progress() {
            // Writing may have taken longer than the deadlines that were not looked at meanwhile.
            self.receiver.handle_progress();
        }
        let mut wait = None;
        let mut replied = false;
        while let Some(at) = self.receiver.poll_timeout() {
            let now = Instant::from(std::time::Instant::now());
            if at > now {
                wait = Some(at.saturating_duration_since(now));
                break;
            }
            // The receiver keeps the failure.
            let _ = self.receiver.handle_timeout(now);
            replied |= self.pass_reply();
        }
        // A thread that waits can't be told of another's Close, so it looks for one now and then.
        if !self.alone || Arc::weak_count(&self.shared) > 0 || Arc::strong_count(&self.shared) > ALONE {
            wait = wait.into_iter().chain(self.config.timeouts.close).min();
        }
        (!replied).then(|| Deadline::after(wait))
    }

    /// The number of bytes that were read, of so many that could have been; `None` if none were.
    fn after_read(&mut self, result: io::Result<usize>, size: usize) -> Option<usize> {
        self.likely_more = false;
        // Another thread may have closed while we waited; what was read may be the answer to that.
        self.note_close();
        match result {
            Ok(0) => self.transport_ended(None),
            Ok(count) => {
                self.likely_more = count == size;
                return Some(count);
            }
            Err(error) if would_block(&error) => {}
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

    fn pass_reply(&mut self) -> bool {
        let reply = self.receiver.take_reply();
        let replied = reply.is_some();
        if let Some(reply) = reply {
            self.shared.reply(reply);
        }
        replied
    }

    /// Brings the transport to its end, as the receiver says, and tells how the connection ended.
    fn end(&mut self, deadline: Deadline) -> Result<(), Error> {
        let mut late = false;
        while !self.ended {
            if late {
                return Err(Error::NothingYet);
            }
            late = deadline.has_passed();
            let until = self.prepare_to_wait();
            let transport = self.shared.with_sender(|sender| self.receiver.transport(sender));
            let failure = self.shared.failure();
            match transport {
                _ if failure.is_some() => self.end_transport(failure.map(io::Error::from)),
                // The application answers the Close itself.
                Transport::KeepOpen => break,
                Transport::AwaitEof => self.discard_input(until, deadline)?,
                Transport::HalfClose => {
                    if !self.half_closed {
                        self.half_closed = true;
                        self.shared.end_sending();
                    }
                    self.discard_input(until, deadline)?;
                }
                Transport::FlushThenClose => {
                    // A peer that answers no ping is not waited for.
                    let error = self.receiver.ending().and_then(|ending| ending.error);
                    let flushed = if error == Some(ConnectionError::Timeout(Timeout::Ping)) {
                        Ok(())
                    } else {
                        self.shared.flush_all()
                    };
                    self.end_transport(flushed.err());
                }
                Transport::Drop => self.end_transport(None),
            }
        }
        match self.receiver.ending().and_then(|ending| ending.error) {
            None => Ok(()),
            Some(ConnectionError::Disconnected) => Err(self
                .failure
                .as_ref()
                .map_or(ConnectionError::Disconnected.into(), |error| same(error).into())),
            Some(error) => Err(error.into()),
        }
    }

    /// Reads once without looking at it.
    fn discard_input(&mut self, until: (Deadline, Unwritten), deadline: Deadline) -> Result<(), Error> {
        if self.wait(until, deadline)? {
            let (line, inflow) = (&self.shared.line, &mut self.inflow);
            let result = self.buffer.fill(|into| line.read(inflow, into));
            let size = self.buffer.capacity();
            self.buffer.keep(0);
            self.after_read(result, size);
        }
        Ok(())
    }

    fn end_transport(&mut self, why: Option<io::Error>) {
        self.ended = true;
        self.failure = self.failure.take().or(why);
        self.shared.end();
    }

    #[cfg(test)]
    pub(crate) fn receiver_for_test(&mut self) -> &mut Receiver {
        &mut self.receiver
    }

    #[cfg(test)]
    pub(crate) fn prepare_for_test(&mut self) {
        self.prepare_to_wait();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl<'a> IntoIterator for &'a mut Reader {
    type Item = Result<Message, Error>;
    type IntoIter = Messages<'a>;

    fn into_iter(self) -> Messages<'a> {
        self.messages()
    }
}

/// What an event is to the application, if anything; of a part, as much as fits into `into` is copied there.
fn take_in(event: Event<'_>, into: &mut [u8], shared: &Shared) -> Option<Piece> {
    match event {
        Event::Chunk(part, data) => {
            let copied = data.len().min(into.len());
            into[..copied].copy_from_slice(&data[..copied]);
            Some(Piece::Part {
                kind: part.kind,
                first: part.first,
                last: part.last,
                copied,
                rest: Bytes::copy_from_slice(&data[copied..]),
            })
        }
        Event::Pong(payload) => {
            shared.note_pong(&payload);
            None
        }
        event => event.into_message().map(Piece::Message),
    }
}

/// The error once more: it is not `Clone`, and the end is told as often as it is asked for.
fn same(error: &io::Error) -> io::Error {
    error
        .raw_os_error()
        .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// How many hold what is shared if there are no clones: a reader and a writer.
const ALONE: usize = 2;
