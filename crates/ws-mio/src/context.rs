//! What a client can do.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use ws_proto::{CloseCode, Compression, Connection, DataKind, Delivery, Ending, Message, Payload, Prepared, SendError};

use crate::io::Link;
use crate::{Client, ClientId};

/// A connection, as its [`Client`](crate::Client) sees it during a call.
///
/// What is sent leaves in one write at the end of the connection's turn, or earlier if it is much. The methods of
/// [`Link`] are here as well: the others, topics, timers, the listener.
pub struct Context<'a> {
    link: Link<'a>,
    /// None before the connection is open.
    connection: Option<&'a mut Connection>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// The handshake is not done.
    Opening,
    /// Messages can be sent and received.
    Open,
    /// We have closed, and messages may still come.
    Closing,
    /// Nothing more will come.
    Closed,
}

impl<'a> Context<'a> {
    pub(crate) fn new(link: Link<'a>, connection: Option<&'a mut Connection>) -> Self {
        Self { link, connection }
    }

    /// Sends a message. A small one is copied; a large one of a server goes to the socket as it is, and only what
    /// the socket does not take is copied.
    ///
    /// # Errors
    /// [`SendError::QueueFull`] while the peer is behind by [`output_high_water`](crate::Limits::output_high_water)
    /// bytes, [`SendError::Closed`] before the connection is open and once we have closed, [`SendError::FragmentOpen`];
    /// of a custom kind, what is wrong with it.
    #[inline]
    pub fn send<'p>(&mut self, message: impl Into<Payload<'p>>) -> Result<(), SendError> {
        let (link, connection) = self.parts()?;
        let message = message.into();
        if link.wire.flow.is_plain && message.as_bytes().len() >= WRITE_THROUGH_MIN {
            let header = connection.sender().header(message)?;
            link.write_through(&header, message.as_bytes());
            return Ok(());
        }
        connection.sender().message(message, link.out().buffer())
    }

    /// [`send`](Self::send) with a choice of compression for this message.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_with<'p>(
        &mut self,
        message: impl Into<Payload<'p>>,
        compression: Compression,
    ) -> Result<(), SendError> {
        let (link, connection) = self.parts()?;
        connection
            .sender()
            .message_with(message, compression, link.out().buffer())
    }

    /// [`send`](Self::send) for text.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_text(&mut self, text: &str) -> Result<(), SendError> {
        self.send(text)
    }

    /// [`send`](Self::send) for binary data.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        self.send(bytes)
    }

    /// Sends a message that owns its bytes: if it is large, they are shared rather than copied.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_message(&mut self, message: &Message) -> Result<(), SendError> {
        let (link, connection) = self.parts()?;
        connection.sender().queue(message, link.out())
    }

    /// Sends a message that was framed before: the cheapest way to send one message to many.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, message: &Prepared) -> Result<(), SendError> {
        let (link, connection) = self.parts()?;
        connection.sender().queue_prepared(message, link.out())
    }

    /// Sends a part of a message: the first call starts it, one with `last` ends it. No other message may be sent in
    /// between, and all parts must be of one kind. Text may be cut anywhere.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::InvalidUtf8`].
    pub fn send_fragment(&mut self, kind: DataKind, last: bool, bytes: &[u8]) -> Result<(), SendError> {
        let (link, connection) = self.parts()?;
        connection.sender().fragment(kind, last, bytes, link.out().buffer())
    }

    /// Sends a message to all clients but these; see [`Clients::send_all`](crate::Clients::send_all). This client is one of
    /// them unless it is excepted: for it the message keeps its place among those that it sends to its own peer.
    pub fn send_all<'p>(&mut self, message: impl Into<Payload<'p>>, except: &[ClientId]) {
        let message = Prepared::new(message);
        let id = self.id();
        let mut others = except.to_vec();
        if !except.contains(&id) && self.clients().contains(id) {
            // It fails if this client is closing, or behind; the others are not concerned.
            let _ = self.send_prepared(&message);
            others.push(id);
        }
        self.clients().send_all_prepared(&message, &others);
    }

    /// Sends a ping with up to 125 bytes.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::ControlTooLong`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        let (link, connection) = self.parts()?;
        connection.sender().ping(payload, link.out().buffer())
    }

    /// Sends a pong with up to 125 bytes: the answer to a ping if [`Replies::pong`](crate::Replies::pong) is off, or
    /// an unsolicited one.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::ControlTooLong`].
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        let (link, connection) = self.parts()?;
        connection.sender().pong(payload, link.out().buffer())
    }

    /// Starts the closing handshake. Nothing can be sent afterwards; messages still come until the peer's Close does,
    /// then [`close`](crate::Client::close) is called, after [`Timeouts::close`](crate::Timeouts::close) at the latest.
    ///
    /// # Errors
    /// [`SendError::Closed`] if we have closed before, or the connection is not open yet; [`SendError::Close`] if the code
    /// must not be sent or the reason is over 123 bytes.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        let connection = self.connection.as_mut().ok_or(SendError::Closed)?;
        connection.close(code, reason)
    }

    /// Chooses between whole messages and chunks, from the next message on.
    pub fn set_delivery(&mut self, delivery: Delivery) {
        if let Some(connection) = &mut self.connection {
            connection.set_delivery(delivery);
        }
    }

    /// How far the connection has come.
    pub fn state(&self) -> State {
        match &self.connection {
            None => State::Opening,
            Some(connection) if connection.is_finished() => State::Closed,
            Some(connection) if connection.ending().is_some() => State::Closing,
            Some(_) => State::Open,
        }
    }

    /// How the connection is ending; `None` while it is simply open, or opening.
    pub fn ending(&self) -> Option<&Ending> {
        self.connection.as_ref()?.ending()
    }

    /// The time between the last answered keepalive ping and its pong.
    pub fn round_trip(&self) -> Option<Duration> {
        self.connection.as_ref()?.round_trip()
    }

    /// Calls the last hook of a client that refuses its connection.
    pub(crate) fn close_unopened(&mut self, client: &mut impl Client) {
        let id = self.id();
        self.clients().unlist(id);
        client.close(self, CloseCode::ABNORMAL, "");
    }

    /// The link and the connection, if a message can be queued.
    #[inline]
    fn parts(&mut self) -> Result<(&mut Link<'a>, &mut Connection), SendError> {
        let connection = self.connection.as_mut().ok_or(SendError::Closed)?;
        if !self.link.has_room() {
            self.link.wire.flow.refused = true;
            return Err(SendError::QueueFull);
        }
        Ok((&mut self.link, connection))
    }
}

impl<'a> Deref for Context<'a> {
    type Target = Link<'a>;

    fn deref(&self) -> &Link<'a> {
        &self.link
    }
}

impl DerefMut for Context<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.link
    }
}

/// Shows who and how far: `Context(3.0, Open)`.
impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({}, {:?})", self.id(), self.state())
    }
}

/// From this length on a payload is written to the socket rather than copied to the shared output buffer: about where
/// the copy costs as much as the call that it might have saved.
const WRITE_THROUGH_MIN: usize = 32 * 1024;
