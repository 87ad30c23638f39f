//! A server that runs: accepting, counting, stopping.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::server::client::lock;
use crate::server::clients::Clients;
use crate::server::{Listener, drive};
use crate::socket::Socket;
use crate::trace;

/// A server that has been started. Dropping it drops the listeners and all connections at once; to part in peace,
/// [`shutdown`](Self::shutdown).
#[must_use = "dropping it ends the server"]
pub struct Running {
    addresses: Vec<SocketAddr>,
    clients: Clients,
    stop: watch::Sender<()>,
    /// One task for every listener, with the connections that came by it.
    listeners: JoinSet<()>,
}

impl Running {
    /// The address of the first TCP listener; `None` if there are Unix sockets only.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.addresses.first().copied()
    }

    /// The addresses of all TCP listeners, in the order in which they were given.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Who is connected.
    pub fn clients(&self) -> Clients {
        self.clients.clone()
    }

    /// Waits, for ever: a server ends by [`shutdown`](Self::shutdown), or with this future dropped.
    ///
    /// # Cancel safety
    /// Dropping the future drops the server.
    pub async fn wait(mut self) {
        while self.listeners.join_next().await.is_some() {}
    }

    /// Stops accepting, closes every connection with 1001, and waits until all are over, all callbacks have returned, and
    /// what handlers left has been written; what is left when `grace` is over is dropped. Whether nothing was.
    ///
    /// # Cancel safety
    /// Dropping the future drops the server.
    pub async fn shutdown(mut self, grace: Duration) -> bool {
        let _ = self.stop.send(());
        self.clients.close_for_shutdown();
        let all_over = async { while self.listeners.join_next().await.is_some() {} };
        timeout(grace, all_over).await.is_ok()
    }

    pub(crate) fn start(
        listeners: Vec<Listener>,
        shared: drive::Shared,
        max_connections: usize,
        max_per_peer: usize,
    ) -> io::Result<Self> {
        let mut addresses = Vec::new();
        for listener in &listeners {
            if let Listener::Tcp(listener) = listener {
                addresses.push(listener.local_addr()?);
            }
        }
        let clients = shared.clients.clone();
        let (stop, stopped) = watch::channel(());
        let accepting = Accepting {
            shared: Arc::new(shared),
            places: Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS))),
            peers: Arc::default(),
            max_per_peer,
            stopped,
        };
        let mut tasks = JoinSet::new();
        for listener in listeners {
            tasks.spawn(accepting.clone().run(listener));
        }
        Ok(Self {
            addresses,
            clients,
            stop,
            listeners: tasks,
        })
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("addresses", &self.addresses)
            .field("clients", &self.clients.len())
            .finish_non_exhaustive()
    }
}

/// How many connections each address has.
type Peers = Arc<Mutex<HashMap<IpAddr, usize>>>;

#[derive(Clone)]
struct Accepting {
    shared: Arc<drive::Shared>,
    /// One for every connection that may still come.
    places: Arc<Semaphore>,
    peers: Peers,
    max_per_peer: usize,
    stopped: watch::Receiver<()>,
}

impl Accepting {
    /// Accepts until the server stops, then waits for the connections.
    async fn run(self, listener: Listener) {
        let mut stopped = self.stopped.clone();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                _ = stopped.changed() => break,
                // The results of those that are over are of no interest, but their memory is.
                Some(_) = connections.join_next() => {}
                (place, accepted) = self.accept(&listener) => match accepted {
                    Ok((socket, peer)) => match self.count(peer) {
                        Some(counted) => {
                            let serving = drive::serve(self.shared.clone(), socket, peer, self.stopped.clone());
                            connections.spawn(async move {
                                let _held = (place, counted);
                                serving.await;
                            });
                        }
                        None => trace::refused(peer, "too many connections from this address"),
                    },
                    // Somebody who has left before being let in.
                    Err(error) if is_the_peers(&error) => {}
                    Err(error) => {
                        // Out of file descriptors, most likely: some will come free.
                        trace::accept_failed(&error);
                        drop(place);
                        tokio::select! {
                            _ = stopped.changed() => break,
                            () = sleep(ACCEPT_PAUSE) => {}
                        }
                    }
                },
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    /// Waits for somebody, and for a place to be free. Who only waits for somebody holds no place: another listener's
    /// clients may take it meanwhile.
    async fn accept(&self, listener: &Listener) -> (OwnedSemaphorePermit, io::Result<(Socket, Option<SocketAddr>)>) {
        loop {
            let Ok(place) = self.places.clone().acquire_owned().await else {
                unreachable!("nobody closes the semaphore")
            };
            let mut place = Some(place);
            let accepted = poll_fn(|cx| {
                let place = place.take().or_else(|| self.places.clone().try_acquire_owned().ok());
                // All were taken meanwhile.
                let Some(place) = place else { return Poll::Ready(None) };
                listener.poll_accept(cx).map(|accepted| Some((place, accepted)))
            });
            if let Some(accepted) = accepted.await {
                return accepted;
            }
        }
    }

    /// Counts a connection by its peer, as long as the returned value lives; `None` if there are too many.
    fn count(&self, peer: Option<SocketAddr>) -> Option<Counted> {
        let address = peer.map(|peer| peer.ip().to_canonical());
        if let Some(address) = address.filter(|_| self.max_per_peer != usize::MAX) {
            let mut peers = lock(&self.peers);
            let count = peers.entry(address).or_default();
            if *count >= self.max_per_peer {
                return None;
            }
            *count += 1;
            return Some(Counted(Some((self.peers.clone(), address))));
        }
        Some(Counted(None))
    }
}

/// Whether accepting failed because of who came, so that the next may be let in at once.
fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// A connection that is counted.
struct Counted(Option<(Peers, IpAddr)>);

impl Drop for Counted {
    fn drop(&mut self) {
        let Some((peers, address)) = &self.0 else { return };
        let mut peers = lock(peers);
        if let Some(count) = peers.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                peers.remove(address);
            }
        }
    }
}

/// How long to wait before accepting again after that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
