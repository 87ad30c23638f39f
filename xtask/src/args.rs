//! Command-line arguments, read one by one.

/// The arguments not yet read.
#[derive(Debug)]
pub(crate) struct Args(std::vec::IntoIter<String>);

/// What is wrong with the arguments.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl Usage {
    pub(crate) fn unknown(arg: &str) -> Self {
        Self(format!("unknown argument `{arg}`"))
    }
}

impl Args {
    pub(crate) fn new(args: impl Iterator<Item = String>) -> Self {
        Self(args.collect::<Vec<_>>().into_iter())
    }

    pub(crate) fn next(&mut self) -> Option<String> {
        self.0.next()
    }

    /// The value that follows `flag`.
    pub(crate) fn value(&mut self, flag: &str) -> Result<String, Usage> {
        self.next().ok_or_else(|| Usage(format!("`{flag}` needs a value")))
    }

    /// The value that follows `flag`, one of those named.
    pub(crate) fn one_of<T: Copy, const N: usize>(&mut self, flag: &str, known: [(&str, T); N]) -> Result<T, Usage> {
        let value = self.value(flag)?;
        known
            .iter()
            .find(|(name, _)| *name == value)
            .map(|&(_, meaning)| meaning)
            .ok_or_else(|| {
                Usage(format!(
                    "`{flag} {value}`: choose from {}",
                    known.map(|(name, _)| name).join(", ")
                ))
            })
    }

    /// Refuses anything more.
    pub(crate) fn end(mut self) -> Result<(), Usage> {
        self.next().map_or(Ok(()), |arg| Err(Usage::unknown(&arg)))
    }
}
