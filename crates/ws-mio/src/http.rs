//! HTTP on a connection, up to the answer: a page, a refusal, or a WebSocket.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use ws_proto::handshake::{HandshakeError, Request, Response, ServerHandshake};
use ws_proto::{Connection, Instant};

use crate::websocket::{WebSocket, tell_unopened};
use crate::{Agreed, Arrival, Client, Context, Error, Io, Next, Protocol, Ready, Serve, Start};

/// Serves HTTP: each connection brings one request, and the given function decides about it.
///
/// The function sees every plain request, and every WebSocket handshake that is in order and comes from an allowed
/// origin; the others get their answer without it.
///
/// ```no_run
/// use ws_mio::{Answer, Client, Config, Http, Response, Server};
///
/// struct Quiet;
/// impl Client for Quiet {}
///
/// let mut server = Server::new(Config::default())?;
/// server.listen("127.0.0.1:8080", Http::new(|request, _arrival| match request.path() {
///     "/" => Answer::page(Response::new(200).with_body("a page")),
///     "/health" => Answer::page(Response::new(204)),
///     "/ws" => Answer::client(Quiet),
///     _ => Answer::page(Response::new(404)),
/// }))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Http {
    rules: Rc<RefCell<Rules>>,
}

struct Rules {
    authorize: Box<Check>,
    decide: Box<Decide>,
}

type Check = dyn FnMut(&Request, &Arrival) -> Option<Response>;
type Decide = dyn FnMut(&Request, &Arrival) -> Answer;

impl Http {
    /// Serves what this function decides.
    pub fn new(decide: impl FnMut(&Request, &Arrival) -> Answer + 'static) -> Self {
        Self {
            rules: Rc::new(RefCell::new(Rules {
                authorize: Box::new(|_, _| None),
                decide: Box::new(decide),
            })),
        }
    }

    /// Serves WebSockets only, a client of one type for each; plain requests are told so (426).
    pub fn clients<C: Client + 'static>(mut make: impl FnMut() -> C + 'static) -> Self {
        Self::new(move |_, _| Answer::client(make()))
    }

    /// Puts a check before all requests; a response refuses.
    pub fn authorize(self, check: impl FnMut(&Request, &Arrival) -> Option<Response> + 'static) -> Self {
        self.rules.borrow_mut().authorize = Box::new(check);
        self
    }
}

impl Serve for Http {
    fn serve(&mut self, arrival: &Arrival) -> Box<dyn Protocol> {
        Box::new(Opening {
            handshake: None,
            arrival: arrival.clone(),
            rules: Rc::clone(&self.rules),
            until: Instant::ZERO,
        })
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

/// The answer to a request.
pub struct Answer(Kind);

enum Kind {
    Page(Response),
    Client(Box<dyn Candidate>),
    Protocol(Box<dyn Protocol>),
}

impl Answer {
    /// An ordinary HTTP response: a page, or a refusal. The connection ends behind it.
    pub fn page(response: Response) -> Self {
        Self(Kind::Page(response))
    }

    /// A WebSocket with this client, if that accepts it. A plain request is told that one is wanted (426).
    pub fn client<C: Client + 'static>(client: C) -> Self {
        Self(Kind::Client(Box::new(client)))
    }

    /// Another protocol takes over behind the request, and answers it as it likes.
    pub fn protocol(protocol: impl Protocol + 'static) -> Self {
        Self(Kind::Protocol(Box::new(protocol)))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Page(response) => f.debug_tuple("Page").field(response).finish(),
            Kind::Client(_) => f.write_str("Client"),
            Kind::Protocol(..) => f.write_str("Protocol"),
        }
    }
}

/// Awaits a request.
struct Opening {
    /// From the first byte on: who says nothing costs no memory for it.
    handshake: Option<Box<ServerHandshake>>,
    arrival: Arrival,
    rules: Rc<RefCell<Rules>>,
    until: Instant,
}

impl Protocol for Opening {
    fn accept(&mut self, io: &mut Io<'_>) -> Next {
        let timeout = io.config().handshake.timeout;
        self.until = io.now() + timeout;
        io.wake_at(self.until);
        Next::Stay
    }

