//! The client's side: from a URL to an open connection.

use std::future::{Future, IntoFuture, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use ws_proto::handshake::{ClientHandshake, ClientRequest, HandshakeError, Outcome, ServerAccepted, Url};
use ws_proto::{Config, Connection};

use crate::accept::{prepare, write_all};
use crate::error::Error;
use crate::timer::after;
use crate::unread::Unread;
use crate::websocket::{ByteStream, WebSocket};

/// Connects to a `ws://` URL, once the returned value is awaited.
///
/// ```no_run
/// # async fn ask() -> Result<(), ws_tokio::Error> {
/// let mut ws = ws_tokio::connect("ws://[::1]:9001/chat?room=1")
///     .header("Authorization", "Bearer secret")
///     .protocol("v1")
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn connect(url: &str) -> Connect {
    Connect {
        request: ClientRequest::new(url),
        config: None,
    }
}

/// A connection to be made; await it.
///
/// What is wrong with the URL or a header comes out when it is awaited.
#[derive(Debug)]
#[must_use = "nothing is done until it is awaited"]
pub struct Connect {
    request: Result<ClientRequest, HandshakeError>,
    config: Option<Arc<Config>>,
}

impl Connect {
    /// Adds a header to the request.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.change(|request| request.header(name, value))
    }

    /// Offers a subprotocol; the first one offered is the favourite.
    pub fn protocol(self, name: impl Into<String>) -> Self {
        self.change(|request| request.protocol(name))
    }

    /// Sets limits and deadlines.
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = Some(config.into());
        self
    }

    /// Connects. Awaiting the value itself does the same, and drops the server's answer.
    ///
    /// The addresses of the host are tried in turn.
    /// [`HandshakeConfig::timeout`](crate::HandshakeConfig::timeout) holds for everything together.
    ///
    /// # Errors
    /// [`Error::Handshake`] for a URL or header that can't be used, a server that does not speak WebSocket, and the
    /// deadline; [`Error::Refused`] with the server's answer if it is another one; [`Error::TlsUnsupported`];
    /// [`Error::Io`] if no address could be connected to.
    pub async fn open(self) -> Result<(WebSocket<TcpStream>, ServerAccepted), Error> {
        let request = self.request?;
        if request.url().is_secure() {
            return Err(Error::TlsUnsupported);
        }
        let config = self.config.unwrap_or_default();
        let deadline = after(config.handshake.timeout);
        let stream = within(deadline, dial(request.url(), deadline)).await?;
        within(deadline, upgrade(stream, request, config)).await
    }

    /// Connects over a stream that was opened by other means: through a proxy, or with TLS for a `wss://` URL.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn over<S: ByteStream>(self, stream: S) -> Result<(WebSocket<S>, ServerAccepted), Error> {
        let config = self.config.unwrap_or_default();
        let deadline = after(config.handshake.timeout);
        within(deadline, upgrade(stream, self.request?, config)).await
    }

    fn change(mut self, change: impl FnOnce(ClientRequest) -> Result<ClientRequest, HandshakeError>) -> Self {
        self.request = self.request.and_then(change);
        self
    }
}

impl IntoFuture for Connect {
    type Output = Result<WebSocket<TcpStream>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { Ok(self.open().await?.0) })
    }
}

async fn within<T>(deadline: Instant, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout_at(deadline, work)
        .await
        .unwrap_or(Err(HandshakeError::TimedOut.into()))
}

/// Opens a TCP connection to the first address that answers. Each gets its share of the time that is left, so that a
/// silent one doesn't use up that of the others.
async fn dial(url: &Url, deadline: Instant) -> Result<TcpStream, Error> {
    let addresses: Vec<_> = lookup_host((url.host(), url.port())).await?.collect();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    for (tried, address) in addresses.iter().enumerate() {
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / (addresses.len() - tried) as u32;
        match timeout_at(now + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failure.into())
}

async fn upgrade<S: ByteStream>(
    mut stream: S,
    request: ClientRequest,
    config: Arc<Config>,
) -> Result<(WebSocket<S>, ServerAccepted), Error> {
    prepare(&stream);
    let mut bytes = Vec::new();
    let mut handshake = ClientHandshake::new(&request, rand::random(), &config.handshake, &mut bytes);
    write_all(&mut stream, &bytes).await?;
    let mut unread = Unread::default();
    let outcome = loop {
        if poll_fn(|cx| unread.poll_fill(&mut stream, cx)).await? == 0 {
            break handshake.handle_eof()?.ok_or(HandshakeError::UnexpectedEof)?;
        }
        if let Some((outcome, used)) = handshake.receive(unread.bytes())? {
            unread.take(used);
            break outcome;
        }
        unread.keep(0);
    };
    match outcome {
        Outcome::Refused(response) => Err(Error::Refused(Box::new(response))),
        Outcome::Accepted(accepted) => {
            // A source of cryptographic quality, as RFC 6455 §10.3 asks for.
            let mut connection = Connection::client(config.clone(), || rand::random::<u32>().to_ne_bytes());
            connection.extend(&accepted.extensions);
            let protocol = accepted.protocol.clone();
            Ok((WebSocket::open(stream, connection, config, unread, protocol), accepted))
        }
    }
}
