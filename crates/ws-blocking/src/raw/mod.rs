//! The same server and client over plain bytes: no WebSocket, no handshake, no framing, no TLS.
//!
//! What one side sends in two calls may come in one message or in three. An empty message never comes: it would be the
//! end, which is noticed at once. Pauses, limits, callbacks, inbox, errors and reconnecting are those of
//! [`hub`] and [`client`].
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ws_blocking::raw;
//!
//! let server = raw::Server::bind("127.0.0.1:0")?.recv_buffer(2048).hub().start()?;
//! let client = raw::connect(server.running().local_addr()?)?;
//! client.send("Test")?;
//! let ws_blocking::hub::Event::Connected(_) = server.next_event(None).unwrap() else { panic!() };
//! let ws_blocking::hub::Event::Received(received) = server.next_event(None).unwrap() else { panic!() };
//! received.peer.send(received.message)?;
//! assert_eq!(client.recv()?.as_deref(), Some(&b"Test"[..]));
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use ws_proto::SendError;

use crate::client::{self, Client};
use crate::deadline::Deadline;
use crate::hub::{self, Half, Opened, Wire};
use crate::line::{Inflow, Line};
use crate::outgoing::Outgoing;
use crate::server::Slot;
use crate::socket::{Interest, would_block};
use crate::{Error, Interrupter, OverLimit, Running, Stream, TcpOptions, Threads};

/// Plain bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bytes;

impl Wire for Bytes {}

/// A listening socket whose clients send and get plain bytes.
#[derive(Debug)]
pub struct Server {
    server: crate::Server,
    recv_buffer: usize,
}

impl Server {
    /// Listens on an address; up to [`DEFAULT_BACKLOG`] clients wait to be accepted.
    ///
    /// # Errors
    /// What the system says.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::bind_with_backlog(address, DEFAULT_BACKLOG)
    }

    /// As [`bind`](Self::bind), saying how many may wait.
    ///
    /// # Errors
    /// What the system says.
    pub fn bind_with_backlog(address: impl ToSocketAddrs, backlog: u32) -> io::Result<Self> {
        Ok(crate::Server::bind_with_backlog(address, backlog)?.into())
    }

    /// Serves a socket that listens already.
    ///
    /// # Errors
    /// If the system has no descriptors to give.
    pub fn from_listener(listener: TcpListener) -> io::Result<Self> {
        Ok(crate::Server::from_listener(listener)?.into())
    }

    /// How many bytes one message holds at most. Default [`DEFAULT_RECV_BUFFER`].
    #[must_use]
    pub fn recv_buffer(mut self, bytes: usize) -> Self {
        self.recv_buffer = bytes.max(1);
        self
    }

    /// As [`Server::max_connections`](crate::Server::max_connections).
    #[must_use]
    pub fn max_connections(mut self, count: usize) -> Self {
        self.server = self.server.max_connections(count);
        self
    }

    /// As [`Server::over_limit`](crate::Server::over_limit); who is refused finds the connection ended.
    #[must_use]
    pub fn over_limit(mut self, policy: OverLimit) -> Self {
        self.server = self.server.over_limit(policy);
        self
    }

    /// As [`Server::threads`](crate::Server::threads).
    #[must_use]
    pub fn threads(mut self, threads: Threads) -> Self {
        self.server = self.server.threads(threads);
        self
    }

    /// As [`Server::tcp`](crate::Server::tcp).
    #[must_use]
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.server = self.server.tcp(options);
        self
    }

    /// As [`Server::stop_timeout`](crate::Server::stop_timeout).
    #[must_use]
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.server = self.server.stop_timeout(timeout);
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.server.local_addr()
    }

    /// Serves with callbacks, or with an inbox.
    pub fn hub(self) -> hub::Builder<Bytes> {
        let recv_buffer = self.recv_buffer;
        hub::Builder::new(self.server.refuse_silently(), move |entry, _| {
            Ok(open(Arc::clone(&entry.line), recv_buffer, Some(&entry.slot)))
        })
    }

    /// Serves with a handler that owns the connection, in a thread of its own; dropping the reader ends it.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use ws_blocking::raw;
    ///
    /// let server = raw::Server::bind("127.0.0.1:0")?.start(|mut reader, writer| {
    ///     while let Ok(Some(bytes)) = reader.recv() {
    ///         let _ = writer.send(bytes);
    ///     }
    /// })?;
    /// let client = raw::connect(server.local_addr()?)?;
    /// client.send("Test")?;
    /// assert_eq!(client.recv()?.as_deref(), Some(&b"Test"[..]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Server::start`](crate::Server::start).
    pub fn start(self, handler: impl Fn(Reader, Writer) + Send + Sync + 'static) -> io::Result<Running> {
        let recv_buffer = self.recv_buffer;
        self.server.refuse_silently().start_with(move |entry| {
            let (reader, writer) = open(Arc::clone(&entry.line), recv_buffer, Some(&entry.slot));
            handler(reader, writer);
        })
    }
}

