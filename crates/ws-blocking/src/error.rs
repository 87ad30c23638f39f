//! What can go wrong, by who is concerned.

use std::{error, fmt, io};

use ws_proto::handshake::{HandshakeError, Response, UrlError};
#[cfg(feature = "proxy")]
use ws_proto::proxy::ProxyError;
use ws_proto::{ConnectionError, SendError};

/// Why a call failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The operating system reports that the transport failed, or that a write took too long
    /// ([`TimedOut`](io::ErrorKind::TimedOut)).
    Io(io::Error),
    /// The connection ended otherwise than by the closing handshake: the peer broke the protocol, a deadline passed,
    /// or the transport ended without a Close.
    Connection(ConnectionError),
    /// The message must not be sent. Nothing was sent.
    Send(SendError),
    /// The opening handshake failed. On a server, the client has been told.
    Handshake(HandshakeError),
    /// The server answered the handshake with something else than 101: a redirect, a demand for credentials, a
    /// refusal. This is its whole answer.
    Refused(Box<Response>),
    /// There is no way through the proxy.
    #[cfg(feature = "proxy")]
    Proxy(ProxyError),
    /// A `wss://` URL: this crate speaks TLS with its feature `tls` only.
    TlsUnsupported,
    /// Nothing came in the time given to the call. The connection is as before: try again.
    NothingYet,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the transport failed: {error}"),
            Self::Connection(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::Handshake(error) => error.fmt(f),
            Self::Refused(response) => {
                write!(
                    f,
                    "the server refused the connection: {} {}",
                    response.status(),
                    response.reason()
                )
            }
            #[cfg(feature = "proxy")]
            Self::Proxy(error) => error.fmt(f),
            Self::TlsUnsupported => f.write_str("wss:// needs TLS: build ws-blocking with its feature \"tls\""),
            Self::NothingYet => f.write_str("nothing came in time"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Connection(error) => Some(error),
            Self::Send(error) => Some(error),
            Self::Handshake(error) => Some(error),
            #[cfg(feature = "proxy")]
            Self::Proxy(error) => Some(error),
            Self::Refused(_) | Self::TlsUnsupported | Self::NothingYet => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ConnectionError> for Error {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

#[cfg(feature = "proxy")]
impl From<ProxyError> for Error {
    fn from(error: ProxyError) -> Self {
        Self::Proxy(error)
    }
}

impl From<UrlError> for Error {
    fn from(error: UrlError) -> Self {
        Self::Handshake(error.into())
    }
}
