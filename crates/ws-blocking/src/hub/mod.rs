//! A server that knows its connections: callbacks or an inbox, sending to one, to all, or to all but some.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ws_blocking::{Server, connect, hub::Event};
//!
//! let hub = Server::bind("127.0.0.1:0")?.hub().start()?;
//! let mut ws = connect(&format!("ws://{}/", hub.running().local_addr()?))?;
//! ws.send("Hello")?;
//! while let Some(event) = hub.next_event(None) {
//!     match event {
//!         Event::Connected(peer) => println!("{} is here", peer.id()),
//!         Event::Received(received) => {
//!             received.peer.send(received.message)?;
//!             break;
//!         }
//!         _ => {}
//!     }
//! }
//! assert_eq!(ws.recv()?, Some("Hello".into()));
//! # Ok(())
//! # }
//! ```

mod desk;
mod inbox;
mod peer;
mod wire;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ws_proto::handshake::{Accept, Request, Response};
use ws_proto::{Message, Prepared};

pub(crate) use self::desk::{Callbacks, Desk};
pub use self::inbox::{ErrorRecord, Event, Received, WhenFull};
pub use self::peer::{Peer, PeerId};
pub(crate) use self::wire::Half;
pub use self::wire::{Messages, Wire};

use crate::server::{Entry, Options, open};
use crate::writer::Offered;
use crate::{Error, Incoming, Running, Server};

/// Opens a connection, if it is to be.
type Opener<W> = dyn Fn(&Entry, &Options) -> Result<Opened<W>, Error> + Send + Sync;
pub(crate) type Opened<W> = (<W as Half>::Reader, <W as Half>::Writer);

/// A hub to be started; from [`Server::hub`].
///
/// Callbacks run in the connection's own thread, so those of one connection one after the other, and of several at the
/// same time. While one runs, its connection does not receive.
pub struct Builder<W: Wire = Messages> {
    server: Server,
    opener: Box<Opener<W>>,
    callbacks: Callbacks<W>,
}

impl Server {
    /// Serves with callbacks, or with an inbox, instead of a handler; and knows its connections.
    pub fn hub(self) -> Builder {
        Builder::new(self, |entry, options| {
            let ws = open(entry, options)?.accept(Accept::new())?;
            Ok(ws.split())
        })
    }
}

impl Builder {
    /// Decides on each client: with what to accept it, or how to answer it otherwise. Default: all are accepted.
    #[must_use]
    pub fn authorize(
        mut self,
        decide: impl Fn(&Request) -> Result<Accept, Box<Response>> + Send + Sync + 'static,
    ) -> Self {
        self.opener = Box::new(move |entry, options| {
            let incoming: Incoming = open(entry, options)?;
            match decide(incoming.request()) {
                Ok(accept) => Ok(incoming.accept(accept)?.split()),
                Err(response) => {
                    incoming.reject((*response).clone())?;
                    Err(Error::Refused(response))
                }
            }
        });
        self
    }
}

impl<W: Wire> Builder<W> {
    pub(crate) fn new(
        server: Server,
        opener: impl Fn(&Entry, &Options) -> Result<Opened<W>, Error> + Send + Sync + 'static,
    ) -> Self {
        Self {
            server,
            opener: Box::new(opener),
            callbacks: Callbacks::default(),
        }
    }

    /// Called when a connection is open, in its thread, before anything of it is received. Without it, the inbox gets
    /// [`Event::Connected`].
    #[must_use]
    pub fn on_connect(mut self, callback: impl Fn(&Peer<W>) + Send + Sync + 'static) -> Self {
        self.callbacks.on_connect = Some(Box::new(callback));
        self
    }

    /// Called exactly once when a connection that was open has ended, whatever ended it. The hub does not know it any
    /// more then. Without it, the inbox gets [`Event::Disconnected`].
    #[must_use]
    pub fn on_disconnect(mut self, callback: impl Fn(&Peer<W>) + Send + Sync + 'static) -> Self {
        self.callbacks.on_disconnect = Some(Box::new(callback));
        self
    }

