//! The client's side of the opening handshake.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use ws_proto::handshake::{ClientHandshake, ClientRequest, HandshakeError, Outcome, ServerAccepted, Url};
#[cfg(feature = "proxy")]
use ws_proto::proxy::{Proxy, ProxyError, Tunnel};
use ws_proto::{Config, Role};

use crate::deadline::Deadline;
use crate::handshaking::Opening;
use crate::line::Line;
use crate::{Error, Stream, TcpOptions, WebSocket};

/// Connects to a `ws://` URL, with the default [`Config`].
///
/// # Errors
/// As [`Connect::connect`].
pub fn connect(url: &str) -> Result<WebSocket, Error> {
    Connect::new(url)?.connect()
}

/// A connection to be made, with what else the server is to be told.
///
/// ```no_run
/// # fn main() -> Result<(), ws_blocking::Error> {
/// use ws_blocking::{Connect, Error};
///
/// match Connect::new("ws://example.com/chat")?.protocol("v1")?.connect() {
///     Ok(ws) => println!("speaking {:?}", ws.protocol()),
///     Err(Error::Refused(response)) => println!("the server says {}", response.status()),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Connect {
    request: ClientRequest,
    config: Arc<Config>,
    tcp: TcpOptions,
    #[cfg(feature = "proxy")]
    proxy: Option<Proxy>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl Connect {
    /// To a `ws://` URL, or with the feature `tls` to a `wss://` one. A user name and password in it are sent along.
    ///
    /// # Errors
    /// [`Error::Handshake`] says what is wrong with the URL.
    pub fn new(url: &str) -> Result<Self, Error> {
        Ok(ClientRequest::new(url)?.into())
    }

    /// Adds a header to the request.
    ///
    /// # Errors
    /// As [`ClientRequest::header`].
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        self.request = self.request.header(name, value)?;
        Ok(self)
    }

    /// Offers a subprotocol; the first one offered is the favourite.
    ///
    /// # Errors
    /// As [`ClientRequest::protocol`].
    pub fn protocol(mut self, name: &str) -> Result<Self, Error> {
        self.request = self.request.protocol(name)?;
        Ok(self)
    }

    /// Sets the `Origin`, which only browsers must send.
    ///
    /// # Errors
    /// As [`ClientRequest::origin`].
    pub fn origin(mut self, origin: &str) -> Result<Self, Error> {
        self.request = self.request.origin(origin)?;
        Ok(self)
    }

    /// Sets limits and deadlines.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// Sets the options of the socket.
    #[must_use]
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.tcp = options;
        self
    }

    /// Goes through a proxy, which resolves the host's name.
    #[cfg(feature = "proxy")]
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Goes through the proxy that the environment asks for, if it does: see [`Proxy::from_variables`].
    ///
    /// # Errors
    /// [`Error::Proxy`] if that is not a valid one.
    #[cfg(feature = "proxy")]
    pub fn proxy_from_environment(mut self) -> Result<Self, Error> {
        let url = self.request.url();
        let variable = |name: &str| std::env::var(name).ok();
        self.proxy = Proxy::from_variables(url.is_secure(), url.host(), url.port(), variable)?;
        Ok(self)
    }

    /// Sets how `wss://` servers are spoken to: the certificates to trust, and one to show. Default: those that browsers
    /// trust.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<Arc<rustls::ClientConfig>>) -> Self {
        self.tls = Some(tls.into());
        self
    }

    /// Connects and does the handshake. All addresses of the host are tried in turn.
    ///
    /// [`HandshakeConfig::timeout`](crate::HandshakeConfig::timeout) is for all of it together but the resolution of
    /// the host's name, which the system bounds; addresses share what is left of it evenly, so that one that does not
    /// answer leaves time for the next.
    ///
    /// # Errors
    /// [`Error::Refused`] if the server answered with something else than 101. [`Error::Handshake`] if its answer is no
    /// handshake or not complete in time. [`Error::Io`] if no address can be reached. [`Error::TlsUnsupported`] for
    /// `wss://` without the feature `tls`.
    pub fn connect(self) -> Result<WebSocket, Error> {
        self.connect_with_answer().map(|(ws, _)| ws)
    }

    /// As [`connect`](Self::connect), and shows the server's answer, for its headers.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_with_answer(self) -> Result<(WebSocket, ServerAccepted), Error> {
        let timeout = self.config.handshake.timeout;
        let deadline = Deadline::after(Some(timeout));
        self.check_scheme()?;
        let stream = self.reach(deadline, timeout).map_err(name_timeout)?;
        self.open(stream, deadline).map_err(name_timeout)
    }

    /// Does the handshake over a socket that is connected already: a unix socket, or one that goes through something.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_over(self, stream: impl Into<Stream>) -> Result<(WebSocket, ServerAccepted), Error> {
        self.check_scheme()?;
        let deadline = Deadline::after(Some(self.config.handshake.timeout));
        self.open(stream.into(), deadline).map_err(name_timeout)
    }

    fn open(self, stream: Stream, deadline: Deadline) -> Result<(WebSocket, ServerAccepted), Error> {
        let mut opening = Opening::new(Arc::new(self.line(stream)?));
        let Opening { line, inflow, .. } = &mut opening;
        line.shake_hands(inflow, deadline)?;
        let Self { request, config, .. } = self;
        let answer = shake_hands(&mut opening, &request, &config, deadline)?;
        let Opening { line, inflow, buffer } = opening;
        let protocol = answer.protocol.clone();
        let ws = WebSocket::open(
            line,
            Role::Client,
            config,
            (inflow, buffer),
            protocol,
            &answer.extensions,
        );
        Ok((ws, answer))
    }
}

