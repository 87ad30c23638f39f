//! The loop: who is served when.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::mem;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use ws_proto::handshake::{ClientRequest, Request};
use ws_proto::{Config, Instant, Outbox};

use crate::client::{Client, Fate, Shared};
use crate::clock::{Clock, NEVER};
use crate::flow::Readiness;
use crate::listener::{Accepted, Listener};
use crate::opening::{DIAL_INTEREST, Dial, next_stream};
use crate::slots::Slots;
use crate::timers::Timers;
use crate::{ClientId, Context, Decision, Error, Handler, StopHandle};

/// Drives connections, those it accepts and those it opens, in the calling thread.
///
/// All of them have handlers of one type, which it owns, and share one [`Config`]. Use an enum for handlers of several
/// kinds.
pub struct Reactor<H> {
    poll: Poll,
    events: Events,
    shared: Shared,
    clients: Slots<Client<H>>,
    listeners: Vec<Listener<H>>,
    timers: Timers,
    /// Connections that get another turn without an event.
    ready: VecDeque<ClientId>,
    /// When to try accepting again, after running out of something.
    accept_again: Option<Instant>,
    stop_deadline: Duration,
    /// When to end whatever the peers have not ended by then; set once it is stopping.
    stop_at: Option<Instant>,
}

impl<H: Handler> Reactor<H> {
    /// A reactor with nothing to do yet.
    ///
    /// # Errors
    /// The system's, if it gives no event queue.
    pub fn new(config: impl Into<Arc<Config>>) -> io::Result<Self> {
        let config = config.into();
        let poll = Poll::new()?;
        let stop = StopHandle::new(Waker::new(poll.registry(), WAKER)?);
        let shared = Shared {
            registry: poll.registry().try_clone()?,
            input: vec![0; RECEIVE_BUFFER].into(),
            output: Outbox::new(&config.limits),
            config,
            clock: Clock::default(),
            stop,
        };
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_ROUND),
            shared,
            clients: Slots::new(),
            listeners: Vec::new(),
            timers: Timers::default(),
            ready: VecDeque::new(),
            accept_again: None,
            stop_deadline: STOP_DEADLINE,
            stop_at: None,
        })
    }

    /// Listens on an address; of several that a name stands for, on the first that can be had. Returns the address with the
    /// actual port.
    ///
    /// The factory sees every WebSocket handshake that is in order and comes from an allowed origin, and every plain HTTP
    /// request. It decides: a handler, or a response.
    ///
    /// When the process runs out of file descriptors, accepting rests until a connection ends, for a tenth of a second at
    /// most; who connects waits meanwhile.
    ///
    /// # Errors
    /// The system's, most likely that the port is in use.
    pub fn listen(
        &mut self,
        address: impl ToSocketAddrs,
        factory: impl FnMut(&Request, SocketAddr) -> Decision<H> + 'static,
    ) -> io::Result<SocketAddr> {
        let mut socket = bind(address)?;
        let local = socket.local_addr()?;
        let token = Token(FIRST_LISTENER.0 - self.listeners.len());
        self.shared.registry.register(&mut socket, token, Interest::READABLE)?;
        self.listeners.push(Listener::new(socket, factory));
        Ok(local)
    }

    /// Begins to open a connection. The handler is told how that went: [`Handler::on_open`] or [`Handler::on_fail`].
    ///
    /// All addresses of the host are tried in turn, within [`timeout`](crate::HandshakeConfig::timeout) together with the
    /// handshake. The host's name is resolved by the system before this returns, which blocks; use an address in the
    /// URL where that matters.
    ///
    /// # Errors
    /// The URL is not valid or `wss://`, the name can't be resolved, or no address can even be tried. The handler is dropped
    /// then.
    pub fn connect(&mut self, url: &str, handler: H) -> Result<ClientId, Error> {
        self.connect_with(ClientRequest::new(url)?, handler)
    }

    /// [`connect`](Self::connect), with subprotocols or headers.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_with(&mut self, request: ClientRequest, handler: H) -> Result<ClientId, Error> {
        if self.stop_at.is_some() {
            return Err(Error::Stopped);
        }
        let url = request.url();
        if url.is_secure() {
            return Err(Error::TlsUnsupported);
        }
        let addresses = (url.host(), url.port()).to_socket_addrs()?.collect();
        Ok(self.dial(request, addresses, handler)?)
    }

    /// Serves until there is nothing left to do: all connections have ended, and either the reactor was stopped or it never
    /// listened.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn run(&mut self) -> io::Result<()> {
        while !self.is_done() {
            self.turn(None)?;
        }
        Ok(())
    }

    /// Serves one round: waits until something happens, at most for `timeout`, and gives each connection concerned a
    /// bounded turn. For programs with a loop of their own.
    ///
    /// # Errors
    /// The system's, if waiting for events fails. Errors of single connections end just those.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.shared.clock.forget();
        self.begin_stop();
        self.wake_due();
        if self.is_done() {
            return Ok(());
        }
        let timeout = self.patience(timeout);
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
        Ok(())
    }

    /// Whether there is nothing left to do: no connection, and no listener that could bring one.
    pub fn is_done(&self) -> bool {
        self.clients.len() == 0 && (self.listeners.is_empty() || self.stop_at.is_some())
    }

    /// The number of connections, including those that are opening or closing.
    pub fn connections(&self) -> usize {
        self.clients.len()
    }

    /// Uses an open connection from outside of its handler's calls: to send something that another source brought, say.
    /// `None` if it is not open (yet, or any more).
    pub fn with<R>(&mut self, id: ClientId, use_it: impl FnOnce(&mut H, &mut Context<'_>) -> R) -> Option<R> {
        self.shared.clock.forget();
        let (fate, result) = self.clients.get_mut(id)?.with(id, &mut self.shared, use_it);
        self.attend(id, fate);
        result
    }

    /// A handle that stops this reactor from anywhere.
    pub fn stop_handle(&self) -> StopHandle {
        self.shared.stop.clone()
    }

    /// How long peers may take to answer the Close when the reactor is stopped; then their connections are dropped.
    /// Default one second: many round trips, and little for somebody who waits for a program to end.
    pub fn set_stop_deadline(&mut self, deadline: Duration) {
        self.stop_deadline = deadline;
    }

    fn dial(&mut self, request: ClientRequest, addresses: Vec<SocketAddr>, handler: H) -> io::Result<ClientId> {
        let mut addresses = addresses.into_iter();
        let mut stream = next_stream(&mut addresses, no_address())?;
        let id = self.clients.next_id();
        self.shared
            .registry
            .register(&mut stream, Token(id.index()), DIAL_INTEREST)?;
        self.shared.clock.forget();
        let until = self.shared.clock.now() + self.shared.config.handshake.timeout;
        let dial = Dial {
            request,
            addresses,
            handler,
            until,
        };
        self.clients
            .insert(Client::dialling(stream, id, dial, &mut self.shared));
        self.attend(id, Fate::Keep);
        Ok(id)
    }

    fn serve_events(&mut self) {
        let events = mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let Token(number) = event.token();
            if event.token() == WAKER {
                continue;
            }
            if let Some(listener) = FIRST_LISTENER
                .0
                .checked_sub(number)
                .and_then(|at| self.listeners.get_mut(at))
            {
                listener.ready = true;
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

    fn serve(&mut self, index: usize, ready: Readiness) {
        if let Some((id, client)) = self.clients.at(index) {
            let fate = client.turn(id, ready, &mut self.shared, &mut self.listeners);
            self.attend(id, fate);
        }
    }

    fn serve_ready(&mut self) {
        let Some(id) = self.ready.pop_front() else { return };
        if let Some(client) = self.clients.get_mut(id) {
            client.flow.queued = false;
            let fate = client.turn(id, Readiness::default(), &mut self.shared, &mut self.listeners);
            self.attend(id, fate);
        }
    }

    /// Wakes the connections whose time has come.
    fn wake_due(&mut self) {
        for _ in 0..WAKES_PER_ROUND {
            if self.timers.next().is_none() {
                return;
            }
            let now = self.shared.clock.now();
            let Some((at, id)) = self.timers.pop_due(now) else {
                return;
            };
            if let Some(client) = self.clients.get_mut(id).filter(|client| client.alarm == at) {
                client.alarm = NEVER;
                self.attend(id, Fate::Keep);
            }
        }
    }

    /// After every use of a connection: drops it if it has ended, sees to its deadline and to its next turn.
    fn attend(&mut self, id: ClientId, mut fate: Fate) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let mut ticks = 0;
        while let Some(at) = client.deadline().filter(|at| fate == Fate::Keep && *at < client.alarm) {
            let now = self.shared.clock.now();
            if at > now || ticks == MAX_TICKS {
                client.alarm = at;
                self.timers.add(at, id);
                break;
            }
            ticks += 1;
            fate = client.tick(id, now, &mut self.shared);
        }
        if fate == Fate::Drop {
            return self.remove(id);
        }
        if client.wants_turn() && !client.flow.queued {
            client.flow.queued = true;
            self.ready.push_back(id);
        }
        self.sweep_timers();
    }

    /// Keeps the timers of connections that are gone from outnumbering the others, however quickly peers come and go.
    fn sweep_timers(&mut self) {
        if self.timers.len() > 2 * self.clients.len() + SPARE_TIMERS {
            let clients = &mut self.clients;
            self.timers
                .retain(|at, id| clients.get_mut(id).is_some_and(|client| client.alarm == at));
        }
    }

    fn remove(&mut self, id: ClientId) {
        // Closing the socket takes it out of the event queue; its timers are ignored.
        self.clients.remove(id);
        self.accept_again = None;
    }

    fn accept(&mut self) {
        if self.accept_again.is_some_and(|at| at > self.shared.clock.now()) {
            return;
        }
        self.accept_again = None;
        for at in 0..self.listeners.len() {
            for _ in 0..ACCEPTS_PER_ROUND {
                if !self.listeners[at].ready {
                    break;
                }
                match self.listeners[at].accept() {
                    Accepted::Stream(stream, peer) => self.welcome(stream, at, peer),
                    Accepted::Drained => self.listeners[at].ready = false,
                    Accepted::Exhausted => {
                        self.accept_again = Some(self.shared.clock.now() + ACCEPT_PAUSE);
                        return;
                    }
                }
            }
        }
    }

    fn welcome(&mut self, mut stream: TcpStream, listener: usize, peer: SocketAddr) {
        let id = self.clients.next_id();
        // Either fails only if the connection is gone again.
        let prepared = stream.set_nodelay(true).and_then(|()| {
            self.shared
                .registry
                .register(&mut stream, Token(id.index()), Interest::READABLE)
        });
        if prepared.is_ok() {
            self.clients
                .insert(Client::accepted(stream, id, listener, peer, &mut self.shared));
            self.attend(id, Fate::Keep);
        }
    }

    /// How long to wait for events.
    fn patience(&mut self, timeout: Option<Duration>) -> Option<Duration> {
        let may_accept = self.accept_again.is_none() && self.listeners.iter().any(|listener| listener.ready);
        if !self.ready.is_empty() || may_accept {
            return Some(Duration::ZERO);
        }
        let times = [self.timers.next(), self.stop_at, self.accept_again];
        let Some(next) = times.into_iter().flatten().min() else {
            return timeout;
        };
        let wait = next.saturating_duration_since(self.shared.clock.now());
        Some(timeout.map_or(wait, |timeout| timeout.min(wait)))
    }

    /// Begins to stop if that was asked for, and ends it when its time has come.
    fn begin_stop(&mut self) {
        match self.stop_at {
            None if self.shared.stop.is_asked() => {
                let now = self.shared.clock.now();
                self.stop_at = Some(now + self.stop_deadline);
                self.accept_again = None;
                self.listeners.clear();
                for id in self.clients.ids() {
                    if let Some(client) = self.clients.get_mut(id) {
                        let fate = client.stop(id, &mut self.shared);
                        self.attend(id, fate);
                    }
                }
            }
            Some(at) if at <= self.shared.clock.now() => {
                for id in self.clients.ids() {
                    if let Some(client) = self.clients.get_mut(id) {
                        client.abort(id, &mut self.shared);
                        self.clients.remove(id);
                    }
                }
            }
            _ => {}
        }
    }
}

impl<H> fmt::Debug for Reactor<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("connections", &self.clients.len())
            .field("listeners", &self.listeners)
            .field("stopping", &self.stop_at.is_some())
            .finish_non_exhaustive()
    }
}

