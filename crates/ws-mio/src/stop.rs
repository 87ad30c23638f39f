//! Stopping a reactor from anywhere.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;

/// Stops a [`Reactor`](crate::Reactor) from any thread, a signal handler's among them. A clone stops the same one.
#[derive(Clone)]
pub struct StopHandle(Arc<Shared>);

struct Shared {
    waker: Waker,
    asked: AtomicBool,
}

impl StopHandle {
    pub(crate) fn new(waker: Waker) -> Self {
        Self(Arc::new(Shared {
            waker,
            asked: AtomicBool::new(false),
        }))
    }

    /// Asks the reactor to stop: it accepts nothing more, sends every peer a Close with 1001 (going away), and ends
    /// when all have answered or after the [time it grants them](crate::Reactor::set_stop_deadline). Returns at once; a
    /// second call changes nothing.
    pub fn stop(&self) {
        if !self.0.asked.swap(true, Ordering::Release) {
            // Fails only if the reactor is gone, and then there is nothing to stop.
            let _ = self.0.waker.wake();
        }
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::Acquire)
    }
}

impl fmt::Debug for StopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopHandle").field("asked", &self.is_asked()).finish()
    }
}
