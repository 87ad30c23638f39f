//! Both halves of a connection as one value.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ws_frame::CloseCode;
use ws_frame::utf8::Spare;

use crate::extension::Agreed;
use crate::{
    Config, ConnectionError, Delivery, Ending, Event, Input, Instant, MaskSource, Message, Outbox, Payload, Receiver,
    Role, SendError, Sender, Transport,
};

/// A WebSocket connection without its transport (RFC 6455 §5 to §7).
///
/// It is open from birth: who has done the opening handshake elsewhere, or does without one, starts here. It does no
/// I/O, reads no clock and draws no randomness.
///
/// # The protocol of using it
/// * **Bytes in**: wrap what you read in an [`Input`] and call [`next_event`](Self::next_event) until it answers
///   `None`. Payloads are borrowed from your buffer. Tell the end of the transport with
///   [`handle_eof`](Self::handle_eof).
/// * **Messages out**: [`sender`](Self::sender) appends frames to your buffer or [`Outbox`];
///   [`close`](Self::close) starts the closing handshake.
/// * **Replies out**: call [`poll_transmit`](Self::poll_transmit) after every event, every `close` and every
///   `handle_timeout`.
/// * **Time**: call [`handle_timeout`](Self::handle_timeout) once at the start and whenever
///   [`poll_timeout`](Self::poll_timeout) is due; ask the latter after each round, it moves.
/// * **Transport**: do what [`transport`](Self::transport) says after each round.
///
/// ```
/// use ws_proto::{Config, Connection, Event, Input};
///
/// let mut server = Connection::server(Config::default());
/// let mut client = Connection::client(Config::default(), || *b"mask");
/// let mut wire = Vec::new();
/// client.sender().message("Hello", &mut wire)?;
///
/// let mut answer = Vec::new();
/// let mut input = Input::new(&mut wire);
/// while let Some(event) = server.next_event(&mut input)? {
///     if let Event::Text(text) = event {
///         server.sender().message(&*text, &mut answer)?;
///     }
///     server.poll_transmit(&mut answer);
/// }
/// assert_eq!(answer, *b"\x81\x05Hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    receiver: Receiver,
    sender: Sender,
}

impl Connection {
    /// The server's side of a connection.
    pub fn server(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        Self {
            sender: Sender::server(&config),
            receiver: Receiver::new(Role::Server, config),
        }
    }

    /// The client's side of a connection, with a source of masks.
    pub fn client(config: impl Into<Arc<Config>>, masks: impl MaskSource + 'static) -> Self {
        let config = config.into();
        Self {
            sender: Sender::client(&config, masks),
            receiver: Receiver::new(Role::Client, config),
        }
    }

    /// Puts the extensions to work that the handshake has agreed on. Call it before anything is received or sent; an
    /// extension of the last call takes the place of those before.
    pub fn extend(&mut self, agreed: &Agreed) {
        if let Some(codec) = agreed.start(self.receiver.role()) {
            self.receiver.extend(codec.decoder, agreed.bits());
            self.sender.extend(codec.encoder, agreed.bits());
        }
    }

