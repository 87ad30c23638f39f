//! Why a handshake failed: by the peer's request, the peer's answer, or our caller.

use alloc::format;
use alloc::string::String;
use core::fmt;

use super::headers;
use super::response::Response;
use super::url::UrlError;

/// Why an opening handshake failed.
///
/// Three groups: what the peer's request lacked (these have a [`status`](Self::status)), what the
/// peer's answer lacked, and what our own caller asked for that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Request: not HTTP/1.x as RFC 9112 writes it; says what is wrong. Answered with 400.
    MalformedRequest(&'static str),
    /// Request: the head is longer than the limit in bytes. Answered with 431.
    RequestTooLarge {
        /// [`HandshakeConfig::max_head_bytes`](super::HandshakeConfig::max_head_bytes).
        limit: usize,
    },
    /// Request: more header lines than the limit. Answered with 431.
    TooManyHeaders {
        /// [`HandshakeConfig::max_headers`](super::HandshakeConfig::max_headers).
        limit: usize,
    },
    /// Request: the request line is longer than the limit in bytes. Answered with 414.
    TargetTooLong {
        /// [`HandshakeConfig::max_target_bytes`](super::HandshakeConfig::max_target_bytes).
        limit: usize,
    },
    /// Request: plain HTTP, it does not ask for WebSocket at all. Answered with 426 unless the
    /// server has a page to show.
    NotUpgrade,
    /// Request: an upgrade by another method than GET. Answered with 405.
    MethodNotGet,
    /// Request: an upgrade over HTTP/1.0, which has none. Answered with 400.
    HttpVersion,
    /// Request: a header that the upgrade needs is missing. Answered with 400.
    MissingHeader(&'static str),
    /// Request: a header that must stand once stands more than once. Answered with 400.
    RepeatedHeader(&'static str),
    /// Request: the value of this header is not what RFC 6455 section 4.2.1 asks for. Answered
    /// with 400.
    InvalidHeader(&'static str),
    /// Request: `Sec-WebSocket-Version` is not exactly 13. Answered with 426 and the version.
    UnsupportedVersion,
    /// Request: it declares a body, and body bytes could be taken for frames. Answered with 400.
    RequestBody,
    /// Request: a browser page of an origin that the [`OriginPolicy`](super::OriginPolicy) does
    /// not let in. Answered with 403.
    ForeignOrigin,
    /// Request: not complete within
    /// [`HandshakeConfig::timeout`](super::HandshakeConfig::timeout); raised by the crates that do
    /// I/O. Answered with 408.
    TimedOut,

    /// Answer: not HTTP/1.x as RFC 9112 writes it; says what is wrong.
    MalformedResponse(&'static str),
    /// Answer: its head is over
    /// [`HandshakeConfig::max_head_bytes`](super::HandshakeConfig::max_head_bytes) or
    /// [`HandshakeConfig::max_headers`](super::HandshakeConfig::max_headers).
    ResponseTooLarge,
    /// Answer: a 101 whose header of this name is missing, repeated or wrong (RFC 6455 section
    /// 4.1); of the extensions', that its parameters do not answer the offer (section 9.1).
    InvalidAnswer(&'static str),
    /// Answer: the server chose a subprotocol that was not offered.
    UnofferedProtocol,
    /// Answer: the server chose an extension that was not offered.
    UnofferedExtension,
    /// The peer closed the transport in the middle of its head.
    UnexpectedEof,

    /// Caller: the URL cannot be connected to.
    Url(UrlError),
    /// Caller: a header name that is not an HTTP token.
    BadHeaderName,
    /// Caller: a header value with a line end, NUL or another control character, which would let
    /// it pose as more headers.
    BadHeaderValue,
    /// Caller: a header that the handshake writes itself.
    ReservedHeader(String),
    /// Caller: a subprotocol name that is not an HTTP token.
    BadProtocol,
    /// Caller: the same subprotocol offered twice (RFC 6455 section 4.1 item 10).
    RepeatedProtocol,
    /// Caller: accepted with a subprotocol that the client did not offer.
    ProtocolNotOffered,
    /// Caller: the handshake had already ended when more bytes were given to it.
    Finished,
}

impl HandshakeError {
    /// What every call after this result is told: the same error again, or that the outcome has been told.
    pub(super) fn after<T>(result: &Result<Option<T>, Self>) -> Option<Self> {
        match result {
            Ok(None) => None,
            Ok(Some(_)) => Some(Self::Finished),
            Err(error) => Some(error.clone()),
        }
    }

    /// The HTTP status that tells the peer about its request; `None` if its request is not at fault.
    pub fn status(&self) -> Option<u16> {
        Some(match self {
            Self::MalformedRequest(_)
            | Self::HttpVersion
            | Self::MissingHeader(_)
            | Self::RepeatedHeader(_)
            | Self::InvalidHeader(_)
            | Self::RequestBody => 400,
            Self::ForeignOrigin => 403,
            Self::MethodNotGet => 405,
            Self::TimedOut => 408,
            Self::TargetTooLong { .. } => 414,
            Self::NotUpgrade | Self::UnsupportedVersion => 426,
            Self::RequestTooLarge { .. } | Self::TooManyHeaders { .. } => 431,
            _ => return None,
        })
    }

    /// The answer that tells the peer: its status, the headers that go with it and one sentence of
    /// text. If the peer is not at fault it is a bare 500, for the details are not the peer's
    /// business.
    pub fn response(&self) -> Response {
        let Some(status) = self.status() else {
            return Response::new(500).with_body("internal server error\n");
        };
        let mut response = Response::new(status).with_body(format!("{self}\n"));
        match self {
            Self::NotUpgrade | Self::UnsupportedVersion => {
                response.push(headers::UPGRADE, "websocket");
                response.push(headers::VERSION, headers::SUPPORTED_VERSION);
            }
            Self::MethodNotGet => response.push("Allow", "GET"),
            _ => {}
        }
        response
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::MalformedRequest(what) => return write!(f, "malformed HTTP request: {what}"),
            Self::RequestTooLarge { limit } => {
                return write!(f, "the request head is longer than {limit} bytes");
            }
            Self::TooManyHeaders { limit } => {
                return write!(f, "the request has more than {limit} headers");
            }
            Self::TargetTooLong { limit } => {
                return write!(f, "the request line is longer than {limit} bytes");
            }
            Self::NotUpgrade => {
                "this is a WebSocket endpoint: connect with a WebSocket client, \
                 the request has no \"Upgrade: websocket\" header"
            }
            Self::MethodNotGet => "a WebSocket handshake must be a GET request",
            Self::HttpVersion => "a WebSocket handshake needs HTTP/1.1",
            Self::MissingHeader(name) => {
                return write!(f, "the WebSocket handshake lacks the {name} header");
            }
            Self::RepeatedHeader(name) => {
                return write!(f, "the {name} header must stand exactly once");
            }
            Self::InvalidHeader(name) => {
                return write!(f, "the {name} header has no valid value for a WebSocket handshake");
            }
            Self::UnsupportedVersion => "this server speaks WebSocket version 13 only",
            Self::RequestBody => "a WebSocket handshake must not declare a body",
            Self::ForeignOrigin => {
                "this page's origin may not connect here: \
                 the server must allow it in its origin policy"
            }
            Self::TimedOut => "the WebSocket handshake took too long",
            Self::MalformedResponse(what) => {
                return write!(f, "the server's answer is not valid HTTP: {what}");
            }
            Self::ResponseTooLarge => "the head of the server's answer is over the limits",
            Self::InvalidAnswer(name) => {
                return write!(
                    f,
                    "the server's 101 answer is no WebSocket handshake: \
                     {name} is missing, repeated or wrong"
                );
            }
            Self::UnofferedProtocol => "the server chose a subprotocol that was not offered",
            Self::UnofferedExtension => "the server chose an extension that was not offered",
            Self::UnexpectedEof => "the peer closed the connection in the middle of the handshake",
            Self::Url(error) => return error.fmt(f),
            Self::BadHeaderName => "a header name must be a non-empty HTTP token",
            Self::BadHeaderValue => "a header value must not hold line ends or control characters",
            Self::ReservedHeader(name) => {
                return write!(f, "the {name} header is written by the handshake itself");
            }
            Self::BadProtocol => "a subprotocol name must be a non-empty HTTP token",
            Self::RepeatedProtocol => "a subprotocol can be offered only once",
            Self::ProtocolNotOffered => {
                "the client did not offer this subprotocol: \
                 choose one of Request::subprotocols, or none"
            }
            Self::Finished => "the handshake is over: later bytes belong to the connection",
        };
        f.write_str(text)
    }
}

impl core::error::Error for HandshakeError {}

impl From<UrlError> for HandshakeError {
    fn from(error: UrlError) -> Self {
        Self::Url(error)
    }
}

/// What the HTTP parser found wrong, in words that fit both sides.
pub(super) fn describe(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "a header name holds a character that is not allowed there",
        httparse::Error::HeaderValue => "a header value holds a control character",
        httparse::Error::NewLine => "a carriage return without a line feed",
        httparse::Error::Status => "the status line is not valid",
        httparse::Error::Token => "the start line is not valid",
        httparse::Error::TooManyHeaders => "too many headers",
        httparse::Error::Version => "the version is not HTTP/1.1",
    }
}
