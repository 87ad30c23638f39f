//! A server with a thread per connection.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use ws_proto::{CloseCode, Config};

use crate::accept::accept_on;
use crate::deadline::Deadline;
use crate::line::Line;
use crate::{Handle, Incoming};

/// A listening socket, and a thread for every connection that comes.
///
/// There are at most [`max_connections`](Self::max_connections) at a time, those in their handshake included. At that
/// many it stops accepting until one ends; clients wait in the system's queue. It does the same for a moment whenever
/// the system can't give it another socket or thread.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    config: Arc<Config>,
    max_connections: usize,
    stop_timeout: Duration,
    shared: Arc<Connections>,
    spare: Arc<Spare>,
}

impl Server {
    /// Listens on an address. Port 0 takes any free one: see [`local_addr`](Self::local_addr).
    ///
    /// # Errors
    /// What the system says, [`AddrInUse`](io::ErrorKind::AddrInUse) for example.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        TcpListener::bind(address).map(Self::from)
    }

    /// Sets limits and deadlines for all connections.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// How many connections there may be at a time; at least one. Default 4096: with their stacks and buffers that is
    /// in the order of 100 MB, and what is beyond calls for another crate than one with a thread per connection.
    #[must_use]
    pub fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = count.max(1);
        self
    }

    /// How long it takes at most, when the server stops, until all peers have been sent a Close and have answered it,
    /// and then again how long handlers get to return. Default 1 s: a program that is told to end should do so before
    /// its user loses patience.
    #[must_use]
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.stop_timeout = timeout;
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What ends [`serve`](Self::serve) from another thread.
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle {
            shared: Arc::clone(&self.shared),
            spare: Arc::downgrade(&self.spare),
            address: self.local_addr().ok(),
        }
    }

    /// Serves until it is stopped. Every connection gets a thread of its own, in which `handler` is called once the
    /// client's request has come; a client that sends none or a bad one is answered without it. A connection should
    /// not outlive its handler: a stopping server does not know it any more.
    ///
    /// When stopped, it accepts no more, sends a Close with 1001 to all open connections, and waits until their handlers
    /// have returned. What is left after [`stop_timeout`](Self::stop_timeout) loses its transport; a handler that does
    /// not return in that time again keeps its thread, and this call returns without it.
    ///
    /// A handler that panics ends its own connection only.
    pub fn serve(self, handler: impl Fn(Incoming) + Send + Sync + 'static) {
        let handler: Arc<Handler> = Arc::new(handler);
        while self.shared.wait_for_room(self.max_connections) {
            let accepted = self.listener.accept();
            if self.shared.is_stopping() {
                break;
            }
            let started = match accepted {
                Ok((stream, _)) => self.start(stream, &handler),
                // The client has gone away already.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => Ok(()),
                Err(error) => Err(error),
            };
            if started.is_err() {
                // Out of sockets, memory or threads: nothing to be done but wait for some to be given back.
                self.shared.pause(ACCEPT_PAUSE);
            }
        }
        drop(self.listener);
        let deadline = Deadline::after(Some(self.stop_timeout));
        self.shared.close_all(deadline);
        if !self.shared.wait_until_empty(deadline) {
            self.shared.shut_down_all();
            self.shared.wait_until_empty(Deadline::after(Some(self.stop_timeout)));
        }
    }

    fn start(&self, stream: TcpStream, handler: &Arc<Handler>) -> io::Result<()> {
        let line = Arc::new(Line::plain(stream.into())?);
        let slot = Arc::new(Slot {
            line: Arc::downgrade(&line),
            handle: OnceLock::new(),
        });
        // Leaves the list when the thread ends, or at once if there is none.
        let member = Member {
            id: self.shared.enter(Arc::clone(&slot)),
            shared: Arc::clone(&self.shared),
        };
        let (config, handler) = (Arc::clone(&self.config), Arc::clone(handler));
        let thread = thread::Builder::new().name("websocket".to_owned());
        thread.spawn(move || {
            let _member = member;
            // A client that did not come to a request has been answered already.
            if let Ok(incoming) = accept_on(line, config, Some(slot)) {
                handler(incoming);
            }
        })?;
        Ok(())
    }
}

impl From<TcpListener> for Server {
    /// Serves a socket that listens already. It must be a blocking one.
    fn from(listener: TcpListener) -> Self {
        // Without it, stopping works as long as there are descriptors left.
        let spare = listener.try_clone().ok();
        Self {
            listener,
            config: Arc::default(),
            max_connections: DEFAULT_MAX_CONNECTIONS,
            stop_timeout: DEFAULT_STOP_TIMEOUT,
            shared: Arc::default(),
            spare: Arc::new(Mutex::new(spare)),
        }
    }
}

/// Stops a [`Server`] from another thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StopHandle {
    shared: Arc<Connections>,
    spare: Weak<Spare>,
    address: Option<SocketAddr>,
}

