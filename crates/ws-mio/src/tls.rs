//! TLS by rustls (feature `tls`), for listeners and for outgoing connections.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

pub use ws_proto::tls::{ConfigError, client_config, rustls, server_config, trusting};

use crate::{Arrival, Error, Io, Next, Protocol, Ready, Serve};

/// Serves a service over TLS.
///
/// It goes wherever a service goes: on a listener, or into a [`Detect`](crate::Detect) for the port that speaks both
/// (a TLS connection begins with the byte 22). A protocol that goes over to TLS in mid-life becomes what this serves: what
/// it has said before that leaves in clear.
///
/// ```no_run
/// # use ws_mio::{Client, Config, Http, Server, Tls, tls};
/// # struct Echo; impl Client for Echo {}
/// let config = tls::server_config(&std::fs::read("cert.pem")?, &std::fs::read("key.pem")?)?;
/// let mut server = Server::new(Config::default())?;
/// server.listen("127.0.0.1:9443", Tls::new(config, Http::clients(|| Echo)))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Tls<S> {
    config: Arc<ServerConfig>,
    service: S,
}

impl<S: Serve> Tls<S> {
    /// Serves with these certificates.
    pub fn new(config: Arc<ServerConfig>, service: S) -> Self {
        Self { config, service }
    }
}

impl<S: Serve> Serve for Tls<S> {
    fn serve(&mut self, arrival: &Arrival) -> Box<dyn Protocol> {
        let session = ServerConnection::new(Arc::clone(&self.config));
        Box::new(Securing {
            // It fails only with a configuration that makes no sense.
            session: session.ok().map(Connection::from),
            protocol: Some(self.service.serve(arrival)),
        })
    }
}

impl<S> fmt::Debug for Tls<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Puts TLS under a protocol.
pub(crate) struct Securing {
    session: Option<Connection>,
    protocol: Option<Box<dyn Protocol>>,
}

impl Securing {
    pub(crate) fn client(config: Arc<ClientConfig>, host: &str, protocol: Box<dyn Protocol>) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Ok(Self {
            session: Some(session.into()),
            protocol: Some(protocol),
        })
    }
}

impl Protocol for Securing {
    fn accept(&mut self, io: &mut Io<'_>) -> Next {
        // What was said before, in clear: a protocol may go over to TLS in mid-life.
        io.flush();
        if io.queued() > 0 || io.wire.tls.is_some() {
            return Next::Drop;
        }
        match (self.session.take(), self.protocol.take()) {
            (Some(session), Some(protocol)) => {
                io.secure(session);
                Next::Become(protocol)
            }
            _ => Next::Drop,
        }
    }

    fn ready(&mut self, _io: &mut Io<'_>, _why: Ready) -> Next {
        Next::Drop
    }

    fn close(&mut self, io: &mut Io<'_>, why: Option<Error>) {
        if let Some(protocol) = &mut self.protocol {
            protocol.close(io, why);
        }
    }
}

/// A TLS session over a socket.
pub(crate) struct Session {
    connection: Connection,
    /// What was read before it was known to be TLS.
    early: Vec<u8>,
    /// Why it has failed.
    pub(crate) failure: Option<io::Error>,
}

impl Session {
    pub(crate) fn new(connection: Connection, early: Vec<u8>) -> Self {
        Self {
            connection,
            early,
            failure: None,
        }
    }

    /// Fails with [`Interrupted`](io::ErrorKind::Interrupted) if there may be more, and others are to be served first.
    pub(crate) fn read(&mut self, mut stream: &TcpStream, into: &mut [u8]) -> io::Result<usize> {
        for _ in 0..MAX_VAIN_READS {
            match self.connection.reader().read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if self.early.is_empty() {
                self.connection.read_tls(&mut stream)?;
            } else {
                let mut early = &self.early[..];
                self.connection.read_tls(&mut early)?;
                self.early = early.to_vec();
            }
            let processed = self.connection.process_new_packets();
            // What there is no room for now is held back.
            let _ = self.push(stream);
            if let Err(error) = processed {
                // An alert has told the peer why.
                self.failure = Some(io::Error::other(error.clone()));
                return Err(io::Error::other(error));
            }
        }
        // Whoever sends records with nothing in them must not keep the loop in here.
        Err(io::ErrorKind::Interrupted.into())
    }

    pub(crate) fn write(&mut self, stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut written = 0;
        for slice in slices {
            let mut rest = &slice[..];
            while !rest.is_empty() {
                // What is held back is bounded by what rustls takes in one go.
                if !self.push(stream)? {
                    return Ok(written);
                }
                let count = self.connection.writer().write(rest)?;
                if count == 0 {
                    // Nothing goes before the handshake is done, and only so much waits for it.
                    return Ok(written);
                }
                written += count;
                rest = &rest[count..];
            }
        }
        self.push(stream)?;
        Ok(written)
    }

    pub(crate) fn holds_back(&self) -> bool {
        self.connection.wants_write()
    }

    pub(crate) fn push(&mut self, mut stream: &TcpStream) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut stream) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Says that nothing more will come.
    pub(crate) fn say_goodbye(&mut self, stream: &TcpStream) {
        self.connection.send_close_notify();
        // Without room for it, the peer sees an end without a goodbye; it has had our Close before.
        let _ = self.push(stream);
    }
}

/// Reads of ciphertext in one go that bring no plaintext. rustls reads 4 KiB at a time, so a record of the largest size
/// takes five, and is looked for once more.
const MAX_VAIN_READS: usize = 6;
