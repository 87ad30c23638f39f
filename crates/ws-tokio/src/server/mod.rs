//! Servers: listeners, limits, callbacks, who is connected, starting and stopping.

mod client;
mod clients;
mod drive;
mod message_stream;
mod running;
mod topics;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::net::{TcpListener, lookup_host};
use ws_proto::Config;
use ws_proto::handshake::{Accept, Request, Response};

use crate::error::Error;
use crate::socket::Socket;
use crate::websocket::WebSocket;

pub use self::client::{Client, ClientId};
pub use self::clients::{Clients, Published, Slow};
pub use self::message_stream::MessageStream;
pub use self::running::Running;
pub use self::topics::Topics;

/// A server to be started: where it listens, whom it lets in, what it does with them.
///
/// A connection is served in one of two ways. Either by a loop that owns it:
///
/// ```no_run
/// # async fn run() -> std::io::Result<()> {
/// use ws_tokio::Server;
///
/// Server::bind("127.0.0.1:9001")
///     .handler(|mut ws, _client| async move {
///         while let Some(message) = ws.recv().await? {
///             ws.send(message).await?;
///         }
///         Ok(())
///     })
///     .serve()
///     .await
/// # }
/// ```
///
/// or by callbacks that are registered as it connects:
///
/// ```no_run
/// # async fn run() -> std::io::Result<()> {
/// use ws_tokio::Server;
///
/// let server = Server::bind("127.0.0.1:9001")
///     .on_connection(|client| async move {
///         let writer = client.writer().clone();
///         client.on_message(move |message| {
///             let writer = writer.clone();
///             async move {
///                 if let Ok(message) = message.get().await {
///                     let _ = writer.send(message).await;
///                 }
///             }
///         });
///     })
///     .start()
///     .await?;
/// println!("listening on {}", server.local_addr().unwrap());
/// # server.wait().await;
/// # Ok(())
/// # }
/// ```
///
/// Whichever is set last counts. What goes wrong with one connection is its own affair: it ends, the server goes on. So
/// it does when accepting fails, for want of file descriptors say; it tries again after 100 ms.
#[must_use = "it does nothing until it is started"]
pub struct Server {
    listen: Vec<Listen>,
    config: Arc<Config>,
    max_connections: usize,
    max_per_peer: usize,
    #[cfg(feature = "rustls")]
    tls: Option<Arc<crate::tls::rustls::ServerConfig>>,
    on_request: Option<Arc<OnRequest>>,
    service: Service,
    clients: Clients,
}

/// How a request is answered; see [`Server::on_request`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// With an open WebSocket, or the refusal that its faults deserve.
    Accept(Accept),
    /// With an ordinary HTTP response.
    Respond(Response),
}

/// Where to listen.
enum Listen {
    Address(String),
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
    #[cfg(unix)]
    UnixPath(std::path::PathBuf),
}

/// A listener that is bound.
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    /// Somebody who has come, and from where.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Socket, Option<SocketAddr>)>> {
        match self {
            Self::Tcp(listener) => listener
                .poll_accept(cx)
                .map_ok(|(stream, peer)| (Socket::Tcp(stream), Some(peer))),
            #[cfg(unix)]
            Self::Unix(listener) => listener
                .poll_accept(cx)
                .map_ok(|(stream, _)| (Socket::Unix(stream), None)),
        }
    }
}

pub(crate) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;
type OnRequest = dyn Fn(Arc<Request>) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync;
type OnConnection = dyn Fn(Client) -> Job + Send + Sync;
type Handler =
    dyn Fn(WebSocket<Socket>, Client) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync;

/// What is done with an open connection.
#[derive(Clone)]
pub(crate) enum Service {
    Handler(Arc<Handler>),
    Callbacks(Arc<OnConnection>),
}

impl Server {
    /// A server on a TCP address, such as `127.0.0.1:9001` or `localhost:0`. Nothing is bound until it is started.
    pub fn bind(address: impl ToString) -> Self {
        Self::new().also_bind(address)
    }

    /// A server that listens nowhere yet.
    pub fn new() -> Self {
        Self {
            listen: Vec::new(),
            config: Arc::default(),
            max_connections: DEFAULT_MAX_CONNECTIONS,
            max_per_peer: usize::MAX,
            #[cfg(feature = "rustls")]
            tls: None,
            on_request: None,
            service: Service::Callbacks(Arc::new(|_| Box::pin(async {}))),
            clients: Clients::default(),
        }
    }

    /// Listens on one more TCP address. A name stands for all its addresses, of which the first that can be bound is.
    pub fn also_bind(mut self, address: impl ToString) -> Self {
        self.listen.push(Listen::Address(address.to_string()));
        self
    }

