//! The server's side of the handshake: collect the request, check it, answer it (RFC 6455 section
//! 4.2).

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::config::{HandshakeConfig, OriginPolicy};
use super::error::{HandshakeError, describe};
use super::head::{HeadCollector, HeadFault};
use super::headers::{self, Headers, Single, WEBSOCKET, is_handshake_header, is_token, write_header};
use super::key::{accept_key, is_valid_key};
use super::response::Response;
use super::url::split_authority;
use crate::extension::{Agreed, Extensions};

/// Collects one request from a client.
#[derive(Debug)]
pub struct ServerHandshake {
    head: HeadCollector,
    origin: OriginPolicy,
    extensions: Extensions,
    /// What every further call is told, once the handshake has ended.
    ended: Option<HandshakeError>,
}

impl ServerHandshake {
    /// A handshake that awaits its first byte.
    pub fn new(config: &HandshakeConfig) -> Self {
        Self {
            head: HeadCollector::for_request(config),
            origin: config.origin.clone(),
            extensions: config.extensions.clone(),
            ended: None,
        }
    }

    /// Takes bytes from the client, in any split. `None` means: read more. Otherwise the request is
    /// complete, and the number says how many of *these* bytes belong to it; the rest are frames.
    ///
    /// Plain HTTP requests come out as well, so that a server can show a page;
    /// [`Request::accept`] refuses them.
    ///
    /// # Errors
    /// The request is no HTTP/1.x or over a limit: answer with [`HandshakeError::response`]. The
    /// handshake is over then, and every later call gives the same error; after a request it gives
    /// [`HandshakeError::Finished`].
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<(Request, usize)>, HandshakeError> {
        if let Some(ended) = &self.ended {
            return Err(ended.clone());
        }
        let result = self.collect(bytes);
        self.ended = HandshakeError::after(&result);
        result
    }

    fn collect(&mut self, bytes: &[u8]) -> Result<Option<(Request, usize)>, HandshakeError> {
        let used = self.head.receive(bytes).map_err(explain)?;
        used.map(|used| Ok((Request::parse(&self.head, &self.origin, &self.extensions)?, used)))
            .transpose()
    }
}

/// A client's request, to be accepted or rejected.
#[derive(Clone)]
pub struct Request {
    method: String,
    target: String,
    minor_version: u8,
    headers: Headers,
    /// What the server knows of extensions.
    extensions: Extensions,
    /// The result of checking it, which is done once.
    verdict: Result<(), HandshakeError>,
}

impl Request {
    /// The method, such as `GET`.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The request target as it was sent, usually path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path, at least `/`; still percent-encoded.
    pub fn path(&self) -> &str {
        let path = self.path_and_query();
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        if path.is_empty() { "/" } else { path }
    }

    /// What follows the `?`; still percent-encoded.
    pub fn query(&self) -> Option<&str> {
        Some(self.path_and_query().split_once('?')?.1)
    }

