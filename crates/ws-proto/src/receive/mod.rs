//! The receiving half: events in, replies owed, deadlines, the end.

mod inbound;
mod partial;
mod timers;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use ws_frame::utf8::Spare;
use ws_frame::{CloseFrame, ControlPayload, Rsv};

use self::inbound::Inbound;
use self::timers::{Due, Timers, Wait};
use crate::extension::Decoder;
use crate::{
    Config, ConnectionError, Delivery, Ending, Event, Input, Instant, Message, Payload, ProtocolError, Reply, Role,
    Sender, Side, Timeout, Transport,
};

/// The receiving half of a connection, for shells that read and write in different places. Everybody else uses
/// [`Connection`](crate::Connection), which joins both halves.
///
/// It shares nothing with the [`Sender`]. What it owes goes over by value: after every `next_event`,
/// `handle_direct` and `handle_timeout` (errors included) call [`take_reply`](Self::take_reply), and give the reply, if
/// there is one, to [`Sender::reply`]; after [`Sender::close`] call [`handle_local_close`](Self::handle_local_close).
/// Replies are rare, so a lock around the sender is hardly ever taken on behalf of receiving.
pub struct Receiver {
    config: Arc<Config>,
    inbound: Inbound,
    timers: Timers,
    reply: Option<Box<Reply>>,
    /// From the first Close or failure on.
    ending: Option<Box<Ending>>,
    eof: bool,
    dropped: bool,
}

impl Receiver {
    /// A half that has received nothing yet.
    pub fn new(role: Role, config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        Self {
            inbound: Inbound::new(role, config.delivery),
            config,
            timers: Timers::new(),
            reply: None,
            ending: None,
            eof: false,
            dropped: false,
        }
    }

