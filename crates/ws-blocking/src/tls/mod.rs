//! TLS by rustls (feature `tls`): configurations for both roles.
//!
//! Clients need nothing from here: `wss://` URLs work as they are, and trust what browsers trust. Give
//! [`Connect::tls`](crate::Connect::tls) what [`trusting`] makes, or a configuration of your own, for anything else. Servers
//! take a certificate chain and a key, as PEM:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ws_blocking::{Accept, Connect, Server, tls};
//!
//! let certificate = std::fs::read("cert.pem")?;
//! let config = tls::server_config(&certificate, &std::fs::read("key.pem")?)?;
//! let server = Server::bind("0.0.0.0:443")?.tls(config).start(|incoming| {
//!     let Ok(mut ws) = incoming.accept(Accept::new()) else { return };
//!     let _ = ws.send("in private");
//!     let _ = ws.close(ws_blocking::CloseCode::NORMAL, "");
//! })?;
//!
//! let (mut reader, writer) = Connect::new("wss://localhost/")?.tls(tls::trusting(&certificate)?).connect()?.split();
//! std::thread::spawn(move || writer.send("meanwhile"));
//! println!("{:?}", reader.recv()?);
//! # Ok(())
//! # }
//! ```

mod session;

use std::io;
use std::sync::{Arc, LazyLock};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

pub use rustls;

pub(crate) use self::session::{Cipher, Tls};

/// What [`connect`](crate::connect) uses: the certificates that browsers trust, TLS 1.2 and 1.3, no client certificate.
pub fn client_config() -> Arc<ClientConfig> {
    static DEFAULT: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
        with_roots(RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        })
    });
    Arc::clone(&DEFAULT)
}

/// A client's configuration that trusts these certificates (PEM) and no others: for a server of one's own.
///
/// # Errors
/// [`InvalidData`](io::ErrorKind::InvalidData) if there are none, or what there is is none.
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
/// [`InvalidData`](io::ErrorKind::InvalidData) if they can't be read or don't belong together.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_an_error() {
        for pem in [
            &b""[..],
            b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n",
        ] {
            assert_eq!(trusting(pem).unwrap_err().kind(), io::ErrorKind::InvalidData);
            assert_eq!(server_config(pem, pem).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_an_error() {
        let [one, two] = [0; 2].map(|_| rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap());
        let certificate = one.cert.pem();
        let with = |key: String| server_config(certificate.as_bytes(), key.as_bytes());
        assert!(with(one.signing_key.serialize_pem()).is_ok());
        let error = with(two.signing_key.serialize_pem()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
