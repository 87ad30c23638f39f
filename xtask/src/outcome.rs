//! How a part of the tests ended.

/// Passed, or why not.
#[derive(Debug)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    /// A tool that the part needs can't be had here; never counts as passed.
    Skipped(String),
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}
