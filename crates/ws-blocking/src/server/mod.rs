//! A server with a thread per connection, or with a pool of threads.

mod gate;
mod listener;
mod running;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use ws_proto::Config;
use ws_proto::handshake::Response;

pub(crate) use self::gate::{Entry, Slot};
pub use self::running::Running;
pub(crate) use self::running::{Core, open};

use self::gate::Gate;
use self::listener::Listener;
use crate::line::Line;
use crate::{Incoming, Stream, TcpOptions};

/// A listening socket, and a thread for every connection that comes. Nothing is accepted before it is started.
///
/// There are at most [`max_connections`](Self::max_connections) at a time, those in their handshake included. At that
/// many it stops accepting until one ends, and clients wait in the system's queue, or it refuses them: see
/// [`over_limit`](Self::over_limit). It stops for a moment whenever the system can't give it another socket or thread.
///
/// * [`serve`](Self::serve) serves until it is stopped;
/// * [`start`](Self::start) does so in the background, and gives what it takes to pause, to go on and to end;
/// * [`during`](Self::during) serves for as long as a closure runs.
pub struct Server {
    listener: Listener,
    options: Options,
    gate: Arc<Gate>,
}

/// Where connections run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Threads {
    /// A thread for each.
    PerConnection,
    /// So many threads, at least one, that are started once and serve one connection after the other. There are no more
    /// connections at a time than threads.
    Pool(usize),
}

/// What happens to clients while there are as many connections as there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OverLimit {
    /// They wait until one ends.
    #[default]
    Pause,
    /// They are answered with 503.
    Refuse,
}

/// Whether a server accepts clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accepting {
    /// It does, as long as there is room.
    Running,
    /// Not for the moment; see [`Running::resume`].
    Paused,
    /// No, and no thread waits for them; see [`Running::restart_accepting`].
    Stopped,
}

#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) config: Arc<Config>,
    pub(crate) tcp: TcpOptions,
    pub(crate) max_connections: usize,
    pub(crate) over_limit: OverLimit,
    pub(crate) threads: Threads,
    pub(crate) thread_name: String,
    pub(crate) stack_size: Option<usize>,
    pub(crate) stop_timeout: Duration,
    speaks_http: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
}

