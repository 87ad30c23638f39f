//! An open connection, both halves in one hand.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ws_proto::extension::Agreed;
use ws_proto::{CloseCode, Compression, Config, Connection, DataKind, Delivery, Ending, Message, Prepared, Role};

use crate::deadline::Deadline;
use crate::input::ReadBuffer;
use crate::line::{Inflow, Line};
use crate::shared::Shared;
use crate::writer::ignore_closed;
use crate::{Error, Handle, MessageReader, MessageWriter, Messages, Reader, Stream, TcpOptions, Writer};

/// An open WebSocket connection over a TCP stream, a unix socket, or TLS.
///
/// Belongs to one thread, in which its calls block; a [`Handle`] ends it from another one, and [`split`](Self::split)
/// makes two of it. Pings are answered, keepalive pings sent and deadlines kept while [`recv`](Self::recv) waits, so a
/// thread that has nothing to send should be in there.
///
/// Messages come whole, whatever `Config::delivery` says, unless they are asked for piece by piece
/// ([`recv_reader`](Self::recv_reader)). Pings are not shown: with [`Replies::pong`](crate::Replies::pong) off they stay
/// unanswered.
///
/// Dropping it ends the transport at once, without a closing handshake: the peer sees an abnormal end, and messages
/// that were fed and not flushed are lost. [`close`](Self::close) first.
#[derive(Debug)]
pub struct WebSocket {
    reader: Reader,
    writer: Writer,
}

impl WebSocket {
    /// A connection whose opening handshake was done elsewhere. `leftover` is what was read behind the handshake.
    ///
    /// # Errors
    /// [`Error::Io`] if the socket can't be set up.
    pub fn from_raw(
        stream: impl Into<Stream>,
        role: Role,
        config: impl Into<Arc<Config>>,
        leftover: &[u8],
    ) -> Result<Self, Error> {
        let config = config.into();
        let connection = new_connection(role, &config);
        Self::from_connection(stream, connection, config, leftover)
    }

    /// As [`from_raw`](Self::from_raw), over a `connection` that is new and may have got
    /// [extensions](Connection::extend). `config` is the one that it was made with.
    ///
    /// # Errors
    /// As [`from_raw`](Self::from_raw).
    pub fn from_connection(
        stream: impl Into<Stream>,
        connection: Connection,
        config: impl Into<Arc<Config>>,
        leftover: &[u8],
    ) -> Result<Self, Error> {
        let stream = stream.into();
        stream.apply(&TcpOptions::default())?;
        let line = Arc::new(Line::plain(stream)?);
        let input = (Inflow::default(), ReadBuffer::new(leftover));
        Ok(Self::over(line, connection, config.into(), input, None))
    }

    pub(crate) fn open(
        line: Arc<Line>,
        role: Role,
        config: Arc<Config>,
        input: (Inflow, ReadBuffer),
        protocol: Option<String>,
        extensions: &Agreed,
    ) -> Self {
        let mut connection = new_connection(role, &config);
        connection.extend(extensions);
        Self::over(line, connection, config, input, protocol)
    }

