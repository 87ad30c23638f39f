//! Two connections of ours, opposite each other.

#![allow(dead_code, reason = "every test program uses a part")]

use std::net::{TcpListener, TcpStream};
use std::thread;

use ws_blocking::{Accept, Config, Connect, Error, Incoming, Stream, WebSocket, accept_with};

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
    let accepting = config.clone();
    let connect = |url| Connect::new(url).unwrap().config(config);
    match kind {
        Kind::Tcp => open(tcp(), |near| accept_with(near, accepting), connect("ws://localhost/")),
        #[cfg(unix)]
        Kind::Unix => {
            let sockets = std::os::unix::net::UnixStream::pair().unwrap();
            open(sockets, |near| accept_with(near, accepting), connect("ws://localhost/"))
        }
        #[cfg(feature = "tls")]
        Kind::Tls => {
            let (server, client) = tls::configs();
            let connect = connect("wss://localhost/").tls(client);
            open(tcp(), |near| ws_blocking::accept_tls(near, server, accepting), connect)
        }
    }
}

pub(crate) fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, client)
}

fn open<S: Into<Stream> + Send + 'static>(
    (near, far): (S, S),
    accept: impl FnOnce(S) -> Result<Incoming, Error> + Send + 'static,
    connect: Connect,
) -> (WebSocket, WebSocket) {
    let accepting = thread::spawn(move || accept(near).unwrap().accept(Accept::new()).unwrap());
    let (ws, _) = connect.connect_over(far).unwrap();
    (accepting.join().unwrap(), ws)
}

#[cfg(feature = "tls")]
pub(crate) mod tls {
    use std::sync::Arc;

    use ws_blocking::tls::rustls::{ClientConfig, ServerConfig};
    use ws_blocking::tls::{server_config, trusting};

    /// A server's, with a certificate for localhost, and a client's that trusts it.
    pub(crate) fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let server = server_config(certificate.as_bytes(), key.as_bytes()).unwrap();
        (server, trusting(certificate.as_bytes()).unwrap())
    }
}
