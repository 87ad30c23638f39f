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
use std::sync::{Arc, LazyLock};

use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

pub use tokio_rustls::rustls;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// What [`connect`](crate::connect) uses: Mozilla's roots, TLS 1.2 and 1.3, no client certificate.
pub fn client_config() -> Arc<ClientConfig> {
    static DEFAULT: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
        let roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        with_roots(roots)
    });
    DEFAULT.clone()
}

/// A client's configuration that trusts these certificates (PEM) and no others: for a server of one's own.
///
/// # Errors
/// `InvalidData` if there are none, or what there is is none.
pub fn trusting(pem: &[u8]) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(invalid)?;
    }
    Ok(with_roots(roots))
}

/// A server's configuration: its certificate chain, its own first, and its key, both PEM.
///
/// # Errors
/// `InvalidData` if they can't be read or don't belong together.
pub fn server_config(certificate_pem: &[u8], key_pem: &[u8]) -> io::Result<Arc<ServerConfig>> {
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(invalid)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(invalid)?
        .with_no_client_auth()
        .with_single_cert(certificates(certificate_pem)?, key)
        .map_err(invalid)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

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
/// The handshake failed; a [`rustls::Error`] is the source. `InvalidData` if the host is no name and no address.
pub async fn connect(
    stream: TcpStream,
    host: &str,
    config: Option<Arc<ClientConfig>>,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(invalid)?;
    let connector = TlsConnector::from(config.unwrap_or_else(client_config));
    let _ = stream.set_nodelay(true);
    Ok(connector.connect(name, stream).await?.into())
}

fn with_roots(roots: RootCertStore) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|error| unreachable!("ring speaks TLS 1.2 and 1.3: {error}"))
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Arc::new(config)
}

fn certificates(pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(invalid)?;
    if certificates.is_empty() {
        return Err(invalid("there is no certificate in it"));
    }
    Ok(certificates)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// WebSocket's opening handshake is HTTP/1.1: a server of several protocols must not choose another.
const ALPN: &[u8] = b"http/1.1";