    fn over(
        line: Arc<Line>,
        mut connection: Connection,
        config: Arc<Config>,
        (inflow, buffer): (Inflow, ReadBuffer),
        protocol: Option<String>,
    ) -> Self {
        connection.set_delivery(Delivery::Messages);
        let (receiver, sender) = connection.split();
        let shared = Arc::new(Shared::new(line, sender, Arc::clone(&config)));
        let writer = Writer {
            shared: Arc::clone(&shared),
            config: Arc::clone(&config),
        };
        Self {
            reader: Reader::new(receiver, shared, inflow, buffer, config, protocol),
            writer,
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.writer.shared
    }

    /// Makes two halves of it, for two threads: one receives, the other sends, and neither waits for the other.
    ///
    /// * The [`Reader`] goes on to answer pings, to keep the deadlines and to close, though nobody writes.
    /// * While a [`Writer`] waits because the peer does not read, the reader goes on reading; what it has to answer
    ///   leaves first when there is room again.
    /// * Dropping the reader ends the transport at once; dropping writers changes nothing.
    ///
    /// The same holds over TLS.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), ws_blocking::Error> {
    /// let (mut reader, writer) = ws_blocking::connect("ws://localhost:9001/")?.split();
    /// let receiving = std::thread::spawn(move || {
    ///     while let Some(message) = reader.recv()? {
    ///         println!("{message:?}");
    ///     }
    ///     Ok::<_, ws_blocking::Error>(reader)
    /// });
    /// writer.send("no matter what comes meanwhile")?;
    /// writer.close(ws_blocking::CloseCode::NORMAL, "")?;
    /// let reader = receiving.join().unwrap()?;
    /// let whole = ws_blocking::WebSocket::reunite(reader, writer).unwrap();
    /// assert!(whole.ending().unwrap().is_clean());
    /// # Ok(())
    /// # }
    /// ```
    pub fn split(self) -> (Reader, Writer) {
        let Self { mut reader, writer } = self;
        reader.alone = false;
        (reader, writer)
    }

    /// Joins two halves again. Other clones of the writer stay what they are.
    ///
    /// # Errors
    /// Gives both back if they are not of the same connection.
    pub fn reunite(mut reader: Reader, writer: Writer) -> Result<Self, Box<(Reader, Writer)>> {
        if !Arc::ptr_eq(&reader.shared, &writer.shared) {
            return Err(Box::new((reader, writer)));
        }
        reader.alone = true;
        Ok(Self { reader, writer })
    }

    /// Waits for a message. `None` means that the closing handshake is done and the transport has ended:
    /// [`ending`](Self::ending) tells the codes and who was first. After the end every call gives the same.
    ///
    /// Before it waits, what was [`feed`](Self::feed)ed is written as far as there is room, and the rest while it waits.
    /// If [`Replies::close`](crate::Replies::close) is off, `None` comes as soon as the peer's Close does: answer it with
    /// [`close`](Self::close).
    ///
    /// # Errors
    /// The connection ended otherwise: [`Error::Connection`] if the peer broke the protocol (it has been told), a
    /// deadline passed or the transport ended without a Close, [`Error::Io`] if it failed. Messages that came before are
    /// delivered first.
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.reader.recv()
    }

    /// As [`recv`](Self::recv), for so long at most.
    ///
    /// # Errors
    /// [`Error::NothingYet`] if nothing came in that time; the connection is as before. Those of `recv`.
    pub fn recv_timeout(&mut self, patience: Duration) -> Result<Option<Message>, Error> {
        self.reader.recv_timeout(patience)
    }

    /// As [`recv`](Self::recv), without waiting.
    ///
    /// # Errors
    /// [`Error::NothingYet`] if nothing has come; the connection is as before. Those of `recv`.
    pub fn try_recv(&mut self) -> Result<Option<Message>, Error> {
        self.reader.try_recv()
    }

