//! What the application implements: a client, fat with all that its connection is.

use ws_proto::handshake::{Accept, Request, Response};
use ws_proto::{CloseCode, CloseFrame, Part, Payload};

use crate::{Context, Error};

/// One end of a WebSocket connection, with all its state: a value per connection, made without I/O.
///
/// Its hooks are called in this order; every one of them has a default.
///
/// | hook | when |
/// |---|---|
/// | [`setup`](Self::setup) | first, once |
/// | [`accept`](Self::accept), [`start`](Self::start) | once each, if a peer has connected to us; either may refuse |
/// | [`open`](Self::open) | once, when the handshake is done; from here on the client is in the lists |
/// | [`recv_text`](Self::recv_text) or [`recv_binary`](Self::recv_binary), then [`recv`](Self::recv) | for each message |
/// | [`recv_chunk`](Self::recv_chunk) | instead, with [`Delivery::Chunks`](crate::Delivery::Chunks) |
/// | [`ping`](Self::ping), [`pong`](Self::pong), [`timer`](Self::timer) | as they come |
/// | [`dropped`](Self::dropped), [`drain`](Self::drain) | when the peer is behind, and when there is room again |
/// | [`closing`](Self::closing) | once, if the peer's Close comes |
/// | [`error`](Self::error) | once, if the end is a failure |
/// | [`close`](Self::close) | last, once, whatever the reason |
///
/// So whoever was set up is closed, opened or not. Two exceptions: a client that hands over to another one
/// ([`Start::Other`]) is dropped, since the connection goes on; and a server that is dropped rather than run to its end
/// calls nothing. Every hook may use all of its context. One that panics goes through whatever runs the server, which is
/// good for nothing then but to be dropped.
///
/// ```
/// use ws_mio::{Client, Context, Payload};
///
/// struct Reply;
///
/// impl Client for Reply {
///     fn recv(&mut self, context: &mut Context<'_>, _message: Payload<'_>) {
///         let _ = context.send("Thank you.");
///     }
/// }
/// ```
pub trait Client {
    /// The client gets to know its surroundings. Nothing can be sent to the peer yet.
    fn setup(&mut self, context: &mut Context<'_>) {
        let _ = context;
    }

    /// A peer has connected and asks for a WebSocket. The client is not in any list yet, so that what it sends to all
    /// reaches only the others. False refuses, with 403.
    fn accept(&mut self, context: &mut Context<'_>) -> bool {
        let _ = context;
        true
    }

    /// The opening handshake: the request is in order and comes from an allowed origin.
    fn start(&mut self, context: &mut Context<'_>, request: &Request) -> Start {
        let _ = (context, request);
        Start::Accept(Accept::new())
    }

    /// The connection can be used.
    fn open(&mut self, context: &mut Context<'_>, agreed: &Agreed) {
        let _ = (context, agreed);
    }

    /// A text message came; [`recv`](Self::recv) is called with it next.
    fn recv_text(&mut self, context: &mut Context<'_>, text: &str) {
        let _ = (context, text);
    }

    /// A binary message came; [`recv`](Self::recv) is called with it next.
    fn recv_binary(&mut self, context: &mut Context<'_>, bytes: &[u8]) {
        let _ = (context, bytes);
    }

