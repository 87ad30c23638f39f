//! An ordinary HTTP response: what a server refuses with, or what a client was refused with.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use super::error::HandshakeError;
use super::headers::{self, Headers, is_framing_header, write_header};

/// An ordinary HTTP response, used both ways: a server writes one to refuse a request or to show a
/// page on the same port, a client is handed the one it was refused with.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    reason: Cow<'static, str>,
    headers: Headers,
    body: Vec<u8>,
    body_cut: bool,
}

impl Response {
    /// A response without headers or body.
    ///
    /// `status` must be final, 200 to 599; any other becomes 500, for it could not end the
    /// exchange.
    pub fn new(status: u16) -> Self {
        let status = if (200..=599).contains(&status) { status } else { 500 };
        Self::received(status, reason_phrase(status).into(), Headers::default())
    }

    /// Adds a header.
    ///
    /// # Errors
    /// [`HandshakeError::BadHeaderName`] or [`HandshakeError::BadHeaderValue`] for what would break
    /// the message, [`HandshakeError::ReservedHeader`] for `Connection`, `Content-Length` and
    /// `Transfer-Encoding`, which [`write`](Self::write) adds or leaves out by itself.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, HandshakeError> {
        self.headers.push_checked(name, value, is_framing_header)?;
        Ok(self)
    }

    /// Sets the body.
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The status code, such as 404.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The words behind the status, such as "Not Found"; the peer's own in a response received.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The first value of a header, in any letter case; `None` too if it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.text(name)
    }

    /// All headers in their order. Values are bytes, as HTTP promises no encoding.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter()
    }

    /// The body; of a response received, with any chunked coding undone.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Is the body received only the beginning of what the peer meant to send, because it was over
    /// [`HandshakeConfig::max_response_body`](super::HandshakeConfig::max_response_body) or the
    /// peer closed too early?
    pub fn is_body_cut(&self) -> bool {
        self.body_cut
    }

    /// Appends the whole response to `out`.
    ///
    /// Adds `Content-Length`, `Connection: close`, and if a body has no type
    /// `Content-Type: text/plain; charset=utf-8`. Flush it, then close the transport.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_head(out);
        if self.may_have_body() {
            out.extend_from_slice(&self.body);
        }
    }

    /// Appends all but the body, as the answer to a HEAD request.
    pub(super) fn write_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("HTTP/1.1 {} {}\r\n", self.status, self.reason).as_bytes());
        for (name, value) in self.headers().filter(|(name, _)| !is_framing_header(name)) {
            write_header(out, name, value);
        }
        let has_body = self.may_have_body() && !self.body.is_empty();
        if has_body && !self.headers.contains(headers::CONTENT_TYPE) {
            write_header(out, headers::CONTENT_TYPE, b"text/plain; charset=utf-8");
        }
        if self.may_have_body() {
            let length = format!("{}", self.body.len());
            write_header(out, headers::CONTENT_LENGTH, length.as_bytes());
        }
        // RFC 9110 section 7.8: who sends Upgrade must list it in Connection.
        let upgrades = self.headers.contains(headers::UPGRADE);
        let connection: &[u8] = if upgrades { b"Upgrade, close" } else { b"close" };
        write_header(out, headers::CONNECTION, connection);
        out.extend_from_slice(b"\r\n");
    }

    /// A response as a peer sent it; its body comes later.
    pub(super) fn received(status: u16, reason: Cow<'static, str>, headers: Headers) -> Self {
        Self {
            status,
            reason,
            headers,
            body: Vec::new(),
            body_cut: false,
        }
    }

    pub(super) fn set_received_body(&mut self, body: Vec<u8>, cut: bool) {
        self.body = body;
        self.body_cut = cut;
    }

    /// Adds a header that is known to be well-formed.
    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.headers.push(name, value.as_bytes());
    }

    pub(super) fn fields(&self) -> &Headers {
        &self.headers
    }

    /// RFC 9110 section 6.4.1: 1xx, 204 and 304 never have one.
    pub(super) fn may_have_body(&self) -> bool {
        !matches!(self.status, 100..=199 | 204 | 304)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body_len", &self.body.len())
            .field("body_cut", &self.body_cut)
            .finish_non_exhaustive()
    }
}

/// The usual words for the statuses a WebSocket server answers with; they carry no meaning
/// (RFC 9112 section 4), so the rest go without.
fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}