    /// The messages that come, up to the end: as many calls of [`recv`](Self::recv). An error is the last item.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), ws_blocking::Error> {
    /// for message in ws_blocking::connect("ws://localhost:9001/")?.messages() {
    ///     println!("{:?}", message?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn messages(&mut self) -> Messages<'_> {
        self.reader.messages()
    }

    /// Waits for the beginning of a message, and gives it piece by piece, as it comes; `None` as in
    /// [`recv`](Self::recv).
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut ws = ws_blocking::connect("ws://localhost:9001/")?;
    /// if let Some(mut message) = ws.recv_reader()? {
    ///     std::io::copy(&mut message, &mut std::fs::File::create("message")?)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_reader(&mut self) -> Result<Option<MessageReader<'_>>, Error> {
        self.reader.recv_reader()
    }

    /// Whether input was read that [`recv`](Self::recv) has not looked at yet: if not, the next call is likely to wait.
    pub fn has_buffered_input(&self) -> bool {
        self.reader.has_buffered_input()
    }

    /// Sends a message, and all that was fed before it.
    ///
    /// Waits while the peer does not read. A peer must take 16 KiB, or what there is, each
    /// [`Timeouts::ping_timeout`](crate::Timeouts::ping_timeout); one that does not is given up: the transport ends,
    /// and this call fails with [`TimedOut`](io::ErrorKind::TimedOut). Note that two peers which both only send, and
    /// more than the system buffers, stop each other: [`split`](Self::split), and let another thread receive.
    ///
    /// # Errors
    /// [`Error::Send`] if we have closed; nothing was sent then. [`Error::Io`] if the transport failed.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.writer.send(message)
    }

    /// As [`send`](Self::send), saying whether the message is to be compressed, if that was agreed on.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_with(&mut self, message: impl Into<Message>, compression: Compression) -> Result<(), Error> {
        self.writer.send_with(message, compression)
    }

    /// Queues a message, to leave together with others: with the next [`flush`](Self::flush) or [`send`](Self::send),
    /// when [`recv`](Self::recv) has to wait for input, or when
    /// [`output_high_water`](crate::Limits::output_high_water) is reached. A loop of `recv` and `feed` thus answers
    /// all that came in one read with one write.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.writer.feed(message)
    }

    /// As [`feed`](Self::feed), for a message that was framed once for many connections.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn feed_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.writer.feed_prepared(message)
    }

    /// Writes what was queued. Waits as [`send`](Self::send) does.
    ///
    /// # Errors
    /// [`Error::Io`] if the transport failed.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush()
    }

    /// Begins a message that is written piece by piece, without being held in memory.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut ws = ws_blocking::connect("ws://localhost:9001/")?;
    /// let mut message = ws.send_writer(ws_blocking::DataKind::Binary)?;
    /// std::io::copy(&mut std::fs::File::open("message")?, &mut message)?;
    /// message.finish()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_writer(&mut self, kind: DataKind) -> Result<MessageWriter<'_>, Error> {
        self.writer.send_writer(kind)
    }

    /// Sends a ping of up to 125 bytes and does not wait for its pong, which is swallowed. Keepalive pings go by
    /// themselves.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::ControlTooLong`](crate::SendError::ControlTooLong).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.writer.ping(payload)
    }

    /// Sends a ping and waits for its pong; gives the time between. Messages that come before it are put by for
    /// [`recv`](Self::recv), up to [`output_high_water`](crate::Limits::output_high_water).
    ///
    /// # Errors
    /// [`Error::NothingYet`] if it does not come in time, or more comes before it than may be put by. Those of
    /// [`send`](Self::send).
    pub fn measure_round_trip(&mut self, patience: Duration) -> Result<Duration, Error> {
        let deadline = Deadline::after(Some(patience));
        let payload = rand::random();
        self.shared().start_ping(payload)?;
        self.reader.recv_pong(payload, deadline)
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
        ignore_closed(self.start_close(code, reason))?;
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
        self.writer.close(code, reason)
    }

    /// How the connection ended, or is ending; `None` while it is simply open.
    pub fn ending(&self) -> Option<&Ending> {
        self.reader.ending()
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.reader.protocol()
    }

    /// The time between the last answered keepalive ping and its pong.
    pub fn round_trip(&self) -> Option<Duration> {
        self.reader.round_trip()
    }

    /// Where the peer is.
    ///
    /// # Errors
    /// If the transport has ended, or is no TCP stream.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.reader.peer_addr()
    }

    /// A handle that ends this connection from another thread.
    pub fn handle(&self) -> Handle {
        self.writer.handle()
    }

    #[cfg(test)]
    pub(crate) fn reader_for_test(&mut self) -> &mut Reader {
        &mut self.reader
    }
}

impl<'a> IntoIterator for &'a mut WebSocket {
    type Item = Result<Message, Error>;
    type IntoIter = Messages<'a>;

    fn into_iter(self) -> Messages<'a> {
        self.messages()
    }
}

fn new_connection(role: Role, config: &Arc<Config>) -> Connection {
    match role {
        Role::Server => Connection::server(Arc::clone(config)),
        Role::Client => Connection::client(Arc::clone(config), rand::random),
    }
}