    /// A message came, of either kind, or of one that the application has defined. It is borrowed from the receive buffer that all connections share.
    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        let _ = (context, message);
    }

    /// A part of a message came ([`Delivery::Chunks`](crate::Delivery::Chunks)).
    fn recv_chunk(&mut self, context: &mut Context<'_>, part: Part, bytes: &[u8]) {
        let _ = (context, part, bytes);
    }

    /// A ping came. Unless [`Replies::pong`](crate::Replies::pong) is off it is answered already.
    fn ping(&mut self, context: &mut Context<'_>, payload: &[u8]) {
        let _ = (context, payload);
    }

    /// A pong came.
    fn pong(&mut self, context: &mut Context<'_>, payload: &[u8]) {
        let _ = (context, payload);
    }

    /// The queue was full and has room again: a client that met [`SendError::QueueFull`](crate::SendError::QueueFull), or
    /// missed what others sent it, can go on.
    fn drain(&mut self, context: &mut Context<'_>) {
        let _ = context;
    }

    /// A message from another connection was not sent to this peer, which is too far behind; see
    /// [`Backpressure`](crate::Backpressure).
    fn dropped(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        let _ = (context, message);
    }

    /// A timer went off, with the token it was set with.
    fn timer(&mut self, context: &mut Context<'_>, token: u64) {
        let _ = (context, token);
    }

    /// The peer's Close came. Unless [`Replies::close`](crate::Replies::close) is off it is answered already; if it is off,
    /// [`Context::close`] is the answer, here or in [`close`](Self::close).
    fn closing(&mut self, context: &mut Context<'_>, frame: &CloseFrame) {
        let _ = (context, frame);
    }

    /// The connection could not be opened, or has failed. [`close`](Self::close) is called next.
    fn error(&mut self, context: &mut Context<'_>, error: Error) {
        let _ = (context, error);
    }

    /// The end: nothing more will come, and what is sent to the peer has little hope. The client is not in any list any more. With
    /// the peer's status and reason; 1005 if it gave none, 1006 if it sent no Close. More is in [`Context::ending`].
    fn close(&mut self, context: &mut Context<'_>, status: CloseCode, reason: &str) {
        let _ = (context, status, reason);
    }
}

/// What the two sides agreed on.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Agreed {
    /// The subprotocol, if any.
    pub protocol: Option<String>,
    /// The extensions, compression among them.
    pub extensions: ws_proto::extension::Agreed,
    /// The server's whole answer, if we are the client.
    pub response: Option<Response>,
}

/// What a client makes of the request that its connection starts with.
#[non_exhaustive]
pub enum Start {
    /// The WebSocket is opened.
    Accept(Accept),
    /// It is refused, or answered otherwise, with any response.
    Refuse(Response),
    /// Another client takes over: another version of the service, say. Its own hooks are called from the first on.
    Other(Box<dyn Client>),
}

impl Start {
    /// Opens the WebSocket without a subprotocol or headers.
    pub fn accept() -> Self {
        Self::Accept(Accept::new())
    }

    /// Hands over to another client.
    pub fn other(client: impl Client + 'static) -> Self {
        Self::Other(Box::new(client))
    }
}

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Accept(accept) => f.debug_tuple("Accept").field(accept).finish(),
            Self::Refuse(response) => f.debug_tuple("Refuse").field(response).finish(),
            Self::Other(_) => f.write_str("Other"),
        }
    }
}

/// A client of any type, for servers that have several.
impl<C: Client + ?Sized> Client for Box<C> {
    fn setup(&mut self, context: &mut Context<'_>) {
        (**self).setup(context);
    }

    fn accept(&mut self, context: &mut Context<'_>) -> bool {
        (**self).accept(context)
    }

    fn start(&mut self, context: &mut Context<'_>, request: &Request) -> Start {
        (**self).start(context, request)
    }

    fn open(&mut self, context: &mut Context<'_>, agreed: &Agreed) {
        (**self).open(context, agreed);
    }

    fn recv_text(&mut self, context: &mut Context<'_>, text: &str) {
        (**self).recv_text(context, text);
    }

    fn recv_binary(&mut self, context: &mut Context<'_>, bytes: &[u8]) {
        (**self).recv_binary(context, bytes);
    }

    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        (**self).recv(context, message);
    }

    fn recv_chunk(&mut self, context: &mut Context<'_>, part: Part, bytes: &[u8]) {
        (**self).recv_chunk(context, part, bytes);
    }

    fn ping(&mut self, context: &mut Context<'_>, payload: &[u8]) {
        (**self).ping(context, payload);
    }

    fn pong(&mut self, context: &mut Context<'_>, payload: &[u8]) {
        (**self).pong(context, payload);
    }

    fn drain(&mut self, context: &mut Context<'_>) {
        (**self).drain(context);
    }

    fn dropped(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        (**self).dropped(context, message);
    }

    fn timer(&mut self, context: &mut Context<'_>, token: u64) {
        (**self).timer(context, token);
    }

    fn closing(&mut self, context: &mut Context<'_>, frame: &CloseFrame) {
        (**self).closing(context, frame);
    }

    fn error(&mut self, context: &mut Context<'_>, error: Error) {
        (**self).error(context, error);
    }

    fn close(&mut self, context: &mut Context<'_>, status: CloseCode, reason: &str) {
        (**self).close(context, status, reason);
    }
}
