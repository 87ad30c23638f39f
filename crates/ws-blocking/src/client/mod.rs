//! A client that can connect again: by hand or by itself, with callbacks or an inbox, and a reader in the background.
//!
//! ```no_run
//! # fn main() -> Result<(), ws_blocking::Error> {
//! use ws_blocking::Connect;
//! use ws_blocking::client::{Client, Reconnect};
//!
//! let client = Client::builder(Connect::new("ws://localhost:9001/")?)
//!     .on_receive(|_, message| println!("{message:?}"))
//!     .reconnect(Reconnect::default())
//!     .connect()?;
//! client.start_reader()?;
//! client.send("Hello")?;
//! client.shutdown();
//! # Ok(())
//! # }
//! ```

mod reading;
#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ws_proto::SendError;

use crate::hub::{Callbacks, Desk, ErrorRecord, Event, Messages, Opened, Peer, PeerId, Received, WhenFull, Wire};
use crate::{Connect, Error, Interrupter};

type Connector<W> = dyn Fn() -> Result<Opened<W>, Error> + Send + Sync;

/// A client to be connected; from [`Client::builder`].
pub struct Builder<W: Wire = Messages> {
    connector: Box<Connector<W>>,
    target: String,
    callbacks: Callbacks<W>,
    reconnect: Option<Reconnect>,
}

/// How to connect again by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconnect {
    /// How long to wait before the first attempt; twice as long before each further one. Default 500 ms.
    pub first: Duration,
    /// The longest wait. Default 30 s.
    pub max: Duration,
    /// How many attempts in a row may fail before it gives up. Default: without end.
    pub attempts: Option<u32>,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            max: Duration::from_secs(30),
            attempts: None,
        }
    }
}

impl Reconnect {
    /// The wait before an attempt, counted from zero. Of the doubled time a random half is left out, so that clients that
    /// lost the same server do not all come back at once. `random` is from 0 to 255.
    fn wait(&self, attempt: u32, random: u8) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(attempt)).min(self.max);
        doubled / 2 + (doubled / 2).mul_f64(f64::from(random) / 255.0)
    }
}

/// How it stands with a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Whether it was ever connected.
    pub ever_connected: bool,
    /// Whether it is now, as far as is known: an end is noticed by who receives.
    pub connected: bool,
    /// Whether a connection has ended since the last one was made.
    pub disconnected: bool,
    /// Whether the reader runs in the background.
    pub reading: bool,
}

/// A connection to one server, and the next one if it ends. Its methods can be called from any thread.
///
/// Who receives (the reader in the background, or [`recv`](Self::recv)) answers pings and notices the end. Dropping it
/// is [`shutdown`](Self::shutdown).
pub struct Client<W: Wire = Messages> {
    shared: Arc<Shared<W>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared<W: Wire> {
    connector: Box<Connector<W>>,
    target: String,
    reconnect: Option<Reconnect>,
    desk: Desk<W>,
    state: Mutex<State<W>>,
    /// A reader has been put down, or the thread is to stop.
    changed: Condvar,
    /// Held by who makes a connection.
    connecting: Mutex<()>,
}

struct State<W: Wire> {
    peer: Option<Peer<W>>,
    /// Missing while somebody receives.
    reader: Option<Box<W::Reader>>,
    interrupter: Option<Interrupter>,
    connections: u64,
    connected: bool,
    disconnected: bool,
    /// The thread that is to run, of all that have been started.
    reading: Option<u64>,
    started: u64,
    /// Whether there is nobody any more who could stop the thread.
    abandoned: bool,
    /// Whether the end was asked for since the last `reconnect`: nothing that is being connected is kept, and it does not
    /// connect again by itself.
    wanted_end: bool,
    /// How often that was asked for from outside.
    ends: u64,
}

impl Client {
    /// A client for this server.
    pub fn builder(connect: Connect) -> Builder {
        let target = connect.url().to_string();
        Builder::new(target, move || Ok(connect.clone().connect()?.split()))
    }
}

impl<W: Wire> Builder<W> {
    pub(crate) fn new(
        target: String,
        connector: impl Fn() -> Result<Opened<W>, Error> + Send + Sync + 'static,
    ) -> Self {
        Self {
            connector: Box::new(connector),
            target,
            callbacks: Callbacks::default(),
            reconnect: None,
        }
    }