/// One that speaks TLS can't be started: [`InvalidInput`](io::ErrorKind::InvalidInput) is what
/// [`start`](Server::start) and [`Builder::start`](hub::Builder::start) say then.
impl From<crate::Server> for Server {
    fn from(server: crate::Server) -> Self {
        Self {
            server,
            recv_buffer: DEFAULT_RECV_BUFFER,
        }
    }
}

/// Connects, with the defaults of [`builder`].
///
/// # Errors
/// [`Error::Io`] if no address can be reached.
pub fn connect(address: impl ToSocketAddrs) -> Result<Client<Bytes>, Error> {
    builder(address, DEFAULT_RECV_BUFFER)?.connect()
}

/// A client for one address, whose messages hold so many bytes at most.
///
/// # Errors
/// [`Error::Io`] if the address can't be resolved.
pub fn builder(address: impl ToSocketAddrs, recv_buffer: usize) -> Result<client::Builder<Bytes>, Error> {
    let addresses: Vec<_> = address.to_socket_addrs()?.collect();
    let target = addresses.first().map_or(String::new(), SocketAddr::to_string);
    Ok(client::Builder::new(target, move || {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in &addresses {
            let line = TcpStream::connect_timeout(address, CONNECT_TIMEOUT).and_then(|stream| {
                TcpOptions::default().apply(&stream)?;
                Line::plain(Stream::from(stream))
            });
            match line {
                Ok(line) => return Ok(open(Arc::new(line), recv_buffer.max(1), None)),
                Err(error) => failure = error,
            }
        }
        Err(failure.into())
    }))
}

/// The reading half of a plain connection.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    inflow: Inflow,
    buffer: Vec<u8>,
    interrupter: Option<Interrupter>,
}

/// The writing half of a plain connection. Clones write to the same one; each message leaves whole.
#[derive(Clone, Debug)]
pub struct Writer(Arc<Shared>);

/// A hold of a writing half that does not keep the connection.
#[derive(Clone, Debug)]
pub struct WeakWriter(Weak<Shared>);

struct Shared {
    line: Arc<Line>,
    /// Held while writing, which nobody but writers waits for.
    outgoing: Mutex<Outgoing>,
    /// Until when the other side may still send, once we have closed.
    closed: OnceLock<Deadline>,
}

fn open(line: Arc<Line>, recv_buffer: usize, slot: Option<&Slot>) -> Opened<Bytes> {
    let shared = Arc::new(Shared {
        line,
        outgoing: Mutex::default(),
        closed: OnceLock::new(),
    });
    if let Some(slot) = slot {
        let weak = Arc::downgrade(&shared);
        slot.opened_with(move || {
            if let Some(shared) = weak.upgrade() {
                shared.close();
            }
        });
    }
    let reader = Reader {
        shared: Arc::clone(&shared),
        inflow: Inflow::default(),
        buffer: vec![0; recv_buffer],
        interrupter: None,
    };
    (reader, Writer(shared))
}

impl Reader {
    /// Waits for bytes, as many as there are up to the size of the buffer; `None` is the proper end. Once we have
    /// [closed](Writer::close), what still comes is not shown, and the end is told when the other side has ended as well, or
    /// two seconds later.
    ///
    /// # Errors
    /// [`Error::Io`] if the transport failed.
    pub fn recv(&mut self) -> Result<Option<ws_proto::Bytes>, Error> {
        self.recv_by(Deadline::NEVER)
    }