impl Server {
    /// Listens on an address. Port 0 takes any free one: see [`local_addr`](Self::local_addr).
    ///
    /// # Errors
    /// What the system says, [`AddrInUse`](io::ErrorKind::AddrInUse) for example.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::bind_with_backlog(address, DEFAULT_BACKLOG)
    }

    /// As [`bind`](Self::bind), saying how many clients may wait to be accepted. Systems have a limit of their own.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_with_backlog(address: impl ToSocketAddrs, backlog: u32) -> io::Result<Self> {
        Self::new(Listener::bind(address, backlog)?)
    }

    /// Serves a socket that listens already.
    ///
    /// # Errors
    /// If the system has no descriptors to give.
    pub fn from_listener(listener: TcpListener) -> io::Result<Self> {
        Self::new(Listener::Tcp(listener))
    }

    /// Serves a unix socket that listens.
    ///
    /// # Errors
    /// If the system has no descriptors to give.
    #[cfg(unix)]
    pub fn from_unix_listener(listener: UnixListener) -> io::Result<Self> {
        Self::new(Listener::Unix(listener))
    }

    fn new(listener: Listener) -> io::Result<Self> {
        Ok(Self {
            listener,
            options: Options::default(),
            gate: Arc::new(Gate::new()?),
        })
    }

    /// Sets limits and deadlines for all connections.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.options.config = config.into();
        self
    }

    /// Sets the options of the sockets that are accepted.
    #[must_use]
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.options.tcp = options;
        self
    }

    /// Speaks TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<Arc<rustls::ServerConfig>>) -> Self {
        self.options.tls = Some(tls.into());
        self
    }

    /// How many connections there may be at a time; at least one. Default 4096: with their stacks and buffers that is
    /// in the order of 100 MB, and what is beyond calls for another crate than one with a thread per connection.
    #[must_use]
    pub fn max_connections(mut self, count: usize) -> Self {
        self.options.max_connections = count.max(1);
        self
    }

    /// What happens to clients beyond that. Default: they wait.
    #[must_use]
    pub fn over_limit(mut self, policy: OverLimit) -> Self {
        self.options.over_limit = policy;
        self
    }

    /// Where connections run. Default: each in a thread of its own.
    #[must_use]
    pub fn threads(mut self, threads: Threads) -> Self {
        self.options.threads = threads;
        self
    }

    /// The name of the threads of connections. Default "websocket".
    #[must_use]
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.options.thread_name = name.into();
        self
    }

    /// The stack of each such thread, in bytes. Default: the standard library's, 2 MiB, of which a system commits no more
    /// than is used.
    #[must_use]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.options.stack_size = Some(bytes);
        self
    }

    /// How long it takes at most, when the server stops, until all peers have been sent a Close and have answered it,
    /// and then again how long handlers get to return. Default 1 s: a program that is told to end should do so before
    /// its user loses patience.
    #[must_use]
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.options.stop_timeout = timeout;
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says, or that it listens on a unix socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What ends [`serve`](Self::serve) from another thread.
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(Arc::downgrade(&self.gate))
    }

    /// Serves until it is stopped. Every connection gets a thread of its own, in which `handler` is called once the
    /// client's request has come; a client that sends none or a bad one is answered without it. A connection should
    /// not outlive its handler: a stopping server does not know it any more.
    ///
    /// When stopped, it ends as [`Running::shutdown`] does. A handler that panics ends its own connection only.
    ///
    /// # Errors
    /// What the system says if it has no thread to give.
    pub fn serve(self, handler: impl Fn(Incoming) + Send + Sync + 'static) -> io::Result<()> {
        if !self.gate.is_stopping() {
            self.start(handler)?.wait();
        }
        Ok(())
    }

    /// As [`serve`](Self::serve), in the background.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use ws_blocking::{Accept, OverLimit, Server, connect};
    ///
    /// let server = Server::bind("127.0.0.1:0")?
    ///     .max_connections(100)
    ///     .over_limit(OverLimit::Refuse)
    ///     .start(|incoming| {
    ///         let Ok(mut ws) = incoming.accept(Accept::new()) else { return };
    ///         while let Ok(Some(message)) = ws.recv() {
    ///             let _ = ws.send(message);
    ///         }
    ///     })?;
    /// let mut ws = connect(&format!("ws://{}/", server.local_addr()?))?;
    /// server.pause(); // whoever is in stays
    /// ws.send("Hello")?;
    /// assert_eq!(ws.recv()?, Some("Hello".into()));
    /// assert_eq!(server.shutdown(), 0); // all threads have ended
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the system says if it has no thread to give.
    pub fn start(self, handler: impl Fn(Incoming) + Send + Sync + 'static) -> io::Result<Running> {
        let options = self.options.clone();
        self.start_with(move |entry| {
            // A client that did not come to a request has been answered already.
            if let Ok(incoming) = open(&entry, &options) {
                handler(incoming);
            }
        })
    }

    /// Serves while `body` runs; every connection and thread has ended when this returns.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn during<T>(
        self,
        handler: impl Fn(Incoming) + Send + Sync + 'static,
        body: impl FnOnce(&Running) -> T,
    ) -> io::Result<T> {
        let running = self.start(handler)?;
        let result = body(&running);
        running.shutdown();
        Ok(result)
    }

    /// Refuses clients by ending their connections, since they don't speak HTTP.
    pub(crate) fn refuse_silently(mut self) -> Self {
        self.options.speaks_http = false;
        self
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn start_with(self, handler: impl Fn(Entry) + Send + Sync + 'static) -> io::Result<Running> {
        #[cfg(feature = "tls")]
        if !self.options.speaks_http && self.options.tls.is_some() {
            let why = "a server of plain bytes does not speak TLS";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let options = self.options.clone();
        let refuser = move |line| {
            if !options.speaks_http {
                return;
            }
            if let Ok(incoming) = crate::accept::accept_on(line, Arc::clone(&options.config), None) {
                // It has been told, or has gone.
                let _ = incoming.reject(Response::new(503).with_body("The server is full.\n"));
            }
        };
        Running::start(Core {
            listener: self.listener,
            options: self.options,
            gate: self.gate,
            handler: Box::new(handler),
            refuser: Box::new(refuser),
        })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listener", &self.listener)
            .field("max_connections", &self.options.max_connections)
            .finish_non_exhaustive()
    }
}

/// Stops a [`Server`] from another thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StopHandle(Weak<Gate>);

impl StopHandle {
    /// Makes the server stop; does not wait for it. Without effect the second time.
    pub fn stop(&self) {
        if let Some(gate) = self.0.upgrade() {
            gate.stop();
        }
    }
}

impl Options {
    fn max_connections(&self) -> usize {
        match self.threads {
            Threads::PerConnection => self.max_connections,
            Threads::Pool(count) => self.max_connections.min(count.max(1)),
        }
    }

    fn thread(&self) -> thread::Builder {
        let thread = thread::Builder::new().name(self.thread_name.clone());
        match self.stack_size {
            Some(bytes) => thread.stack_size(bytes),
            None => thread,
        }
    }

    fn line(&self, stream: Stream) -> io::Result<Line> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Line::with_tls(stream, crate::tls::Tls::server(Arc::clone(tls))?);
        }
        Line::plain(stream)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: Arc::default(),
            tcp: TcpOptions::default(),
            max_connections: DEFAULT_MAX_CONNECTIONS,
            over_limit: OverLimit::default(),
            threads: Threads::PerConnection,
            thread_name: "websocket".to_owned(),
            stack_size: None,
            stop_timeout: DEFAULT_STOP_TIMEOUT,
            speaks_http: true,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

const DEFAULT_MAX_CONNECTIONS: usize = 4096;

const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// As many as the standard library lets wait.
const DEFAULT_BACKLOG: u32 = 128;