    fn ready(&mut self, io: &mut Io<'_>, why: Ready) -> Next {
        if why == Ready::Stop || why == Ready::Old || why == Ready::Mail && io.is_called_off() {
            return Next::Drop;
        }
        let mut next = None;
        while next.is_none() && io.read(|io, bytes| self.take_in(io, bytes, &mut next)) {}
        if let Some(next) = next {
            return next;
        }
        if io.has_ended() {
            return Next::Drop;
        }
        if io.now() >= self.until {
            HandshakeError::TimedOut.response().write(io.out().buffer());
            return Next::Finish;
        }
        io.wake_at(self.until);
        Next::Stay
    }
}

impl Opening {
    fn take_in(&mut self, io: &mut Io<'_>, bytes: &[u8], next: &mut Option<Next>) -> usize {
        let config = &io.shared.config.handshake;
        let handshake = self
            .handshake
            .get_or_insert_with(|| Box::new(ServerHandshake::new(config)));
        match handshake.receive(bytes) {
            Ok(None) => bytes.len(),
            Ok(Some((request, used))) => {
                *next = Some(self.answer(io, &request));
                used
            }
            Err(error) => {
                error.response().write(io.out().buffer());
                *next = Some(Next::Finish);
                bytes.len()
            }
        }
    }

    fn answer(&mut self, io: &mut Io<'_>, request: &Request) -> Next {
        // A plain request may get a page; a handshake that is none gets the reason, not a client.
        if let (true, Err(error)) = (request.is_upgrade(), request.check()) {
            return refuse(io, request, &error.response());
        }
        let rules = &mut *self.rules.borrow_mut();
        if let Some(response) = (rules.authorize)(request, &self.arrival) {
            return refuse(io, request, &response);
        }
        match (rules.decide)(request, &self.arrival).0 {
            Kind::Page(response) => refuse(io, request, &response),
            Kind::Client(candidate) => {
                if let Err(error) = request.check() {
                    return refuse(io, request, &error.response());
                }
                if io.shared.options.keep_requests {
                    let id = io.id();
                    io.clients().keep_request(id, request);
                }
                candidate.begin(io, request, MAX_HANDOVERS)
            }
            Kind::Protocol(protocol) => Next::Become(protocol),
        }
    }
}

/// A client of any type that may get a connection.
trait Candidate {
    /// Calls the hooks up to `open`, and makes the connection of it.
    fn begin(self: Box<Self>, io: &mut Io<'_>, request: &Request, handovers: u32) -> Next;
}

impl<C: Client + 'static> Candidate for C {
    fn begin(mut self: Box<Self>, io: &mut Io<'_>, request: &Request, handovers: u32) -> Next {
        let mut context = Context::new(io.link(), None);
        self.setup(&mut context);
        if !self.accept(&mut context) {
            context.close_unopened(&mut *self);
            return refuse(io, request, &Response::new(403));
        }
        let accept = match self.start(&mut context, request) {
            Start::Accept(accept) => accept,
            Start::Refuse(response) => {
                context.close_unopened(&mut *self);
                return refuse(io, request, &response);
            }
            Start::Other(_) if handovers == 0 => {
                context.close_unopened(&mut *self);
                return refuse(io, request, &Response::new(500));
            }
            Start::Other(other) => return Box::new(other).begin(io, request, handovers - 1),
        };
        match request.accept(&accept, io.out().buffer()) {
            Err(error) => {
                let response = error.response();
                tell_unopened(&mut *self, io, Some(Error::Handshake(error)));
                refuse(io, request, &response)
            }
            Ok(accepted) => {
                // Large messages can go to the socket as they are, unless an extension has a part in it.
                io.wire.flow.is_plain = accepted.extensions.is_empty();
                let agreed = Agreed {
                    protocol: accepted.protocol,
                    extensions: accepted.extensions,
                    response: None,
                };
                let connection = Connection::server(io.shared.config.clone());
                open(io, connection, *self, &agreed)
            }
        }
    }
}

/// The handshake of either side is done.
pub(crate) fn open<C: Client + 'static>(
    io: &mut Io<'_>,
    mut connection: Connection,
    client: C,
    agreed: &Agreed,
) -> Next {
    connection.extend(&agreed.extensions);
    io.enlist();
    let mut websocket = Box::new(WebSocket { connection, client });
    let (client, mut context) = websocket.parts(io);
    client.open(&mut context, agreed);
    Next::Become(websocket)
}

fn refuse(io: &mut Io<'_>, request: &Request, response: &Response) -> Next {
    request.reject(response, io.out().buffer());
    Next::Finish
}

/// How often a connection may be handed from one client to another; more is a circle.
const MAX_HANDOVERS: u32 = 8;
