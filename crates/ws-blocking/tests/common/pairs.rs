//! Two connections of ours, opposite each other.

#![allow(dead_code, reason = "every test program uses a part")]

use std::net::{TcpListener, TcpStream};
use std::thread;

use ws_blocking::{Accept, Config, Connect, Stream, WebSocket, accept_with};

/// What lies between the two.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Tcp,
    #[cfg(unix)]
    Unix,
    #[cfg(feature = "tls")]
    Tls,
}

pub(crate) const KINDS: &[Kind] = &[
    Kind::Tcp,
    #[cfg(unix)]
    Kind::Unix,
    #[cfg(feature = "tls")]
    Kind::Tls,
];

/// A server's connection and a client's.
pub(crate) fn pair(kind: Kind, config: Config) -> (WebSocket, WebSocket) {
    match kind {
        Kind::Tcp => over(tcp(), "ws://localhost/", config),
        #[cfg(unix)]
        Kind::Unix => over(
            std::os::unix::net::UnixStream::pair().unwrap(),
            "ws://localhost/",
            config,
        ),
        #[cfg(feature = "tls")]
        Kind::Tls => {
            let (server, client) = tls::configs();
            let (near, far) = tcp();
            let accept_config = config.clone();
            let accepting = thread::spawn(move || {
                let incoming = ws_blocking::accept_tls(near, server, accept_config).unwrap();
                incoming.accept(Accept::new()).unwrap()
            });
            let connect = Connect::new("wss://localhost/").unwrap().config(config).tls(client);
            let (ws, _) = connect.connect_over(far).unwrap();
            (accepting.join().unwrap(), ws)
        }
    }
}

pub(crate) fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, client)
}

fn over<S: Into<Stream> + Send + 'static>((near, far): (S, S), url: &str, config: Config) -> (WebSocket, WebSocket) {
    let accept_config = config.clone();
    let accepting = thread::spawn(move || {
        let incoming = accept_with(near, accept_config).unwrap();
        incoming.accept(Accept::new()).unwrap()
    });
    let (ws, _) = Connect::new(url).unwrap().config(config).connect_over(far).unwrap();
    (accepting.join().unwrap(), ws)
}

#[cfg(feature = "tls")]
pub(crate) mod tls {
    use std::sync::Arc;

    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ClientConfig, RootCertStore, ServerConfig};

    /// A server's, with a certificate for localhost, and a client's that trusts it.
    pub(crate) fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let certificate = made.cert.der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (Arc::new(server), Arc::new(client))
    }
}
