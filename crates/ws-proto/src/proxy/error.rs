//! What can go wrong on the way through a proxy.

use core::error::Error;
use core::fmt;

use crate::handshake::UrlError;

/// Why there is no way through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyError {
    /// The proxy's URL starts with something else than `http://`, `socks5://` or `socks5h://`.
    Scheme,
    /// The proxy's URL names no valid host or port.
    Url(UrlError),
    /// The user name or password is badly encoded, or can't be told to such a proxy: too long, empty, or with
    /// characters that it has no way to write.
    Credentials,
    /// The target's host is empty, too long, or holds what no host name does.
    Target,
    /// An HTTP proxy answered with this status instead of 2xx. 407 asks for credentials, or for other ones.
    Refused(u16),
    /// A SOCKS proxy answered with this reply code (RFC 1928 §6) instead of zero.
    SocksRefused(u8),
    /// A SOCKS proxy takes none of the ways to authenticate that we have.
    NoWayToAuthenticate,
    /// A SOCKS proxy does not accept user name and password.
    WrongCredentials,
    /// The proxy does not speak the protocol; the words say where.
    Malformed(&'static str),
    /// The head of an HTTP proxy's answers is longer than 16 KiB, or has more than 100 headers.
    TooLong,
    /// The tunnel was open already.
    Finished,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("a proxy's URL starts with http://, socks5:// or socks5h://"),
            Self::Url(error) => write!(f, "the proxy's URL is not valid: {error}"),
            Self::Credentials => f.write_str("the proxy can't be told such a user name or password"),
            Self::Target => f.write_str("a proxy can't be asked for such a host"),
            Self::Refused(407) => f.write_str("the proxy wants other credentials (407)"),
            Self::Refused(status) => write!(f, "the proxy refused the connection with status {status}"),
            Self::SocksRefused(code) => {
                write!(f, "the proxy refused the connection: {} ({code})", socks_reason(*code))
            }
            Self::NoWayToAuthenticate => f.write_str("the proxy wants another way to authenticate"),
            Self::WrongCredentials => f.write_str("the proxy does not accept the user name and password"),
            Self::Malformed(what) => write!(f, "the proxy's answer is not valid: {what}"),
            Self::TooLong => f.write_str("the proxy's answer is too long"),
            Self::Finished => f.write_str("the tunnel through the proxy is open already"),
        }
    }
}

impl Error for ProxyError {}

impl From<UrlError> for ProxyError {
    fn from(error: UrlError) -> Self {
        Self::Url(error)
    }
}

/// RFC 1928 section 6.
fn socks_reason(code: u8) -> &'static str {
    match code {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unknown reason",
    }
}