    /// Called for every message. Without it, the inbox gets it.
    #[must_use]
    pub fn on_receive(mut self, callback: impl Fn(&Peer<W>, W::Message) + Send + Sync + 'static) -> Self {
        self.callbacks.on_receive = Some(Box::new(callback));
        self
    }

    /// How many messages the inbox holds, and what happens to more. Default 1024, and their connections wait.
    #[must_use]
    pub fn inbox(mut self, limit: usize, when_full: WhenFull) -> Self {
        self.callbacks.limit = limit;
        self.callbacks.when_full = when_full;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start(self) -> io::Result<Hub<W>> {
        let shared = Arc::new(Shared {
            desk: Desk::new(self.callbacks),
            peers: Mutex::default(),
        });
        let weak = Arc::downgrade(&shared);
        self.server.gate().on_stop(move || {
            if let Some(shared) = weak.upgrade() {
                shared.desk.inbox.close();
            }
        });
        let (serving, opener) = (Arc::clone(&shared), self.opener);
        let options = self.server.options().clone();
        let running = self
            .server
            .start_with(move |entry| serving.serve(&entry, &options, &*opener))?;
        Ok(Hub {
            running: Some(running),
            shared,
        })
    }
}

/// A server that knows its connections. Dropping it is [`shutdown`](Self::shutdown).
pub struct Hub<W: Wire = Messages> {
    /// Until it is shut down.
    running: Option<Running>,
    shared: Arc<Shared<W>>,
}

struct Shared<W: Wire> {
    desk: Desk<W>,
    peers: Mutex<HashMap<PeerId, Peer<W>>>,
}

impl<W: Wire> Hub<W> {
    /// The server: where it listens, and what it takes to pause and to go on.
    pub fn running(&self) -> &Running {
        match &self.running {
            Some(running) => running,
            None => unreachable!("it is taken by shutdown, which takes the hub"),
        }
    }

    /// All connections, in the order in which they came.
    pub fn peers(&self) -> Vec<Peer<W>> {
        let mut peers: Vec<_> = self.shared.peers().values().cloned().collect();
        peers.sort_unstable_by_key(Peer::id);
        peers
    }

    /// The connection of this name, if it is open.
    pub fn peer(&self, id: PeerId) -> Option<Peer<W>> {
        self.shared.peers().get(&id).cloned()
    }

    /// The connection to this address, if there is one.
    pub fn peer_at(&self, address: SocketAddr) -> Option<Peer<W>> {
        let peers = self.shared.peers();
        peers.values().find(|peer| peer.address() == Some(address)).cloned()
    }

    /// Begins the proper end of a connection, by its name; `false` if there is none.
    pub fn disconnect(&self, id: PeerId) -> bool {
        let peer = self.peer(id);
        peer.iter().for_each(Peer::disconnect);
        peer.is_some()
    }

    /// Begins the proper end of a connection, by its address; `false` if there is none.
    pub fn disconnect_at(&self, address: SocketAddr) -> bool {
        let peer = self.peer_at(address);
        peer.iter().for_each(Peer::disconnect);
        peer.is_some()
    }

    /// Whether the inbox holds a message.
    pub fn has_data(&self) -> bool {
        self.shared.desk.inbox.has_data()
    }

    /// Takes all messages out of the inbox, in the order in which they came. What comes meanwhile is there the next time.
    pub fn take_received(&self) -> Vec<Received<W>> {
        self.shared.desk.inbox.take_received()
    }

    /// Waits for the next event; `None` if none comes in time. Without a timeout it waits until there is one, or until the
    /// server is [told to stop](Running::stop_handle) and none is left.
    ///
    /// Once over a thousand events wait that tell who came and went, a connection that comes and goes before anybody hears
    /// of it is not told of, except for its messages; if one of the two goes to a callback, the oldest are dropped. Both
    /// are counted by [`dropped_events`](Self::dropped_events). Of errors, the last thousand are told.
    pub fn next_event(&self, timeout: Option<Duration>) -> Option<Event<W>> {
        self.shared.desk.inbox.next_event(timeout)
    }