    /// The first value of a header, in any letter case; `None` too if it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.text(name)
    }

    /// All headers in their order. Values are bytes, as HTTP promises no encoding.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter()
    }

    /// The server's name and port as the client knows them: from the `Host` header, or from a target that is a whole
    /// URL (RFC 9112 section 3.2.2).
    pub fn host(&self) -> Option<&str> {
        match absolute_target(&self.target) {
            Some((authority, _)) => Some(authority),
            None => self.header(headers::HOST),
        }
    }

    /// The `Origin` header: the site of the browser page that asks; `None` if it is no browser.
    pub fn origin(&self) -> Option<&str> {
        self.header(headers::ORIGIN)
    }

    /// The subprotocols that the client offers, its favourite first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        let offers = self.headers.list(headers::PROTOCOL).filter(|offer| is_token(offer));
        offers.filter_map(|offer| core::str::from_utf8(offer).ok())
    }

    /// The lines of `Sec-WebSocket-Extensions`: what the client offers, to be negotiated by [`accept`](Self::accept).
    pub fn extension_offers(&self) -> impl Iterator<Item = &[u8]> {
        self.headers.all(headers::EXTENSIONS)
    }

    /// Does it ask for WebSocket at all, however badly? If not, it is a plain HTTP request.
    pub fn is_upgrade(&self) -> bool {
        self.headers.lists(headers::UPGRADE, WEBSOCKET)
    }

    /// Is it a handshake as RFC 6455 section 4.2.1 asks for, from an origin that may connect?
    ///
    /// # Errors
    /// What it lacks; [`HandshakeError::response`] tells the client.
    pub fn check(&self) -> Result<(), HandshakeError> {
        self.verdict.clone()
    }

    /// Appends the 101 answer to `out`; behind it the connection is open.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), and [`HandshakeError::ProtocolNotOffered`]. Nothing is
    /// appended then: [`reject`](Self::reject) is still to be done.
    pub fn accept(&self, response: &Accept, out: &mut Vec<u8>) -> Result<Accepted, HandshakeError> {
        self.check()?;
        let protocol = response.select(self)?;
        let extensions = response.extensions.as_ref().unwrap_or(&self.extensions);
        let extensions = self.negotiate(extensions)?;
        let key = self
            .header(headers::KEY)
            .ok_or(HandshakeError::MissingHeader(headers::KEY))?;
        out.reserve(USUAL_ANSWER_BYTES);
        out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
        write_header(out, headers::UPGRADE, WEBSOCKET.as_bytes());
        write_header(out, headers::CONNECTION, headers::UPGRADE.as_bytes());
        write_header(out, headers::ACCEPT, accept_key(key).as_bytes());
        if let Some(protocol) = protocol {
            write_header(out, headers::PROTOCOL, protocol.as_bytes());
        }
        if !extensions.is_empty() {
            write_header(out, headers::EXTENSIONS, extensions.to_string().as_bytes());
        }
        response.headers.write(out);
        out.extend_from_slice(b"\r\n");
        Ok(Accepted {
            protocol: protocol.map(ToOwned::to_owned),
            extensions,
        })
    }

    /// Appends an ordinary response to `out`: a refusal, or a page for a plain HTTP request. A HEAD
    /// request gets no body. Flush, then close the transport.
    pub fn reject(&self, response: &Response, out: &mut Vec<u8>) {
        if self.method == "HEAD" {
            response.write_head(out);
        } else {
            response.write(out);
        }
    }

    fn parse(head: &HeadCollector, policy: &OriginPolicy, extensions: &Extensions) -> Result<Self, HandshakeError> {
        let mut fields = vec![httparse::EMPTY_HEADER; head.header_lines()];
        let mut parsed = httparse::Request::new(&mut fields);
        let end = parsed
            .parse(head.bytes())
            .map_err(|error| HandshakeError::MalformedRequest(describe(error)))?;
        // Both must agree on where the head ends, or bytes could be taken for what they are not.
        let (Some(method), Some(target), Some(minor_version), true) = (
            parsed.method,
            parsed.path,
            parsed.version,
            end == httparse::Status::Complete(head.bytes().len()),
        ) else {
            return Err(HandshakeError::MalformedRequest("the head is not complete"));
        };
        if !is_valid_target(target) {
            return Err(HandshakeError::MalformedRequest("the request target is not a path"));
        }
        let mut request = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            minor_version,
            headers: Headers::from_parsed(parsed.headers),
            extensions: extensions.clone(),
            verdict: Ok(()),
        };
        request.verdict = request.judge(policy);
        Ok(request)
    }

    /// The target without the `scheme://authority` that it may start with.
    fn path_and_query(&self) -> &str {
        absolute_target(&self.target).map_or(&self.target, |(_, path)| path)
    }

    fn judge(&self, policy: &OriginPolicy) -> Result<(), HandshakeError> {
        if !self.is_upgrade() {
            return Err(HandshakeError::NotUpgrade);
        }
        if self.method != "GET" {
            return Err(HandshakeError::MethodNotGet);
        }
        if self.minor_version == 0 {
            return Err(HandshakeError::HttpVersion);
        }
        self.check_body()?;
        let host = self.check_host()?;
        if !self.headers.lists(headers::CONNECTION, headers::UPGRADE) {
            return Err(HandshakeError::MissingHeader("Connection: Upgrade"));
        }
        match self.headers.single(headers::VERSION) {
            Single::Once(version) if version == headers::SUPPORTED_VERSION.as_bytes() => {}
            _ => return Err(HandshakeError::UnsupportedVersion),
        }
        if !is_valid_key(self.once(headers::KEY)?) {
            return Err(HandshakeError::InvalidHeader(headers::KEY));
        }
        if !self.headers.list(headers::PROTOCOL).all(is_token) {
            return Err(HandshakeError::InvalidHeader(headers::PROTOCOL));
        }
        // The form of the offers; whether there is one to accept is seen later.
        self.negotiate(&Extensions::new())?;
        self.check_origin(policy, host)
    }

    fn negotiate(&self, extensions: &Extensions) -> Result<Agreed, HandshakeError> {
        let agreed = extensions.accept(self.extension_offers());
        agreed.map_err(|_| HandshakeError::InvalidHeader(headers::EXTENSIONS))
    }

    /// A proxy that believes in a body and a server that does not would disagree on where the
    /// next message starts.
    fn check_body(&self) -> Result<(), HandshakeError> {
        let mut lengths = self.headers.all(headers::CONTENT_LENGTH);
        if self.headers.contains(headers::TRANSFER_ENCODING) || !lengths.all(|length| length == b"0") {
            return Err(HandshakeError::RequestBody);
        }
        Ok(())
    }

    fn check_host(&self) -> Result<&str, HandshakeError> {
        let invalid = HandshakeError::InvalidHeader(headers::HOST);
        let Ok(host) = core::str::from_utf8(self.once(headers::HOST)?) else {
            return Err(invalid);
        };
        if split_authority(host).is_err() {
            return Err(invalid);
        }
        // RFC 9112 section 3.2.2: if the target names the server, the header doesn't count.
        match absolute_target(&self.target) {
            None => Ok(host),
            Some((authority, _)) if split_authority(authority).is_ok() => Ok(authority),
            Some(_) => Err(HandshakeError::MalformedRequest("the request target names no server")),
        }
    }

    fn check_origin(&self, policy: &OriginPolicy, host: &str) -> Result<(), HandshakeError> {
        let origin = match self.headers.single(headers::ORIGIN) {
            Single::Missing => return Ok(()),
            Single::Repeated => return Err(HandshakeError::RepeatedHeader(headers::ORIGIN)),
            Single::Once(origin) => core::str::from_utf8(origin).unwrap_or_default(),
        };
        if policy.allows(origin, host) {
            Ok(())
        } else {
            Err(HandshakeError::ForeignOrigin)
        }
    }

    fn once(&self, name: &'static str) -> Result<&[u8], HandshakeError> {
        match self.headers.single(name) {
            Single::Missing => Err(HandshakeError::MissingHeader(name)),
            Single::Once(value) => Ok(value),
            Single::Repeated => Err(HandshakeError::RepeatedHeader(name)),
        }
    }
}

