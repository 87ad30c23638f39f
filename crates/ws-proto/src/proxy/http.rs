//! HTTP CONNECT, the client's side (RFC 9110 section 9.3.6).

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Credentials, ProxyError};

/// Awaits the answer to one CONNECT.
pub(super) struct Connect {
    /// The head as far as it has come.
    head: Vec<u8>,
    /// Bytes of all heads so far.
    seen: usize,
}

impl Connect {
    /// Appends the request.
    pub(super) fn new(host: &str, port: u16, credentials: Option<&Credentials>, out: &mut Vec<u8>) -> Self {
        let target = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        out.extend_from_slice(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").as_bytes());
        if let Some(Credentials { user, password }) = credentials {
            let basic = STANDARD.encode([user.as_slice(), b":", password].concat());
            out.extend_from_slice(format!("Proxy-Authorization: Basic {basic}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        Self {
            head: Vec::new(),
            seen: 0,
        }
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<Option<usize>, ProxyError> {
        for (at, &byte) in bytes.iter().enumerate() {
            if self.seen == MAX_HEAD {
                return Err(ProxyError::TooLong);
            }
            self.seen += 1;
            self.head.push(byte);
            // So that something else is found out at its first bytes, and not after the longest head.
            if self.head.len() <= START.len() && !START.starts_with(&self.head) {
                return Err(ProxyError::Malformed("it is not HTTP/1"));
            }
            if byte == b'\n' && self.head.ends_with(b"\r\n\r\n") {
                match status(&self.head)? {
                    // RFC 9110 section 15.2: other interim answers may come before the final one.
                    100..=199 => self.head.clear(),
                    // Of a body its headers may speak, but there is none: section 9.3.6.
                    200..=299 => return Ok(Some(at + 1)),
                    refused => return Err(ProxyError::Refused(refused)),
                }
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

fn status(head: &[u8]) -> Result<u16, ProxyError> {
    let mut headers = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(head) {
        Ok(httparse::Status::Complete(end)) if end == head.len() => {
            let status = response.code.filter(|status| *status >= 100);
            status.ok_or(ProxyError::Malformed("the status line"))
        }
        Err(httparse::Error::TooManyHeaders) => Err(ProxyError::TooLong),
        _ => Err(ProxyError::Malformed("the head")),
    }
}

/// How every answer starts.
const START: &[u8] = b"HTTP/1.";

/// The longest head, interim ones included: as for the handshake itself.
const MAX_HEAD: usize = 16 * 1024;

/// As for the handshake itself.
const MAX_HEADERS: usize = 100;
