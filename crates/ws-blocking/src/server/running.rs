//! A server that runs in the background.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::gate::{Admission, Entry, Gate, Slot};
use super::listener::Listener;
use super::{Accepting, Options, StopHandle, Threads};
use crate::line::Line;
use crate::{Error, Incoming, Stream};

/// What serves one client, in a thread of its own.
pub(crate) type Handler = dyn Fn(Entry) + Send + Sync;

/// What refuses one client.
pub(crate) type Refuser = dyn Fn(Arc<Line>) + Send + Sync;

/// A server that accepts and serves in the background: from [`Server::start`](super::Server::start).
///
/// Dropping it is [`shutdown`](Self::shutdown).
pub struct Running {
    core: Arc<Core>,
    accepting: Mutex<Option<JoinHandle<()>>>,
    pool: Mutex<Vec<JoinHandle<()>>>,
    ended: AtomicBool,
}

pub(crate) struct Core {
    pub(crate) listener: Listener,
    pub(crate) options: Options,
    pub(crate) gate: Arc<Gate>,
    pub(crate) handler: Box<Handler>,
    pub(crate) refuser: Box<Refuser>,
}

impl Running {
    pub(crate) fn start(core: Core) -> io::Result<Self> {
        core.listener.prepare()?;
        let running = Self {
            core: Arc::new(core),
            accepting: Mutex::new(None),
            pool: Mutex::default(),
            ended: AtomicBool::new(false),
        };
        if let Threads::Pool(count) = running.core.options.threads {
            for _ in 0..count.max(1) {
                let core = Arc::clone(&running.core);
                let thread = running.core.options.thread().spawn(move || {
                    while let Some(entry) = core.gate.next_entry() {
                        // A handler that panics ends its own connection only.
                        let serve = std::panic::AssertUnwindSafe(|| (core.handler)(entry));
                        let _ = std::panic::catch_unwind(serve);
                    }
                })?;
                lock(&running.pool).push(thread);
            }
        }
        running.restart_accepting()?;
        Ok(running)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says, or that it listens on a unix socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.core.listener.local_addr()
    }

    /// Whether it accepts.
    pub fn accepting(&self) -> Accepting {
        self.core.gate.accepting()
    }

    /// Stops accepting for a while; connections stay. Clients wait in the system's queue. None is accepted once this
    /// has returned. Without effect unless it accepts.
    pub fn pause(&self) {
        self.core.gate.change_accepting(Accepting::Running, Accepting::Paused);
    }

    /// Goes on accepting after a [`pause`](Self::pause). Without effect unless it is paused.
    pub fn resume(&self) {
        self.core.gate.change_accepting(Accepting::Paused, Accepting::Running);
    }

    /// Ends the thread that accepts; connections stay, and so does the listening socket.
    pub fn stop_accepting(&self) {
        // Held over both, so that nobody starts another thread before this one has ended.
        let mut accepting = lock(&self.accepting);
        self.core.gate.stop_accepting();
        if let Some(thread) = accepting.take() {
            let _ = thread.join();
        }
    }

    /// Starts to accept again, after [`stop_accepting`](Self::stop_accepting).
    ///
    /// # Errors
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if it has not been stopped,
    /// [`NotConnected`](io::ErrorKind::NotConnected) if the server is to stop altogether. What the system says if it has
    /// no thread to give.
    pub fn restart_accepting(&self) -> io::Result<()> {
        let mut accepting = lock(&self.accepting);
        let gate = &self.core.gate;
        if gate.is_stopping() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if !gate.change_accepting(Accepting::Stopped, Accepting::Running) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let core = Arc::clone(&self.core);
        let name = format!("{} accepting", self.core.options.thread_name);
        let thread = thread::Builder::new().name(name).spawn(move || core.accept_all());
        *accepting = Some(thread.inspect_err(|_| gate.stop_accepting())?);
        Ok(())
    }