    /// Takes bytes off the input up to the end of the next event. `None` means that all bytes are taken: read more.
    ///
    /// # Errors
    /// The peer broke the protocol, or the connection had failed before. The error lasts: every later call returns
    /// it and ignores its input. Events that came before it have been delivered.
    #[inline]
    pub fn next_event<'i>(&mut self, input: &mut Input<'i>) -> Result<Option<Event<'i>>, ConnectionError> {
        match self.next_whole(input) {
            Some(Payload::Text(text)) => Ok(Some(Event::Text(Cow::Borrowed(text)))),
            Some(Payload::Binary(bytes)) => Ok(Some(Event::Binary(Cow::Borrowed(bytes)))),
            Some(Payload::Custom(kind, bytes)) => Ok(Some(Event::Custom(kind, Cow::Borrowed(bytes)))),
            None => self.next_of_any_kind(input),
        }
    }

    /// A message that lies whole in the input, as most do, for those who will keep it: it is unmasked on its way to
    /// memory of its own, in one pass. `None` says nothing but that [`next_event`](Self::next_event) knows what is next.
    #[inline]
    pub fn next_message(&mut self, input: &mut Input<'_>) -> Option<Message> {
        if self.ending.is_some() {
            return None;
        }
        let message = self.inbound.whole_message_copied(&self.config, input)?;
        self.timers.heard();
        self.timers.heard_data();
        Some(message)
    }

    /// The common case, apart from the others and with a small result, so that an event is built where it is used.
    #[inline]
    pub(crate) fn next_whole<'i>(&mut self, input: &mut Input<'i>) -> Option<Payload<'i>> {
        if self.ending.is_some() {
            return None;
        }
        let payload = self.inbound.whole_message(&self.config, input)?;
        self.timers.heard();
        self.timers.heard_data();
        Some(payload)
    }

    pub(crate) fn next_of_any_kind<'i>(&mut self, input: &mut Input<'i>) -> Result<Option<Event<'i>>, ConnectionError> {
        if let Some(error) = self.failure() {
            input.clear();
            return Err(error);
        }
        if input.is_empty() && !self.inbound.has_failed() {
            return Ok(None);
        }
        self.timers.heard();
        match self.inbound.next_event(&self.config, input) {
            Ok(Some(event)) => {
                match &event {
                    Event::Text(_) | Event::Binary(_) | Event::Chunk(..) => self.timers.heard_data(),
                    Event::Ping(payload) => self.ping_came(payload),
                    Event::Pong(payload) => self.timers.heard_pong(payload),
                    Event::Custom(kind, _) if kind.is_control() => {}
                    Event::Custom(..) => self.timers.heard_data(),
                    Event::Close(frame) => self.close_came(**frame),
                }
                Ok(Some(event))
            }
            Ok(None) => {
                // Most of a long message comes without an event.
                if self.inbound.message_in_progress().is_some() {
                    self.timers.heard_data();
                }
                Ok(None)
            }
            Err(error) => Err(self.fail_protocol(error)),
        }
    }

    /// A buffer of the message in progress that the transport may read into directly, if at least 4 KiB of the
    /// current frame are missing. Fill it from the front, then call [`handle_direct`](Self::handle_direct) with
    /// the number of bytes before anything else.
    pub fn direct_window(&mut self) -> Option<&mut [u8]> {
        if self.failure().is_some() {
            return None;
        }
        self.inbound.direct_window()
    }

    /// The same room as a [`BufMut`](bytes::BufMut), for transports that read into memory that is not initialised: it is
    /// not zeroed before.
    pub fn direct_buf(&mut self) -> Option<Spare<'_>> {
        if self.failure().is_some() {
            return None;
        }
        self.inbound.direct_buf()
    }

    /// Takes over `count` bytes that were read into the window. Zero changes nothing.
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event).
    ///
    /// # Panics
    /// If `count` is more than the window was long, or than was written to the `direct_buf`.
    pub fn handle_direct(&mut self, count: usize) -> Result<Option<Event<'static>>, ConnectionError> {
        if count == 0 {
            return Ok(None);
        }
        if let Some(error) = self.failure() {
            return Err(error);
        }
        self.timers.heard();
        self.timers.heard_data();
        self.inbound
            .handle_direct(count)
            .map_err(|error| self.fail_protocol(error))
    }

    /// The transport ended: the peer will send nothing more. Take all events from what was read before, since an end
    /// that is an error drops what is left.
    ///
    /// # Errors
    /// [`ConnectionError::Disconnected`] if no Close and no failure came before.
    pub fn handle_eof(&mut self) -> Result<(), ConnectionError> {
        if self.eof {
            return Ok(());
        }
        self.eof = true;
        self.timers.begin_ending(Wait::Linger);
        let ending = self.ending.get_or_insert_default();
        if ending.received.is_some() || ending.error.is_some() {
            return Ok(());
        }
        ending.error = Some(ConnectionError::Disconnected);
        Err(ConnectionError::Disconnected)
    }

    /// Tells the time. Call it once at the start, and when [`poll_timeout`](Self::poll_timeout) is due.
    ///
    /// # Errors
    /// A deadline has passed and the connection has failed.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), ConnectionError> {
        let message = self.inbound.message_in_progress();
        match self.timers.handle(now, &self.config.timeouts, message) {
            None => Ok(()),
            Some(Due::Ping(payload)) => {
                self.reply = ControlPayload::new(&payload)
                    .ok()
                    .map(|payload| Box::new(Reply::Ping(payload)));
                Ok(())
            }
            Some(Due::Lingered) => {
                self.dropped = true;
                Ok(())
            }
            Some(Due::Failed(timeout)) => Err(self.fail_timeout(timeout)),
        }
    }

    /// A transport that could take no more output has taken some: as good a sign of life as a received byte, and a
    /// reason to go on waiting for an ending connection.
    pub fn handle_progress(&mut self) {
        self.timers.progressed();
    }

    /// When [`handle_timeout`](Self::handle_timeout) should be called; a time that has passed means now, `None`
    /// never. Changes with every other call.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.dropped {
            return None;
        }
        self.timers
            .next(&self.config.timeouts, self.inbound.message_in_progress())
    }

    /// What the other half must send because of the last call.
    #[inline]
    pub fn take_reply(&mut self) -> Option<Reply> {
        self.reply.take().map(|reply| *reply)
    }

    /// The other half was told to close, and answered with this frame. What it owed since, it has not sent.
    pub fn handle_local_close(&mut self, frame: CloseFrame) {
        let ending = self.ending.get_or_insert_default();
        ending.sent = Some(frame);
        ending.first.get_or_insert(Side::Local);
        let wait = if ending.received.is_some() || ending.error.is_some() {
            Wait::Linger
        } else {
            Wait::Close
        };
        self.timers.begin_ending(wait);
    }

    /// What must be done with the transport, given the other half.
    pub fn transport(&self, sender: &Sender) -> Transport {
        let Some(ending) = &self.ending else {
            return Transport::KeepOpen;
        };
        if self.dropped {
            return Transport::Drop;
        }
        if self.eof || ending.error == Some(ConnectionError::Timeout(Timeout::Ping)) {
            return Transport::FlushThenClose;
        }
        if !sender.has_written_close() {
            return Transport::KeepOpen;
        }
        match (ending.error, ending.received, self.inbound.role()) {
            (Some(_), _, _) | (None, Some(_), Role::Server) => Transport::HalfClose,
            (None, Some(_), Role::Client) => Transport::AwaitEof,
            (None, None, _) => Transport::KeepOpen,
        }
    }

    /// How the connection ended, or is ending; `None` while it is simply open.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_deref()
    }

    /// Whether nothing more will be delivered: the peer's Close came, or the connection failed or ended.
    pub fn is_finished(&self) -> bool {
        self.ending
            .as_ref()
            .is_some_and(|ending| ending.received.is_some() || ending.error.is_some())
    }

    /// The time between the last answered keepalive ping and its pong.
    pub fn round_trip(&self) -> Option<Duration> {
        self.timers.round_trip()
    }

    pub(crate) fn extend(&mut self, decoder: Box<dyn Decoder>, bits: Rsv) {
        self.inbound.extend(decoder, bits);
    }

    pub(crate) fn role(&self) -> Role {
        self.inbound.role()
    }

    /// Chooses between whole messages and chunks, from the next message on.
    pub fn set_delivery(&mut self, delivery: Delivery) {
        self.inbound.set_delivery(delivery);
    }

    fn ping_came(&mut self, payload: &[u8]) {
        if self.config.replies.pong {
            self.reply = ControlPayload::new(payload)
                .ok()
                .map(|payload| Box::new(Reply::Pong(payload)));
        }
    }

    fn close_came(&mut self, frame: CloseFrame) {
        let ending = self.ending.get_or_insert_default();
        ending.received = Some(frame);
        ending.first.get_or_insert(Side::Peer);
        if ending.sent.is_some() {
            self.timers.begin_ending(Wait::Linger);
            return;
        }
        if !self.config.replies.close {
            self.timers.begin_ending(Wait::Close);
            return;
        }
        // The code is the answer; a reason would only repeat the peer's own words.
        let answer = frame
            .code()
            .and_then(|code| CloseFrame::new(code, "").ok())
            .unwrap_or(CloseFrame::EMPTY);
        ending.sent = Some(answer);
        self.reply = Some(Box::new(Reply::Close(answer)));
        self.timers.begin_ending(Wait::Linger);
    }

    #[cold]
    fn fail_protocol(&mut self, error: ProtocolError) -> ConnectionError {
        let frame = CloseFrame::truncated(error.close_code(), error.reason());
        self.fail(error.into(), frame.ok())
    }

    #[cold]
    fn fail_timeout(&mut self, timeout: Timeout) -> ConnectionError {
        if timeout == Timeout::Close {
            self.dropped = true;
        }
        let frame = timeout
            .close_code()
            .and_then(|(code, reason)| CloseFrame::truncated(code, reason).ok());
        self.fail(timeout.into(), frame)
    }

    fn fail(&mut self, error: ConnectionError, frame: Option<CloseFrame>) -> ConnectionError {
        let ending = self.ending.get_or_insert_default();
        ending.error = Some(error);
        // The connection may linger on.
        self.inbound.drop_unfinished();
        self.timers.begin_ending(Wait::Linger);
        if ending.sent.is_none() {
            ending.sent = frame;
            ending.first = ending.first.or(frame.map(|_| Side::Local));
            self.reply = frame.map(|frame| Box::new(Reply::Close(frame)));
        }
        error
    }

    fn failure(&self) -> Option<ConnectionError> {
        self.ending.as_ref().and_then(|ending| ending.error)
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("ending", &self.ending)
            .field("eof", &self.eof)
            .finish_non_exhaustive()
    }
}
