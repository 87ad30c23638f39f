//! The client's side: from a URL to an open connection.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use ws_proto::handshake::{ClientHandshake, ClientRequest, HandshakeError, Outcome, ServerAccepted, Url};
#[cfg(feature = "proxy")]
use ws_proto::proxy::{Proxy, ProxyError, Tunnel};
use ws_proto::{Config, Connection};

use crate::accept::{prepare, write_all};
use crate::error::Error;
use crate::redirect;
use crate::socket::Socket;
use crate::timer::after;
use crate::unread::Unread;
use crate::websocket::{ByteStream, WebSocket};

/// Connects to a `ws://` or, with the feature `rustls`, a `wss://` URL, once the returned value is awaited.
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
        url: url.to_owned(),
        headers: Vec::new(),
        protocols: Vec::new(),
        config: None,
        timeout: None,
        redirects: 0,
        socket: None,
        #[cfg(feature = "proxy")]
        proxy: Via::Nothing,
        #[cfg(feature = "rustls")]
        tls: None,
    }
}

/// A connection to be made; await it. It can be cloned, to be made again.
///
/// What is wrong with the URL or a header comes out when it is awaited.
#[derive(Clone)]
#[must_use = "nothing is done until it is awaited"]
pub struct Connect {
    url: String,
    headers: Vec<(String, String)>,
    protocols: Vec<String>,
    config: Option<Arc<Config>>,
    timeout: Option<Duration>,
    redirects: u8,
    socket: Option<Arc<ConfigureSocket>>,
    #[cfg(feature = "proxy")]
    proxy: Via,
    #[cfg(feature = "rustls")]
    tls: Option<Arc<crate::tls::rustls::ClientConfig>>,
}

type ConfigureSocket = dyn Fn(&TcpSocket) -> io::Result<()> + Send + Sync;

impl Connect {
    /// Goes somewhere else, with all else as it was set.
    pub fn url(mut self, url: &str) -> Self {
        self.url = url.to_owned();
        self
    }

    /// Adds a header to the request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Offers a subprotocol; the first one offered is the favourite.
    pub fn protocol(mut self, name: impl Into<String>) -> Self {
        self.protocols.push(name.into());
        self
    }

    /// Sets limits and deadlines.
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = Some(config.into());
        self
    }

    /// How long all of it may take, from the host's name to the open connection, redirects included. Default
    /// [`HandshakeConfig::timeout`](crate::HandshakeConfig::timeout), 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Follows so many redirects at most. Default none: the answer comes back as [`Error::Refused`], as it does for one
    /// too many, and for one that would lead from TLS to plain text.
    ///
    /// To another origin (scheme, host, port) the headers `Authorization`, `Cookie` and `Proxy-Authorization` don't go
    /// along, nor does the URL's user.
    pub fn redirects(mut self, most: u8) -> Self {
        self.redirects = most;
        self
    }

    /// Prepares the TCP socket before it connects: its local address, buffers, keepalive. (TCP_NODELAY is on already:
    /// output is gathered here, not in the kernel.)
    pub fn socket(mut self, configure: impl Fn(&TcpSocket) -> io::Result<()> + Send + Sync + 'static) -> Self {
        self.socket = Some(Arc::new(configure));
        self
    }

    /// Goes through a proxy: `http://[user:password@]host[:port]` by CONNECT, or `socks5://` likewise. See
    /// [`Proxy::parse`](ws_proto::proxy::Proxy::parse).
    #[cfg(feature = "proxy")]
    pub fn proxy(mut self, url: &str) -> Self {
        self.proxy = Via::Given(url.to_owned());
        self
    }

    /// Goes through the proxy that the environment asks for, if it does: by `https_proxy` for `wss://`, by `http_proxy`
    /// for `ws://`, by `all_proxy` else, and around it for what is in `no_proxy`. See
    /// [`Proxy::from_variables`](ws_proto::proxy::Proxy::from_variables).
    #[cfg(feature = "proxy")]
    pub fn proxy_from_environment(mut self) -> Self {
        self.proxy = Via::Environment;
        self
    }

    /// Whom a `wss://` connection trusts, and who it is itself; see [`tls`](crate::tls).
    #[cfg(feature = "rustls")]
    pub fn tls(mut self, config: Arc<crate::tls::rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Connects. Awaiting the value itself does the same, and drops the server's answer.
    ///
    /// The addresses of the host are tried in turn; one for which no socket can be had or prepared has failed like one
    /// that does not answer.
    ///
    /// # Errors
    /// [`Error::Handshake`] for a URL or header that can't be used, a server that does not speak WebSocket, and the
    /// deadline; [`Error::Refused`] with the server's answer if it is another one; [`Error::TlsUnsupported`];
    /// [`Error::Io`] if no address could be connected to, or TLS failed.
    ///
    /// # Cancel safety
    /// Dropping the future drops whatever was opened.
    pub async fn open(mut self) -> Result<(WebSocket<Socket>, ServerAccepted), Error> {
        let config = self.config.take().unwrap_or_default();
        let deadline = after(self.timeout.unwrap_or(config.handshake.timeout));
        within(deadline, async {
            loop {
                let request = self.request()?;
                let stream = self.dial(request.url(), deadline).await?;
                match (upgrade(stream, request, config.clone()).await, self.redirects) {
                    (Err(Error::Refused(response)), 1..) => match redirect::target(&self.url, &response) {
                        Some(url) => self.go_to(url),
                        None => return Err(Error::Refused(response)),
                    },
                    (result, _) => return result,
                }
            }
        })
        .await
    }

    /// Connects over a stream that was opened by other means, with TLS already for a `wss://` URL. Follows no
    /// redirects.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn over<S: ByteStream>(self, stream: S) -> Result<(WebSocket<S>, ServerAccepted), Error> {
        let request = self.request()?;
        let config = self.config.unwrap_or_default();
        let deadline = after(self.timeout.unwrap_or(config.handshake.timeout));
        within(deadline, upgrade(stream, request, config)).await
    }

    fn request(&self) -> Result<ClientRequest, HandshakeError> {
        let mut request = ClientRequest::new(&self.url)?;
        for (name, value) in &self.headers {
            request = request.header(name, value)?;
        }
        for protocol in &self.protocols {
            request = request.protocol(protocol)?;
        }
        Ok(request)
    }

    fn go_to(&mut self, url: String) {
        if !redirect::same_origin(&self.url, &url) {
            self.headers.retain(|(name, _)| !redirect::is_credential(name));
        }
        self.redirects -= 1;
        self.url = url;
    }

    async fn dial(&self, url: &Url, deadline: Instant) -> Result<Socket, Error> {
        if url.is_secure() && !cfg!(feature = "rustls") {
            return Err(Error::TlsUnsupported);
        }
        #[cfg(feature = "rustls")]
        if url.is_secure() {
            let name = crate::tls::server_name(url.host())?;
            let stream = self.dial_tunnel(url, deadline).await?;
            return Ok(crate::tls::connect_to(stream, name, self.tls.clone()).await?.into());
        }
        Ok(self.dial_tunnel(url, deadline).await?.into())
    }

    /// A connection to the server, directly or through the proxy.
    async fn dial_tunnel(&self, url: &Url, deadline: Instant) -> Result<TcpStream, Error> {
        #[cfg(feature = "proxy")]
        if let Some(proxy) = self.proxy.choose(url)? {
            let mut stream = self.dial_tcp(proxy.host(), proxy.port(), deadline).await?;
            tunnel(&mut stream, &proxy, url).await?;
            return Ok(stream);
        }
        self.dial_tcp(url.host(), url.port(), deadline).await
    }

    async fn dial_tcp(&self, host: &str, port: u16, deadline: Instant) -> Result<TcpStream, Error> {
        let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
        Ok(reach(&addresses, self.socket.as_deref(), deadline).await?)
    }
}

