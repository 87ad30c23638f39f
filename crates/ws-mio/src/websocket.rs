//! The WebSocket protocol on a connection: ws-proto's rules, and the client that lives by them.

use std::any::Any;

use ws_proto::{CloseCode, Connection, ConnectionError, Event, Input, Payload, Prepared, Transport};

use crate::flow::Stage;
use crate::mail::Post;
use crate::{Backpressure, Client, Context, Error, Io, Next, Protocol, Ready};

/// An open WebSocket connection and its client.
pub(crate) struct WebSocket<C> {
    pub(crate) connection: Connection,
    pub(crate) client: C,
}

impl<C: Client + 'static> Protocol for WebSocket<C> {
    fn accept(&mut self, io: &mut Io<'_>) -> Next {
        io.limit_lifetime();
        self.settle(io)
    }

    fn ready(&mut self, io: &mut Io<'_>, why: Ready) -> Next {
        match why {
            Ready::Io => {
                if io.has_progressed() {
                    self.connection.handle_progress();
                }
                self.tell_drained(io);
                self.take_mail(io);
                self.read(io);
            }
            Ready::Mail => self.take_mail(io),
            Ready::Old => self.close_with(CloseCode::GOING_AWAY, "this connection is old: open another"),
            Ready::Timer(token) => {
                if io.wire.flow.stage != Stage::Told {
                    let (client, mut context) = self.parts(io);
                    client.timer(&mut context, token);
                }
            }
            Ready::Stop => self.close_with(CloseCode::GOING_AWAY, ""),
            // What is due, `settle` sees to.
            Ready::Time => {}
        }
        self.settle(io)
    }

    fn close(&mut self, io: &mut Io<'_>, _why: Option<Error>) {
        if !self.connection.is_finished() {
            // The failure is in its ending.
            let _ = self.connection.handle_eof();
        }
        self.tell_end(io);
    }

    fn as_any(&mut self) -> Option<&mut dyn Any> {
        Some(self)
    }
}

