//! Why a connection could not be opened, or has failed.

use std::error;
use std::fmt;
use std::io;

use ws_proto::ConnectionError;
use ws_proto::handshake::{HandshakeError, Response, UrlError};

/// Why a connection could not be opened, or has failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The name could not be resolved, or none of its addresses could be reached; the last address's error.
    Io(io::Error),
    /// The URL, the request or the server's answer is not a valid handshake, or it took too long.
    Handshake(HandshakeError),
    /// The server answered, but did not open a WebSocket: a redirect, a demand for credentials, an error page.
    Refused(Box<Response>),
    /// A `wss://` URL, without the feature `tls`.
    TlsUnsupported,
    /// The server was stopped before the connection was open.
    Stopped,
    /// An open connection has failed: the peer's fault, or a deadline's.
    Connection(ConnectionError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "could not connect: {error}"),
            Self::Handshake(error) => error.fmt(f),
            Self::Refused(response) => {
                write!(
                    f,
                    "the server refused the WebSocket: {} {}",
                    response.status(),
                    response.reason()
                )
            }
            Self::TlsUnsupported => f.write_str("wss:// needs the feature `tls`"),
            Self::Connection(error) => error.fmt(f),
            Self::Stopped => f.write_str("the server was stopped before the connection was open"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Handshake(error) => Some(error),
            Self::Connection(error) => Some(error),
            Self::Refused(_) | Self::TlsUnsupported | Self::Stopped => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<UrlError> for Error {
    fn from(error: UrlError) -> Self {
        Self::Handshake(error.into())
    }
}
