//! Configurations of TLS by rustls (feature `tls`): what every shell needs alike. The sessions are the shells' own.
//!
//! They speak TLS 1.2 and 1.3 with ring's algorithms, ask for no client certificate, and name HTTP/1.1 as the protocol that
//! follows (RFC 7301), since the opening handshake is HTTP/1.1: a server of several protocols must not choose another.
//! rustls can do more; any configuration of one's own goes wherever these go.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;
use std::sync::LazyLock;

pub use rustls;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// A client's configuration that trusts what browsers trust, by Mozilla's list.
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
/// There is no certificate in it, or one that can't be read or used.
pub fn trusting(pem: &[u8]) -> Result<Arc<ClientConfig>, ConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(ConfigError::Rejected)?;
    }
    Ok(with_roots(roots))
}

/// A server's configuration: its certificate chain, its own first, and its key, both PEM.
///
/// # Errors
/// They can't be read or don't belong together.
pub fn server_config(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ServerConfig>, ConfigError> {
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(ConfigError::Pem)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::Rejected)?
        .with_no_client_auth()
        .with_single_cert(certificates(certificate_pem)?, key)
        .map_err(ConfigError::Rejected)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// Why there is no configuration.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no certificate in it.
    NoCertificate,
    /// It can't be read as PEM, or there is no key in it.
    Pem(pem::Error),
    /// A certificate or the key is not one that can be used, or they don't belong together.
    Rejected(rustls::Error),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str("there is no certificate in it"),
            Self::Pem(error) => write!(f, "{error}"),
            Self::Rejected(error) => write!(f, "{error}"),
        }
    }
}

impl Error for ConfigError {}

fn with_roots(roots: RootCertStore) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|error| unreachable!("ring speaks TLS 1.2 and 1.3: {error}"))
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Arc::new(config)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(ConfigError::Pem)?;
    if certificates.is_empty() {
        return Err(ConfigError::NoCertificate);
    }
    Ok(certificates)
}

const ALPN: &[u8] = b"http/1.1";

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::string::String;

    use super::*;

    fn identity() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        let (certificate, key) = identity();
        let nonsense = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        assert!(matches!(trusting(b""), Err(ConfigError::NoCertificate)));
        assert!(matches!(trusting(nonsense.as_bytes()), Err(ConfigError::Pem(_))));
        assert!(matches!(
            server_config(b"", key.as_bytes()),
            Err(ConfigError::NoCertificate)
        ));
        assert!(matches!(
            server_config(certificate.as_bytes(), b""),
            Err(ConfigError::Pem(_))
        ));
    }

    #[test]
    fn a_key_of_another_certificate_is_an_error() {
        let [(certificate, key), (_, other)] = [identity(), identity()];
        assert!(server_config(certificate.as_bytes(), key.as_bytes()).is_ok());
        let error = server_config(certificate.as_bytes(), other.as_bytes()).unwrap_err();
        assert!(matches!(error, ConfigError::Rejected(_)), "{error}");
    }
}