impl<C: Client> WebSocket<C> {
    pub(crate) fn parts<'a>(&'a mut self, io: &'a mut Io<'_>) -> (&'a mut C, Context<'a>) {
        (&mut self.client, Context::new(io.link(), Some(&mut self.connection)))
    }

    /// Reads and delivers: until there is nothing, the bound is reached or the output is full.
    fn read(&mut self, io: &mut Io<'_>) {
        while may_deliver(io) {
            if io.wire.flow.held {
                self.take_in(io, &mut []);
                continue;
            }
            if self.read_direct(io) {
                continue;
            }
            if !io.read(|io, bytes| self.take_in(io, bytes)) {
                break;
            }
        }
        if io.has_ended() {
            // The failure, if it is one, is in its ending.
            let _ = self.connection.handle_eof();
        }
    }

    /// Reads straight into a large message in progress, if there is one and something came.
    fn read_direct(&mut self, io: &mut Io<'_>) -> bool {
        if io.has_unread() {
            return false;
        }
        let window = self.connection.direct_window();
        let Some(window) = window.filter(|window| window.len() >= MIN_DIRECT) else {
            return false;
        };
        let count = io.read_into(window);
        let event = self.connection.handle_direct(count);
        if let Ok(Some(event)) = event {
            let (client, mut context) = self.parts(io);
            dispatch(client, &mut context, event);
        }
        count > 0
    }

    /// Hands out events until there are no more or the output is full. Returns how many bytes were taken.
    fn take_in(&mut self, io: &mut Io<'_>, bytes: &mut [u8]) -> usize {
        let len = bytes.len();
        let mut input = Input::new(bytes);
        // What was decoded comes in chunks, the last of them without any more input.
        io.wire.flow.held = true;
        while may_deliver(io) {
            // An error is in the ending, where `settle` finds it.
            let Ok(Some(event)) = self.connection.next_event(&mut input) else {
                io.wire.flow.held = false;
                break;
            };
            let (client, mut context) = self.parts(io);
            dispatch(client, &mut context, event);
            self.connection.poll_outbox(io.out());
        }
        len - input.len()
    }

    /// Sends on what others have for this peer.
    fn take_mail(&mut self, io: &mut Io<'_>) {
        while let Some(post) = io.next_post() {
            match &*post {
                Post::Message(message) => self.pass_on(io, message),
                Post::Close(code, reason) => self.close_with(*code, reason),
            }
        }
    }

    fn pass_on(&mut self, io: &mut Io<'_>, message: &Prepared) {
        if io.has_room() {
            // It fails only if we are closing.
            let _ = self.connection.sender().queue_prepared(message, io.out());
            return;
        }
        let backpressure = io.shared.options.backpressure;
        if backpressure == Backpressure::Tell {
            io.wire.flow.refused = true;
            return;
        }
        if io.wire.flow.stage == Stage::Told {
            return;
        }
        let (client, mut context) = self.parts(io);
        client.dropped(&mut context, message.payload());
        if backpressure == Backpressure::Close {
            self.close_with(CloseCode::TRY_AGAIN_LATER, "too slow");
        }
    }

    fn close_with(&mut self, code: CloseCode, reason: &str) {
        // It may be closing already, which is as good. A reason too long is cut off whole.
        if let Err(ws_proto::SendError::Close(_)) = self.connection.close(code, reason) {
            let _ = self.connection.close(code, "");
        }
    }

    fn tell_drained(&mut self, io: &mut Io<'_>) {
        if io.wire.flow.refused && !io.out().is_full() {
            io.wire.flow.refused = false;
            if io.wire.flow.stage != Stage::Told {
                let (client, mut context) = self.parts(io);
                client.drain(&mut context);
            }
        }
    }

    /// Tells the client the end, once.
    fn tell_end(&mut self, io: &mut Io<'_>) {
        if io.wire.flow.stage == Stage::Told || !self.connection.is_finished() {
            return;
        }
        io.wire.flow.stage = Stage::Told;
        io.unlist();
        let ending = self.connection.ending().copied().unwrap_or_default();
        let (client, mut context) = self.parts(io);
        if let Some(error) = ending.error {
            client.error(&mut context, Error::Connection(error));
        }
        client.close(&mut context, ending.code(), ending.reason());
        self.connection.poll_outbox(io.out());
    }

    /// Sends what is owed and queued, tells the client the end, sees to the deadline, and obeys the connection about the
    /// transport.
    pub(crate) fn settle(&mut self, io: &mut Io<'_>) -> Next {
        let mut ticks = 0;
        if io.wire.flow.paused && self.connection.ending().is_some() {
            // The peer's Close must be found, and then its end.
            io.resume();
        }
        loop {
            self.connection.poll_outbox(io.out());
            self.tell_end(io);
            io.flush();
            while self.connection.poll_outbox(io.out()) {
                io.flush();
            }
            let Some(at) = self.connection.poll_timeout().filter(|at| io.is_before_alarm(*at)) else {
                break;
            };
            let now = io.now();
            if at > now || ticks == MAX_TICKS {
                io.wake_at(at);
                break;
            }
            ticks += 1;
            // The failure, if there is one, is in its ending.
            let _ = self.connection.handle_timeout(now);
        }
        let is_written = io.is_written();
        match self.connection.transport() {
            Transport::Drop => return Next::Drop,
            Transport::FlushThenClose if is_written => return Next::Drop,
            Transport::HalfClose if is_written => io.shut(),
            _ => {}
        }
        Next::Stay
    }
}

/// Whether the client wants the next message, and there is room for what it may lead to, for the peer and for others.
#[inline]
pub(crate) fn may_deliver(io: &mut Io<'_>) -> bool {
    let may_deliver = !io.wire.flow.paused && io.has_room() && !io.shared.clients.mail.is_full();
    if !may_deliver {
        // At the end of the turn it may be otherwise.
        io.offer_again();
    }
    may_deliver
}

#[inline]
fn dispatch<C: Client>(client: &mut C, context: &mut Context<'_>, event: Event<'_>) {
    match event {
        Event::Text(text) => {
            client.recv_text(context, &text);
            client.recv(context, Payload::Text(&text));
        }
        Event::Binary(bytes) => {
            client.recv_binary(context, &bytes);
            client.recv(context, Payload::Binary(&bytes));
        }
        Event::Chunk(part, bytes) => client.recv_chunk(context, part, &bytes),
        Event::Custom(kind, bytes) => client.recv(context, Payload::Custom(kind, &bytes)),
        Event::Ping(payload) => client.ping(context, &payload),
        Event::Pong(payload) => client.pong(context, &payload),
        Event::Close(frame) => client.closing(context, &frame),
        _ => {}
    }
}

/// The end of a connection that ended before it was open, for a client's last hooks.
pub(crate) fn tell_unopened<C: Client>(client: &mut C, io: &mut Io<'_>, error: Option<Error>) {
    io.unlist();
    let mut context = Context::new(io.link(), None);
    let error = error.unwrap_or(Error::Connection(ConnectionError::Disconnected));
    client.error(&mut context, error);
    client.close(&mut context, CloseCode::ABNORMAL, "");
}

/// The smallest part of a message to be read past the shared buffer: below, a read that also brings what comes
/// behind saves more than the copy costs.
const MIN_DIRECT: usize = 8 * 1024;

/// Deadlines of one connection seen to in one go; more than a few would mean an interval of zero.
const MAX_TICKS: usize = 4;