    /// Called whenever a connection is open, by who made it. Without it, the inbox gets [`Event::Connected`].
    #[must_use]
    pub fn on_connect(mut self, callback: impl Fn(&Peer<W>) + Send + Sync + 'static) -> Self {
        self.callbacks.on_connect = Some(Box::new(callback));
        self
    }

    /// Called exactly once for each connection, when its end is noticed. Without it, the inbox gets
    /// [`Event::Disconnected`].
    #[must_use]
    pub fn on_disconnect(mut self, callback: impl Fn(&Peer<W>) + Send + Sync + 'static) -> Self {
        self.callbacks.on_disconnect = Some(Box::new(callback));
        self
    }

    /// Called for every message, by the reader in the background. Without it, the inbox gets it.
    #[must_use]
    pub fn on_receive(mut self, callback: impl Fn(&Peer<W>, W::Message) + Send + Sync + 'static) -> Self {
        self.callbacks.on_receive = Some(Box::new(callback));
        self
    }

    /// How many messages the inbox holds, and what happens to more. Default 1024, and the connection waits.
    #[must_use]
    pub fn inbox(mut self, limit: usize, when_full: WhenFull) -> Self {
        self.callbacks.limit = limit;
        self.callbacks.when_full = when_full;
        self
    }

    /// Makes the reader in the background connect again when a connection ends that was not meant to. Default: it waits
    /// for [`Client::reconnect`].
    #[must_use]
    pub fn reconnect(mut self, policy: Reconnect) -> Self {
        self.reconnect = Some(policy);
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// As [`Connect::connect`].
    pub fn connect(self) -> Result<Client<W>, Error> {
        let client = self.offline();
        client.reconnect()?;
        Ok(client)
    }

    /// The client without a connection, to be connected by [`Client::reconnect`], or by its reader if that is to do so.
    pub fn offline(self) -> Client<W> {
        Client {
            shared: Arc::new(Shared {
                connector: self.connector,
                target: self.target,
                reconnect: self.reconnect,
                desk: Desk::new(self.callbacks),
                state: Mutex::new(State {
                    peer: None,
                    reader: None,
                    interrupter: None,
                    connections: 0,
                    connected: false,
                    disconnected: false,
                    reading: None,
                    started: 0,
                    abandoned: false,
                    wanted_end: false,
                    ends: 0,
                }),
                changed: Condvar::new(),
                connecting: Mutex::new(()),
            }),
            thread: Mutex::new(None),
        }
    }
}

impl<W: Wire> Client<W> {
    /// Ends the connection, if there is one, and makes a new one. A reader in the background goes on with it.
    ///
    /// Not for callbacks, which are called while a connection is made and waited for meanwhile; for what is to follow an
    /// end there is [`Builder::reconnect`].
    ///
    /// # Errors
    /// As [`Connect::connect`], and [`Error::Send`] if it was disconnected meanwhile; there is no connection then.
    pub fn reconnect(&self) -> Result<(), Error> {
        let ends = self.shared.lock().ends;
        // Whoever is connecting at the moment comes first.
        let connecting = self.shared.connecting();
        let old = self.peer();
        self.end_connection();
        if let Some(old) = old {
            old.shutdown();
        }
        let mut state = self.shared.lock();
        if state.ends != ends {
            return Err(SendError::Closed.into());
        }
        state.wanted_end = false;
        drop(state);
        self.shared.connect(&connecting)
    }

    /// Ends the connection at once if it is still open; the client can be connected again. Begins the closing handshake
    /// and does not wait for it: for an end that both sides know of, let a reader run, and wait for its
    /// [`Event::Disconnected`]. What another thread is connecting meanwhile is not kept.
    pub fn disconnect(&self) {
        self.shared.lock().ends += 1;
        self.end_connection();
    }

