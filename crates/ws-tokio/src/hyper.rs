//! Upgrading a connection of a hyper 1 server (feature `hyper`), or of anything built on it.
//!
//! ```no_run
//! use hyper::{Request, Response, body::Incoming};
//! use ws_tokio::{Accept, hyper::upgrade};
//!
//! async fn serve(mut request: Request<Incoming>) -> Result<Response<String>, std::convert::Infallible> {
//!     let (response, opening) = match upgrade(&mut request).accept(Accept::new()) {
//!         Ok(accepted) => accepted,
//!         Err(refusal) => return Ok(refusal.map(|body| String::from_utf8_lossy(&body).into_owned())),
//!     };
//!     tokio::spawn(async move {
//!         let mut ws = opening.await?;
//!         while let Some(message) = ws.recv().await? {
//!             ws.send(message).await?;
//!         }
//!         Ok::<(), ws_tokio::Error>(())
//!     });
//!     Ok(response.map(|()| String::new()))
//! }
//! ```
//!
//! The connection must be served with upgrades: `http1::Builder::serve_connection(..).with_upgrades()`. hyper has no
//! deadline for what the client does next, and it is hyper that has taken its time for the request: set its
//! `header_read_timeout`. How long the request's head may be is hyper's to say too.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use ws_proto::handshake::{Accept, HandshakeError, Request, Response, ServerHandshake};
use ws_proto::{Config, Connection};

use crate::unread::Unread;
use crate::websocket::WebSocket;

/// The transport of an upgraded connection.
pub type HyperStream = TokioIo<Upgraded>;

/// Prepares to upgrade a request's connection; it is not looked at before [`accept`](Upgrade::accept).
pub fn upgrade<B>(request: &mut http::Request<B>) -> Upgrade {
    let on_upgrade = hyper::upgrade::on(&mut *request);
    Upgrade::new(
        Head {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
        },
        Some(on_upgrade),
    )
}

/// A request that may become a WebSocket.
#[derive(Debug)]
#[must_use = "it is to be accepted"]
pub struct Upgrade {
    /// The request as it may have come, to be judged by the same rules as one that did.
    head: Vec<u8>,
    is_http11: bool,
    on_upgrade: Option<OnUpgrade>,
    config: Arc<Config>,
}

impl Upgrade {
    /// Sets limits and deadlines, and whose pages may connect. The limits of the request's head have no effect: hyper has
    /// let it pass by its own.
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// Accepts: send the response, and await the connection in a task of its own, for hyper hands it over when the
    /// response has been written.
    ///
    /// # Errors
    /// The response that refuses, if the request is no valid handshake, comes from an origin that may not connect, or
    /// did not offer the chosen subprotocol.
    #[expect(
        clippy::result_large_err,
        reason = "both are about as large, and made once per connection"
    )]
    pub fn accept(mut self, accept: Accept) -> Result<(http::Response<()>, Opening), http::Response<Vec<u8>>> {
        let refuse = |error: HandshakeError| to_http(&error.response());
        let on_upgrade = self
            .on_upgrade
            .take()
            .filter(|_| self.is_http11)
            .ok_or_else(|| to_http(&Response::new(426).with_body("WebSocket is spoken over HTTP/1.1 here\n")))?;
        let request = self.request().map_err(refuse)?;
        let mut answer = Vec::new();
        let accepted = request.accept(&accept, &mut answer).map_err(refuse)?;
        let config = self.config;
        let mut connection = Connection::server(config.clone());
        connection.extend(&accepted.extensions);
        let opening = Opening {
            on_upgrade,
            rest: Some((connection, config, accepted.protocol)),
        };
        Ok((switching(&answer), opening))
    }

    /// What asks for the upgrade.
    ///
    /// # Errors
    /// It is no HTTP request as this crate reads it.
    pub fn request(&self) -> Result<Request, HandshakeError> {
        // hyper's limits have let it pass, and there are no bytes of a peer's in memory that are not already.
        let mut roomy = self.config.handshake.clone();
        roomy.max_head_bytes = self.head.len();
        roomy.max_target_bytes = self.head.len();
        roomy.max_headers = self.head.len();
        match ServerHandshake::new(&roomy).receive(&self.head)? {
            Some((request, _)) => Ok(request),
            None => Err(HandshakeError::UnexpectedEof),
        }
    }

    pub(crate) fn new(head: Head<'_>, on_upgrade: Option<OnUpgrade>) -> Self {
        Self {
            head: head.to_bytes(),
            is_http11: head.version == Version::HTTP_11,
            on_upgrade,
            config: Arc::default(),
        }
    }
}

/// A connection that opens when the response has been sent; await it.
///
/// # Errors
/// hyper could not hand it over: the client has left, or the connection was not served with upgrades.
#[must_use = "nobody serves the connection otherwise"]
pub struct Opening {
    on_upgrade: OnUpgrade,
    rest: Option<(Connection, Arc<Config>, Option<String>)>,
}

impl Future for Opening {
    type Output = io::Result<WebSocket<HyperStream>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let stream = ready!(Pin::new(&mut self.on_upgrade).poll(cx)).map_err(io::Error::other)?;
        let (connection, config, protocol) = self.rest.take().ok_or(io::ErrorKind::NotConnected)?;
        Poll::Ready(Ok(WebSocket::open(
            TokioIo::new(stream),
            connection,
            config,
            // hyper keeps what came behind the request and hands it out by itself.
            Unread::default(),
            protocol,
        )))
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening")
    }
}

/// The parts of a request that matter here.
pub(crate) struct Head<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) version: Version,
    pub(crate) headers: &'a http::HeaderMap,
}

impl Head<'_> {
    fn to_bytes(&self) -> Vec<u8> {
        let target = self.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut bytes = format!("{} {target} HTTP/1.1\r\n", self.method).into_bytes();
        for (name, value) in self.headers {
            bytes.extend_from_slice(name.as_ref());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }
}

/// Our own 101 as a value.
fn switching(answer: &[u8]) -> http::Response<()> {
    let mut response = http::Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    for line in answer.split(|byte| *byte == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        add(&mut response, &line[..colon], line[colon + 1..].trim_ascii());
    }
    response
}

fn to_http(response: &Response) -> http::Response<Vec<u8>> {
    let mut answer = http::Response::new(response.body().to_vec());
    *answer.status_mut() = StatusCode::from_u16(response.status()).unwrap_or(StatusCode::BAD_REQUEST);
    for (name, value) in response.headers() {
        add(&mut answer, name.as_bytes(), value);
    }
    if !answer.body().is_empty() && !answer.headers().contains_key(header::CONTENT_TYPE) {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        answer.headers_mut().insert(header::CONTENT_TYPE, plain);
    }
    answer
}

fn add<B>(response: &mut http::Response<B>, name: &[u8], value: &[u8]) {
    // What the handshake has written is well-formed.
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        response.headers_mut().append(name, value);
    }
}
