//! Deadlines of several calls together.

use std::io;
use std::time::{Duration, Instant};

/// A point in time by which something must be done, or never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) const NEVER: Self = Self(None);

    /// So much time from now; `None` is for ever.
    pub(crate) fn after(patience: Option<Duration>) -> Self {
        Self(patience.and_then(|patience| Instant::now().checked_add(patience)))
    }

    /// The time that is left. Fails with [`TimedOut`](io::ErrorKind::TimedOut) if none is.
    pub(crate) fn left(self) -> io::Result<Option<Duration>> {
        let Some(at) = self.0 else { return Ok(None) };
        match at.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }

    pub(crate) fn has_passed(self) -> bool {
        self.left().is_err()
    }

    /// The earlier of the two.
    pub(crate) fn min(self, other: Self) -> Self {
        Self(self.0.into_iter().chain(other.0).min())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_has_passed_is_an_error_and_none_never_passes() {
        let passed = Deadline::after(Some(Duration::ZERO));
        assert_eq!(passed.left().unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(Deadline::after(None).left().unwrap(), None);
        assert_eq!(Deadline::after(Some(Duration::MAX)).left().unwrap(), None);
        let minute = Deadline::after(Some(Duration::from_secs(60)));
        assert!(minute.left().unwrap().is_some());
        assert!(minute.min(passed).has_passed());
        assert!(passed.min(Deadline::NEVER).has_passed());
        assert!(!minute.min(Deadline::NEVER).has_passed());
    }
}