    fn end_connection(&self) {
        let mut state = self.shared.lock();
        state.wanted_end = true;
        let peer = state.peer.take();
        let reader = state.reader.take();
        drop(state);
        if let Some(peer) = peer {
            peer.disconnect();
            if let Some(reader) = reader {
                drop(reader);
                peer.shutdown();
                self.shared.note_end(&peer);
            }
        }
    }

    /// Sends a message, as [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// # Errors
    /// [`Error::Send`] if there is no connection, or it is closing. [`Error::Io`] if the transport failed.
    pub fn send(&self, message: impl Into<W::Message>) -> Result<(), Error> {
        self.peer().ok_or(SendError::Closed)?.send(message)
    }

    /// The connection, if there is one.
    pub fn peer(&self) -> Option<Peer<W>> {
        self.shared.lock().peer.clone()
    }

    /// Waits for a message, without a reader in the background; `None` is the proper end.
    ///
    /// # Errors
    /// As [`WebSocket::recv`](crate::WebSocket::recv); [`Error::Send`] with [`SendError::Closed`] if there is no
    /// connection. [`Error::NothingYet`] if another thread receives.
    pub fn recv(&self) -> Result<Option<W::Message>, Error> {
        self.shared.recv(W::recv)
    }

    /// As [`recv`](Self::recv), for so long at most.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and [`Error::NothingYet`].
    pub fn recv_timeout(&self, patience: Duration) -> Result<Option<W::Message>, Error> {
        self.shared.recv(|reader| W::recv_timeout(reader, patience))
    }

    /// Receives in the background: what comes goes to the callbacks or the inbox. Without effect if it runs; a thread that
    /// ended because a callback panicked is replaced.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no thread to give.
    pub fn start_reader(&self) -> Result<(), Error> {
        let mut thread = self.thread();
        let mut state = self.shared.lock();
        if state.reading.is_some() {
            return Ok(());
        }
        state.started += 1;
        let number = state.started;
        state.reading = Some(number);
        drop(state);
        let shared = Arc::clone(&self.shared);
        let name = "websocket client".to_owned();
        let started = thread::Builder::new().name(name).spawn(move || shared.read_on(number));
        *thread = Some(started.inspect_err(|_| self.shared.lock().reading = None)?);
        Ok(())
    }

    /// Stops receiving in the background; the connection stays. When this returns, the thread has ended, unless this is
    /// called by one of its callbacks: then it ends when that returns. What it was about to put into a full inbox is put
    /// there all the same.
    pub fn stop_reader(&self) {
        let thread = self.thread().take();
        let mut state = self.shared.lock();
        state.reading = None;
        let interrupter = state.interrupter.clone();
        drop(state);
        self.shared.changed.notify_all();
        if let Some(interrupter) = &interrupter {
            interrupter.interrupt();
        }
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            self.shared.desk.inbox.hurry(true);
            // A callback may have panicked.
            let _ = thread.join();
            self.shared.desk.inbox.hurry(false);
        }
        // If the thread did not need it, it must not meet the next one that receives.
        interrupter.as_ref().map(Interrupter::take);
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        let state = self.shared.lock();
        Status {
            ever_connected: state.connections > 0,
            connected: state.connected,
            disconnected: state.disconnected,
            reading: state.reading.is_some(),
        }
    }

    /// Where it connects to.
    pub fn target(&self) -> &str {
        &self.shared.target
    }

    /// Whether the inbox holds a message.
    pub fn has_data(&self) -> bool {
        self.shared.desk.inbox.has_data()
    }

    /// Takes all messages out of the inbox, in the order in which they came. What comes meanwhile is there the next time.
    pub fn take_received(&self) -> Vec<Received<W>> {
        self.shared.desk.inbox.take_received()
    }

    /// Waits for the next event; `None` if none comes in time. Without a timeout it waits for ever.
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

