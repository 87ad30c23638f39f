//! Going through a proxy, without I/O: HTTP CONNECT (RFC 9110 §9.3.6) and SOCKS5 (RFC 1928, RFC 1929).
//!
//! A [`Proxy`] is where it is and who we are to it; [`Proxy::from_variables`] chooses one as other programs do. A
//! [`Tunnel`] is the exchange that makes it connect to the target: bytes in any split go in, bytes to send come out, and
//! it tells how many of those it got were its own. What lies behind them, and everything later, is the target's. All
//! memory is bounded: an HTTP head by 16 KiB, a SOCKS answer by what its own length byte can say, 262 bytes.
//!
//! ```
//! use ws_proto::proxy::{Proxy, Tunnel};
//!
//! let proxy = Proxy::parse("http://me:secret@proxy.local:3128")?;
//! assert_eq!((proxy.host(), proxy.port()), ("proxy.local", 3128)); // connect there
//! let mut out = Vec::new();
//! let mut tunnel = Tunnel::new(&proxy, "example.com", 443, &mut out)?;
//! assert!(out.starts_with(b"CONNECT example.com:443 HTTP/1.1\r\n"));
//! out.clear(); // once written
//! let read = b"HTTP/1.1 200 Connection established\r\n\r\n and what the target says";
//! let used = tunnel.receive(read, &mut out)?.expect("the tunnel is open");
//! assert_eq!(&read[used..], b" and what the target says");
//! # Ok::<(), ws_proto::proxy::ProxyError>(())
//! ```

mod environment;
mod error;
mod http;
mod socks;

#[cfg(test)]
mod tests;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub use self::error::ProxyError;

use self::http::Connect;
use self::socks::Socks;
use crate::handshake::{Url, UrlError};

/// A proxy: which kind, where, and who we are to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

/// Which protocol a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// HTTP with CONNECT, with Basic authentication if there are credentials.
    Http,
    /// SOCKS version 5, with a user name and password if there are credentials. Names are resolved by the proxy.
    Socks5,
}

#[derive(Clone, PartialEq, Eq)]
struct Credentials {
    user: Vec<u8>,
    password: Vec<u8>,
}

impl Proxy {
    /// Parses `http://`, `socks5://` or `socks5h://` with `[user[:password]@]host[:port]`; without a scheme it is HTTP.
    /// User name and password may be percent-encoded. Default ports are 80 and 1080.
    ///
    /// # Errors
    /// [`ProxyError::Scheme`], [`ProxyError::Url`], or [`ProxyError::Credentials`] for what such a proxy can't be told.
    pub fn parse(url: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let kind = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => Kind::Http,
            _ if scheme.eq_ignore_ascii_case("socks5") || scheme.eq_ignore_ascii_case("socks5h") => Kind::Socks5,
            _ => return Err(ProxyError::Scheme),
        };
        let (userinfo, authority) = match rest.trim_end_matches('/').rsplit_once('@') {
            Some((userinfo, authority)) => (Some(userinfo), authority),
            None => (None, rest.trim_end_matches('/')),
        };
        if authority.contains(['/', '?']) {
            return Err(UrlError::Host.into());
        }
        // The same rules as for any other host and port.
        let url = Url::parse(&format!("ws://{authority}"))?;
        let after_host = authority.rsplit(']').next().unwrap_or(authority);
        let port = match after_host.rsplit_once(':') {
            Some((_, digits)) if !digits.is_empty() => url.port(),
            _ => kind.default_port(),
        };
        let credentials = userinfo.map(|userinfo| kind.credentials(userinfo)).transpose()?;
        Ok(Self {
            kind,
            host: url.host().to_owned(),
            port,
            credentials,
        })
    }

    /// Which protocol it speaks.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The host to connect to: a name or an IP address, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Without the credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("kind", &self.kind)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// The exchange with a proxy up to an open tunnel.
#[derive(Debug)]
pub struct Tunnel {
    exchange: Exchange,
    /// What every further call is told.
    ended: Option<ProxyError>,
}

#[derive(Debug)]
enum Exchange {
    Http(Connect),
    Socks(Socks),
}

impl Tunnel {
    /// Asks the proxy for a connection to this host and port: appends the first bytes to send.
    ///
    /// # Errors
    /// [`ProxyError::Target`] if the host is empty, longer than 255 bytes, or holds what no host name does.
    pub fn new(proxy: &Proxy, host: &str, port: u16, out: &mut Vec<u8>) -> Result<Self, ProxyError> {
        if host.is_empty() || host.len() > MAX_HOST || !host.bytes().all(is_host_byte) {
            return Err(ProxyError::Target);
        }
        let credentials = proxy.credentials.as_ref();
        Ok(Self {
            exchange: match proxy.kind {
                Kind::Http => Exchange::Http(Connect::new(host, port, credentials, out)),
                Kind::Socks5 => Exchange::Socks(Socks::new(host, port, credentials.cloned(), out)),
            },
            ended: None,
        })
    }

    /// Takes bytes from the proxy, in any split, and appends what is to be sent. `None` means: send that and read more.
    /// Otherwise the tunnel is open, and the number says how many of *these* bytes were the proxy's; the rest are the
    /// target's.
    ///
    /// # Errors
    /// The proxy refuses, or does not speak the protocol. The exchange is over then, and every later call gives the same
    /// error; after success it gives [`ProxyError::Finished`].
    pub fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<Option<usize>, ProxyError> {
        if let Some(ended) = self.ended {
            return Err(ended);
        }
        let result = match &mut self.exchange {
            Exchange::Http(connect) => connect.receive(bytes),
            Exchange::Socks(socks) => socks.receive(bytes, out),
        };
        self.ended = match result {
            Ok(None) => None,
            Ok(Some(_)) => Some(ProxyError::Finished),
            Err(error) => Some(error),
        };
        result
    }
}

impl Kind {
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Socks5 => 1080,
        }
    }

    fn credentials(self, userinfo: &str) -> Result<Credentials, ProxyError> {
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let user = percent_decode(user).ok_or(ProxyError::Credentials)?;
        let password = percent_decode(password).ok_or(ProxyError::Credentials)?;
        let fits = match self {
            // RFC 7617 section 2.
            Self::Http => !user.contains(&b':') && !user.iter().chain(&password).any(u8::is_ascii_control),
            // RFC 1929 section 2: each has a length byte, which must not be zero.
            Self::Socks5 => (1..=255).contains(&user.len()) && (1..=255).contains(&password.len()),
        };
        fits.then_some(Credentials { user, password })
            .ok_or(ProxyError::Credentials)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// Host names, IPv4 and IPv6 addresses.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte)
}

fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        });
    }
    Some(decoded)
}

/// What a SOCKS request has a length byte for; names of hosts are at most 253 bytes.
const MAX_HOST: usize = 255;