/// Method, path and headers; not the query, which may hold a secret.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path())
            .field("headers", &self.headers)
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}

/// How to accept a [`Request`]: the subprotocol, the extensions and more headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    choice: Choice,
    /// In place of the configured ones.
    extensions: Option<Extensions>,
    headers: Headers,
}

impl Accept {
    /// No subprotocol, the configured extensions, no more headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Speaks this subprotocol, which the client must have offered.
    pub fn protocol(mut self, name: impl Into<String>) -> Self {
        self.choice = Choice::Exactly(name.into());
        self
    }

    /// Speaks the first of these that the client offered, or none if it offered none of them.
    pub fn choose_protocol(mut self, preferred: &[&str]) -> Self {
        self.choice = Choice::FirstOf(preferred.iter().map(|&name| name.to_owned()).collect());
        self
    }

    /// Accepts these extensions for this connection, in place of those in
    /// [`HandshakeConfig::extensions`]; an empty list turns them off.
    pub fn extensions(mut self, extensions: Extensions) -> Self {
        self.extensions = Some(extensions);
        self
    }

    /// Adds a header to the 101 answer.
    ///
    /// # Errors
    /// [`HandshakeError::BadHeaderName`] or [`HandshakeError::BadHeaderValue`] for what would break
    /// the answer, [`HandshakeError::ReservedHeader`] for what the handshake writes itself:
    /// `Connection`, `Upgrade`, `Sec-WebSocket-*`, `Content-Length`, `Transfer-Encoding`.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, HandshakeError> {
        self.headers.push_checked(name, value, is_handshake_header)?;
        Ok(self)
    }

    fn select(&self, request: &Request) -> Result<Option<&str>, HandshakeError> {
        let is_offered = |name: &&str| request.subprotocols().any(|offer| offer == *name);
        match &self.choice {
            Choice::None => Ok(None),
            Choice::Exactly(name) => {
                let name = Some(name.as_str()).filter(is_offered);
                name.map(Some).ok_or(HandshakeError::ProtocolNotOffered)
            }
            Choice::FirstOf(names) => Ok(names.iter().map(String::as_str).find(is_offered)),
        }
    }
}

/// What was agreed on by [`Request::accept`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The subprotocol, if one was chosen.
    pub protocol: Option<String>,
    /// The extensions, for [`Connection::extend`](crate::Connection::extend).
    pub extensions: Agreed,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Choice {
    #[default]
    None,
    Exactly(String),
    FirstOf(Vec<String>),
}

fn explain(fault: HeadFault) -> HandshakeError {
    let what = match fault {
        HeadFault::Tls => "this looks like TLS, but the port speaks plain HTTP: use ws://, not wss://",
        HeadFault::NotHttp => "it does not start with a method",
        HeadFault::BareLineFeed => "a line feed without a carriage return",
        HeadFault::TooManyBytes { limit } => return HandshakeError::RequestTooLarge { limit },
        HeadFault::StartLineTooLong { limit } => return HandshakeError::TargetTooLong { limit },
        HeadFault::TooManyHeaders { limit } => return HandshakeError::TooManyHeaders { limit },
    };
    HandshakeError::MalformedRequest(what)
}

/// A path, or a whole URL as proxies get it (RFC 9112 section 3.2).
fn is_valid_target(target: &str) -> bool {
    let names_path = target.starts_with('/') || absolute_target(target).is_some();
    names_path && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

/// Splits `scheme://authority/path?query` before the path.
fn absolute_target(target: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = target.split_once("://")?;
    let is_known = SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme));
    is_known.then(|| rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())))
}

/// Room for an answer with nothing beyond what RFC 6455 asks for.
const USUAL_ANSWER_BYTES: usize = 160;
const SCHEMES: [&str; 4] = ["http", "https", "ws", "wss"];
