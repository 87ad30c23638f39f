//! An open connection.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use ws_proto::{
    CloseCode, Compression, Config, Connection, DataKind, Delivery, Ending, Message, Prepared, Receiver, SendError,
};

use crate::error::Error;
use crate::goodbye::{patience, say_goodbye};
use crate::line::{Line, Shared, lock};
use crate::message_reader::MessageReader;
use crate::message_writer::MessageWriter;
use crate::pong::{Pong, Taps};
use crate::split::{Reader, Writer};
use crate::timer::{Timer, after};
use crate::turn::{After, Owner};
use crate::unread::Unread;
use crate::watch::Seat;

/// What a connection runs over: a `TcpStream`, a TLS stream, an in-memory pipe. Implemented for everything that fits.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> ByteStream for S {}

/// An open WebSocket connection, from [`accept`](crate::accept), [`connect`](crate::connect) or
/// [`from_raw`](Self::from_raw).
///
/// * **Receiving**: [`recv`](Self::recv), until it answers `None` or an error; then [`ending`](Self::ending) tells how
///   it ended.
/// * **Sending**: [`send`](Self::send); or [`feed`](Self::feed) any number of times and [`flush`](Self::flush) once.
/// * **Streaming**: [`recv_stream`](Self::recv_stream) and [`send_stream`](Self::send_stream), for messages that are
///   not to be held in memory.
/// * **Both at once**: [`split`](Self::split).
/// * **Closing**: [`close`](Self::close); or [`start_close`](Self::start_close), and go on receiving.
///
/// Pings are answered while any method receives; silence is noticed and deadlines are kept while any waits. A task that
/// holds a connection without calling any gets none of this: receive, at least in a `select!`.
///
/// All methods may be cancelled, in a `select!` say, without harm: nothing received is lost, and what is sent is
/// accepted whole or not at all.
///
/// Dropping it drops the transport at once, unless output or a closing handshake is under way: then what is queued
/// is still written, for at most [`Timeouts::linger`](crate::Timeouts::linger). To part in peace, close.
pub struct WebSocket<S: ByteStream> {
    pub(crate) receiver: Receiver,
    /// With it the sending half.
    pub(crate) line: Shared<S>,
    /// For waiting on a line that is shared.
    pub(crate) seat: Seat,
    pub(crate) unread: Unread,
    pub(crate) timer: Timer,
    config: Arc<Config>,
    protocol: Option<Box<str>>,
    /// How messages were asked for last.
    pub(crate) delivery: Delivery,
    /// Who wants to see pings and pongs.
    pub(crate) taps: Taps,
    /// Why reading failed, if it did.
    pub(crate) error: Option<io::Error>,
    /// Whether other tasks write too.
    pub(crate) shared: bool,
    /// Whether the method that runs has written or queued anything, and must hand the output back when it ends.
    pub(crate) touched: bool,
    #[cfg(feature = "futures")]
    pub(crate) outgoing: crate::stream_sink::Outgoing,
    /// Whether the end was told, or a first error: streams end with it.
    #[cfg(feature = "futures")]
    pub(crate) told: bool,
    /// Whether our direction of the transport has been shut down.
    pub(crate) shut: bool,
    /// Whether all is over, and the transport dropped.
    pub(crate) ended: bool,
}

impl<S: ByteStream> WebSocket<S> {
    /// A connection whose opening handshake was done elsewhere. `connection` is new, and `leftover` what was read
    /// behind the handshake. `config` is the one that the connection was made with.
    pub fn from_raw(
        stream: S,
        connection: Connection,
        config: impl Into<Arc<Config>>,
        leftover: impl Into<Vec<u8>>,
    ) -> Self {
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
        self.put(|line| line.sender.queue(&message, &mut line.outbox), After::Write)
            .await
    }