impl Connect {
    /// Where it connects to.
    pub fn url(&self) -> &Url {
        self.request.url()
    }

    #[cfg(feature = "proxy")]
    fn reach(&self, deadline: Deadline, timeout: Duration) -> Result<Stream, Error> {
        let url = self.request.url();
        let target = match &self.proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (url.host(), url.port()),
        };
        let stream = reach(target, &self.tcp, deadline, timeout)?;
        match &self.proxy {
            Some(proxy) => dig(proxy, url, stream.into(), deadline),
            None => Ok(stream.into()),
        }
    }

    #[cfg(not(feature = "proxy"))]
    fn reach(&self, deadline: Deadline, timeout: Duration) -> Result<Stream, Error> {
        let url = self.request.url();
        let stream = reach((url.host(), url.port()), &self.tcp, deadline, timeout)?;
        Ok(stream.into())
    }

    fn check_scheme(&self) -> Result<(), Error> {
        if self.request.url().is_secure() && cfg!(not(feature = "tls")) {
            return Err(Error::TlsUnsupported);
        }
        Ok(())
    }

    #[cfg(feature = "tls")]
    fn line(&self, stream: Stream) -> io::Result<Line> {
        let url = self.request.url();
        if !url.is_secure() {
            return Line::plain(stream);
        }
        let config = match &self.tls {
            Some(config) => Arc::clone(config),
            None => crate::tls::client_config(),
        };
        Line::with_tls(stream, crate::tls::Tls::client(config, url.host())?)
    }

    #[cfg(not(feature = "tls"))]
    #[allow(clippy::unused_self, reason = "with TLS, the URL decides")]
    fn line(&self, stream: Stream) -> io::Result<Line> {
        Line::plain(stream)
    }
}

impl From<ClientRequest> for Connect {
    fn from(request: ClientRequest) -> Self {
        Self {
            request,
            config: Arc::default(),
            tcp: TcpOptions::default(),
            #[cfg(feature = "proxy")]
            proxy: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

/// Connects to the first address that can be reached, and sets the options.
fn reach(
    (host, port): (&str, u16),
    tcp: &TcpOptions,
    deadline: Deadline,
    timeout: Duration,
) -> Result<TcpStream, Error> {
    let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for (tried, address) in addresses.iter().enumerate() {
        let untried = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let left = deadline.left()?.unwrap_or(timeout);
        let connected = TcpStream::connect_timeout(address, (left / untried).max(MIN_TIMEOUT));
        // One that was reset meanwhile may not take options any more.
        match connected.and_then(|stream| tcp.apply(&stream).map(|()| stream)) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure.into())
}

/// Has the proxy connect to the target.
#[cfg(feature = "proxy")]
fn dig(proxy: &Proxy, url: &Url, stream: Stream, deadline: Deadline) -> Result<Stream, Error> {
    let mut opening = Opening::new(Arc::new(Line::plain(stream)?));
    let mut out = Vec::new();
    let mut tunnel = Tunnel::new(proxy, url.host(), url.port(), &mut out)?;
    loop {
        opening.write(&out, deadline)?;
        out.clear();
        let count = opening.read(deadline)?;
        if count == 0 {
            return Err(HandshakeError::UnexpectedEof.into());
        }
        match tunnel.receive(opening.buffer.unread(), &mut out)? {
            None => {}
            Some(used) if used == count => break,
            Some(_) => return Err(ProxyError::Malformed("the target speaks before it is asked").into()),
        }
    }
    match Arc::try_unwrap(opening.line) {
        Ok(line) => Ok(line.socket),
        Err(_) => unreachable!("nobody else has seen it"),
    }
}

/// Asks, and reads the answer; what came behind it stays in the buffer.
fn shake_hands(
    opening: &mut Opening,
    request: &ClientRequest,
    config: &Config,
    deadline: Deadline,
) -> Result<ServerAccepted, Error> {
    let mut question = Vec::new();
    let mut handshake = ClientHandshake::new(request, rand::random(), &config.handshake, &mut question);
    opening.write(&question, deadline)?;
    let outcome = loop {
        let count = opening.read(deadline)?;
        if count == 0 {
            break handshake.handle_eof()?.ok_or(HandshakeError::UnexpectedEof)?;
        }
        if let Some((outcome, used)) = handshake.receive(opening.buffer.unread())? {
            opening.buffer.keep(count - used);
            break outcome;
        }
    };
    match outcome {
        Outcome::Accepted(accepted) => Ok(accepted),
        Outcome::Refused(response) => Err(Error::Refused(Box::new(response))),
    }
}

fn name_timeout(error: Error) -> Error {
    match error {
        Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => HandshakeError::TimedOut.into(),
        error => error,
    }
}

/// The shortest time to try an address for; the system takes zero for an error.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);
