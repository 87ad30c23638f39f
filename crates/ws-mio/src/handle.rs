//! Reaching a server from other threads.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use mio::Waker;
use ws_proto::{CloseCode, Payload, Prepared};

use crate::mail::Post;
use crate::{ClientId, Server};

/// Reaches a [`Server`] from any thread, a signal handler's among them. A clone reaches the same one.
///
/// What one thread asks for is done in that order. At most 65,536 requests wait, or 64 MiB of messages: who has another one
/// waits for the server meanwhile, unless it is the server's own thread. After the server has ended because it was stopped,
/// or has been dropped, everything is refused.
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

struct Inner {
    waker: Waker,
    /// Must not wait for the queue, since it is the one that empties it.
    servers_thread: ThreadId,
    queue: Mutex<Queue>,
    /// Whether there are requests: the server asks so in every turn, and is not to take the lock for that.
    waiting: AtomicBool,
    /// Signalled when the queue has been taken.
    room: Condvar,
    stop_asked: AtomicBool,
    /// Publications of other loops that found no room.
    lost: AtomicU64,
}

#[derive(Default)]
struct Queue {
    requests: VecDeque<Request>,
    /// Of all messages together.
    bytes: usize,
    stop_deadline: Option<Duration>,
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
    /// To a server of the calling thread.
    pub(crate) fn new(waker: Waker) -> Self {
        Self(Arc::new(Inner {
            waker,
            servers_thread: thread::current().id(),
            queue: Mutex::default(),
            waiting: AtomicBool::new(false),
            room: Condvar::new(),
            stop_asked: AtomicBool::new(false),
            lost: AtomicU64::new(0),
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

    /// How many publications of other loops its subscribers have missed because it was too far behind; see
    /// [`Workers`](crate::Workers).
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Passes on a publication of another loop, if there is room: loops that waited for one another could wait for ever.
    pub(crate) fn relay(&self, topic: &str, message: &Prepared) {
        let queue = self.queue();
        if queue.requests.len() < MAX_RELAYED && queue.bytes < MAX_BYTES {
            // A loop that is gone has no subscribers.
            let _ = self.put(queue, Request::Relayed(topic.into(), message.clone()));
        } else {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn stop_deadline(&self) -> Option<Duration> {
        self.queue().stop_deadline
    }

    /// Whether there is anything to take.
    pub(crate) fn has_requests(&self) -> bool {
        self.0.waiting.load(Ordering::Acquire)
    }

    /// Takes all requests, behind those that are there.
    pub(crate) fn take(&self, into: &mut VecDeque<Request>) {
        if !self.has_requests() {
            return;
        }
        let mut queue = self.queue();
        self.0.waiting.store(false, Ordering::Release);
        if into.is_empty() {
            mem::swap(&mut queue.requests, into);
        } else {
            into.append(&mut queue.requests);
        }
        queue.bytes = 0;
        self.0.room.notify_all();
    }

    /// The server will not take anything any more.
    pub(crate) fn leave(&self) {
        let mut queue = self.queue();
        queue.is_gone = true;
        let left = mem::take(&mut queue.requests);
        self.0.waiting.store(false, Ordering::Release);
        self.0.room.notify_all();
        drop(queue);
        // A closure may hold something that uses a handle when it is dropped.
        drop(left);
    }

    fn ask(&self, request: Request) -> Result<(), Gone> {
        let mut queue = self.queue();
        let may_wait = thread::current().id() != self.0.servers_thread;
        while may_wait && queue.is_full() && !queue.is_gone {
            queue = self.0.room.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        self.put(queue, request)
    }

    fn put(&self, mut queue: MutexGuard<'_, Queue>, request: Request) -> Result<(), Gone> {
        if queue.is_gone {
            // Before the request is dropped, as above.
            drop(queue);
            return Err(Gone);
        }
        queue.bytes += request.bytes();
        queue.requests.push_back(request);
        // Before the lock is given back: what has been put and taken again must not be announced.
        let was_waiting = self.0.waiting.swap(true, Ordering::AcqRel);
        drop(queue);
        if !was_waiting {
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

impl Queue {
    fn is_full(&self) -> bool {
        self.requests.len() >= MAX_WAITING || self.bytes >= MAX_BYTES
    }
}

impl Request {
    /// Of the message, if it has one.
    fn bytes(&self) -> usize {
        match self {
            Self::Post(_, post) => post.message().map_or(0, |message| message.as_bytes().len()),
            Self::All(message, _) | Self::Publish(_, message) | Self::Relayed(_, message) => {
                message.payload().as_bytes().len()
            }
            Self::Run(_) => 0,
        }
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

/// Bytes of messages that may wait: what a gigabit line brings in half a second.
const MAX_BYTES: usize = 64 << 20;

/// How many may wait before publications of other loops are lost: loops publish in bursts, of all that their rounds bring.
const MAX_RELAYED: usize = 4 * MAX_WAITING;

#[cfg(test)]
mod tests {
    use mio::{Poll, Token};

    use super::*;

    fn handle() -> (Poll, Handle) {
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), Token(0)).unwrap();
        (poll, Handle::new(waker))
    }

    #[test]
    fn publications_of_other_loops_are_bounded_and_those_lost_are_counted() {
        let (_poll, handle) = handle();
        let large = Prepared::new(&vec![0; MAX_BYTES / 4]);
        let small = Prepared::new("small");
        for (message, room) in [(&large, 4), (&small, MAX_RELAYED)] {
            let lost = handle.lost();
            (0..room + 3).for_each(|_| handle.relay("topic", message));
            assert_eq!(handle.lost() - lost, 3);
            let mut taken = VecDeque::new();
            handle.take(&mut taken);
            assert_eq!(taken.len(), room);
        }
    }

    #[test]
    fn who_has_another_request_waits_by_number_and_by_size_but_not_in_the_servers_thread() {
        let (_poll, handle) = handle();
        let large = vec![0; MAX_BYTES / 4];
        for (message, room) in [(&large[..], 4), (&b"small"[..], MAX_WAITING)] {
            (0..room).for_each(|_| handle.send_all(message, &[]).unwrap());
            handle.run(|_| ()).unwrap();
            let other = handle.clone();
            let waits = thread::spawn(move || other.run(|_| ()));
            let mut taken = VecDeque::new();
            handle.take(&mut taken);
            // Whether it came before or behind.
            waits.join().unwrap().unwrap();
            assert!(taken.len() == room + 1, "{}", taken.len());
            handle.take(&mut VecDeque::new());
        }
    }

    /// Uses the handle when it is dropped.
    struct Last(Handle);

    impl Drop for Last {
        fn drop(&mut self) {
            assert_eq!(self.0.run(|_| ()), Err(Gone));
        }
    }

    #[test]
    fn what_closures_hold_is_dropped_without_a_lock() {
        let (_poll, handle) = handle();
        for _ in 0..2 {
            let last = Last(handle.clone());
            // The first waits when the server goes, the second comes too late.
            let _ = handle.run(move |_| drop(last));
            handle.leave();
        }
    }
}
