//! One connected client, as everybody else sees it.

use std::fmt;
use std::future::Future;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use ws_proto::handshake::Request;
use ws_proto::{CloseCode, Ending, Message, Prepared, SendError};

use crate::error::Error;
use crate::pong::Tap;
use crate::server::Job;
use crate::server::clients::Slow;
use crate::server::message_stream::{self, MessageStream};
use crate::server::topics::Inner as Topics;
use crate::socket::Socket;
use crate::split::Writer;

/// Tells one client from all others that this process has had: unlike an address it never comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(u64);

/// A client of a [`Server`](crate::Server): who it is, a way to send to it, its callbacks. A clone is the same client;
/// holding one does not keep the connection open.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    id: ClientId,
    peer: Option<SocketAddr>,
    request: Arc<Request>,
    protocol: Option<String>,
    writer: Writer<Socket>,
    callbacks: Mutex<Callbacks>,
    /// Room for what callbacks have not taken yet. Closed when they are no longer waited for.
    ahead: Arc<Semaphore>,
    skipped: AtomicU64,
    epoch: Instant,
    /// When it was heard last, in milliseconds since `epoch`.
    heard: AtomicU64,
    /// The topics it is in, to be left with the connection.
    topics: Mutex<Vec<Weak<Topics>>>,
    /// Writes what was left when the connection was dropped.
    parting: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

#[derive(Default)]
struct Callbacks {
    /// Whether the connection is over: they often hold the client, which would hold them for ever.
    gone: bool,
    message: Option<Arc<OnMessage>>,
    ping: Option<Arc<OnControl>>,
    pong: Option<Arc<OnControl>>,
    closed: Option<Box<OnClosed>>,
}

pub(crate) type OnMessage = dyn Fn(MessageStream) -> Job + Send + Sync;
type OnControl = dyn Fn(&[u8]) + Send + Sync;
type OnClosed = dyn FnOnce(Ending) -> Job + Send + Sync;

impl Client {
    /// Its identity.
    pub fn id(&self) -> ClientId {
        self.0.id
    }

    /// Its address, unless it came over a Unix socket.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// What it asked for: path, query, headers.
    pub fn request(&self) -> &Request {
        &self.0.request
    }

    /// The subprotocol that was agreed on, if one was.
    pub fn protocol(&self) -> Option<&str> {
        self.0.protocol.as_deref()
    }

    /// The way to send to it; clone it to keep it.
    pub fn writer(&self) -> &Writer<Socket> {
        &self.0.writer
    }

