//! What can go wrong, in one type.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use ws_proto::handshake::{HandshakeError, Response};
use ws_proto::{ConnectionError, SendError};

/// Why an operation failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The transport failed, or could not be opened.
    Io(io::Error),
    /// The connection ended otherwise than by the closing handshake: the peer broke the protocol, a deadline passed,
    /// or the transport ended without a Close.
    Connection(ConnectionError),
    /// What was to be sent may not be sent. Nothing of it was.
    Send(SendError),
    /// The opening handshake failed.
    Handshake(HandshakeError),
    /// The server answered with something else than a WebSocket: a redirect, a demand for credentials, an error page.
    Refused(Box<Response>),
    /// There was no way through the proxy.
    #[cfg(feature = "proxy")]
    Proxy(ws_proto::proxy::ProxyError),
    /// A `wss://` URL was given to [`connect`](crate::connect) without the feature `rustls`. Turn it on, or open the TLS
    /// stream yourself and use [`Connect::over`](crate::Connect::over).
    TlsUnsupported,
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
                    "the server answered {} {} instead of opening a WebSocket",
                    response.status(),
                    response.reason()
                )
            }
            #[cfg(feature = "proxy")]
            Self::Proxy(error) => error.fmt(f),
            Self::TlsUnsupported => f.write_str("wss:// needs the feature `rustls`, or a TLS stream to connect over"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Connection(error) => Some(error),
            Self::Send(error) => Some(error),
            Self::Handshake(error) => Some(error),
            #[cfg(feature = "proxy")]
            Self::Proxy(error) => Some(error),
            Self::Refused(_) | Self::TlsUnsupported => None,
        }
    }
}

impl From<io::Error> for Error {
    /// Takes an error out again that a reader or writer of a message has wrapped.
    fn from(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::Io)
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
impl From<ws_proto::proxy::ProxyError> for Error {
    fn from(error: ws_proto::proxy::ProxyError) -> Self {
        Self::Proxy(error)
    }
}

/// The same error once more, for results that last.
pub(crate) fn repeat(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