    /// Closes, waits for the peer as long as the connection may, and ends the reader. An attempt to connect that is under
    /// way is waited for. Called by a callback of its own reader, it waits for nothing, and the reader sees to the rest.
    pub fn shutdown(self) {
        self.end();
    }

    fn end(&self) {
        self.shared.desk.inbox.close();
        let reader = self.thread().as_ref().map(|thread| thread.thread().id());
        let is_reader = reader == Some(thread::current().id());
        let mut state = self.shared.lock();
        state.wanted_end = true;
        state.abandoned = is_reader;
        let peer = state.peer.clone();
        let reading = state.reading.is_some();
        drop(state);
        if is_reader {
            peer.iter().for_each(Peer::disconnect);
            return;
        }
        if let Some(peer) = peer {
            peer.disconnect();
            // The reader in the background sees the end; without one, this thread does.
            if !reading {
                while matches!(self.recv(), Ok(Some(_))) {}
            }
        }
        let mut state = self.shared.lock();
        while state.reading.is_some() && state.connected {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        self.stop_reader();
    }

    fn thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Wire> Drop for Client<W> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<W: Wire> fmt::Debug for Client<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("target", &self.shared.target)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl<W: Wire> fmt::Debug for Builder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl<W: Wire> Shared<W> {
    fn connecting(&self) -> MutexGuard<'_, ()> {
        self.connecting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self, _connecting: &MutexGuard<'_, ()>) -> Result<(), Error> {
        let opened = (self.connector)().and_then(|(mut reader, writer)| {
            let interrupter = W::interrupter(&mut reader)?;
            Ok((reader, writer, interrupter))
        });
        let (reader, writer, interrupter) = opened.inspect_err(|_| {
            // A reader that connects by itself may go on trying.
            self.changed.notify_all();
        })?;
        let mut state = self.lock();
        if state.wanted_end {
            drop(state);
            W::close(&writer);
            return Err(SendError::Closed.into());
        }
        let peer = Peer::new(PeerId(state.connections), &writer);
        state.connections += 1;
        state.connected = true;
        state.disconnected = false;
        state.peer = Some(peer.clone());
        state.interrupter = Some(interrupter);
        drop(state);
        if let Err(cause) = panic::catch_unwind(AssertUnwindSafe(|| self.desk.connected(&peer))) {
            drop(reader);
            self.note_end(&peer);
            panic::resume_unwind(cause);
        }
        self.put_back(&peer, Box::new(reader));
        Ok(())
    }

    /// A connection has ended; told once.
    fn note_end(&self, peer: &Peer<W>) {
        let mut state = self.lock();
        let is_last = state.connections == peer.id().0 + 1;
        if is_last && state.connected {
            state.connected = false;
            state.disconnected = true;
            state.peer = None;
        }
        drop(state);
        self.changed.notify_all();
        self.desk.disconnected(peer);
    }

    fn recv(
        &self,
        receive: impl FnOnce(&mut W::Reader) -> Result<Option<W::Message>, Error>,
    ) -> Result<Option<W::Message>, Error> {
        let mut state = self.lock();
        let Some(peer) = state.peer.clone() else {
            return Err(SendError::Closed.into());
        };
        let Some(mut reader) = state.reader.take() else {
            return Err(Error::NothingYet);
        };
        drop(state);
        let result = receive(&mut reader);
        match &result {
            Ok(Some(_)) | Err(Error::NothingYet) => self.put_back(&peer, reader),
            Ok(None) | Err(_) => self.note_end(&peer),
        }
        result
    }

    /// The reader again, unless there is another connection meanwhile.
    fn put_back(&self, peer: &Peer<W>, reader: Box<W::Reader>) {
        let mut state = self.lock();
        if state.peer.as_ref() == Some(peer) {
            state.reader = Some(reader);
            drop(state);
            self.changed.notify_all();
            return;
        }
        drop(state);
        peer.shutdown();
        self.note_end(peer);
    }

    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