    /// Sends a message; see [`Writer::send`].
    ///
    /// # Errors
    /// As [`Writer::send`].
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        self.0.writer.send(message).await
    }

    /// Sends a message without waiting for a client that is too slow to take it: then the policy says what to do.
    /// Usable from any thread.
    ///
    /// Whether it was sent. With [`Slow::Wait`] a slow client is as an error: this can't wait.
    ///
    /// # Errors
    /// As [`Writer::try_send`].
    pub fn post(&self, message: &Prepared, slow: Slow) -> Result<bool, Error> {
        match self.0.writer.try_send_prepared(message) {
            Err(Error::Send(SendError::QueueFull)) if slow != Slow::Wait => {
                self.0.skipped.fetch_add(1, Ordering::Relaxed);
                if slow == Slow::Close && self.0.writer.is_full() {
                    // If it fails, it is closed already.
                    let _ = self.0.writer.start_close(CloseCode::POLICY_VIOLATION, "too slow");
                }
                Ok(false)
            }
            result => result.map(|()| true),
        }
    }

    /// How many messages were not sent to it because it was too slow.
    pub fn skipped(&self) -> u64 {
        self.0.skipped.load(Ordering::Relaxed)
    }

    /// Starts the closing handshake and returns at once; see [`Writer::start_close`].
    ///
    /// # Errors
    /// As [`Writer::start_close`].
    pub fn start_close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.0.writer.start_close(code, reason)
    }

    /// Closes and waits until the connection is over; see [`Writer::close`]. Callbacks may do so too: for them, what
    /// still comes is dropped at once.
    ///
    /// # Errors
    /// As [`Writer::close`].
    pub async fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        if let Err(error @ Error::Send(SendError::Close(_))) = self.start_close(code, reason) {
            return Err(error);
        }
        self.0.ahead.close();
        self.0.writer.ended().await;
        Ok(())
    }

    /// Whether nothing can be sent to it any more.
    pub fn is_closed(&self) -> bool {
        self.0.writer.is_closed()
    }

    /// When the last message, ping or pong began to come, or the connection was opened; for clients that are served by
    /// callbacks.
    pub fn last_activity(&self) -> Instant {
        self.0.epoch + std::time::Duration::from_millis(self.0.heard.load(Ordering::Relaxed))
    }

    /// Registers what is done with every message, from its first bytes on. One after the other: the next message is
    /// told when this one's callback has returned. Meanwhile up to 64 KiB are read ahead, so that pings behind them are
    /// answered; then the client has to wait.
    ///
    /// While it has to, nothing is read: no ping is answered, no pong comes, no deadline is kept, and that it has gone
    /// is not noticed. So let no callback wait for what the client may do at some time, for a [`Pong`](crate::Pong)
    /// say.
    ///
    /// A callback may close its own connection and wait for the end of that. With [`close`](Self::close), everything
    /// that still comes is dropped. After a Close of any other kind ([`start_close`](Self::start_close), the writer's,
    /// the server's) it is told as before, but for want of room the client has to wait no longer than
    /// [`Timeouts::close`](crate::Timeouts::close) in all; then what still comes is dropped. A message of which a part
    /// is dropped fails with `UnexpectedEof`.
    ///
    /// Without a callback messages are dropped. It may be replaced at any time.
    pub fn on_message<F, M>(&self, callback: F)
    where
        F: Fn(MessageStream) -> M + Send + Sync + 'static,
        M: Future<Output = ()> + Send + 'static,
    {
        let callback: Arc<OnMessage> = Arc::new(move |message| Box::pin(callback(message)));
        self.register(callback, |callbacks| &mut callbacks.message);
    }

    /// Registers what is done with every ping, besides the pong that answers it by itself. To answer in its stead, turn
    /// [`Replies::pong`](crate::Replies::pong) off and use [`Writer::try_pong`].
    pub fn on_ping(&self, callback: impl Fn(&[u8]) + Send + Sync + 'static) {
        let callback: Arc<OnControl> = Arc::new(callback);
        self.register(callback, |callbacks| &mut callbacks.ping);
    }

    /// Registers what is done with every pong.
    pub fn on_pong(&self, callback: impl Fn(&[u8]) + Send + Sync + 'static) {
        let callback: Arc<OnControl> = Arc::new(callback);
        self.register(callback, |callbacks| &mut callbacks.pong);
    }

    /// Registers what is done when the connection is over, however it ended, by a panic of a callback too: once, after
    /// the last message, when the client has left [`Clients`](crate::Clients). Not if the server is dropped.
    ///
    /// The client's Close has been answered by then, also if [`Replies::close`](crate::Replies::close) is off, with its
    /// own code, or 1000 if it had none: no callback could.
    pub fn on_closed<F, C>(&self, callback: F)
    where
        F: FnOnce(Ending) -> C + Send + Sync + 'static,
        C: Future<Output = ()> + Send + 'static,
    {
        let callback: Box<OnClosed> = Box::new(move |ending| Box::pin(callback(ending)));
        self.register(callback, |callbacks| &mut callbacks.closed);
    }

    pub(crate) fn new(
        peer: Option<SocketAddr>,
        request: Arc<Request>,
        protocol: Option<String>,
        writer: Writer<Socket>,
    ) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(Arc::new(Inner {
            id: ClientId(LAST.fetch_add(1, Ordering::Relaxed) + 1),
            peer,
            request,
            protocol,
            writer,
            callbacks: Mutex::default(),
            ahead: message_stream::room(),
            skipped: AtomicU64::new(0),
            epoch: Instant::now(),
            heard: AtomicU64::new(0),
            topics: Mutex::default(),
            parting: Mutex::default(),
        }))
    }

    pub(crate) fn ahead(&self) -> &Arc<Semaphore> {
        &self.0.ahead
    }

    pub(crate) fn message_callback(&self) -> Option<Arc<OnMessage>> {
        self.callbacks().message.clone()
    }

    /// Shows the client's pings and pongs to its callbacks.
    pub(crate) fn tap(&self) -> Box<dyn Tap> {
        Box::new(ClientTap(Arc::downgrade(&self.0)))
    }

    pub(crate) fn heard(&self) {
        self.0.heard();
    }

    /// The connection is over: leaves its topics and tells the callback.
    pub(crate) async fn closed(&self, ending: Ending) {
        self.leave_topics();
        if let Some(callback) = self.forget_callbacks().closed {
            callback(ending).await;
        }
    }

    /// Waits until what was left when the connection was dropped has been written, or can't be.
    pub(crate) async fn parted(&self) {
        let task = lock(&self.0.parting).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }

    /// However the connection ended: nothing of it is left behind.
    pub(crate) fn clear(&self) {
        self.leave_topics();
        self.forget_callbacks();
    }

    /// Remembers that it is in some topics, to leave them.
    pub(crate) fn remember(&self, topics: &Arc<Topics>) {
        let mut known = lock(&self.0.topics);
        known.retain(|known| known.strong_count() > 0);
        if !known.iter().any(|known| known.as_ptr() == Arc::as_ptr(topics)) {
            known.push(Arc::downgrade(topics));
        }
    }

    fn leave_topics(&self) {
        let topics = mem::take(&mut *lock(&self.0.topics));
        for topics in topics.iter().filter_map(Weak::upgrade) {
            topics.leave(self.0.id);
        }
    }

    fn callbacks(&self) -> MutexGuard<'_, Callbacks> {
        lock(&self.0.callbacks)
    }

    fn register<C>(&self, callback: C, place: impl FnOnce(&mut Callbacks) -> &mut Option<C>) {
        let mut callbacks = self.callbacks();
        if callbacks.gone {
            return;
        }
        let former = place(&mut callbacks).replace(callback);
        // What is dropped with it may want the lock.
        drop(callbacks);
        drop(former);
    }

    /// Takes the callbacks, which are to be dropped outside of the lock, for good.
    fn forget_callbacks(&self) -> Callbacks {
        let gone = Callbacks {
            gone: true,
            ..Callbacks::default()
        };
        mem::replace(&mut *self.callbacks(), gone)
    }
}

impl Inner {
    fn heard(&self) {
        let since = self.epoch.elapsed().as_millis() as u64;
        self.heard.store(since, Ordering::Relaxed);
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.0.id.0)
            .field("peer", &self.0.peer)
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// Weak, for the connection holds it, and the client the connection.
struct ClientTap(Weak<Inner>);

impl Tap for ClientTap {
    fn ping(&self, payload: &[u8]) {
        self.show(payload, |callbacks| callbacks.ping.clone());
    }

    fn pong(&self, payload: &[u8]) {
        self.show(payload, |callbacks| callbacks.pong.clone());
    }

    fn parting(&self, task: JoinHandle<io::Result<()>>) {
        if let Some(client) = self.0.upgrade() {
            *lock(&client.parting) = Some(task);
        }
    }
}

impl ClientTap {
    fn show(&self, payload: &[u8], which: impl FnOnce(&Callbacks) -> Option<Arc<OnControl>>) {
        let Some(client) = self.0.upgrade() else { return };
        client.heard();
        let callback = which(&lock(&client.callbacks));
        if let Some(callback) = callback {
            callback(payload);
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics under these locks but callbacks, which see no half-done state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
