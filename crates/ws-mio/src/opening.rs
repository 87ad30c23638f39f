//! A connection before it is open: dialling, and the handshake of either side. Lives in a box that goes when it ends.

use std::io;
use std::net::SocketAddr;
use std::vec;

use mio::net::TcpStream;
use mio::{Interest, Token};
use ws_proto::Instant;
use ws_proto::handshake::{ClientHandshake, ClientRequest, HandshakeError, Outcome, ServerHandshake};

use crate::client::Work;
use crate::listener::Listener;
use crate::{Agreed, Decision, Error};

/// A connection that is not open yet.
pub(crate) struct Opening<H> {
    /// When to give up waiting; while dialling, for the current address.
    pub(crate) until: Instant,
    stage: Stage<H>,
}

enum Stage<H> {
    /// Somebody connected to a listener.
    Request {
        handshake: Box<ServerHandshake>,
        listener: usize,
        peer: SocketAddr,
    },
    /// We connect to somebody.
    Dial(Dial<H>),
    /// Our request is sent.
    Answer {
        handshake: Box<ClientHandshake>,
        handler: H,
    },
}

/// What is needed to get to a server.
pub(crate) struct Dial<H> {
    pub(crate) request: ClientRequest,
    /// The addresses that have not been tried.
    pub(crate) addresses: vec::IntoIter<SocketAddr>,
    pub(crate) handler: H,
    /// When to give up altogether.
    pub(crate) until: Instant,
}

/// What a step led to.
pub(crate) enum Step<H> {
    /// The opening goes on.
    More(Box<Opening<H>>),
    /// The connection is open; this many of the bytes belonged to the handshake.
    Open { handler: H, agreed: Agreed, used: usize },
    /// The peer got an answer and is not to be listened to any more.
    Answered,
    /// It failed, and there is a handler to tell.
    Failed(H, Error),
    /// It failed, and there is nobody to tell.
    Gone,
}

impl<H> Opening<H> {
    /// Awaits a request.
    pub(crate) fn server(listener: usize, peer: SocketAddr, work: &mut Work<'_>) -> Box<Self> {
        let handshake = Box::new(ServerHandshake::new(&work.config.handshake));
        let until = work.clock.now() + work.config.handshake.timeout;
        Box::new(Self {
            until,
            stage: Stage::Request {
                handshake,
                listener,
                peer,
            },
        })
    }

    /// Awaits the end of dialling the first address.
    pub(crate) fn dial(dial: Dial<H>, work: &mut Work<'_>) -> Box<Self> {
        let until = dial.attempt_until(work.clock.now());
        Box::new(Self {
            until,
            stage: Stage::Dial(dial),
        })
    }

    pub(crate) fn is_dialling(&self) -> bool {
        matches!(self.stage, Stage::Dial(_))
    }

    /// Takes bytes that came.
    pub(crate) fn receive(
        mut self: Box<Self>,
        bytes: &[u8],
        listeners: &mut [Listener<H>],
        work: &mut Work<'_>,
    ) -> Step<H> {
        match &mut self.stage {
            Stage::Dial(_) => Step::More(self),
            Stage::Request {
                handshake,
                listener,
                peer,
            } => match handshake.receive(bytes) {
                Ok(None) => Step::More(self),
                Err(error) => {
                    error.response().write(work.out.buffer());
                    Step::Answered
                }
                Ok(Some((request, used))) => {
                    let out = work.out.buffer();
                    // A plain request may get a page; a handshake that is none gets the reason, not a handler.
                    if let (true, Err(error)) = (request.is_upgrade(), request.check()) {
                        request.reject(&error.response(), out);
                        return Step::Answered;
                    }
                    let Some(listener) = listeners.get_mut(*listener) else {
                        return Step::Gone;
                    };
                    match listener.decide(&request, *peer) {
                        Decision::Reject(response) => request.reject(&response, out),
                        Decision::Accept(handler, accept) => match request.accept(&accept, out) {
                            Err(error) => request.reject(&error.response(), out),
                            Ok(accepted) => {
                                let agreed = Agreed {
                                    protocol: accepted.protocol,
                                    extensions: accepted.extensions,
                                    response: None,
                                };
                                return Step::Open { handler, agreed, used };
                            }
                        },
                    }
                    Step::Answered
                }
            },
            Stage::Answer { handshake, .. } => match handshake.receive(bytes) {
                Ok(None) => Step::More(self),
                Ok(Some((outcome, used))) => self.finish(outcome, used),
                Err(error) => self.fail(error.into()),
            },
        }
    }