    /// Sends a message, and says whether to compress it. Without an agreement on compression nothing is compressed, and
    /// [`send`](Self::send) leaves the choice to the size. Otherwise as [`send`](Self::send).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_with(&mut self, message: impl Into<Message>, compression: Compression) -> Result<(), Error> {
        let message = message.into();
        self.put(
            |line| line.sender.queue_with(&message, compression, &mut line.outbox),
            After::Write,
        )
        .await
    }

    /// Sends a message that was framed before: for the same message to many peers. Otherwise as [`send`](Self::send).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.put(
            |line| line.sender.queue_prepared(message, &mut line.outbox),
            After::Write,
        )
        .await
    }

    /// Queues a message without writing it, unless the queue is full. It leaves with the next [`flush`](Self::flush)
    /// or [`send`](Self::send), or while [`recv`](Self::recv) waits.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.put(|line| line.sender.queue(&message, &mut line.outbox), After::Keep)
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

    /// Sends a ping with up to 125 bytes. The answer is a future of its own, that gives the round-trip time: await it
    /// while something receives, or drop it. As a mere sign of life pings are sent without being asked for, see
    /// [`Timeouts::ping_interval`](crate::Timeouts::ping_interval).
    ///
    /// ```no_run
    /// # async fn measure(mut ws: ws_tokio::WebSocket<tokio::net::TcpStream>) -> Result<(), ws_tokio::Error> {
    /// let pong = ws.ping(b"").await?;
    /// tokio::select! {
    ///     round_trip = pong => println!("{:?}", round_trip?),
    ///     message = ws.recv() => println!("{:?}", message?),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::ControlTooLong`].
    pub async fn ping(&mut self, payload: &[u8]) -> Result<Pong, Error> {
        self.put(|line| line.queue_ping(payload), After::Write).await
    }

    /// The next message from its first bytes on, to be read as it comes; `None` when the connection has been closed in
    /// peace.
    ///
    /// ```no_run
    /// # async fn save(mut ws: ws_tokio::WebSocket<tokio::net::TcpStream>) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut file = tokio::fs::File::create("upload").await?;
    /// while let Some(mut message) = ws.recv_stream().await? {
    ///     tokio::io::copy_buf(&mut message, &mut file).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv_stream(&mut self) -> Result<Option<MessageReader<'_, S>>, Error> {
        MessageReader::open(self).await
    }

    /// Begins a message that is sent as it is written. While it is, nothing is received, and no deadline kept but that a
    /// peer which takes nothing is given up: for both at once, [`split`](Self::split).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_stream(&mut self, kind: DataKind) -> Result<MessageWriter<'_, S>, Error> {
        self.hand_back();
        MessageWriter::open(&self.line, kind).await
    }

    /// Somebody else to send, from any task or thread, while the connection stays whole here. As with
    /// [`split`](Self::split), somebody must be receiving.
    pub fn writer(&mut self) -> Writer<S> {
        self.share();
        Writer::new(self.line.clone())
    }

    /// Separates receiving from sending, for two tasks or any number of them. Neither half needs anything from the
    /// other, or from you, for pongs and closes: the [`Reader`] does that while it receives.
    pub fn split(mut self) -> (Reader<S>, Writer<S>) {
        self.hand_back();
        self.share();
        let writer = Writer::new(self.line.clone());
        (Reader::new(self), writer)
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
        lock(&self.line).rouse(&self.line);
        Ok(())
    }

    /// How the connection ended, or is ending; `None` while it is simply open.
    pub fn ending(&self) -> Option<&Ending> {
        self.receiver.ending()
    }

    /// The subprotocol that was agreed on, if one was.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// The time between the last answered keepalive ping and its pong.
    pub fn round_trip(&self) -> Option<Duration> {
        self.receiver.round_trip()
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
        let (mut receiver, sender) = connection.split();
        receiver.set_delivery(Delivery::Messages);
        Self {
            receiver,
            line: Line::shared(stream, sender, &config),
            seat: Seat::default(),
            unread,
            timer: Timer::new(),
            config,
            protocol: protocol.map(String::into_boxed_str),
            delivery: Delivery::Messages,
            taps: Taps::default(),
            error: None,
            shared: false,
            touched: false,
            #[cfg(feature = "futures")]
            outgoing: Default::default(),
            #[cfg(feature = "futures")]
            told: false,
            shut: false,
            ended: false,
        }
    }

    /// Makes our Close owed, unless there is nobody to send it to any more.
    fn begin_close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        if self.ended {
            return Err(SendError::Closed);
        }
        let frame = lock(&self.line).sender.close(code, reason)?;
        self.receiver.handle_local_close(frame);
        Ok(())
    }
}

impl<S: ByteStream> Drop for WebSocket<S> {
    fn drop(&mut self) {
        self.tell_of_close();
        let mut line = lock(&self.line);
        line.transmit_last();
        // Where writing has failed there is nothing to be told, whatever is owed.
        let unfinished = line.check().is_ok() && (!line.is_flushed() || self.receiver.ending().is_some());
        let (Some(io), outbox) = line.end(self.receiver.ending()) else {
            return;
        };
        let runtime = line.runtime().filter(|_| unfinished).cloned();
        // Who is told may take the lock.
        drop(line);
        if let Some(runtime) = runtime {
            let patience = patience(&self.config);
            let parting = runtime.spawn(say_goodbye(io, outbox, after(patience), patience));
            self.taps.parting(parting);
        }
    }
}

impl<S: ByteStream> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("receiver", &self.receiver)
            .field("unread", &self.unread)
            .field("queued", &self.queued())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
