//! Deadlines of several calls together, and the socket timeouts that enforce them.

use std::io;
use std::time::{Duration, Instant};

/// A point in time by which something must be done, or never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// So much time from now; `None` is for ever.
    pub(crate) fn after(patience: Option<Duration>) -> Self {
        Self(patience.and_then(|patience| Instant::now().checked_add(patience)))
    }

    /// The time that is left, as a socket timeout.
    pub(crate) fn left(self) -> io::Result<Option<Duration>> {
        let Some(at) = self.0 else { return Ok(None) };
        match at.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left.max(MIN_TIMEOUT))),
        }
    }
}

/// Whether a socket timeout that is set does for the one that is wanted, so that no system call is spent on it. It may
/// end a wait too early, when the caller waits again, but hardly too late.
pub(crate) fn is_near(set: Option<Duration>, wanted: Option<Duration>) -> bool {
    match (set, wanted) {
        (Some(set), Some(wanted)) => set >= wanted / 2 && set <= wanted + wanted / 8,
        (None, None) => true,
        _ => false,
    }
}

/// Whether a call failed because its socket timeout passed; systems differ in how they say it.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The shortest socket timeout: zero would mean "for ever", and less than this no kernel measures.
pub(crate) const MIN_TIMEOUT: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_set_anew_only_when_it_would_mislead() {
        let second = Some(Duration::from_secs(1));
        assert!(is_near(second, second));
        assert!(is_near(second, Some(Duration::from_millis(900))));
        assert!(is_near(second, Some(Duration::from_millis(2000))));
        assert!(!is_near(second, Some(Duration::from_millis(880))));
        assert!(!is_near(second, Some(Duration::from_millis(2001))));
        assert!(!is_near(second, None));
        assert!(!is_near(None, second));
        assert!(is_near(None, None));
    }

    #[test]
    fn a_deadline_that_has_passed_is_an_error_and_none_never_passes() {
        let passed = Deadline::after(Some(Duration::ZERO));
        assert_eq!(passed.left().unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(Deadline::after(None).left().unwrap(), None);
        assert_eq!(Deadline::after(Some(Duration::MAX)).left().unwrap(), None);
        assert!(Deadline::after(Some(Duration::from_secs(60))).left().unwrap().is_some());
    }
}