impl StopHandle {
    /// Makes [`Server::serve`] stop; does not wait for it. Without effect the second time.
    pub fn stop(&self) {
        if !self.shared.stop() {
            return;
        }
        if let Some(spare) = self.spare.upgrade() {
            drop(spare.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
        // The server's thread waits for a client, and the one portable thing that ends this wait is a client. If it
        // can't connect, the queue is full of others, who do as well.
        if let Some(address) = self.address {
            let _ = TcpStream::connect_timeout(&reachable(address), WAKE_TIMEOUT);
        }
    }
}

/// What the server knows of one connection.
#[derive(Debug)]
pub(crate) struct Slot {
    line: Weak<Line>,
    /// Set when the handshake is done.
    handle: OnceLock<Handle>,
}

impl Slot {
    pub(crate) fn opened(&self, handle: Handle) {
        // It opens once.
        let _ = self.handle.set(handle);
    }

    /// Tells the peer that the server goes away, if it has got so far that it would understand.
    fn close(&self) {
        match self.handle.get() {
            // The code may be sent, and there is no reason that could be too long.
            Some(handle) => drop(handle.close_within(CloseCode::GOING_AWAY, "", Some(LAST_WRITE_PATIENCE))),
            None => self.shut_down(),
        }
    }

    fn shut_down(&self) {
        if let Some(line) = self.line.upgrade() {
            line.shutdown();
        }
    }
}

type Handler = dyn Fn(Incoming) + Send + Sync;

/// A descriptor in reserve, so that a process that has run out of them can still connect to itself to stop. It is the
/// server's own, since it listens too: it must not outlive it.
type Spare = Mutex<Option<TcpListener>>;

/// The connections of one server.
#[derive(Debug, Default)]
struct Connections {
    state: Mutex<State>,
    /// One has left, or the server is to stop.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    members: HashMap<u64, Arc<Slot>>,
    next_id: u64,
    stopping: bool,
}

impl Connections {
    fn enter(&self, slot: Arc<Slot>) -> u64 {
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.members.insert(id, slot);
        id
    }

    fn leave(&self, id: u64) {
        self.lock().members.remove(&id);
        self.changed.notify_all();
    }

    /// Whether this was the first time.
    fn stop(&self) -> bool {
        let was_stopping = mem::replace(&mut self.lock().stopping, true);
        self.changed.notify_all();
        !was_stopping
    }

    fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Waits until there are less than so many; `false` if the server is to stop.
    fn wait_for_room(&self, max: usize) -> bool {
        let is_full = |state: &mut State| !state.stopping && state.members.len() >= max;
        let state = self
            .changed
            .wait_while(self.lock(), is_full)
            .unwrap_or_else(PoisonError::into_inner);
        !state.stopping
    }

    /// Waits so long, or until something changes that may help.
    fn pause(&self, duration: Duration) {
        let state = self.lock();
        if !state.stopping {
            drop(self.changed.wait_timeout(state, duration));
        }
    }

    /// Whether all have left in time.
    fn wait_until_empty(&self, deadline: Deadline) -> bool {
        let mut state = self.lock();
        while !state.members.is_empty() {
            let Ok(left) = deadline.left() else { return false };
            (state, _) = self
                .changed
                .wait_timeout(state, left.unwrap_or(Duration::MAX))
                .unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Many peers that leave no room for a Close take longer together than a stopping server has; then the rest get none.
    fn close_all(&self, deadline: Deadline) {
        for slot in self.slots() {
            if deadline.left().is_ok() {
                slot.close();
            } else {
                slot.shut_down();
            }
        }
    }

    fn shut_down_all(&self) {
        for slot in self.slots() {
            slot.shut_down();
        }
    }

    /// A copy, as closing writes and must not hold the lock meanwhile.
    fn slots(&self) -> Vec<Arc<Slot>> {
        self.lock().members.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place in the list. Dropped even if the handler panics.
struct Member {
    shared: Arc<Connections>,
    id: u64,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.shared.leave(self.id);
    }
}

/// Where a socket that listens on this address can be reached from the same machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

const DEFAULT_MAX_CONNECTIONS: usize = 4096;

const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// After a failure to accept, unless a connection ends before.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// For the connection to ourselves; it is over at once unless the queue is full.
const WAKE_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a stopping server waits for one peer that has left no room for so much as a Close.
const LAST_WRITE_PATIENCE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::tests::pair;

    #[test]
    fn closing_all_has_a_deadline_for_all_of_them_together() {
        for (patience, ending) in [(60, &b"\x88\x02\x03\xe9"[..]), (0, b"")] {
            let (mut peer, ws) = pair(Config::default(), &[]);
            peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let connections = Connections::default();
            let slot = Slot {
                line: Arc::downgrade(&ws.shared().line),
                handle: OnceLock::from(ws.handle()),
            };
            connections.enter(Arc::new(slot));
            connections.close_all(Deadline::after(Some(Duration::from_secs(patience))));
            // Too late for a Close: the transport ends without one.
            let mut came = vec![0; ending.len()];
            peer.read_exact(&mut came).unwrap();
            assert_eq!(came, ending);
            assert!(patience > 0 || peer.read(&mut [0]).unwrap() == 0);
        }
    }
}
