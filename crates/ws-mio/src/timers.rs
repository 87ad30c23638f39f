//! The timers that clients set for themselves.

use std::collections::BTreeMap;

use ws_proto::Instant;

use crate::ClientId;

/// One timer that was set, to cancel it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    at: Instant,
    number: u64,
}

/// Timers in the order in which they go off.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// With the clients' tokens; without one, it is the end of the connection's lifetime.
    timers: BTreeMap<TimerId, (ClientId, Option<u64>)>,
    set: u64,
    /// How many there may be before those of connections that are gone are looked for.
    sweep_at: usize,
}

impl Timers {
    pub(crate) fn set(&mut self, id: ClientId, at: Instant, token: Option<u64>) -> TimerId {
        self.set += 1;
        let timer = TimerId { at, number: self.set };
        self.timers.insert(timer, (id, token));
        timer
    }

    /// Returns whether it had not gone off.
    pub(crate) fn cancel(&mut self, timer: TimerId) -> bool {
        self.timers.remove(&timer).is_some()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|(timer, _)| timer.at)
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(ClientId, Option<u64>)> {
        if self.next()? > now {
            return None;
        }
        self.timers.pop_first().map(|(_, due)| due)
    }

    /// Drops the timers of connections that are gone, if there could be many.
    pub(crate) fn sweep(&mut self, is_there: impl Fn(ClientId) -> bool) {
        if self.timers.len() > self.sweep_at {
            self.timers.retain(|_, (id, _)| is_there(*id));
            self.sweep_at = 2 * self.timers.len() + SPARE;
        }
    }
}

/// Timers without a connection that are not worth a sweep.
const SPARE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_go_off_in_order_unless_cancelled() {
        let mut timers = Timers::default();
        let id = ClientId::default();
        let at = Instant::from_millis;
        timers.set(id, at(20), Some(2));
        let first = timers.set(id, at(10), Some(1));
        timers.set(id, at(20), Some(3));
        assert!(timers.cancel(first) && !timers.cancel(first));
        assert_eq!(timers.next(), Some(at(20)));
        assert_eq!(timers.pop_due(at(19)), None);
        assert_eq!(timers.pop_due(at(20)), Some((id, Some(2))));
        assert_eq!(timers.pop_due(at(20)), Some((id, Some(3))));
    }

    #[test]
    fn those_of_connections_that_are_gone_do_not_pile_up() {
        let mut timers = Timers::default();
        for _ in 0..10 * SPARE {
            timers.set(ClientId::default(), Instant::from_millis(1_000_000), None);
            timers.sweep(|_| false);
        }
        assert!(timers.timers.len() <= SPARE + 1);
    }
}
