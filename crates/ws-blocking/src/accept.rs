//! The server's side of the opening handshake, in two steps: look at the request, then decide.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ws_proto::handshake::{Accept, HandshakeError, Request, Response, ServerHandshake};
use ws_proto::{Config, Role};

use crate::deadline::Deadline;
use crate::handshaking::Opening;
use crate::line::Line;
use crate::server::Slot;
use crate::{Error, Stream, TcpOptions, WebSocket};

/// Waits for a client's request, with the default [`Config`].
///
/// # Errors
/// As [`accept_with`].
pub fn accept(stream: impl Into<Stream>) -> Result<Incoming, Error> {
    accept_with(stream, Config::default())
}

/// Waits for a client's request, for [`HandshakeConfig::timeout`](crate::HandshakeConfig::timeout) at most.
///
/// # Errors
/// [`Error::Handshake`] if no HTTP request came, or not in time; the client has been answered. [`Error::Io`] if the
/// transport failed.
pub fn accept_with(stream: impl Into<Stream>, config: impl Into<Arc<Config>>) -> Result<Incoming, Error> {
    let stream = stream.into();
    stream.apply(&TcpOptions::default())?;
    accept_on(Arc::new(Line::plain(stream)?), config.into(), None)
}

/// As [`accept_with`], over TLS. Its handshake is done first; the deadline is for both together.
///
/// # Errors
/// As [`accept_with`]; [`Error::Io`] if TLS can't be agreed on.
#[cfg(feature = "tls")]
pub fn accept_tls(
    stream: impl Into<Stream>,
    tls: Arc<rustls::ServerConfig>,
    config: impl Into<Arc<Config>>,
) -> Result<Incoming, Error> {
    let stream = stream.into();
    stream.apply(&TcpOptions::default())?;
    let line = Line::with_tls(stream, crate::tls::Tls::server(tls)?)?;
    accept_on(Arc::new(line), config.into(), None)
}

/// As [`accept_with`], for a server that wants to know when the connection is open.
pub(crate) fn accept_on(line: Arc<Line>, config: Arc<Config>, slot: Option<Arc<Slot>>) -> Result<Incoming, Error> {
    let deadline = Deadline::after(Some(config.handshake.timeout));
    accept_by(Opening::new(line), config, slot, deadline)
}

fn accept_by(
    mut opening: Opening,
    config: Arc<Config>,
    slot: Option<Arc<Slot>>,
    deadline: Deadline,
) -> Result<Incoming, Error> {
    let Opening { line, inflow, .. } = &mut opening;
    match line.shake_hands(inflow, deadline) {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(HandshakeError::TimedOut.into()),
        result => result?,
    }
    let mut handshake = ServerHandshake::new(&config.handshake);
    let request = loop {
        let fault = match opening.read(deadline) {
            Ok(0) => return Err(HandshakeError::UnexpectedEof.into()),
            Ok(count) => match handshake.receive(opening.buffer.unread()) {
                Ok(Some((request, used))) => {
                    opening.buffer.keep(count - used);
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
        let _ = dismiss(opening, &answer, &config);
        return Err(fault.into());
    };
    Ok(Incoming {
        opening,
        config,
        request,
        slot,
    })
}

/// A client's request that waits for a decision.
///
/// Drop it to end the transport without an answer.
#[derive(Debug)]
pub struct Incoming {
    opening: Opening,
    config: Arc<Config>,
    request: Request,
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
    /// If the transport has ended meanwhile, or is no TCP stream.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.opening.line.socket.peer_addr()
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
        let Opening { line, inflow, buffer } = self.opening;
        // The time that the application took to decide is not the client's fault, so the answer gets a deadline of its own.
        let patience = Some(self.config.handshake.timeout);
        let ws = WebSocket::open(
            line,
            Role::Server,
            self.config,
            (inflow, buffer),
            accepted.protocol,
            &accepted.extensions,
        );
        ws.shared().write_answer(&answer, patience, || {
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
        dismiss(self.opening, &answer, &self.config)?;
        Ok(())
    }
}

fn dismiss(mut opening: Opening, answer: &[u8], config: &Config) -> io::Result<()> {
    // A stranger is never waited for without end.
    let linger = config.timeouts.linger.unwrap_or(config.handshake.timeout);
    let deadline = Deadline::after(Some(config.handshake.timeout));
    opening.dismiss(answer, deadline, linger)
}
