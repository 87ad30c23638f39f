//! The time, read at most once a round.

use ws_proto::Instant;

/// The time of the current round, once somebody has asked for it.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    now: Option<Instant>,
    /// How far tests are ahead of the system's clock.
    #[cfg(test)]
    pub(crate) ahead: std::time::Duration,
}

impl Clock {
    /// The time of this round.
    pub(crate) fn now(&mut self) -> Instant {
        if let Some(now) = self.now {
            return now;
        }
        let now = Instant::from(std::time::Instant::now());
        #[cfg(test)]
        let now = now + self.ahead;
        self.now = Some(now);
        now
    }

    /// Time has passed: the next who asks gets a new reading.
    pub(crate) fn forget(&mut self) {
        self.now = None;
    }
}
