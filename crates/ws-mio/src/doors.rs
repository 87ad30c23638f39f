//! The way in: listening and accepting.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Token};

use crate::alarms::MAX_PLACES;
use crate::clients::ListenerInfo;
use crate::listen::no_address;
use crate::listener::{Accepted, Listener, SharedService};
use crate::said;
use crate::server::FIRST_LISTENER;
use crate::{Address, Arrival, Io, Listen, ListenerId, Next, Protocol, Ready, Serve, Server};

impl Server {
    /// Listens on an address; of several that a name stands for, on the first that can be had. Returns the address with the
    /// actual port.
    ///
    /// When the process runs out of file descriptors, accepting rests until a connection ends, for a tenth of a second at
    /// most; who connects waits meanwhile.
    ///
    /// # Errors
    /// The system's, most likely that the port is in use.
    pub fn listen(&mut self, address: impl ToSocketAddrs, service: impl Serve + 'static) -> io::Result<SocketAddr> {
        let listener = self.listen_with(Listen::tcp(address)?, service)?;
        let address = self.shared.clients.listener_address(listener);
        address.and_then(Address::ip).ok_or_else(no_address)
    }

    /// Listens with options, or on sockets of other kinds.
    ///
    /// # Errors
    /// As [`listen`](Self::listen); or the server was stopped; or it has had 65,535 listeners.
    pub fn listen_with(&mut self, listen: Listen, service: impl Serve + 'static) -> io::Result<ListenerId> {
        if self.stop_at.is_some() {
            return Err(io::Error::other("the server was stopped"));
        }
        let id = ListenerId::new(self.listeners.len()).ok_or_else(|| io::Error::other("too many listeners"))?;
        let (mut door, address) = listen.bind()?;
        door.register(&self.shared.registry, Token(FIRST_LISTENER.0 - id.index()))?;
        said::listening(&address);
        self.shared.clients.listeners.push(ListenerInfo { address });
        self.listeners.push(Some(Listener {
            id,
            door,
            // Some may have waited before it was registered.
            ready: true,
            service: Box::new(service),
        }));
        Ok(id)
    }

    /// Listens on several addresses with one service; see [`pair_up`](crate::pair_up).
    ///
    /// # Errors
    /// As [`listen`](Self::listen), for the first that fails; those before it listen.
    pub fn listen_all(
        &mut self,
        addresses: impl IntoIterator<Item: ToSocketAddrs>,
        service: impl Serve + 'static,
    ) -> io::Result<Vec<SocketAddr>> {
        let service = SharedService::new(service);
        let listen = |address| self.listen(address, service.clone());
        addresses.into_iter().map(listen).collect()
    }

    /// Stops listening. The connections that came through the listener stay.
    pub fn stop_listening(&mut self, listener: ListenerId) {
        if let Some(listener) = self.listeners.get_mut(listener.index()) {
            *listener = None;
        }
    }

    /// Puts a check before all connections that come, whatever their protocol; false drops them at once.
    pub fn admit(&mut self, check: impl FnMut(&Arrival) -> bool + 'static) {
        self.admit = Some(Box::new(check));
    }

    pub(crate) fn has_place(&self) -> bool {
        self.connections() < self.shared.options.max_connections.min(MAX_PLACES)
    }

    pub(crate) fn may_accept(&self) -> bool {
        let waits = self.listeners.iter().flatten().any(|listener| listener.ready);
        waits && self.accept_again.is_none() && self.has_place()
    }

    pub(crate) fn accept(&mut self) {
        if self.accept_again.is_some_and(|at| at > self.shared.clock.now()) {
            return;
        }
        self.accept_again = None;
        for at in 0..self.listeners.len() {
            for _ in 0..ACCEPTS_PER_ROUND {
                if !self.has_place() {
                    return;
                }
                let Some(listener) = self.listeners[at].as_mut().filter(|listener| listener.ready) else {
                    break;
                };
                match listener.door.accept() {
                    Accepted::Stream(stream, peer) => self.welcome(stream, at, peer),
                    Accepted::Drained => listener.ready = false,
                    Accepted::Exhausted => {
                        said::exhausted();
                        self.accept_again = Some(self.shared.clock.now() + ACCEPT_PAUSE);
                        return;
                    }
                }
            }
        }
    }

    fn welcome(&mut self, stream: TcpStream, at: usize, peer: Address) {
        let Some(mut listener) = self.listeners[at].take() else {
            return;
        };
        let local = self.shared.clients.listeners[at].address.clone();
        let mut admit = self.admit.take();
        // It fails only if the connection is gone again.
        let _ = self.begin(stream, Some(listener.id), Interest::READABLE, |id| {
            said::came(id, &peer, &local);
            let arrival = Arrival {
                id,
                peer,
                listener: listener.id,
                at: local,
            };
            if admit.as_mut().is_none_or(|check| check(&arrival)) {
                listener.service.serve(&arrival)
            } else {
                Box::new(Refused)
            }
        });
        self.admit = admit;
        self.listeners[at] = Some(listener);
    }
}

/// What runs on a connection that is not let in.
struct Refused;

impl Protocol for Refused {
    fn accept(&mut self, _io: &mut Io<'_>) -> Next {
        Next::Drop
    }

    fn ready(&mut self, _io: &mut Io<'_>, _why: Ready) -> Next {
        Next::Drop
    }
}

/// Connections accepted in one round from one listener, so that a crowd at the door doesn't keep those inside waiting.
const ACCEPTS_PER_ROUND: usize = 64;

/// How long accepting rests when the process has run out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
