//! What a handler can do.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use ws_proto::{CloseCode, Connection, DataKind, Delivery, Ending, Message, Outbox, Payload, Prepared, SendError};

use crate::flow::Flow;
use crate::output;
use crate::{ClientId, StopHandle};

/// A connection, as its handler sees it during a call.
///
/// What is sent leaves in one write at the end of the connection's turn, or earlier if it is much.
pub struct Context<'a> {
    pub(crate) id: ClientId,
    pub(crate) stream: &'a TcpStream,
    pub(crate) flow: &'a mut Flow,
    pub(crate) connection: &'a mut Connection,
    pub(crate) out: &'a mut Outbox,
    pub(crate) stop: &'a StopHandle,
}

impl Context<'_> {
    /// Sends a message. A small one is copied; a large one of a server goes to the socket as it is, and only what
    /// the socket does not take is copied.
    ///
    /// # Errors
    /// [`SendError::QueueFull`] while the peer is behind by [`output_high_water`](crate::Limits::output_high_water)
    /// bytes, [`SendError::Closed`] once we have closed, [`SendError::FragmentOpen`].
    #[inline]
    pub fn send<'p>(&mut self, message: impl Into<Payload<'p>>) -> Result<(), SendError> {
        self.check_room()?;
        let message = message.into();
        if self.flow.is_server && message.as_bytes().len() >= WRITE_THROUGH_MIN {
            let header = self.connection.sender().header(message)?;
            output::write_through(self.stream, self.flow, self.out, &header, message.as_bytes());
            return Ok(());
        }
        self.connection.sender().message(message, self.out.buffer())
    }

    /// Sends a message that owns its bytes: if it is large, they are shared rather than copied.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_message(&mut self, message: &Message) -> Result<(), SendError> {
        self.check_room()?;
        self.connection.sender().queue(message, self.out)
    }

    /// Sends a message that was framed before: the cheapest way to send one message to many.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, message: &Prepared) -> Result<(), SendError> {
        self.check_room()?;
        self.connection.sender().queue_prepared(message, self.out)
    }

    /// Sends a part of a message: the first call starts it, one with `last` ends it. No other message may be sent in
    /// between, and all parts must be of one kind. Text may be cut anywhere.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::InvalidUtf8`].
    pub fn send_fragment(&mut self, kind: DataKind, last: bool, bytes: &[u8]) -> Result<(), SendError> {
        self.check_room()?;
        self.connection.sender().fragment(kind, last, bytes, self.out.buffer())
    }

    /// Sends a ping with up to 125 bytes.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::ControlTooLong`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_room()?;
        self.connection.sender().ping(payload, self.out.buffer())
    }

    /// Sends a pong with up to 125 bytes: the answer to a ping if [`Replies::pong`](crate::Replies::pong) is off, or
    /// an unsolicited one.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::ControlTooLong`].
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_room()?;
        self.connection.sender().pong(payload, self.out.buffer())
    }

    /// Starts the closing handshake. Nothing can be sent afterwards; messages still come until the peer's Close does,
    /// then [`on_close`](crate::Handler::on_close) is called, after [`Timeouts::close`](crate::Timeouts::close) at the
    /// latest.
    ///
    /// # Errors
    /// [`SendError::Closed`] if we have closed before, [`SendError::Close`] if the code must not be sent or the reason
    /// is over 123 bytes.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.connection.close(code, reason)
    }

    /// Chooses between whole messages and chunks, from the next message on.
    pub fn set_delivery(&mut self, delivery: Delivery) {
        self.connection.set_delivery(delivery);
    }

    /// This connection's name, for [`Reactor::with`](crate::Reactor::with).
    pub fn id(&self) -> ClientId {
        self.id
    }

    /// The address at the other end. Asks the socket.
    ///
    /// # Errors
    /// The socket's, if the peer is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    /// Bytes waiting to be written to this peer.
    pub fn queued(&self) -> usize {
        self.out.len()
    }

    /// How the connection is ending; `None` while it is simply open.
    pub fn ending(&self) -> Option<&Ending> {
        self.connection.ending()
    }

    /// The time between the last answered keepalive ping and its pong.
    pub fn round_trip(&self) -> Option<Duration> {
        self.connection.round_trip()
    }

    /// Stops the whole reactor, at the end of this round or later: keep a clone to use it after this call.
    pub fn stop_handle(&self) -> &StopHandle {
        self.stop
    }

    /// Whether the queue has room for more, if need be after writing some of it.
    #[inline]
    pub(crate) fn has_room(&mut self) -> bool {
        output::has_room(self.stream, self.flow, self.out)
    }

    #[inline]
    fn check_room(&mut self) -> Result<(), SendError> {
        if self.has_room() {
            return Ok(());
        }
        self.flow.refused = true;
        Err(SendError::QueueFull)
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("id", &self.id)
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}

/// From this length on a payload is written to the socket rather than copied to the shared output buffer: about where
/// the copy costs as much as the call that it might have saved.
const WRITE_THROUGH_MIN: usize = 32 * 1024;
