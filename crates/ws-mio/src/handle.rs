//! Reaching a server from other threads.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use mio::Waker;
use ws_proto::{CloseCode, Payload, Prepared};

use crate::mail::Post;
use crate::{ClientId, Server};

/// Reaches a [`Server`] from any thread, a signal handler's among them. A clone reaches the same one.
///
/// What one thread asks for is done in that order. At most 65,536 requests wait: who has another one waits for the server
/// meanwhile, unless it is the server's own thread. After the server has been dropped everything is refused.
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

struct Inner {
    waker: Waker,
    queue: Mutex<Queue>,
    /// Signalled when the queue has been taken.
    room: Condvar,
    stop_asked: AtomicBool,
}

#[derive(Default)]
struct Queue {
    requests: VecDeque<Request>,
    stop_deadline: Option<Duration>,
    /// Whose thread must not wait for the queue, since it is the one that empties it.
    server: Option<ThreadId>,
    is_gone: bool,
}

/// Something to be done in the server's thread.
pub(crate) enum Request {
    Post(ClientId, Post),
    All(Prepared, Vec<ClientId>),
    Publish(String, Prepared),
    /// From another loop of the same service: it is not passed on.
    Relayed(String, Prepared),
    Run(Box<dyn FnOnce(&mut Server) + Send>),
}

/// The server is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl Handle {
    pub(crate) fn new(waker: Waker) -> Self {
        Self(Arc::new(Inner {
            waker,
            queue: Mutex::default(),
            room: Condvar::new(),
            stop_asked: AtomicBool::new(false),
        }))
    }

    /// Sends a message to one connection, as [`Clients::send`](crate::Clients::send) does.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn send<'p>(&self, to: ClientId, message: impl Into<Payload<'p>>) -> Result<(), Gone> {
        self.ask(Request::Post(to, Post::Message(Prepared::new(message))))
    }

    /// Sends a message to all clients but these, as [`Clients::send_all`](crate::Clients::send_all) does.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn send_all<'p>(&self, message: impl Into<Payload<'p>>, except: &[ClientId]) -> Result<(), Gone> {
        self.ask(Request::All(Prepared::new(message), except.to_vec()))
    }

    /// Sends a message to all subscribers of a topic, as [`Clients::publish`](crate::Clients::publish) does.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn publish<'p>(&self, topic: &str, message: impl Into<Payload<'p>>) -> Result<(), Gone> {
        self.ask(Request::Publish(topic.into(), Prepared::new(message)))
    }

    /// Closes one connection, as [`Clients::close`](crate::Clients::close) does.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn close(&self, id: ClientId, code: CloseCode, reason: &str) -> Result<(), Gone> {
        self.ask(Request::Post(id, Post::Close(code, reason.into())))
    }

    /// Runs a closure in the server's thread, between turns.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn run(&self, closure: impl FnOnce(&mut Server) + Send + 'static) -> Result<(), Gone> {
        self.ask(Request::Run(Box::new(closure)))
    }

    /// Asks the server to stop: it accepts nothing more, sends every peer a Close with 1001 (going away) behind what is
    /// queued for it, and ends when all have answered or after [`stop_deadline`](crate::Options::stop_deadline). Returns
    /// at once; a second call changes nothing.
    pub fn stop(&self) {
        if !self.0.stop_asked.swap(true, Ordering::Release) {
            self.wake();
        }
    }

    /// [`stop`](Self::stop) with a deadline of its own.
    pub fn stop_within(&self, deadline: Duration) {
        self.queue().stop_deadline.get_or_insert(deadline);
        self.stop();
    }

    /// Whether the server has been asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.0.stop_asked.load(Ordering::Acquire)
    }

    pub(crate) fn relay(&self, topic: &str, message: &Prepared) {
        let queue = self.queue();
        // Loops that waited for one another could wait for ever.
        if queue.requests.len() < MAX_RELAYED {
            // A loop that is gone has no subscribers.
            let _ = self.put(queue, Request::Relayed(topic.into(), message.clone()));
        }
    }

    pub(crate) fn stop_deadline(&self) -> Option<Duration> {
        self.queue().stop_deadline
    }

    /// From now on this is the server's thread.
    pub(crate) fn enter(&self) {
        self.queue().server = Some(thread::current().id());
    }

    /// Takes all requests.
    pub(crate) fn take(&self, into: &mut VecDeque<Request>) {
        let mut queue = self.queue();
        if !queue.requests.is_empty() {
            std::mem::swap(&mut queue.requests, into);
            self.0.room.notify_all();
        }
    }

    /// The server is gone.
    pub(crate) fn leave(&self) {
        let mut queue = self.queue();
        queue.is_gone = true;
        queue.requests.clear();
        self.0.room.notify_all();
    }

    fn ask(&self, request: Request) -> Result<(), Gone> {
        let mut queue = self.queue();
        while queue.requests.len() >= MAX_WAITING && !queue.is_gone && queue.server != Some(thread::current().id()) {
            queue = self.0.room.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        self.put(queue, request)
    }

    fn put(&self, mut queue: MutexGuard<'_, Queue>, request: Request) -> Result<(), Gone> {
        if queue.is_gone {
            return Err(Gone);
        }
        queue.requests.push_back(request);
        let is_first = queue.requests.len() == 1;
        drop(queue);
        if is_first {
            self.wake();
        }
        Ok(())
    }

    fn wake(&self) {
        // Fails only if the server is gone, and then there is nothing to wake.
        let _: io::Result<()> = self.0.waker.wake();
    }

    /// A thread that panicked left the queue in order: nothing in here can panic in the middle of a change.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("waiting", &self.queue().requests.len())
            .field("is_stopping", &self.is_stopping())
            .finish()
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server is gone")
    }
}

impl std::error::Error for Gone {}

/// Requests that may wait: a few milliseconds of the server's work.
const MAX_WAITING: usize = 65_536;

/// How many may wait before publications of other loops are lost: far more than a loop that lives falls behind.
const MAX_RELAYED: usize = 1 << 20;