    /// How many connections there are, those in their handshake included.
    pub fn connections(&self) -> usize {
        self.core.gate.count()
    }

    /// What stops this server from another thread.
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(Arc::downgrade(&self.core.gate))
    }

    /// Waits until a [`StopHandle`] stops the server, then shuts down.
    pub fn wait(self) {
        self.core.gate.wait_until_stopping();
    }

    /// Accepts no more, sends a Close with 1001 to all open connections, and waits until their handlers have returned,
    /// for [`stop_timeout`](super::Server::stop_timeout) at most. What is left then loses its transport; a handler that
    /// does not return in that time again keeps its thread. Gives the number of those; all other threads have ended.
    pub fn shutdown(self) -> usize {
        self.end(self.core.options.stop_timeout)
    }

    /// As [`shutdown`](Self::shutdown), with a deadline of its own.
    pub fn shutdown_within(self, timeout: Duration) -> usize {
        self.end(timeout)
    }

    fn end(&self, timeout: Duration) -> usize {
        if self.ended.swap(true, Ordering::SeqCst) {
            // Being dropped after that.
            return 0;
        }
        self.core.gate.stop();
        self.join_accepting();
        let left = self.core.gate.end_all(timeout);
        if left == 0 {
            for thread in std::mem::take(&mut *lock(&self.pool)) {
                let _ = thread.join();
            }
        }
        left
    }

    fn join_accepting(&self) {
        if let Some(thread) = lock(&self.accepting).take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(self.core.options.stop_timeout);
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("listener", &self.core.listener)
            .field("accepting", &self.accepting())
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

impl Core {
    fn accept_all(self: &Arc<Self>) {
        loop {
            let max = self.options.max_connections();
            let admitted = self
                .gate
                .admit(max, self.options.over_limit, || self.listener.accept(&self.options.tcp));
            let done = match admitted {
                Ok(Admission::End) => return,
                Ok(Admission::Wait) => self.listener.wait(self.gate.waker()),
                Ok(Admission::Serve(stream)) => self.serve(stream),
                Ok(Admission::Refuse(stream)) => self.refuse(stream),
                Err(error) => Err(error),
            };
            if done.is_err() {
                // Out of sockets, memory or threads: nothing to be done but wait for some to be given back.
                self.gate.rest(ACCEPT_PAUSE);
            }
        }
    }

    fn serve(self: &Arc<Self>, stream: Stream) -> io::Result<()> {
        let line = Arc::new(self.options.line(stream)?);
        let slot = Arc::new(Slot::new(&line));
        // It leaves the list when the thread ends, or at once if there is none.
        let member = self.gate.enter(Arc::clone(&slot));
        let id = member.id;
        let entry = Entry::new(line, slot, member);
        if let Threads::Pool(_) = self.options.threads {
            self.gate.enqueue(entry);
            return Ok(());
        }
        let core = Arc::clone(self);
        let thread = self.options.thread().spawn(move || (core.handler)(entry))?;
        self.gate.keep(id, thread);
        Ok(())
    }

    fn refuse(self: &Arc<Self>, stream: Stream) -> io::Result<()> {
        let line = Arc::new(self.options.line(stream)?);
        let Some(refused) = self.gate.refuse(&line) else {
            return Ok(());
        };
        let id = refused.id();
        let core = Arc::clone(self);
        let thread = self.options.thread().spawn(move || {
            let _refused = refused;
            (core.refuser)(line);
        })?;
        self.gate.keep(id, thread);
        Ok(())
    }
}

/// A client that came to a request is shown it; others have been answered already.
pub(crate) fn open(entry: &Entry, options: &Options) -> Result<Incoming, Error> {
    crate::accept::accept_on(
        Arc::clone(&entry.line),
        Arc::clone(&options.config),
        Some(Arc::clone(&entry.slot)),
    )
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// After a failure to accept, unless a connection ends before.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
