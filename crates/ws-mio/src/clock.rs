//! The time, read at most once a round.

use ws_proto::Instant;

/// The time of the current round, once somebody has asked for it.
#[derive(Debug, Default)]
pub(crate) struct Clock(Option<Instant>);

impl Clock {
    /// The time of this round.
    pub(crate) fn now(&mut self) -> Instant {
        *self.0.get_or_insert_with(|| std::time::Instant::now().into())
    }

    /// Time has passed: the next who asks gets a new reading.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }
}

/// Later than every deadline.
pub(crate) const NEVER: Instant = Instant::from_nanos(u64::MAX);
