//! The client's side of the opening handshake.

use ws_proto::handshake::{ClientHandshake, ClientRequest, HandshakeError, Outcome};
use ws_proto::{Connection, Instant};

use crate::dial::called_off;
use crate::http::open;
use crate::websocket::tell_unopened;
use crate::{Agreed, Client, Context, Error, Io, Next, Protocol, Ready};

/// Sends a request and awaits its answer.
pub(crate) struct Asking<C> {
    request: ClientRequest,
    handshake: Option<ClientHandshake>,
    /// Until it is handed to the open connection.
    client: Option<C>,
    is_set_up: bool,
    until: Instant,
}

impl<C: Client + 'static> Asking<C> {
    pub(crate) fn new(request: ClientRequest, client: C, until: Instant) -> Self {
        Self {
            request,
            handshake: None,
            client: Some(client),
            is_set_up: false,
            until,
        }
    }

    fn set_up(&mut self, io: &mut Io<'_>) {
        if let Some(client) = self.client.as_mut().filter(|_| !self.is_set_up) {
            client.setup(&mut Context::new(io.link(), None));
        }
        self.is_set_up = true;
    }

    fn receive(&mut self, io: &mut Io<'_>, bytes: &[u8], next: &mut Option<Next>) -> usize {
        let Some(handshake) = &mut self.handshake else {
            return 0;
        };
        match handshake.receive(bytes) {
            Ok(None) => bytes.len(),
            Ok(Some((outcome, used))) => {
                *next = Some(self.finish(io, outcome));
                used
            }
            Err(error) => {
                *next = Some(Next::Fail(error.into()));
                bytes.len()
            }
        }
    }

    fn handle_eof(&mut self, io: &mut Io<'_>) -> Next {
        match self.handshake.as_mut().map(ClientHandshake::handle_eof) {
            Some(Ok(Some(outcome))) => self.finish(io, outcome),
            Some(Err(error)) => Next::Fail(error.into()),
            _ => Next::Fail(HandshakeError::UnexpectedEof.into()),
        }
    }

    fn finish(&mut self, io: &mut Io<'_>, outcome: Outcome) -> Next {
        match (outcome, self.client.take()) {
            (Outcome::Accepted(accepted), Some(client)) => {
                let agreed = Agreed {
                    protocol: accepted.protocol,
                    extensions: accepted.extensions,
                    response: Some(accepted.response),
                };
                let connection = Connection::client(io.config().clone(), rand::random);
                open(io, connection, client, &agreed)
            }
            (Outcome::Refused(response), client) => {
                self.client = client;
                Next::Fail(Error::Refused(Box::new(response)))
            }
            (Outcome::Accepted(_), None) => Next::Drop,
        }
    }
}

impl<C: Client + 'static> Protocol for Asking<C> {
    fn accept(&mut self, io: &mut Io<'_>) -> Next {
        self.set_up(io);
        let config = io.config().clone();
        io.wake_at(self.until);
        let nonce = rand::random();
        let handshake = ClientHandshake::new(&self.request, nonce, &config.handshake, io.out().buffer());
        self.handshake = Some(handshake);
        Next::Stay
    }

    fn ready(&mut self, io: &mut Io<'_>, why: Ready) -> Next {
        match why {
            Ready::Stop => return Next::Fail(Error::Stopped),
            Ready::Mail if io.is_called_off() => return Next::Fail(called_off()),
            Ready::Timer(token) => {
                if let Some(client) = &mut self.client {
                    client.timer(&mut Context::new(io.link(), None), token);
                }
            }
            _ => {}
        }
        let mut next = None;
        while next.is_none() && io.read(|io, bytes| self.receive(io, bytes, &mut next)) {}
        if let Some(next) = next {
            return next;
        }
        if io.has_ended() {
            if let Some(error) = io.take_failure() {
                return Next::Fail(error.into());
            }
            return self.handle_eof(io);
        }
        if io.now() >= self.until {
            return Next::Fail(HandshakeError::TimedOut.into());
        }
        io.wake_at(self.until);
        Next::Stay
    }

    fn close(&mut self, io: &mut Io<'_>, why: Option<Error>) {
        self.set_up(io);
        if let Some(client) = &mut self.client {
            tell_unopened(client, io, why);
        }
    }
}
