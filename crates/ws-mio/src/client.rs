//! One connection: its socket, its phase, and what it keeps between turns.

use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use ws_proto::{CloseCode, Config, Connection, Input, Instant, Outbox, Transport};

use crate::clock::{Clock, NEVER};
use crate::flow::{Flow, Readiness};
use crate::listener::Listener;
use crate::opening::{Dial, Opening, Step};
use crate::output;
use crate::session::{Session, deliver, dispatch};
use crate::{Agreed, ClientId, Context, Error, Handler, StopHandle};

/// One connection. Idle, it holds no buffer.
pub(crate) struct Client<H> {
    stream: TcpStream,
    pub(crate) flow: Flow,
    /// The earliest time that the reactor's timers hold for this connection.
    pub(crate) alarm: Instant,
    backlog: Option<Box<Backlog>>,
    phase: Phase<H>,
}

/// What the last turns left undone, because the peer does not read.
struct Backlog {
    outbox: Outbox,
    unread: Unread,
}

/// Input that was read but not delivered, because the output was full.
#[derive(Default)]
pub(crate) struct Unread {
    bytes: Vec<u8>,
    from: usize,
}

enum Phase<H> {
    Opening(Box<Opening<H>>),
    Open(Session<H>),
    /// The handshake was answered otherwise: whatever comes is dropped until the peer ends the transport, so that the
    /// answer isn't lost to a reset.
    Answered {
        until: Instant,
    },
    Gone,
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) registry: Registry,
    pub(crate) input: Box<[u8]>,
    pub(crate) output: Outbox,
    pub(crate) clock: Clock,
    pub(crate) stop: StopHandle,
}

/// What a connection works with during its turn.
pub(crate) struct Work<'a> {
    pub(crate) id: ClientId,
    pub(crate) config: &'a Arc<Config>,
    pub(crate) registry: &'a Registry,
    pub(crate) clock: &'a mut Clock,
    /// The connection's own queue, or the shared one if that is empty.
    pub(crate) out: &'a mut Outbox,
    unread: Unread,
    input: &'a mut [u8],
    pub(crate) stop: &'a StopHandle,
}

/// Whether a connection lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Keep,
    Drop,
}

impl<H: Handler> Client<H> {
    /// One that was accepted.
    pub(crate) fn accepted(
        stream: TcpStream,
        id: ClientId,
        listener: usize,
        peer: SocketAddr,
        shared: &mut Shared,
    ) -> Self {
        let mut client = Self::new(stream);
        client.flow = Flow {
            writable: true,
            is_server: true,
            ..Flow::default()
        };
        client.work(id, shared, |client, work| {
            client.phase = Phase::Opening(Opening::server(listener, peer, work))
        });
        client
    }

