//! The loop: who is served when.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use ws_proto::{Config, Instant};

use crate::alarms::Alarm;
use crate::flow::{Readiness, Stage};
use crate::handle::Request;
use crate::io::Shared;
use crate::linger::Linger;
use crate::listener::Listener;
use crate::pages::Pages;
use crate::said;
use crate::websocket::WebSocket;
use crate::wire::Wire;
use crate::{Arrival, Client, ClientId, Clients, Context, Handle, Io, ListenerId, Next, Options, Protocol, Ready};

/// Drives connections, those it accepts and those it opens, in the calling thread.
///
/// It knows no protocol: what runs on a connection is a [`Protocol`], of which the server calls `accept`, `ready` and
/// `close`, and nothing else. All connections share one [`Config`] and one [`Options`].
pub struct Server {
    poll: Poll,
    events: Events,
    pub(crate) shared: Shared,
    slots: Pages<Option<Slot>>,
    pub(crate) listeners: Vec<Option<Listener>>,
    /// Connections that get another turn without an event.
    ready: VecDeque<ClientId>,
    /// What other threads have asked for.
    requests: VecDeque<Request>,
    /// When to try accepting again, after running out of something.
    pub(crate) accept_again: Option<Instant>,
    pub(crate) admit: Option<Box<Admit>>,
    on_topic: Option<Box<TopicHook>>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    /// When to end whatever the peers have not ended by then; set once it is stopping.
    pub(crate) stop_at: Option<Instant>,
}

/// A connection: its socket, and what runs on it.
pub(crate) struct Slot {
    pub(crate) wire: Wire,
    protocol: Box<dyn Protocol>,
}

type Admit = dyn FnMut(&Arrival) -> bool;
type TopicHook = dyn FnMut(&mut Clients, &str, bool);

