//! A list of header fields, the token lists inside them, and what may be written into one.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::error::HandshakeError;

/// Header fields in their order, in two buffers for all of them instead of two for each.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Headers {
    names: String,
    values: Vec<u8>,
    /// Where each field ends in `names` and `values`.
    ends: Vec<(usize, usize)>,
}

/// How often a header that should stand once does stand.
pub(super) enum Single<'a> {
    Missing,
    Once(&'a [u8]),
    Repeated,
}

impl Headers {
    /// The fields of a parsed head.
    pub(super) fn from_parsed(parsed: &[httparse::Header<'_>]) -> Self {
        let mut headers = Self {
            names: String::with_capacity(parsed.iter().map(|field| field.name.len()).sum()),
            values: Vec::with_capacity(parsed.iter().map(|field| field.value.len()).sum()),
            ends: Vec::with_capacity(parsed.len()),
        };
        for field in parsed {
            headers.push(field.name, field.value);
        }
        headers
    }

    /// Appends a field as it is: the caller vouches for its syntax.
    pub(super) fn push(&mut self, name: &str, value: &[u8]) {
        self.names.push_str(name);
        self.values.extend_from_slice(value);
        self.ends.push((self.names.len(), self.values.len()));
    }

    /// Appends a field that the user gave, unless it could break the message or `is_reserved`.
    pub(super) fn push_checked(
        &mut self,
        name: &str,
        value: &str,
        is_reserved: fn(&str) -> bool,
    ) -> Result<(), HandshakeError> {
        if !is_token(name.as_bytes()) {
            return Err(HandshakeError::BadHeaderName);
        }
        if !value.bytes().all(is_value_byte) {
            return Err(HandshakeError::BadHeaderValue);
        }
        if is_reserved(name) {
            return Err(HandshakeError::ReservedHeader(name.to_owned()));
        }
        self.push(name, value.as_bytes());
        Ok(())
    }

    /// Drops every field of this name.
    pub(super) fn remove(&mut self, name: &str) {
        let mut kept = Self::default();
        for (field, value) in self.iter() {
            if !field.eq_ignore_ascii_case(name) {
                kept.push(field, value);
            }
        }
        *self = kept;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut start = (0, 0);
        self.ends.iter().map(move |&end| {
            let field = (&self.names[start.0..end.0], &self.values[start.1..end.1]);
            start = end;
            field
        })
    }

    /// The values of every field of this name, whatever its letter case.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let names = self.names.as_bytes();
        let mut start = (0, 0);
        self.ends.iter().filter_map(move |&end| {
            let field = (start.0..end.0, start.1..end.1);
            start = end;
            // Most names differ in length: those are not even looked at.
            let is_named = field.0.len() == name.len() && names[field.0].eq_ignore_ascii_case(name.as_bytes());
            is_named.then(|| &self.values[field.1])
        })
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The first value of this name, if it is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        core::str::from_utf8(self.all(name).next()?).ok()
    }

    pub(super) fn single(&self, name: &str) -> Single<'_> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (None, _) => Single::Missing,
            (Some(value), None) => Single::Once(value),
            (Some(_), Some(_)) => Single::Repeated,
        }
    }

    /// The elements of a comma-separated list, which may go on over several fields of the name;
    /// empty elements do not count (RFC 9110 section 5.6.1).
    pub(super) fn list<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.all(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|element| !element.is_empty())
    }

    /// Does the list of this name have this element, whatever its letter case?
    pub(super) fn lists(&self, name: &str, element: &str) -> bool {
        self.list(name)
            .any(|listed| listed.eq_ignore_ascii_case(element.as_bytes()))
    }

    /// Writes all fields as header lines.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            write_header(out, name, value);
        }
    }
}

/// Names with values, but without those that carry credentials.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.iter().map(|(name, value)| {
            let secret = SECRETS.iter().any(|secret| secret.eq_ignore_ascii_case(name));
            (
                name,
                if secret {
                    "(hidden)".into()
                } else {
                    String::from_utf8_lossy(value)
                },
            )
        });
        f.debug_map().entries(fields).finish()
    }
}

/// Writes one header line.
pub(super) fn write_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Headers that only the opening handshake itself may write.
pub(super) fn is_handshake_header(name: &str) -> bool {
    let websocket = name.get(..SEC_WEBSOCKET.len());
    websocket.is_some_and(|prefix| prefix.eq_ignore_ascii_case(SEC_WEBSOCKET))
        || name.eq_ignore_ascii_case(UPGRADE)
        || is_framing_header(name)
}

/// Headers that say where a message ends, in HTTP/1.1.
pub(super) fn is_framing_header(name: &str) -> bool {
    let framing = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];
    framing.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// A token as in RFC 9110 section 5.6.2.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_token_byte(byte))
}

pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What may stand in a header value: no control character but the tab.
fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

pub(super) const HOST: &str = "Host";
pub(super) const ORIGIN: &str = "Origin";
pub(super) const AUTHORIZATION: &str = "Authorization";
pub(super) const CONNECTION: &str = "Connection";
pub(super) const UPGRADE: &str = "Upgrade";
pub(super) const CONTENT_LENGTH: &str = "Content-Length";
pub(super) const CONTENT_TYPE: &str = "Content-Type";
pub(super) const TRANSFER_ENCODING: &str = "Transfer-Encoding";
pub(super) const KEY: &str = "Sec-WebSocket-Key";
pub(super) const ACCEPT: &str = "Sec-WebSocket-Accept";
pub(super) const VERSION: &str = "Sec-WebSocket-Version";
pub(super) const PROTOCOL: &str = "Sec-WebSocket-Protocol";
pub(super) const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

/// The element of `Upgrade` that asks for this protocol.
pub(super) const WEBSOCKET: &str = "websocket";
/// The one version of the protocol (RFC 6455 section 4.1 item 9).
pub(super) const SUPPORTED_VERSION: &str = "13";

const SEC_WEBSOCKET: &str = "Sec-WebSocket-";
const SECRETS: [&str; 4] = [AUTHORIZATION, "Proxy-Authorization", "Cookie", "Set-Cookie"];
