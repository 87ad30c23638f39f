//! What the application implements.

use ws_proto::handshake::{Accept, Response};
use ws_proto::{Ending, Part, Payload};

use crate::{Context, Error};

/// The application's part of one connection: it is told what happens and answers through the [`Context`].
///
/// Calls come in this order: [`on_open`](Self::on_open), any number of the calls about what the peer sent, then
/// [`on_close`](Self::on_close) exactly once; or [`on_fail`](Self::on_fail) alone. After the last call the handler is
/// dropped, at once or a little later. A reactor that is dropped rather than stopped makes no last calls.
pub trait Handler {
    /// The handshake is done; the connection can be used.
    fn on_open(&mut self, context: &mut Context<'_>, agreed: &Agreed) {
        let _ = (context, agreed);
    }

    /// A whole message came ([`Delivery::Messages`](crate::Delivery::Messages), the default). It is borrowed from the
    /// receive buffer that all connections share.
    fn on_message(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        let _ = (context, message);
    }

    /// A part of a message came ([`Delivery::Chunks`](crate::Delivery::Chunks)).
    fn on_chunk(&mut self, context: &mut Context<'_>, part: Part, data: &[u8]) {
        let _ = (context, part, data);
    }

    /// A ping came. Unless [`Replies::pong`](crate::Replies::pong) is off it is answered already.
    fn on_ping(&mut self, context: &mut Context<'_>, payload: &[u8]) {
        let _ = (context, payload);
    }

    /// A pong came.
    fn on_pong(&mut self, context: &mut Context<'_>, payload: &[u8]) {
        let _ = (context, payload);
    }

    /// The queue, which was full, has room again: a handler that met [`SendError::QueueFull`](crate::SendError::QueueFull)
    /// can go on.
    fn on_drained(&mut self, context: &mut Context<'_>) {
        let _ = context;
    }

    /// The connection has ended: nothing more will come, and nothing can be sent. Called exactly once for each
    /// [`on_open`](Self::on_open). ([`Context::close`] still works here if [`Replies::close`](crate::Replies::close) is
    /// off and the peer closed first: it is the answer.)
    fn on_close(&mut self, context: &mut Context<'_>, ending: &Ending) {
        let _ = (context, ending);
    }

    /// The connection of a [`connect`](crate::Reactor::connect) could not be opened.
    fn on_fail(&mut self, error: Error) {
        let _ = error;
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

/// The answer to a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum Decision<H> {
    /// Open a WebSocket, to be handled by this handler.
    Accept(H, Accept),
    /// Answer with an ordinary HTTP response: a refusal, or a page.
    Reject(Response),
}

impl<H> Decision<H> {
    /// Opens a WebSocket without any subprotocol or headers.
    pub fn accept(handler: H) -> Self {
        Self::Accept(handler, Accept::new())
    }

    /// Refuses, or answers, with a response.
    pub fn reject(response: Response) -> Self {
        Self::Reject(response)
    }
}
