//! Points in time, as numbers that the caller supplies.

use core::ops::Add;
use core::time::Duration;

/// A point on the caller's monotonic clock.
///
/// This crate never reads a clock: whoever drives a connection passes the time in. Any monotonic source does, as long
/// as all values given to one connection count from the same moment. With the `std` feature a
/// `std::time::Instant` converts with `From`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The moment from which all others count. As an answer of `poll_timeout` it means "due at once".
    pub const ZERO: Self = Self(0);

    /// Later than every deadline: "never".
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The point `nanos` nanoseconds after [`ZERO`](Self::ZERO); the range is 584 years.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The point `millis` milliseconds after [`ZERO`](Self::ZERO), at most the end of the range.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since [`ZERO`](Self::ZERO).
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time since `earlier`, or zero if `earlier` is later.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Stops at the end of the range instead of wrapping.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

#[cfg(feature = "std")]
mod std_clock {
    use std::sync::OnceLock;

    use super::Instant;

    /// The first time that the process converted stands for [`Instant::ZERO`].
    static EPOCH: OnceLock<std::time::Instant> = OnceLock::new();

    /// All conversions of a process count from the same moment, the first one converted; earlier ones become
    /// [`Instant::ZERO`].
    impl From<std::time::Instant> for Instant {
        fn from(instant: std::time::Instant) -> Self {
            let epoch = *EPOCH.get_or_init(|| instant);
            Self::ZERO + instant.saturating_duration_since(epoch)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_differences_stay_in_range() {
        let early = Instant::from_millis(5);
        let late = early + Duration::from_millis(7);
        assert_eq!(late, Instant::from_nanos(12_000_000));
        assert_eq!(late.saturating_duration_since(early), Duration::from_millis(7));
        assert_eq!(early.saturating_duration_since(late), Duration::ZERO);
        assert_eq!(early + Duration::MAX, Instant::NEVER);
        assert_eq!(Instant::from_millis(u64::MAX), Instant::NEVER);
    }

    #[cfg(feature = "std")]
    #[test]
    fn std_instants_keep_their_distances() {
        let first = std::time::Instant::now();
        let second = first + Duration::from_millis(250);
        let distance = Instant::from(second).saturating_duration_since(Instant::from(first));
        // Another test may have fixed the epoch after `first`, never after `second` by more than it ran.
        assert!(distance <= Duration::from_millis(250));
        let third = second + Duration::from_secs(5);
        assert_eq!(
            Instant::from(third + Duration::from_secs(1)).saturating_duration_since(Instant::from(third)),
            Duration::from_secs(1)
        );
    }
}