fn bind(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
    let mut error = no_address();
    for address in address.to_socket_addrs()? {
        match TcpListener::bind(address) {
            Ok(listener) => return Ok(listener),
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the name has no address")
}

const WAKER: Token = Token(usize::MAX);

/// Listeners count down from here, connections up from zero.
const FIRST_LISTENER: Token = Token(usize::MAX - 1);

/// The receive buffer: as much as a busy loopback or gigabit peer has waiting, and still within the second-level cache.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Events taken in one round; what is beyond comes in the next one.
const EVENTS_PER_ROUND: usize = 1024;

/// Connections accepted in one round from one listener, so that a crowd at the door doesn't keep those inside waiting.
const ACCEPTS_PER_ROUND: usize = 64;

/// Deadlines seen to in one round.
const WAKES_PER_ROUND: usize = 1024;

/// Timers without a connection that are not worth a sweep.
const SPARE_TIMERS: usize = 1024;

/// Deadlines of one connection seen to in one go; more than a few would mean an interval of zero.
const MAX_TICKS: usize = 4;

/// How long accepting rests when the process has run out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long peers may take to answer the Close on stopping.
const STOP_DEADLINE: Duration = Duration::from_secs(1);

#[cfg(test)]
#[path = "tests/reactor.rs"]
mod tests;