    /// The peer will send nothing more.
    pub(crate) fn handle_eof(mut self) -> Step<H> {
        match &mut self.stage {
            Stage::Answer { handshake, .. } => match handshake.handle_eof() {
                Ok(Some(outcome)) => self.finish(outcome, 0),
                Ok(None) => self.fail(HandshakeError::UnexpectedEof.into()),
                Err(error) => self.fail(error.into()),
            },
            _ => Step::Gone,
        }
    }

    /// The time is over.
    pub(crate) fn time_out(self: Box<Self>, stream: &mut TcpStream, work: &mut Work<'_>) -> Step<H> {
        match self.stage {
            Stage::Request { .. } => {
                HandshakeError::TimedOut.response().write(work.out.buffer());
                Step::Answered
            }
            Stage::Dial(_) => self.redial(io::ErrorKind::TimedOut.into(), stream, work),
            Stage::Answer { .. } => self.fail(HandshakeError::TimedOut.into()),
        }
    }

    /// The socket that dials may have got somewhere.
    pub(crate) fn dialled(mut self: Box<Self>, stream: &mut TcpStream, work: &mut Work<'_>) -> Step<H> {
        let result = match stream.take_error() {
            Ok(None) => stream.peer_addr().map(drop),
            Ok(Some(error)) | Err(error) => Err(error),
        };
        match (result, self.stage) {
            (Ok(()), Stage::Dial(dial)) => {
                // Only delays small messages; a connection without it works as well.
                let _ = stream.set_nodelay(true);
                let nonce = rand::random();
                let handshake = ClientHandshake::new(&dial.request, nonce, &work.config.handshake, work.out.buffer());
                self.stage = Stage::Answer {
                    handshake: Box::new(handshake),
                    handler: dial.handler,
                };
                self.until = dial.until;
                Step::More(self)
            }
            (Err(error), stage @ Stage::Dial(_)) if error.kind() != io::ErrorKind::NotConnected => {
                self.stage = stage;
                self.redial(error, stream, work)
            }
            (_, stage) => {
                self.stage = stage;
                Step::More(self)
            }
        }
    }

    /// Ends it and tells the handler, if there is one.
    pub(crate) fn fail(self, error: Error) -> Step<H> {
        match self.stage {
            Stage::Request { .. } => Step::Gone,
            Stage::Dial(Dial { handler, .. }) | Stage::Answer { handler, .. } => Step::Failed(handler, error),
        }
    }

    /// Tries the next address.
    fn redial(mut self: Box<Self>, error: io::Error, stream: &mut TcpStream, work: &mut Work<'_>) -> Step<H> {
        let Stage::Dial(dial) = &mut self.stage else {
            return Step::More(self);
        };
        let now = work.clock.now();
        if now >= dial.until {
            return self.fail(HandshakeError::TimedOut.into());
        }
        let registered = next_stream(&mut dial.addresses, error).and_then(|mut next| {
            work.registry
                .register(&mut next, Token(work.id.index()), DIAL_INTEREST)?;
            Ok(next)
        });
        match registered {
            Ok(next) => {
                *stream = next;
                self.until = dial.attempt_until(now);
                Step::More(self)
            }
            Err(error) => self.fail(error.into()),
        }
    }

    fn finish(self, outcome: Outcome, used: usize) -> Step<H> {
        match (outcome, self.stage) {
            (Outcome::Accepted(accepted), Stage::Answer { handler, .. }) => {
                let agreed = Agreed {
                    protocol: accepted.protocol,
                    extensions: accepted.extensions,
                    response: Some(accepted.response),
                };
                Step::Open { handler, agreed, used }
            }
            (Outcome::Refused(response), Stage::Answer { handler, .. }) => {
                Step::Failed(handler, Error::Refused(Box::new(response)))
            }
            _ => Step::Gone,
        }
    }
}

impl<H> Dial<H> {
    /// When to give up the address being tried, so that the remaining ones get their share of the time.
    fn attempt_until(&self, now: Instant) -> Instant {
        let shares = u32::try_from(self.addresses.len() + 1).unwrap_or(u32::MAX);
        now + self.until.saturating_duration_since(now) / shares
    }
}

/// Starts to connect to the first address for which that is possible; `error` is for when there is none.
pub(crate) fn next_stream(addresses: &mut vec::IntoIter<SocketAddr>, mut error: io::Error) -> io::Result<TcpStream> {
    for address in addresses {
        match TcpStream::connect(address) {
            Ok(stream) => return Ok(stream),
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

/// What a dialling socket is watched for: becoming writable means connected.
pub(crate) const DIAL_INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);
