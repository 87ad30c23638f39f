//! The server's side of the opening handshake, in two steps: look at the request, then decide.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use ws_proto::handshake::{Accept, HandshakeError, Request, Response, ServerHandshake};
use ws_proto::{Config, Role};

use crate::deadline::Deadline;
use crate::input::ReadBuffer;
use crate::server::Slot;
use crate::{Error, WebSocket, handshaking};

/// Waits for a client's request, with the default [`Config`].
///
/// # Errors
/// As [`accept_with`].
pub fn accept(stream: TcpStream) -> Result<Incoming, Error> {
    accept_with(stream, Config::default())
}

/// Waits for a client's request, for [`HandshakeConfig::timeout`](crate::HandshakeConfig::timeout) at most.
///
/// # Errors
/// [`Error::Handshake`] if no HTTP request came, or not in time; the client has been answered. [`Error::Io`] if the
/// transport failed.
pub fn accept_with(stream: TcpStream, config: impl Into<Arc<Config>>) -> Result<Incoming, Error> {
    accept_for(Arc::new(stream), config.into(), None)
}

/// As [`accept_with`], for a server that wants to know when the connection is open.
pub(crate) fn accept_for(
    stream: Arc<TcpStream>,
    config: Arc<Config>,
    slot: Option<Arc<Slot>>,
) -> Result<Incoming, Error> {
    // It may have come from a listener that does not block, and on some systems be like it.
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    let deadline = Deadline::after(Some(config.handshake.timeout));
    let mut handshake = ServerHandshake::new(&config.handshake);
    let mut buffer = ReadBuffer::new(&[]);
    let request = loop {
        let fault = match handshaking::read(&stream, &mut buffer, deadline) {
            Ok(0) => return Err(HandshakeError::UnexpectedEof.into()),
            Ok(count) => match handshake.receive(buffer.unread()) {
                Ok(Some((request, used))) => {
                    buffer.keep(count - used);
                    break request;
                }
                Ok(None) => continue,
                Err(fault) => fault,
            },
            Err(error) if error.kind() == io::ErrorKind::TimedOut => HandshakeError::TimedOut,
            Err(error) => return Err(error.into()),
        };
        let mut answer = Vec::new();
        fault.response().write(&mut answer);
        // The fault is what matters, not whether the client took the answer.
        let _ = dismiss(&stream, &answer, &config);
        return Err(fault.into());
    };
    Ok(Incoming {
        stream,
        config,
        request,
        buffer,
        slot,
    })
}

/// A client's request that waits for a decision.
///
/// Drop it to end the transport without an answer.
#[derive(Debug)]
pub struct Incoming {
    stream: Arc<TcpStream>,
    config: Arc<Config>,
    request: Request,
    /// What came behind the request.
    buffer: ReadBuffer,
    slot: Option<Arc<Slot>>,
}

impl Incoming {
    /// What the client asks for: path, query, headers, subprotocols, origin. It may be a plain HTTP request: see
    /// [`Request::is_upgrade`].
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Where the client is.
    ///
    /// # Errors
    /// If the transport has ended meanwhile.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    /// Opens the connection.
    ///
    /// # Errors
    /// [`Error::Handshake`] if the request was no proper handshake, which the client has been told, or if the
    /// subprotocol was not offered. [`Error::Io`] if the transport failed.
    pub fn accept(self, accept: Accept) -> Result<WebSocket, Error> {
        let mut answer = Vec::new();
        let accepted = match self.request.accept(&accept, &mut answer) {
            Ok(accepted) => accepted,
            Err(fault) => {
                let response = fault.response();
                // The fault is what matters, not whether the client took the answer.
                let _ = self.reject(response);
                return Err(fault.into());
            }
        };
        let deadline = answer_deadline(&self.config);
        let ws = WebSocket::open(
            self.stream,
            Role::Server,
            self.config,
            self.buffer,
            accepted.protocol,
            &accepted.extensions,
        )?;
        ws.write_answer(&answer, deadline, || {
            // From here on a stopping server sends a Close. Earlier there is nothing to close, and later a client that
            // has read the answer would get none.
            if let Some(slot) = self.slot {
                slot.opened(ws.handle());
            }
        })?;
        Ok(ws)
    }

    /// Answers with an ordinary HTTP response, a refusal or a page, and ends the transport. Waits until the client has
    /// taken the answer or [`Timeouts::linger`](crate::Timeouts::linger) is over.
    ///
    /// # Errors
    /// [`Error::Io`] if the transport failed before the answer was out.
    pub fn reject(self, response: Response) -> Result<(), Error> {
        let mut answer = Vec::new();
        self.request.reject(&response, &mut answer);
        dismiss(&self.stream, &answer, &self.config)?;
        Ok(())
    }
}

fn dismiss(stream: &TcpStream, answer: &[u8], config: &Config) -> io::Result<()> {
    // A stranger is never waited for without end.
    let linger = config.timeouts.linger.unwrap_or(config.handshake.timeout);
    handshaking::dismiss(stream, answer, answer_deadline(config), linger)
}

/// The time that the application took to decide is not the client's fault, so the answer gets a deadline of its own.
fn answer_deadline(config: &Config) -> Deadline {
    Deadline::after(Some(config.handshake.timeout))
}