    /// How many messages the inbox has dropped for others.
    pub fn dropped(&self) -> u64 {
        self.shared.desk.inbox.dropped()
    }

    /// How often the inbox did not tell that a connection came or went, since nobody had asked for too long: see
    /// [`next_event`](Self::next_event).
    pub fn dropped_events(&self) -> u64 {
        self.shared.desk.inbox.dropped_events()
    }

    /// Whether something failed since the errors were last taken.
    pub fn has_errors(&self) -> bool {
        self.shared.desk.inbox.has_errors()
    }

    /// What failed, up to the last 256; they stay.
    pub fn errors(&self) -> Vec<ErrorRecord<W>> {
        self.shared.desk.inbox.errors()
    }

    /// What failed, up to the last 256.
    pub fn take_errors(&self) -> Vec<ErrorRecord<W>> {
        self.shared.desk.inbox.take_errors()
    }

    /// How many errors were dropped for later ones.
    pub fn dropped_errors(&self) -> u64 {
        self.shared.desk.inbox.dropped_errors()
    }

    /// Ends it as [`Running::shutdown`] does, which gives the number of callbacks that have not returned. Connections
    /// that wait for room in the inbox lose what they wait with.
    pub fn shutdown(mut self) -> usize {
        self.end()
    }

    /// As [`shutdown`](Self::shutdown), with a deadline of its own.
    pub fn shutdown_within(mut self, timeout: Duration) -> usize {
        self.running
            .take()
            .map_or(0, |running| running.shutdown_within(timeout))
    }

    fn end(&mut self) -> usize {
        self.running.take().map_or(0, Running::shutdown)
    }
}

impl Hub {
    /// Sends a message to all connections; see [`send_all_except`](Self::send_all_except).
    pub fn send_all(&self, message: impl Into<Message>) -> usize {
        self.send_all_except(message, &[])
    }

    /// Sends a message to all connections but some; gives the number of those that have got it.
    ///
    /// It is framed once. Those that have room get it at once; then those that have none are waited for, as
    /// [`WebSocket::send`](crate::WebSocket::send) waits: their deadlines run at the same time.
    pub fn send_all_except(&self, message: impl Into<Message>, except: &[PeerId]) -> usize {
        let message = message.into();
        let prepared = Prepared::new(&message);
        let mut sent = 0;
        let mut slow = Vec::new();
        let peers = self.peers().into_iter().filter(|peer| !except.contains(&peer.id()));
        for writer in peers.filter_map(|peer| peer.writer()) {
            match writer.offer(&prepared) {
                Ok(Offered::Sent) => sent += 1,
                Ok(offered) => slow.push((writer, offered)),
                // It has ended meanwhile.
                Err(_) => {}
            }
        }
        for (writer, offered) in slow {
            let queued = match offered {
                Offered::Full => writer.feed_prepared(&prepared),
                _ => Ok(()),
            };
            sent += usize::from(queued.and_then(|()| writer.flush()).is_ok());
        }
        sent
    }
}

impl<W: Wire> Drop for Hub<W> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<W: Wire> fmt::Debug for Hub<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

impl<W: Wire> fmt::Debug for Builder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl<W: Wire> Shared<W> {
    fn serve(&self, entry: &Entry, options: &Options, opener: &Opener<W>) {
        let (mut reader, writer) = match opener(entry, options) {
            Ok(opened) => opened,
            Err(error) => {
                self.desk.inbox.record(None, error);
                return;
            }
        };
        let peer = Peer::new(PeerId(entry.id()), &writer);
        // Nobody keeps the connection but who receives.
        drop(writer);
        self.peers().insert(peer.id(), peer.clone());
        self.desk.attend(&peer, &mut reader, || {
            self.peers().remove(&peer.id());
        });
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<PeerId, Peer<W>>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
