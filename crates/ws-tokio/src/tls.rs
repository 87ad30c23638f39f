//! TLS by rustls (feature `rustls`): configurations for both roles, and the server's handshake.
//!
//! Clients need nothing from here: [`connect`](crate::connect) takes `wss://` URLs and trusts what Mozilla's browsers
//! trust. Give it [`trusting`] or a configuration of your own for anything else. Servers take a certificate chain and
//! a key, as PEM:
//!
//! ```no_run
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! use ws_tokio::{Accept, accept, tls};
//!
//! let config = tls::server_config(&std::fs::read("cert.pem")?, &std::fs::read("key.pem")?)?;
//! let listener = tokio::net::TcpListener::bind("0.0.0.0:443").await?;
//! let (stream, _) = listener.accept().await?;
//! let stream = tls::accept(stream, config.clone()).await?;
//! let mut ws = accept(stream).await?.accept(Accept::new()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The end
//! A peer that ends TLS in order but sends no Close is
//! [`ConnectionError::Disconnected`](crate::ConnectionError::Disconnected). One whose connection just ends, without
//! `close_notify`, may have been cut off by a third party: that is [`Error::Io`](crate::Error::Io) with
//! [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof). After both Closes it does not matter any more.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

pub use ws_proto::tls::{ConfigError, client_config, rustls, server_config, trusting};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

/// The server's side of the TLS handshake. It has no deadline of its own: wrap it in a
/// [`timeout`](tokio::time::timeout), as [`Server`](crate::Server) does.
///
/// # Errors
/// The handshake failed; a [`rustls::Error`] is the source.
pub async fn accept(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<TlsStream<TcpStream>> {
    // Before the handshake: its messages are small, and answers to one another.
    let _ = stream.set_nodelay(true);
    Ok(TlsAcceptor::from(config).accept(stream).await?.into())
}

/// The client's side, for [`Connect::over`](crate::Connect::over) a connection that was opened by other means. `host` is
/// whose certificate is asked for; without a configuration it is [`client_config`]'s.
///
/// # Errors
/// The handshake failed; a [`rustls::Error`] is the source. [`InvalidInput`](io::ErrorKind::InvalidInput) if the host is
/// no name and no address.
pub async fn connect(
    stream: TcpStream,
    host: &str,
    config: Option<Arc<ClientConfig>>,
) -> io::Result<TlsStream<TcpStream>> {
    connect_to(stream, server_name(host)?, config).await
}

/// The name or address that the certificate is to be for; `InvalidInput` if it is neither.
pub(crate) fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

/// As [`connect`], for a name that has been read.
pub(crate) async fn connect_to(
    stream: TcpStream,
    name: ServerName<'static>,
    config: Option<Arc<ClientConfig>>,
) -> io::Result<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(config.unwrap_or_else(client_config));
    let _ = stream.set_nodelay(true);
    Ok(connector.connect(name, stream).await?.into())
}