    /// Takes bytes off the input up to the end of the next event. `None` means that all bytes are taken: read more.
    ///
    /// # Errors
    /// The peer broke the protocol, or the connection had failed before. The error lasts; the Close that tells the
    /// peer is owed. Events that came before it have been delivered.
    #[inline]
    pub fn next_event<'i>(&mut self, input: &mut Input<'i>) -> Result<Option<Event<'i>>, ConnectionError> {
        // As in `Receiver::next_event`; a message in one frame owes no reply.
        match self.receiver.next_whole(input) {
            Some(Payload::Text(text)) => Ok(Some(Event::Text(Cow::Borrowed(text)))),
            Some(Payload::Binary(bytes)) => Ok(Some(Event::Binary(Cow::Borrowed(bytes)))),
            Some(Payload::Custom(kind, bytes)) => Ok(Some(Event::Custom(kind, Cow::Borrowed(bytes)))),
            None => {
                let event = self.receiver.next_of_any_kind(input);
                self.pass_reply();
                event
            }
        }
    }

    /// A message that lies whole in the input, for those who will keep it; see [`Receiver::next_message`].
    #[inline]
    pub fn next_message(&mut self, input: &mut Input<'_>) -> Option<Message> {
        self.receiver.next_message(input)
    }

    /// A buffer of the message in progress that the transport may read into directly, if at least 4 KiB of the
    /// current frame are missing: it saves a copy. Fill it from the front, then call
    /// [`handle_direct`](Self::handle_direct) before anything else. Only while no input is left unread.
    pub fn direct_window(&mut self) -> Option<&mut [u8]> {
        self.receiver.direct_window()
    }

    /// The same room as a [`BufMut`](bytes::BufMut), for transports that read into memory that is not initialised: it is
    /// not zeroed before. Only while no input is left unread.
    pub fn direct_buf(&mut self) -> Option<Spare<'_>> {
        self.receiver.direct_buf()
    }

    /// Takes over `count` bytes that were read into the window. Zero changes nothing.
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event).
    ///
    /// # Panics
    /// If `count` is more than the window was long, or than was written to the `direct_buf`.
    pub fn handle_direct(&mut self, count: usize) -> Result<Option<Event<'static>>, ConnectionError> {
        let event = self.receiver.handle_direct(count);
        self.pass_reply();
        event
    }

    /// The transport ended: the peer will send nothing more. Take all events from what was read before, since an end
    /// that is an error drops what is left.
    ///
    /// # Errors
    /// [`ConnectionError::Disconnected`] if no Close and no failure came before.
    pub fn handle_eof(&mut self) -> Result<(), ConnectionError> {
        self.receiver.handle_eof()
    }

    /// Tells the time.
    ///
    /// # Errors
    /// A deadline has passed and the connection has failed; the Close that tells the peer is owed.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), ConnectionError> {
        let result = self.receiver.handle_timeout(now);
        self.pass_reply();
        result
    }

    /// A transport that could take no more output has taken some: the peer reads, however slowly. That counts as a
    /// sign of life, as a received byte does, so that a peer is not given up while it takes in a long message; and the
    /// waits of an ending connection start anew, so that what was queued before a Close arrives.
    pub fn handle_progress(&mut self) {
        self.receiver.handle_progress();
    }

    /// When [`handle_timeout`](Self::handle_timeout) should be called; a time that has passed means now, `None` never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.receiver.poll_timeout()
    }

    /// Appends what the protocol owes: a pong, a keepalive ping, the Close. Returns whether anything was.
    ///
    /// Leave it while your output is over its bound, and call it again once that has been written: what is owed waits in
    /// fixed slots.
    #[inline]
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        if !self.sender.owes() {
            return false;
        }
        self.note_close();
        self.sender.poll_transmit(out)
    }

    /// [`poll_transmit`](Self::poll_transmit) onto a queue, unless the queue is full.
    #[inline]
    pub fn poll_outbox(&mut self, outbox: &mut Outbox) -> bool {
        self.sender.owes() && !outbox.is_full() && self.poll_transmit(outbox.buffer())
    }

    /// The sending half: messages, fragments, pings.
    #[inline]
    pub fn sender(&mut self) -> &mut Sender {
        &mut self.sender
    }

    /// Starts the closing handshake, or answers the peer's Close if [`Replies::close`](crate::Replies::close) is off.
    /// Messages that the peer sent before its Close are still delivered.
    ///
    /// # Errors
    /// [`SendError::Closed`] if we have closed before, [`SendError::Close`] if the code must not be sent or the
    /// reason is over 123 bytes.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        let frame = self.sender.close(code, reason)?;
        self.receiver.handle_local_close(frame);
        Ok(())
    }

    /// Tells the receiving half of a Close that the sending one was asked for by itself.
    fn note_close(&mut self) {
        let is_known = self.receiver.ending().is_some_and(|ending| ending.sent.is_some());
        if let Some(frame) = self.sender.owed_close().filter(|_| !is_known) {
            self.receiver.handle_local_close(frame);
        }
    }

    /// What must be done with the transport.
    pub fn transport(&self) -> Transport {
        self.receiver.transport(&self.sender)
    }

    /// How the connection ended, or is ending; `None` while it is simply open.
    pub fn ending(&self) -> Option<&Ending> {
        self.receiver.ending()
    }

    /// Whether no more events will come: the peer's Close came, or the connection failed or ended.
    pub fn is_finished(&self) -> bool {
        self.receiver.is_finished()
    }

    /// The time between the last answered keepalive ping and its pong.
    pub fn round_trip(&self) -> Option<Duration> {
        self.receiver.round_trip()
    }

    /// Chooses between whole messages and chunks; see [`Receiver::set_delivery`].
    pub fn set_delivery(&mut self, delivery: Delivery) {
        self.receiver.set_delivery(delivery);
    }

    /// Separates the halves, for shells that read and write in different places.
    pub fn split(self) -> (Receiver, Sender) {
        (self.receiver, self.sender)
    }

    /// Joins two halves that belong together.
    pub fn join(receiver: Receiver, sender: Sender) -> Self {
        Self { receiver, sender }
    }

    #[inline]
    fn pass_reply(&mut self) {
        if let Some(reply) = self.receiver.take_reply() {
            self.sender.reply(reply);
        }
    }
}