impl Server {
    /// A server with nothing to do yet.
    ///
    /// # Errors
    /// The system's, if it gives no event queue.
    pub fn new(config: impl Into<Arc<Config>>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let handle = Handle::new(Waker::new(poll.registry(), WAKER)?);
        let registry = poll.registry().try_clone()?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_ROUND),
            shared: Shared::new(config.into(), registry, handle),
            slots: Pages::default(),
            listeners: Vec::new(),
            ready: VecDeque::new(),
            requests: VecDeque::new(),
            accept_again: None,
            admit: None,
            on_topic: None,
            #[cfg(feature = "tls")]
            tls: None,
            stop_at: None,
        })
    }

    /// Sets what is not the protocol's business. Connections that are there keep what concerned their beginning.
    pub fn set_options(&mut self, options: Options) {
        self.shared.options = options;
    }

    /// Has this called, at the end of the round, for each topic that has got its first subscriber (true) or lost its last
    /// one (false): to subscribe to it somewhere else, say.
    pub fn on_topic(&mut self, hook: impl FnMut(&mut Clients, &str, bool) + 'static) {
        self.on_topic = Some(Box::new(hook));
    }

    /// Serves until there is nothing left to do: all connections have ended, and either the server was stopped or it never
    /// listened.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn run(&mut self) -> io::Result<()> {
        self.run_while(|_| true)
    }

    /// [`run`](Self::run), as long as this is true; it is asked before each round.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn run_while(&mut self, mut goes_on: impl FnMut(&mut Self) -> bool) -> io::Result<()> {
        while !self.is_done() && goes_on(self) {
            self.turn(None)?;
        }
        Ok(())
    }

    /// Serves one round: waits until something happens, at most for `timeout`, and gives each connection concerned a
    /// bounded turn. For programs with a loop of their own.
    ///
    /// A program that waits for other things as well can have the server's event queue watched (it is `AsRawFd` on unix),
    /// wait for [`patience`](Self::patience) at most, and call this with a timeout of zero.
    ///
    /// # Errors
    /// The system's, if waiting for events fails. Errors of single connections end just those.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.shared.clock.forget();
        self.begin_stop();
        self.wake_due();
        if !self.is_done() {
            self.wait_and_serve(timeout)?;
        }
        self.tell_topics();
        if self.stop_at.is_some() && self.is_done() {
            // Nobody will be served any more, so nobody may wait for it.
            self.shared.handle.leave();
        }
        Ok(())
    }

    /// How long a round may wait for events: until the next deadline, not at all if something is left to do, or for ever.
    pub fn patience(&mut self) -> Option<Duration> {
        let clients = &self.shared.clients;
        let has_news = !clients.mail.is_empty() || clients.topics.has_changed();
        // Its event may have come in the round in which it was asked for, too late for that.
        let is_to_stop = self.stop_at.is_none() && self.shared.handle.is_stopping();
        if !self.ready.is_empty() || self.has_requests() || has_news || is_to_stop || self.may_accept() {
            return Some(Duration::ZERO);
        }
        let times = [
            self.shared.alarms.next(),
            self.shared.clients.timers.next(),
            self.stop_at,
            self.accept_again,
        ];
        let next = times.into_iter().flatten().min()?;
        Some(next.saturating_duration_since(self.shared.clock.now()))
    }

    /// Whether there is nothing left to do: no connection, and no listener or request of a [`Handle`] that could bring one.
    pub fn is_done(&self) -> bool {
        let listens = self.listeners.iter().any(Option::is_some);
        self.connections() == 0 && (self.stop_at.is_some() || !listens && !self.has_requests())
    }

    /// The number of connections, including those that are opening or closing.
    pub fn connections(&self) -> usize {
        self.shared.clients.roster.taken()
    }

    /// The clients, and the ways to reach them.
    pub fn clients(&mut self) -> &mut Clients {
        &mut self.shared.clients
    }

    /// Uses an open WebSocket connection from outside of its client's calls. `None` if it is not open (yet, or any more), or
    /// its client is of another type.
    pub fn with<C: Client + 'static, R>(
        &mut self,
        id: ClientId,
        use_it: impl FnOnce(&mut C, &mut Context<'_>) -> R,
    ) -> Option<R> {
        self.shared.clock.forget();
        let mut result = None;
        self.call(id, |protocol, io| {
            let websocket = protocol.as_any().and_then(|any| any.downcast_mut::<WebSocket<C>>());
            let Some(websocket) = websocket.filter(|_| io.wire.flow.stage != Stage::Told) else {
                return Next::Stay;
            };
            let (client, mut context) = websocket.parts(io);
            result = Some(use_it(client, &mut context));
            websocket.settle(io)
        });
        result
    }

    /// A handle that reaches this server from anywhere.
    pub fn handle(&self) -> Handle {
        self.shared.handle.clone()
    }

    /// Takes in a connection.
    pub(crate) fn begin(
        &mut self,
        mut stream: TcpStream,
        listener: Option<ListenerId>,
        interest: Interest,
        protocol: impl FnOnce(ClientId) -> Box<dyn Protocol>,
    ) -> io::Result<ClientId> {
        let id = self.shared.clients.roster.take(listener);
        let registered = self.shared.registry.register(&mut stream, Token(id.place()), interest);
        if let Err(error) = registered {
            self.shared.clients.leave(id);
            return Err(error);
        }
        let mut wire = Wire::new(stream);
        wire.flow.stage = if listener.is_some() {
            Stage::Live
        } else {
            Stage::Dialling
        };
        wire.flow.watched = listener.is_none();
        wire.flow.writable = listener.is_some();
        let slot = Some(Slot {
            wire,
            protocol: protocol(id),
        });
        match self.slots.get_mut(id.place()) {
            Some(place) => *place = slot,
            None => self.slots.push(slot),
        }
        self.call(id, |protocol, io| protocol.accept(io));
        Ok(id)
    }

    fn wait_and_serve(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = match (self.patience(), timeout) {
            (Some(patience), Some(timeout)) => Some(patience.min(timeout)),
            (patience, timeout) => patience.or(timeout),
        };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => self.shared.clock.forget(),
        }
        let waiting = self.ready.len();
        self.serve_events();
        for _ in 0..waiting {
            self.serve_ready();
        }
        self.accept();
        self.serve_requests();
        self.deliver_mail();
        Ok(())
    }

    fn serve_events(&mut self) {
        let events = mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let Token(number) = event.token();
            if event.token() == WAKER {
                continue;
            }
            let listener = FIRST_LISTENER
                .0
                .checked_sub(number)
                .filter(|at| *at < self.listeners.len());
            if let Some(at) = listener {
                if let Some(listener) = &mut self.listeners[at] {
                    listener.ready = true;
                }
                continue;
            }
            // An event for a connection that ended may meet the one that took its place: that costs it a vain read.
            let ready = Readiness {
                readable: event.is_readable() || event.is_error(),
                writable: event.is_writable() || event.is_error(),
                read_closed: event.is_read_closed() || event.is_error(),
            };
            self.serve(number, ready);
        }
        self.events = events;
    }

    fn serve(&mut self, place: usize, ready: Readiness) {
        let Some(id) = self.shared.clients.roster.at(place) else {
            return;
        };
        let Some(Some(slot)) = self.slots.get_mut(place) else {
            return;
        };
        if slot.wire.flow.stage != Stage::Dialling {
            slot.wire.flow.note(ready);
            return self.call(id, serve_io);
        }
        self.call(id, |protocol, io| {
            let next = protocol.ready(io, Ready::Io);
            if io.wire.flow.stage != Stage::Dialling {
                io.wire.flow.note(ready);
            }
            next
        });
    }

    fn serve_ready(&mut self) {
        let Some(id) = self.ready.pop_front() else { return };
        if let Some(slot) = self.slot(id) {
            slot.wire.flow.queued = false;
            self.call(id, serve_io);
        }
    }

    /// Wakes the connections whose time has come.
    fn wake_due(&mut self) {
        for _ in 0..WAKES_PER_ROUND {
            if self.shared.alarms.next().is_none() {
                break;
            }
            let now = self.shared.clock.now();
            let Some((alarm, place)) = self.shared.alarms.pop_due(now) else {
                break;
            };
            let Some(id) = self.shared.clients.roster.at(place) else {
                continue;
            };
            if let Some(slot) = self.slot(id).filter(|slot| slot.wire.alarm == alarm) {
                slot.wire.alarm = Alarm::NEVER;
                self.call(id, |protocol, io| protocol.ready(io, Ready::Time));
            }
        }
        for _ in 0..WAKES_PER_ROUND {
            if self.shared.clients.timers.next().is_none() {
                break;
            }
            let now = self.shared.clock.now();
            let Some((id, token)) = self.shared.clients.timers.pop_due(now) else {
                break;
            };
            let why = token.map_or(Ready::Old, Ready::Timer);
            self.call(id, |protocol, io| protocol.ready(io, why));
        }
        let Clients { timers, roster, .. } = &mut self.shared.clients;
        timers.sweep(|id| roster.is_taken(id));
    }

    /// Whether other threads have asked for something that is not done yet.
    fn has_requests(&self) -> bool {
        !self.requests.is_empty() || self.shared.handle.has_requests()
    }

    /// Does what other threads have asked for, as far as there is room for what it leads to.
    fn serve_requests(&mut self) {
        if self.requests.is_empty() {
            self.shared.handle.take(&mut self.requests);
        }
        self.serve_taken();
    }

    /// Does all that other threads have asked for up to now.
    fn serve_all_requests(&mut self) {
        self.shared.handle.take(&mut self.requests);
        loop {
            self.serve_taken();
            self.deliver_mail();
            if self.requests.is_empty() {
                return;
            }
        }
    }

    fn serve_taken(&mut self) {
        while !self.shared.clients.mail.is_full() {
            let Some(request) = self.requests.pop_front() else {
                break;
            };
            let clients = &mut self.shared.clients;
            match request {
                Request::Post(to, post) => clients.post(to, post),
                Request::All(message, except) => clients.send_all_prepared(&message, &except),
                Request::Publish(topic, message) => drop(clients.publish_prepared(&topic, &message, &[])),
                Request::Relayed(topic, message) => drop(clients.publish_here(&topic, &message, &[])),
                Request::Run(closure) => closure(self),
            }
        }
    }

    /// Gives everybody what the others have for them.
    fn deliver_mail(&mut self) {
        if self.shared.clients.mail.is_empty() {
            return;
        }
        mem::swap(&mut self.shared.clients.mail, &mut self.shared.delivering);
        for place in self.shared.delivering.take_waiting() {
            let place = place as usize;
            let Some(id) = self.shared.clients.roster.at(place) else {
                continue;
            };
            if self.shared.delivering.has(place) {
                self.call(id, |protocol, io| protocol.ready(io, Ready::Mail));
            }
            // It may not have looked.
            self.shared.delivering.forget(place);
        }
        self.shared.delivering.clear();
    }

    fn tell_topics(&mut self) {
        for (topic, is_there) in self.shared.clients.topics.take_changed() {
            if let Some(hook) = &mut self.on_topic {
                hook(&mut self.shared.clients, &topic, is_there);
            }
        }
    }

    /// Gives a connection a turn: calls its protocol and does what that leads to.
    fn call(&mut self, id: ClientId, act: impl FnOnce(&mut dyn Protocol, &mut Io<'_>) -> Next) {
        if !self.shared.clients.roster.is_taken(id) {
            return;
        }
        let Some(Some(slot)) = self.slots.get_mut(id.place()) else {
            return;
        };
        let Slot { wire, protocol } = slot;
        let mut io = Io::begin(id, wire, &mut self.shared);
        let next = act(&mut **protocol, &mut io);
        if !follow(protocol, io, next) {
            return self.remove(id);
        }
        if slot.wire.wants_turn() && !slot.wire.flow.queued && !self.shared.was_declined() {
            slot.wire.flow.queued = true;
            self.ready.push_back(id);
        }
        self.sweep_alarms();
    }

    /// Keeps the alarms of connections that are gone from outnumbering the others, however quickly peers come and go.
    fn sweep_alarms(&mut self) {
        if self.shared.alarms.len() > 2 * self.connections() + SPARE_ALARMS {
            let slots = &self.slots;
            self.shared.alarms.sweep(|alarm, place| {
                let slot = slots.get(place).and_then(Option::as_ref);
                slot.is_some_and(|slot| slot.wire.alarm == alarm)
            });
        }
    }

    pub(crate) fn remove(&mut self, id: ClientId) {
        said::went(id);
        // Closing the socket takes it out of the event queue; its alarms are ignored.
        if let Some(place) = self.slots.get_mut(id.place()) {
            *place = None;
        }
        self.shared.clients.leave(id);
        self.shared.delivering.forget(id.place());
        self.accept_again = None;
    }

    fn slot(&mut self, id: ClientId) -> Option<&mut Slot> {
        if !self.shared.clients.roster.is_taken(id) {
            return None;
        }
        self.slots.get_mut(id.place())?.as_mut()
    }

    /// Begins to stop if that was asked for, and ends it when its time has come.
    fn begin_stop(&mut self) {
        match self.stop_at {
            None if self.shared.handle.is_stopping() => {
                said::stopping(self.connections());
                // What was asked for before comes first.
                self.serve_all_requests();
                let deadline = self.shared.handle.stop_deadline();
                let deadline = deadline.unwrap_or(self.shared.options.stop_deadline);
                self.stop_at = Some(self.shared.clock.now() + deadline);
                self.accept_again = None;
                self.listeners.clear();
                for id in self.all() {
                    self.call(id, |protocol, io| protocol.ready(io, Ready::Stop));
                }
            }
            Some(at) if at <= self.shared.clock.now() => {
                for id in self.all() {
                    self.call(id, |_, _| Next::Drop);
                }
            }
            _ => {}
        }
    }

    fn all(&self) -> Vec<ClientId> {
        self.shared.clients.roster.iter_taken().collect()
    }

    #[cfg(test)]
    pub(crate) fn any_slot(&self) -> Option<&Slot> {
        self.slots.iter().flatten().next()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.handle.leave();
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for Server {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.poll.as_raw_fd()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("connections", &self.connections())
            .field("listeners", &self.listeners)
            .field("stopping", &self.stop_at.is_some())
            .finish_non_exhaustive()
    }
}

/// Does what the socket is ready for.
fn serve_io(protocol: &mut dyn Protocol, io: &mut Io<'_>) -> Next {
    io.write_backlog();
    io.offer_input();
    protocol.ready(io, Ready::Io)
}

/// Does what a call led to. Returns whether the connection lives on.
fn follow(protocol: &mut Box<dyn Protocol>, mut io: Io<'_>, mut next: Next) -> bool {
    for _ in 0..MAX_CHANGES {
        next = match next {
            Next::Stay if io.may_finish() => return true,
            Next::Stay | Next::Drop => break,
            Next::Fail(error) => {
                protocol.close(&mut io, Some(error));
                io.abandon();
                return false;
            }
            Next::Finish => {
                protocol.close(&mut io, None);
                *protocol = Box::new(Linger::new());
                io.offer_again();
                protocol.accept(&mut io)
            }
            Next::Become(other) => {
                *protocol = other;
                // To this one nothing has been offered yet.
                io.offer_again();
                match protocol.accept(&mut io) {
                    Next::Stay if io.has_unread() => protocol.ready(&mut io, Ready::Io),
                    next => next,
                }
            }
        };
    }
    protocol.close(&mut io, None);
    io.abandon();
    false
}

const WAKER: Token = Token(usize::MAX);

/// Listeners count down from here, connections up from zero.
pub(crate) const FIRST_LISTENER: Token = Token(usize::MAX - 1);

/// Events taken in one round; what is beyond comes in the next one.
const EVENTS_PER_ROUND: usize = 1024;

/// Deadlines and timers, of each kind, seen to in one round.
const WAKES_PER_ROUND: usize = 1024;

/// Alarms without a connection that are not worth a sweep.
const SPARE_ALARMS: usize = 1024;

/// How often a connection may change its protocol in one turn; more is a circle.
const MAX_CHANGES: usize = 16;

#[cfg(test)]
#[path = "tests/server.rs"]
mod tests;