    /// One that is being opened.
    pub(crate) fn dialling(stream: TcpStream, id: ClientId, dial: Dial<H>, shared: &mut Shared) -> Self {
        let mut client = Self::new(stream);
        client.flow.watched = true;
        client.work(id, shared, |client, work| {
            client.phase = Phase::Opening(Opening::dial(dial, work))
        });
        client
    }

    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            flow: Flow::default(),
            alarm: NEVER,
            backlog: None,
            phase: Phase::Gone,
        }
    }

    /// Does what the socket is ready for, up to a bound.
    pub(crate) fn turn(
        &mut self,
        id: ClientId,
        ready: Readiness,
        shared: &mut Shared,
        listeners: &mut [Listener<H>],
    ) -> Fate {
        self.work(id, shared, |client, work| {
            if client.is_dialling() {
                client.dial(ready, work);
            } else {
                client.flow.note(ready);
            }
            client.write_backlog(work);
            client.tell_drained(work);
            client.read(listeners, work);
        })
    }

    /// Does what is due at this time.
    pub(crate) fn tick(&mut self, id: ClientId, now: Instant, shared: &mut Shared) -> Fate {
        self.work(id, shared, |client, work| {
            match mem::replace(&mut client.phase, Phase::Gone) {
                Phase::Opening(opening) if now >= opening.until => {
                    let step = opening.time_out(&mut client.stream, work);
                    client.go(step, work);
                }
                Phase::Answered { until } if now >= until => {}
                Phase::Open(mut session) => {
                    // The failure is in its ending, where `settle` finds it.
                    let _ = session.connection.handle_timeout(now);
                    client.phase = Phase::Open(session);
                }
                phase => client.phase = phase,
            }
        })
    }

    /// Lets somebody use the connection, if it is open.
    pub(crate) fn with<R>(
        &mut self,
        id: ClientId,
        shared: &mut Shared,
        use_it: impl FnOnce(&mut H, &mut Context<'_>) -> R,
    ) -> (Fate, Option<R>) {
        let mut result = None;
        let fate = self.work(id, shared, |client, work| match &mut client.phase {
            Phase::Open(session) if !session.told => {
                let (handler, mut context) = session.parts(&client.stream, &mut client.flow, work);
                result = Some(use_it(handler, &mut context));
            }
            _ => {}
        });
        (fate, result)
    }

    /// The reactor is being stopped.
    pub(crate) fn stop(&mut self, id: ClientId, shared: &mut Shared) -> Fate {
        self.work(id, shared, |client, work| {
            match mem::replace(&mut client.phase, Phase::Gone) {
                Phase::Opening(opening) => {
                    client.go(opening.fail(Error::Stopped), work);
                }
                Phase::Open(mut session) => {
                    // It may be closing already, which is as good.
                    let _ = session.connection.close(CloseCode::GOING_AWAY, "");
                    client.phase = Phase::Open(session);
                }
                phase => client.phase = phase,
            }
        })
    }

    /// Ends at once, as if the transport had.
    pub(crate) fn abort(&mut self, id: ClientId, shared: &mut Shared) {
        self.work(id, shared, |client, work| client.end(work));
    }

    /// When to tick.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Opening(opening) => Some(opening.until),
            Phase::Open(session) => session.connection.poll_timeout(),
            Phase::Answered { until } => Some(*until),
            Phase::Gone => None,
        }
    }

    /// Whether there is something to do that no event will tell.
    pub(crate) fn wants_turn(&self) -> bool {
        match &self.backlog {
            Some(backlog) if backlog.outbox.is_full() => false,
            Some(backlog) => self.flow.readable || !backlog.unread.is_empty(),
            None => self.flow.readable,
        }
    }

    #[cfg(test)]
    pub(crate) fn holds_backlog(&self) -> bool {
        self.backlog.is_some()
    }

    fn is_dialling(&self) -> bool {
        matches!(&self.phase, Phase::Opening(opening) if opening.is_dialling())
    }

    /// Gets the tools, does something, then does what it led to and puts away what is left.
    fn work(&mut self, id: ClientId, shared: &mut Shared, act: impl FnOnce(&mut Self, &mut Work<'_>)) -> Fate {
        let mut backlog = self.backlog.take();
        let (out, unread) = match &mut backlog {
            Some(backlog) => (&mut backlog.outbox, mem::take(&mut backlog.unread)),
            None => (&mut shared.output, Unread::default()),
        };
        let Shared {
            config,
            registry,
            input,
            clock,
            stop,
            ..
        } = shared;
        let mut work = Work {
            id,
            config,
            registry,
            clock,
            out,
            unread,
            input,
            stop,
        };
        act(self, &mut work);
        let fate = self.settle(&mut work);
        let unread = work.unread;
        if fate == Fate::Drop {
            shared.output.clear();
        } else if let Some(mut backlog) = backlog {
            if !backlog.outbox.is_empty() || !unread.is_empty() {
                backlog.unread = unread;
                self.backlog = Some(backlog);
            }
        } else if !shared.output.is_empty() || !unread.is_empty() {
            self.backlog = Some(Box::new(Backlog {
                outbox: shared.output.take(),
                unread,
            }));
        }
        if shared.output.buffer().capacity() > MAX_KEPT_OUTPUT {
            shared.output.release();
        }
        fate
    }

    /// Sends what is owed and queued, tells the handler the end, and obeys the connection about the transport.
    fn settle(&mut self, work: &mut Work<'_>) -> Fate {
        let Phase::Open(session) = &mut self.phase else {
            output::flush(&self.stream, &mut self.flow, work.out);
            return self.settle_unopened(work);
        };
        session.connection.poll_outbox(work.out);
        session.tell_end(&self.stream, &mut self.flow, work);
        output::flush(&self.stream, &mut self.flow, work.out);
        while session.connection.poll_outbox(work.out) {
            output::flush(&self.stream, &mut self.flow, work.out);
        }
        match session.connection.transport() {
            Transport::Drop => return Fate::Drop,
            Transport::FlushThenClose if work.out.is_empty() => return Fate::Drop,
            Transport::HalfClose if work.out.is_empty() => self.flow.shut(&self.stream),
            _ => {}
        }
        self.watch(work)
    }

    fn settle_unopened(&mut self, work: &mut Work<'_>) -> Fate {
        match &self.phase {
            Phase::Gone => return Fate::Drop,
            Phase::Answered { .. } if work.out.is_empty() => {
                if self.flow.eof {
                    return Fate::Drop;
                }
                self.flow.shut(&self.stream);
            }
            Phase::Opening(opening) if opening.is_dialling() => return Fate::Keep,
            _ => {}
        }
        self.watch(work)
    }

    /// Has the socket watched for room to write just while something waits for it.
    fn watch(&mut self, work: &mut Work<'_>) -> Fate {
        let wanted = !work.out.is_empty();
        if wanted == self.flow.watched {
            return Fate::Keep;
        }
        let interest = if wanted {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        match work
            .registry
            .reregister(&mut self.stream, Token(work.id.index()), interest)
        {
            Ok(()) => {
                self.flow.watched = wanted;
                Fate::Keep
            }
            // Nothing would ever wake this connection again.
            Err(_) => {
                self.end(work);
                if let Phase::Open(session) = &mut self.phase {
                    session.tell_end(&self.stream, &mut self.flow, work);
                }
                Fate::Drop
            }
        }
    }

    /// Writes what an earlier turn had to leave. If some of it goes, the peer reads, and so lives.
    fn write_backlog(&mut self, work: &mut Work<'_>) {
        let waiting = work.out.len();
        output::flush(&self.stream, &mut self.flow, work.out);
        if work.out.len() == waiting || self.flow.deaf {
            return;
        }
        match &mut self.phase {
            Phase::Open(session) => session.connection.handle_progress(),
            Phase::Answered { until } => *until = work.linger_until(),
            _ => {}
        }
    }

    fn tell_drained(&mut self, work: &mut Work<'_>) {
        if !self.flow.refused || work.out.is_full() {
            return;
        }
        self.flow.refused = false;
        if let Phase::Open(session) = &mut self.phase {
            let (handler, mut context) = session.parts(&self.stream, &mut self.flow, work);
            handler.on_drained(&mut context);
        }
    }

    /// Delivers what was left over, then reads: until there is nothing, the bound is reached or the output is full.
    fn read(&mut self, listeners: &mut [Listener<H>], work: &mut Work<'_>) {
        if !work.unread.is_empty() {
            let mut unread = mem::take(&mut work.unread);
            let taken = self.take_in(&mut unread.bytes[unread.from..], listeners, work);
            unread.from += taken;
            if !unread.is_empty() {
                work.unread = unread;
                return;
            }
        }
        let mut budget = BYTES_PER_TURN;
        while self.flow.readable && budget > 0 && output::has_room(&self.stream, &mut self.flow, work.out) {
            let cost = match self.read_direct(work) {
                Some(count) => count / DIRECT_DISCOUNT,
                None => self.read_shared(listeners, work),
            };
            if !work.unread.is_empty() {
                return;
            }
            budget = budget.saturating_sub(cost.max(MIN_READ_COST));
        }
    }

    /// Reads into the shared buffer and delivers.
    fn read_shared(&mut self, listeners: &mut [Listener<H>], work: &mut Work<'_>) -> usize {
        let input = mem::take(&mut work.input);
        let count = self.flow.read(&self.stream, input);
        let taken = self.take_in(&mut input[..count], listeners, work);
        if taken < count {
            work.unread = Unread {
                bytes: input[taken..count].to_vec(),
                from: 0,
            };
        }
        work.input = input;
        if self.flow.eof {
            self.end(work);
        }
        count
    }

    /// Reads straight into a large message in progress, if there is one.
    fn read_direct(&mut self, work: &mut Work<'_>) -> Option<usize> {
        let Phase::Open(session) = &mut self.phase else {
            return None;
        };
        let window = session
            .connection
            .direct_window()
            .filter(|window| window.len() >= MIN_DIRECT)?;
        let count = self.flow.read(&self.stream, window);
        let event = session.connection.handle_direct(count);
        if let Ok(Some(event)) = event {
            let (handler, mut context) = session.parts(&self.stream, &mut self.flow, work);
            dispatch(handler, &mut context, event);
        }
        if self.flow.eof {
            self.end(work);
        }
        Some(count)
    }

    /// Passes bytes on to whoever they are for, and returns how many were taken.
    fn take_in(&mut self, bytes: &mut [u8], listeners: &mut [Listener<H>], work: &mut Work<'_>) -> usize {
        let mut taken = 0;
        if let Phase::Opening(_) = self.phase {
            if let Phase::Opening(opening) = mem::replace(&mut self.phase, Phase::Gone) {
                let step = opening.receive(bytes, listeners, work);
                taken = self.go(step, work);
            }
        }
        let Phase::Open(session) = &mut self.phase else {
            return bytes.len();
        };
        let (handler, mut context) = session.parts(&self.stream, &mut self.flow, work);
        let mut input = Input::new(&mut bytes[taken..]);
        deliver(handler, &mut context, &mut input);
        let left = input.len();
        bytes.len() - left
    }

    /// The socket that dials has made progress, or failed.
    fn dial(&mut self, ready: Readiness, work: &mut Work<'_>) {
        let Phase::Opening(opening) = mem::replace(&mut self.phase, Phase::Gone) else {
            return;
        };
        let step = opening.dialled(&mut self.stream, work);
        if let Step::More(opening) = &step {
            if !opening.is_dialling() {
                self.flow.writable = true;
                self.flow.note(ready);
            }
        }
        self.go(step, work);
    }

    /// The transport has ended.
    fn end(&mut self, work: &mut Work<'_>) {
        self.flow.eof = true;
        match mem::replace(&mut self.phase, Phase::Gone) {
            Phase::Opening(opening) => {
                let step = opening.handle_eof();
                self.go(step, work);
            }
            Phase::Open(mut session) => {
                // The failure, if it is one, is in its ending.
                let _ = session.connection.handle_eof();
                self.phase = Phase::Open(session);
            }
            phase => self.phase = phase,
        }
    }

    /// Takes a step of the opening; returns how many bytes belonged to it.
    fn go(&mut self, step: Step<H>, work: &mut Work<'_>) -> usize {
        match step {
            Step::More(opening) => self.phase = Phase::Opening(opening),
            Step::Gone => self.phase = Phase::Gone,
            Step::Failed(mut handler, error) => {
                self.phase = Phase::Gone;
                handler.on_fail(error);
            }
            Step::Answered => {
                let until = work.linger_until();
                self.phase = Phase::Answered { until };
            }
            Step::Open { handler, agreed, used } => {
                self.open(handler, &agreed, work);
                return used;
            }
        }
        0
    }

    fn open(&mut self, handler: H, agreed: &Agreed, work: &mut Work<'_>) {
        let config = work.config.clone();
        let mut connection = if self.flow.is_server {
            Connection::server(config)
        } else {
            Connection::client(config, rand::random)
        };
        connection.extend(&agreed.extensions);
        let mut session = Session {
            connection,
            handler,
            told: false,
        };
        let (handler, mut context) = session.parts(&self.stream, &mut self.flow, work);
        handler.on_open(&mut context, agreed);
        self.phase = Phase::Open(session);
    }
}

impl Work<'_> {
    /// How long to wait for the peer to take note of an HTTP answer.
    fn linger_until(&mut self) -> Instant {
        self.clock.now() + self.config.timeouts.linger.unwrap_or(DEFAULT_LINGER)
    }
}

impl Unread {
    fn is_empty(&self) -> bool {
        self.from == self.bytes.len()
    }
}

/// What one connection may read in a turn: a few times the receive buffer, so that one busy peer keeps others waiting for
/// well under a millisecond. Tests need a bound below what any socket buffer holds.
const BYTES_PER_TURN: usize = if cfg!(test) { 32 * 1024 } else { 256 * 1024 };

/// How much less of that bound is used up by what is read straight into a message, which costs little more than the copy.
/// So up to 2 MiB of a message that has come are taken in one turn, and its memory is free again for the next one's.
const DIRECT_DISCOUNT: usize = 8;

/// What a read counts for at least: it is a system call however little it brings.
const MIN_READ_COST: usize = 16 * 1024;

/// The smallest remainder of a message to be read past the shared buffer: below, a read that also brings what comes
/// behind saves more than the copy costs.
const MIN_DIRECT: usize = 16 * 1024;

/// The largest output buffer that is kept for the next turn. More is needed only when large messages meet slow
/// peers.
const MAX_KEPT_OUTPUT: usize = 256 * 1024;

/// How long to wait for the peer to take note of an HTTP answer, if the configuration sets no time.
const DEFAULT_LINGER: Duration = Duration::from_secs(1);
