//! Which connection is to be woken when, without looking at everybody.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;

use ws_proto::Instant;

/// A heap of wake-up times, to the millisecond; 8 bytes each.
///
/// Nothing is ever taken out of its middle. Each connection remembers the earliest time it has here and adds another
/// only if it must be woken before that; when a time comes that is not the one it remembers, it is ignored. So a
/// connection has one entry, and for a while a few more when its deadline moves closer (as on closing). Entries of
/// connections that are gone, and those that are ignored, stay until their time; when they outnumber the others, the server
/// has them swept out.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    heap: BinaryHeap<Reverse<u64>>,
}

/// A time of this heap: milliseconds, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Alarm(u64);

impl Alarm {
    /// Later than all others.
    pub(crate) const NEVER: Self = Self(MAX_MILLIS);

    pub(crate) fn at(at: Instant) -> Self {
        Self(at.as_nanos().div_ceil(NANOS_PER_MILLI).min(MAX_MILLIS))
    }

    pub(crate) fn instant(self) -> Instant {
        Instant::from_millis(self.0)
    }
}

impl Alarms {
    pub(crate) fn add(&mut self, alarm: Alarm, place: usize) {
        self.heap.push(Reverse(alarm.0 << PLACE_BITS | place as u64));
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Drops the entries of which this is not true, those that nobody remembers, and all but one of equal ones.
    pub(crate) fn sweep(&mut self, mut is_wanted: impl FnMut(Alarm, usize) -> bool) {
        let mut entries = mem::take(&mut self.heap).into_vec();
        entries.retain(|Reverse(entry)| {
            let (alarm, place) = unpack(*entry);
            is_wanted(alarm, place)
        });
        entries.sort_unstable();
        entries.dedup();
        self.heap = entries.into();
    }

    /// The earliest time.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| unpack(*entry).0.instant())
    }

    /// Takes the earliest entry, if its time has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Alarm, usize)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| unpack(entry))
    }
}

fn unpack(entry: u64) -> (Alarm, usize) {
    (Alarm(entry >> PLACE_BITS), (entry & ((1 << PLACE_BITS) - 1)) as usize)
}

/// Sixteen million places, and 34 years of milliseconds.
const PLACE_BITS: u32 = 24;
const MAX_MILLIS: u64 = u64::MAX >> PLACE_BITS;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// The most connections that a server can have.
pub(crate) const MAX_PLACES: usize = 1 << PLACE_BITS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_in_time_and_in_order() {
        let mut alarms = Alarms::default();
        for millis in [30, 10, 20] {
            alarms.add(Alarm::at(Instant::from_millis(millis)), MAX_PLACES - 1);
        }
        assert_eq!(alarms.next(), Some(Instant::from_millis(10)));
        assert_eq!(alarms.pop_due(Instant::from_millis(9)), None);
        let due: Vec<_> = std::iter::from_fn(|| alarms.pop_due(Instant::from_millis(20)))
            .map(|(at, place)| (at.instant(), place))
            .collect();
        assert_eq!(due, [10, 20].map(|at| (Instant::from_millis(at), MAX_PLACES - 1)));
        assert_eq!(alarms.next(), Some(Instant::from_millis(30)));
    }

    /// A connection whose deadline moves closer and away again adds the far one each time.
    #[test]
    fn sweeping_leaves_one_entry_of_each_that_is_remembered() {
        let mut alarms = Alarms::default();
        let [near, far] = [1, 1000].map(|millis| Alarm::at(Instant::from_millis(millis)));
        for place in 0..10 {
            (0..10).for_each(|_| alarms.add(far, place));
            alarms.add(near, place);
        }
        alarms.sweep(|alarm, place| alarm == far && place % 2 == 0);
        assert_eq!(alarms.len(), 5);
        let due: Vec<_> = std::iter::from_fn(|| alarms.pop_due(far.instant())).collect();
        assert_eq!(due, [0, 2, 4, 6, 8].map(|place| (far, place)));
    }

    #[test]
    fn a_time_is_rounded_up() {
        let alarm = Alarm::at(Instant::from_nanos(1_000_001));
        assert_eq!(alarm.instant(), Instant::from_millis(2));
        assert_eq!(
            Alarm::at(Instant::from_nanos(u64::MAX)),
            Alarm::NEVER.min(Alarm::at(Instant::from_nanos(u64::MAX)))
        );
    }
}
