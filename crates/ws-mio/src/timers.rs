//! Who is to be woken when, without looking at everybody.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ws_proto::Instant;

use crate::slots::ClientId;

/// A heap of wake-up times.
///
/// Nothing is ever taken out of its middle. Each connection remembers the earliest time it has here and adds another
/// only if it must be woken before that; when a time comes that is not the one it remembers, it is ignored. So a
/// connection has one entry, and for a while a few more when its deadline moves closer (as on closing): at most as many as
/// there are kinds of deadlines, whatever the peer does. Entries of connections that are gone stay until their time; when
/// they outnumber the others, the reactor has them swept out.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, ClientId)>>,
}

impl Timers {
    pub(crate) fn add(&mut self, at: Instant, id: ClientId) {
        self.heap.push(Reverse((at, id)));
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Drops the entries of which this is not true: those of connections that are gone.
    pub(crate) fn retain(&mut self, mut is_wanted: impl FnMut(Instant, ClientId) -> bool) {
        self.heap.retain(|Reverse((at, id))| is_wanted(*at, *id));
    }

    /// The earliest time.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the earliest entry, if its time has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, ClientId)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_in_time_and_in_order() {
        let mut timers = Timers::default();
        for millis in [30, 10, 20] {
            timers.add(Instant::from_millis(millis), ClientId::default());
        }
        assert_eq!(timers.next(), Some(Instant::from_millis(10)));
        assert_eq!(timers.pop_due(Instant::from_millis(9)), None);
        let due: Vec<_> = std::iter::from_fn(|| timers.pop_due(Instant::from_millis(20)))
            .map(|(at, _)| at)
            .collect();
        assert_eq!(due, [Instant::from_millis(10), Instant::from_millis(20)]);
        assert_eq!(timers.next(), Some(Instant::from_millis(30)));
    }
}
