//! The server's side: look at the request, then accept or reject it.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use ws_proto::handshake::{Accept, HandshakeError, Request, Response, ServerHandshake};
use ws_proto::{Config, Connection, Outbox};

use crate::error::Error;
use crate::goodbye::{patience, say_goodbye};
use crate::socket::Socket;
use crate::timer::after;
use crate::unread::Unread;
use crate::websocket::{ByteStream, WebSocket};

/// Reads a client's request, with the default configuration.
///
/// # Errors
/// As [`accept_with`].
pub async fn accept<S: ByteStream>(stream: S) -> Result<Incoming<S>, Error> {
    static DEFAULT: LazyLock<Arc<Config>> = LazyLock::new(Arc::default);
    accept_with(stream, DEFAULT.clone()).await
}

/// Reads a client's request. From here until it is answered,
/// [`HandshakeConfig::timeout`](crate::HandshakeConfig::timeout) runs.
///
/// A TCP socket gets TCP_NODELAY: output is gathered here, not in the kernel.
///
/// # Errors
/// [`Error::Handshake`] if what came is not HTTP, is over a limit or did not come in time. The client has been
/// answered then, and the transport is closed. [`Error::Io`] if the transport failed.
pub async fn accept_with<S: ByteStream>(mut stream: S, config: Arc<Config>) -> Result<Incoming<S>, Error> {
    let deadline = after(config.handshake.timeout);
    prepare(&stream);
    let result = timeout_at(deadline, read_request(&mut stream, &config)).await;
    match result.unwrap_or(Err(Error::Handshake(HandshakeError::TimedOut))) {
        Ok((request, unread)) => Ok(Incoming {
            stream,
            request: Arc::new(request),
            unread,
            config,
            deadline,
        }),
        Err(Error::Handshake(error)) if error.status().is_some() => {
            let mut outbox = Outbox::new(&config.limits);
            error.response().write(outbox.buffer());
            let patience = patience(&config);
            // The fault is the request's, whether the client hears of it or not.
            let _ = say_goodbye(stream, outbox, after(patience), patience).await;
            Err(error.into())
        }
        Err(error) => Err(error),
    }
}

/// A client's request that awaits its answer. Dropping it drops the transport.
///
/// ```no_run
/// # async fn serve(stream: tokio::net::TcpStream) -> Result<(), ws_tokio::Error> {
/// use ws_tokio::{Accept, Response, accept};
///
/// let incoming = accept(stream).await?;
/// if incoming.request().path() != "/chat" {
///     return incoming.reject(&Response::new(404)).await;
/// }
/// let mut ws = incoming.accept(Accept::new().choose_protocol(&["v2", "v1"])).await?;
/// # Ok(())
/// # }
/// ```
pub struct Incoming<S> {
    stream: S,
    request: Arc<Request>,
    unread: Unread,
    config: Arc<Config>,
    deadline: Instant,
}

impl<S: ByteStream> Incoming<S> {
    /// What the client asks for. It may also be an ordinary HTTP request, to be answered by
    /// [`reject`](Self::reject) with a page.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The same, to be kept.
    pub fn shared_request(&self) -> Arc<Request> {
        self.request.clone()
    }

    /// The client's address, if the stream is a `TcpStream` or a [`Socket`]; asked of the system with each call.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        tcp(&self.stream)?.peer_addr().ok()
    }

    /// Sets other limits and deadlines for this connection than the request was read with: what its path or its user
    /// may need. What the handshake itself goes by stays as it is.
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// Accepts: the connection is open.
    ///
    /// # Errors
    /// [`Error::Handshake`] if the request is no valid handshake, comes from an origin that may not connect, or did
    /// not offer the chosen subprotocol; the client has been answered then, and the transport is closed. [`Error::Io`]
    /// if the answer could not be written.
    pub async fn accept(mut self, accept: Accept) -> Result<WebSocket<S>, Error> {
        let mut answer = Vec::new();
        match self.request.accept(&accept, &mut answer) {
            Ok(accepted) => {
                let write = write_all(&mut self.stream, &answer);
                timeout_at(self.deadline, write)
                    .await
                    .map_err(|_| HandshakeError::TimedOut)??;
                let mut connection = Connection::server(self.config.clone());
                connection.extend(&accepted.extensions);
                Ok(WebSocket::open(
                    self.stream,
                    connection,
                    self.config,
                    self.unread,
                    accepted.protocol,
                ))
            }
            Err(error) => {
                let _ = self.reject(&error.response()).await;
                Err(error.into())
            }
        }
    }

    /// Answers with an ordinary HTTP response, a refusal or a page, and closes the transport.
    ///
    /// # Errors
    /// [`Error::Io`] if the answer could not be written.
    pub async fn reject(self, response: &Response) -> Result<(), Error> {
        let mut outbox = Outbox::new(&self.config.limits);
        self.request.reject(response, outbox.buffer());
        // Nobody will read it, and parting takes a while.
        drop(self.unread);
        Ok(say_goodbye(self.stream, outbox, self.deadline, patience(&self.config)).await?)
    }
}

impl<S: ByteStream> fmt::Debug for Incoming<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("request", &self.request)
            .field("peer", &self.peer_addr())
            .finish_non_exhaustive()
    }
}

/// Turns off the kernel's gathering of output if this is a TCP socket.
pub(crate) fn prepare(stream: &dyn Any) {
    if let Some(tcp) = tcp(stream) {
        // A socket that refuses is only slower, or broken, which shows with the first read.
        let _ = tcp.set_nodelay(true);
    }
}

fn tcp(stream: &dyn Any) -> Option<&TcpStream> {
    match stream.downcast_ref::<Socket>() {
        Some(socket) => socket.tcp(),
        None => stream.downcast_ref(),
    }
}

pub(crate) async fn write_all<S: ByteStream>(stream: &mut S, bytes: &[u8]) -> Result<(), Error> {
    stream.write_all(bytes).await?;
    Ok(stream.flush().await?)
}

/// The request, and what came behind it.
async fn read_request<S: ByteStream>(stream: &mut S, config: &Config) -> Result<(Request, Unread), Error> {
    let mut handshake = ServerHandshake::new(&config.handshake);
    let mut unread = Unread::default();
    loop {
        if poll_fn(|cx| unread.poll_fill(stream, cx)).await? == 0 {
            return Err(HandshakeError::UnexpectedEof.into());
        }
        if let Some((request, used)) = handshake.receive(unread.bytes())? {
            unread.take(used);
            return Ok((request, unread));
        }
        unread.keep(0);
    }
}