impl IntoFuture for Connect {
    type Output = Result<WebSocket<Socket>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { Ok(self.open().await?.0) })
    }
}

/// Shows the URL without a password, and no values of headers.
impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("url", &Url::parse(&self.url))
            .field("protocols", &self.protocols)
            .field("redirects", &self.redirects)
            .finish_non_exhaustive()
    }
}

/// Opens a TCP connection to the first address that answers. Each gets its share of the time that is left, so that a
/// silent one doesn't use up that of the others.
async fn reach(
    addresses: &[SocketAddr],
    configure: Option<&ConfigureSocket>,
    deadline: Instant,
) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    for (tried, address) in addresses.iter().enumerate() {
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / (addresses.len() - tried) as u32;
        match timeout_at(now + share, try_address(*address, configure)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failure)
}

/// Whatever fails here may do so for this kind of address only: a system without IPv6, a bind to an IPv4 address.
async fn try_address(address: SocketAddr, configure: Option<&ConfigureSocket>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    if let Some(configure) = configure {
        configure(&socket)?;
    }
    socket.connect(address).await
}

/// By which proxy.
#[cfg(feature = "proxy")]
#[derive(Clone)]
enum Via {
    Nothing,
    Given(String),
    Environment,
}

#[cfg(feature = "proxy")]
impl Via {
    fn choose(&self, url: &Url) -> Result<Option<Proxy>, ProxyError> {
        match self {
            Self::Nothing => Ok(None),
            Self::Given(proxy) => Proxy::parse(proxy).map(Some),
            Self::Environment => {
                Proxy::from_variables(url.is_secure(), url.host(), url.port(), |name| std::env::var(name).ok())
            }
        }
    }
}

/// Asks the proxy for the server.
#[cfg(feature = "proxy")]
async fn tunnel(stream: &mut TcpStream, proxy: &Proxy, url: &Url) -> Result<(), Error> {
    let mut out = Vec::new();
    let mut tunnel = Tunnel::new(proxy, url.host(), url.port(), &mut out)?;
    let mut unread = Unread::default();
    loop {
        write_all(stream, &out).await?;
        out.clear();
        if poll_fn(|cx| unread.poll_fill(stream, cx)).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let bytes = unread.bytes();
        if let Some(used) = tunnel.receive(bytes, &mut out)? {
            // The client speaks first, so nothing of the server's can be behind it.
            return if used == bytes.len() {
                Ok(())
            } else {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the proxy said more than its answer").into())
            };
        }
        unread.keep(0);
    }
}

async fn within<T>(deadline: Instant, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout_at(deadline, work)
        .await
        .unwrap_or(Err(HandshakeError::TimedOut.into()))
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

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use tokio::net::TcpListener;

    use super::*;

    // Here and not through a host's name, since what names have addresses of both kinds is each machine's own.
    #[tokio::test]
    async fn an_address_without_a_usable_socket_does_not_keep_from_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // Fails on a system with IPv6 when it is bound, on one without when the socket is made.
        let unusable = SocketAddr::from((Ipv6Addr::LOCALHOST, address.port()));
        let bind = |socket: &TcpSocket| socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let deadline = after(Duration::from_secs(10));
        reach(&[unusable, address], Some(&bind), deadline).await.unwrap();
        // The failure comes out if there is no other address.
        reach(&[unusable], Some(&bind), deadline).await.unwrap_err();
    }
}
