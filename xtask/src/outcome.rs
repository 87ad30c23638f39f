//! How a task, or a part of the tests, ended.

/// Passed, or why not.
#[derive(Debug)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    /// Failed, and everything about it has been said.
    Reported,
    /// A tool that is needed can't be had here; never counts as passed.
    Skipped(String),
    /// Nothing failed, something was skipped, and everything about it has been said.
    Incomplete,
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}
