//! One sleep per connection, armed as rarely as possible.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::coop;
use tokio::time::{self, Sleep};
use ws_proto::Instant;

/// Tells a connection the time. Its clock is Tokio's, so that paused time works.
#[derive(Debug)]
pub(crate) struct Timer {
    /// What [`Instant::ZERO`] stands for.
    epoch: time::Instant,
    /// When `sleep` ends.
    armed: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whom `sleep` will wake: whoever it knows need not be told to it at every turn.
    waker: Option<Waker>,
}

/// The end of a wait that begins now, or as good as never if it is longer than the clock's range.
pub(crate) fn after(patience: Duration) -> time::Instant {
    let now = time::Instant::now();
    now.checked_add(patience).unwrap_or_else(|| now + NEVER)
}

impl Timer {
    pub(crate) fn new() -> Self {
        Self {
            epoch: time::Instant::now(),
            armed: Instant::ZERO,
            sleep: None,
            waker: None,
        }
    }

    /// Waits for a deadline and answers with the time it is then.
    ///
    /// Deadlines mostly move later. So a sleep that ends too early is left alone until it has ended, and armed anew
    /// then: receiving costs no work here. Without a runtime nothing is ever due.
    pub(crate) fn poll_due(&mut self, deadline: Option<Instant>, cx: &mut Context<'_>) -> Poll<Instant> {
        let Some(deadline) = deadline else { return Poll::Pending };
        if deadline == Instant::ZERO {
            return Poll::Ready(self.now());
        }
        loop {
            if self.armed > deadline || self.sleep.is_none() {
                self.arm(deadline);
            }
            let Some(sleep) = &mut self.sleep else {
                return Poll::Pending;
            };
            let is_known = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
            if is_known && !sleep.is_elapsed() {
                return Poll::Pending;
            }
            // Outside of Tokio's budget: a peer that always uses it up must not hold off the deadlines.
            if pin!(coop::unconstrained(sleep.as_mut())).poll(cx).is_pending() {
                self.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let now = self.now();
            if now >= deadline {
                return Poll::Ready(now);
            }
            self.arm(deadline);
        }
    }

    fn arm(&mut self, deadline: Instant) {
        let at = self.epoch + Duration::from_nanos(deadline.as_nanos());
        self.armed = deadline;
        self.waker = None;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None if Handle::try_current().is_err() => {}
            None => self.sleep = Some(Box::pin(time::sleep_until(at))),
        }
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.epoch.elapsed()
    }
}

/// Thirty years: within the range of every clock, and beyond the life of every process.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