    /// As [`recv`](Self::recv), for so long at most.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and [`Error::NothingYet`]; the connection is as before then.
    pub fn recv_timeout(&mut self, patience: Duration) -> Result<Option<ws_proto::Bytes>, Error> {
        self.recv_by(Deadline::after(Some(patience)))
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

    fn recv_by(&mut self, deadline: Deadline) -> Result<Option<ws_proto::Bytes>, Error> {
        loop {
            let read = self.shared.line.read(&mut self.inflow, &mut self.buffer);
            // Looked at after reading, since nothing that came after a close is shown.
            let closed = self.shared.closed.get().copied();
            match read {
                Ok(0) => return Ok(None),
                // A peer that goes on sending is not read for ever.
                Ok(_) | Err(_) if closed.is_some_and(Deadline::has_passed) => return Ok(None),
                Ok(_) if closed.is_some() => match deadline.has_passed() {
                    true => return Err(Error::NothingYet),
                    false => continue,
                },
                Ok(count) => return Ok(Some(ws_proto::Bytes::copy_from_slice(&self.buffer[..count]))),
                Err(error) if would_block(&error) => {}
                // Who has closed has heard of the end.
                Err(_) if closed.is_some() => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            // A thread that waits can't be told of another's close, so it looks for one now and then.
            let look = closed.unwrap_or_else(|| Deadline::after(Some(LINGER)));
            let until = look.min(deadline);
            let ready = match &self.interrupter {
                None => self.shared.line.wait(Interest::READABLE, until)?,
                Some(interrupter) => {
                    let ready = self
                        .shared
                        .line
                        .socket
                        .wait_or(Interest::READABLE, until, interrupter)?;
                    if interrupter.take() {
                        return Err(Error::NothingYet);
                    }
                    ready
                }
            };
            if !ready && deadline.has_passed() {
                return Err(Error::NothingYet);
            }
        }
    }
}

impl Writer {
    /// Sends all of the bytes. A peer that takes less than 16 KiB of them in 20 seconds, or less than the rest, is given
    /// up: the transport ends.
    ///
    /// # Errors
    /// [`Error::Send`] if the connection has been closed from here, [`Error::Io`] if the transport failed.
    pub fn send(&self, bytes: impl Into<ws_proto::Bytes>) -> Result<(), Error> {
        self.0.send(&bytes.into())
    }

    /// Ends the sending direction, and soon the other one. What has been sent arrives; what another thread is still sending
    /// is cut. That it arrives needs a [`Reader`] that goes on to receive up to the end: one that is dropped before ends
    /// the transport, and with it what is under way.
    pub fn close(&self) {
        self.0.close();
    }

    /// Where the other side is.
    ///
    /// # Errors
    /// If the transport has ended.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.line.socket.peer_addr()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.line.shutdown();
    }
}

impl Shared {
    fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.closed.get().is_some() {
            return Err(SendError::Closed.into());
        }
        outgoing.batch.replies.extend_from_slice(bytes);
        let result = outgoing.write_out(&self.line, Some(WRITE_PATIENCE), &AtomicBool::new(false));
        if result.is_err() {
            outgoing.clear();
            // If it was cut by a close, what went before is still under way.
            if self.closed.get().is_none() {
                self.line.shutdown();
            }
        }
        Ok(result?)
    }

    /// Ends the sending direction; the other one is the reader's to end, which knows when. Were both ended here, systems
    /// would answer what still comes with a reset, and that overtakes what is under way.
    fn close(&self) {
        if self.closed.set(Deadline::after(Some(LINGER))).is_ok() {
            // It fails only if the transport has ended already.
            let _ = self.line.socket.shutdown(Shutdown::Write);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

impl Half for Bytes {
    type Message = ws_proto::Bytes;
    type Reader = Reader;
    type Writer = Writer;
    type Weak = WeakWriter;

    fn recv(reader: &mut Reader) -> Result<Option<ws_proto::Bytes>, Error> {
        reader.recv()
    }

    fn recv_timeout(reader: &mut Reader, patience: Duration) -> Result<Option<ws_proto::Bytes>, Error> {
        reader.recv_timeout(patience)
    }

    fn interrupter(reader: &mut Reader) -> io::Result<Interrupter> {
        reader.interrupter()
    }

    fn downgrade(writer: &Writer) -> WeakWriter {
        WeakWriter(Arc::downgrade(&writer.0))
    }

    fn upgrade(weak: &WeakWriter) -> Option<Writer> {
        weak.0.upgrade().map(Writer)
    }

    fn send(writer: &Writer, message: ws_proto::Bytes) -> Result<(), Error> {
        writer.0.send(&message)
    }

    fn close(writer: &Writer) {
        writer.close();
    }

    fn shutdown(writer: &Writer) {
        writer.0.line.shutdown();
    }

    fn peer_addr(writer: &Writer) -> io::Result<SocketAddr> {
        writer.peer_addr()
    }
}

/// How many bytes a message holds unless it is said: as in the libraries that this one can stand in for.
pub const DEFAULT_RECV_BUFFER: usize = 2048;

/// How many clients wait to be accepted unless it is said: as there.
pub const DEFAULT_BACKLOG: u32 = 5;

/// The port that such programs use unless they are told otherwise.
pub const DEFAULT_PORT: u16 = 25567;

/// How long the other side may go on once we have closed, and how often a reader that waits looks whether we have.
const LINGER: Duration = Duration::from_secs(2);

/// How long a peer may take over 16 KiB before it is given up, as with WebSockets.
const WRITE_PATIENCE: Duration = Duration::from_secs(20);

/// For each address of the host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