    /// Listens on one more TCP listener, made elsewhere: with `SO_REUSEPORT`, say, or inherited.
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listen.push(Listen::Tcp(listener));
        self
    }

    /// Listens on one more Unix socket, to be made at a path. The file stays when the server stops.
    #[cfg(unix)]
    pub fn bind_unix(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.listen.push(Listen::UnixPath(path.into()));
        self
    }

    /// Listens on one more Unix socket.
    #[cfg(unix)]
    pub fn unix_listener(mut self, listener: UnixListener) -> Self {
        self.listen.push(Listen::Unix(listener));
        self
    }

    /// Sets limits and deadlines of every connection.
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// Speaks TLS on every TCP connection; see [`tls::server_config`](crate::tls::server_config). The TLS handshake and
    /// the opening handshake have [`HandshakeConfig::timeout`](crate::HandshakeConfig::timeout) each.
    #[cfg(feature = "rustls")]
    pub fn tls(mut self, config: Arc<crate::tls::rustls::ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// The most connections at a time, those included that are still shaking hands, or are over but for what their
    /// handler left to be written. While there are so many, nobody is accepted; who comes waits in the kernel's queue.
    /// Default 10,000: some ten gigabytes at the default limits and the worst, and a few megabytes while they are quiet.
    pub fn max_connections(mut self, most: usize) -> Self {
        self.max_connections = most;
        self
    }

    /// The most connections from one IP address; more are dropped as they come. Default: as many as there are at all,
    /// for behind a proxy everybody has the same one.
    pub fn max_per_peer(mut self, most: usize) -> Self {
        self.max_per_peer = most;
        self
    }

    /// Answers requests: whom to let in and how, and what to say to others. Plain HTTP requests on the same port come
    /// here too ([`Request::is_upgrade`](crate::Request::is_upgrade) tells): answer with a page, a health check.
    ///
    /// It may await whatever it likes; the handshake's deadline holds meanwhile. Without it, everybody with a proper
    /// request is let in.
    ///
    /// ```no_run
    /// # fn build() -> ws_tokio::Server {
    /// use ws_tokio::{Accept, Answer, Response, Server};
    ///
    /// Server::bind("127.0.0.1:9001").on_request(|request| async move {
    ///     match (request.path(), request.is_upgrade()) {
    ///         ("/ws", true) => Answer::Accept(Accept::new()),
    ///         ("/health", false) => Answer::Respond(Response::new(200).with_body("fine\n")),
    ///         _ => Answer::Respond(Response::new(404)),
    ///     }
    /// })
    /// # }
    /// ```
    pub fn on_request<F, A>(mut self, answer: F) -> Self
    where
        F: Fn(Arc<Request>) -> A + Send + Sync + 'static,
        A: Future<Output = Answer> + Send + 'static,
    {
        self.on_request = Some(Arc::new(move |request| Box::pin(answer(request))));
        self
    }

    /// Serves every connection by a loop that owns it. The client is in [`Clients`] while the loop runs, and others may
    /// send to it. The error that it ends with, if it does, is only logged.
    pub fn handler<F, H>(mut self, handler: F) -> Self
    where
        F: Fn(WebSocket<Socket>, Client) -> H + Send + Sync + 'static,
        H: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.service = Service::Handler(Arc::new(move |ws, client| Box::pin(handler(ws, client))));
        self
    }

    /// Serves every connection by callbacks, which this one registers: [`Client::on_message`] and others.
    ///
    /// While it runs, [`Clients`] holds everybody but the new one, who joins when it has returned, and only if it has
    /// not left meanwhile. Messages that come meanwhile are kept, so that a callback registered at its end misses none.
    pub fn on_connection<F, C>(mut self, callback: F) -> Self
    where
        F: Fn(Client) -> C + Send + Sync + 'static,
        C: Future<Output = ()> + Send + 'static,
    {
        self.service = Service::Callbacks(Arc::new(move |client| Box::pin(callback(client))));
        self
    }

    /// Who is connected, for use in callbacks; the same list before the start and after.
    pub fn clients(&self) -> Clients {
        self.clients.clone()
    }

    /// Binds and serves until the returned handle is told to stop, or is dropped.
    ///
    /// # Errors
    /// An address could not be bound; `InvalidInput` if there is none.
    pub async fn start(self) -> io::Result<Running> {
        let mut listeners = Vec::new();
        for listen in self.listen {
            listeners.push(listen.bind().await?);
        }
        if listeners.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "nowhere to listen"));
        }
        let shared = drive::Shared {
            config: self.config,
            #[cfg(feature = "rustls")]
            tls: self.tls,
            on_request: self.on_request,
            service: self.service,
            clients: self.clients,
        };
        Running::start(listeners, shared, self.max_connections, self.max_per_peer)
    }

    /// Binds and serves for ever.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn serve(self) -> io::Result<()> {
        self.start().await?.wait().await;
        Ok(())
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listeners", &self.listen.len())
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

impl From<Accept> for Answer {
    fn from(accept: Accept) -> Self {
        Self::Accept(accept)
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self::Respond(response)
    }
}

impl Listen {
    async fn bind(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Address(address) => {
                let addresses: Vec<_> = lookup_host(address).await?.collect();
                Listener::Tcp(TcpListener::bind(&*addresses).await?)
            }
            Self::Tcp(listener) => Listener::Tcp(listener),
            #[cfg(unix)]
            Self::Unix(listener) => Listener::Unix(listener),
            #[cfg(unix)]
            Self::UnixPath(path) => Listener::Unix(UnixListener::bind(path)?),
        })
    }
}

const DEFAULT_MAX_CONNECTIONS: usize = 10_000;
