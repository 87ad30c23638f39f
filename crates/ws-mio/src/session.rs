//! An open connection and its handler.

use mio::net::TcpStream;
use ws_proto::{Connection, Event, Input, Payload};

use crate::client::Work;
use crate::flow::Flow;
use crate::{Context, Handler};

/// An open connection and its handler.
pub(crate) struct Session<H> {
    pub(crate) connection: Connection,
    pub(crate) handler: H,
    /// Whether the handler has been told the end.
    pub(crate) told: bool,
}

impl<H: Handler> Session<H> {
    pub(crate) fn parts<'a>(
        &'a mut self,
        stream: &'a TcpStream,
        flow: &'a mut Flow,
        work: &'a mut Work<'_>,
    ) -> (&'a mut H, Context<'a>) {
        let Work { id, out, stop, .. } = work;
        (
            &mut self.handler,
            Context {
                id: *id,
                stream,
                flow,
                connection: &mut self.connection,
                out,
                stop,
            },
        )
    }

    /// Tells the handler that the connection has ended, once.
    pub(crate) fn tell_end(&mut self, stream: &TcpStream, flow: &mut Flow, work: &mut Work<'_>) {
        if self.told || !self.connection.is_finished() {
            return;
        }
        self.told = true;
        let ending = self.connection.ending().copied().unwrap_or_default();
        let (handler, mut context) = self.parts(stream, flow, work);
        handler.on_close(&mut context, &ending);
        self.connection.poll_outbox(work.out);
    }
}

/// Hands out events until there are no more or the output is full.
pub(crate) fn deliver<H: Handler>(handler: &mut H, context: &mut Context<'_>, input: &mut Input<'_>) {
    // An error is in the ending, where `settle` finds it.
    while context.has_room() {
        let Ok(Some(event)) = context.connection.next_event(input) else {
            return;
        };
        dispatch(handler, context, event);
        context.connection.poll_outbox(context.out);
    }
}

#[inline]
pub(crate) fn dispatch<H: Handler>(handler: &mut H, context: &mut Context<'_>, event: Event<'_>) {
    match event {
        Event::Text(text) => handler.on_message(context, Payload::Text(&text)),
        Event::Binary(bytes) => handler.on_message(context, Payload::Binary(&bytes)),
        Event::Chunk(part, data) => handler.on_chunk(context, part, &data),
        Event::Custom(kind, bytes) => handler.on_message(context, Payload::Custom(kind, &bytes)),
        Event::Ping(payload) => handler.on_ping(context, &payload),
        Event::Pong(payload) => handler.on_pong(context, &payload),
        // Told by `on_close`, as every other end is.
        _ => {}
    }
}
