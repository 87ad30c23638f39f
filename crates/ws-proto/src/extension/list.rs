//! The extensions that one side knows, and the negotiation.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::{Agreed, Extension, MalformedHeader, Parameters, parameters};
use crate::handshake::is_token;

/// The extensions that a client offers or a server accepts, in order of preference. Default none.
///
/// A clone shares them.
#[derive(Clone, Default)]
pub struct Extensions {
    list: Vec<Arc<dyn Extension>>,
}

impl Extensions {
    /// No extension.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, as the least preferred.
    ///
    /// # Panics
    /// If its name is not an HTTP token.
    pub fn push(&mut self, extension: impl Extension + 'static) {
        assert!(is_token(extension.name().as_bytes()), "an extension's name is a token");
        self.list.push(Arc::new(extension));
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Client: the header's value, to be sent if it is not empty.
    #[must_use]
    pub fn offer(&self) -> String {
        let mut header = String::new();
        for extension in &self.list {
            let separator = if header.is_empty() { "" } else { ", " };
            // Writing to a string does not fail.
            let _ = write!(header, "{separator}{}{}", extension.name(), extension.offer());
        }
        header
    }

    /// Server: what to agree on, given the header lines of the request, in their order. Of each extension the
    /// client's first offer is taken that one of ours accepts; what nobody accepts is declined in silence. The answer
    /// to send is the result's `Display`, unless that is empty.
    ///
    /// # Errors
    /// A line is not what RFC 6455 §9.1 writes: answer with 400.
    pub fn accept<'a>(&self, offers: impl IntoIterator<Item = &'a [u8]>) -> Result<Agreed, MalformedHeader> {
        let mut agreed = Agreed::default();
        for (name, offer) in parse(offers)? {
            let is_new = |extension: &&Arc<dyn Extension>| {
                extension.name() == name && !agreed.contains(&name) && !agreed.bits().intersects(extension.bits())
            };
            let mut candidates = self.list.iter().filter(is_new);
            let accepted = candidates.find_map(|extension| Some((extension, extension.accept(&offer)?)));
            if let Some((extension, answer)) = accepted {
                agreed.push(Arc::clone(extension), answer);
            }
        }
        Ok(agreed)
    }

    /// Client: what the server has agreed to, given the header lines of its answer.
    ///
    /// # Errors
    /// The answer is not what RFC 6455 §9.1 writes, or names what was not offered, twice the same, or parameters that
    /// do not answer the offer: the connection must be failed.
    pub fn confirm<'a>(&self, answer: impl IntoIterator<Item = &'a [u8]>) -> Result<Agreed, AnswerError> {
        let mut agreed = Agreed::default();
        let mut answer = answer.into_iter().peekable();
        let is_silent = answer.peek().is_none();
        let answer = parse(answer).map_err(|_| AnswerError::Invalid)?;
        if answer.is_empty() && !is_silent {
            return Err(AnswerError::Invalid);
        }
        for (name, parameters) in answer {
            let mut offered = self.list.iter().filter(|extension| extension.name() == name).peekable();
            if offered.peek().is_none() {
                return Err(AnswerError::Unoffered);
            }
            if agreed.contains(&name) {
                return Err(AnswerError::Invalid);
            }
            let extension = offered.find(|extension| extension.confirm(&parameters));
            let extension = extension.ok_or(AnswerError::Invalid)?;
            if agreed.bits().intersects(extension.bits()) {
                return Err(AnswerError::Invalid);
            }
            agreed.push(Arc::clone(extension), parameters);
        }
        Ok(agreed)
    }
}

/// What is wrong with a server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerError {
    /// It names an extension that was not offered.
    Unoffered,
    /// It does not answer the offer.
    Invalid,
}

impl<E: Extension + 'static> From<E> for Extensions {
    fn from(extension: E) -> Self {
        let mut extensions = Self::new();
        extensions.push(extension);
        extensions
    }
}

/// Lists are equal that hold the same values, not equal ones: an extension need not be comparable.
impl PartialEq for Extensions {
    fn eq(&self, other: &Self) -> bool {
        self.list.len() == other.list.len() && self.list.iter().zip(&other.list).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

impl Eq for Extensions {}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.list).finish()
    }
}

fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<(String, Parameters)>, MalformedHeader> {
    let mut list = Vec::new();
    for line in lines {
        parameters::parse(line, &mut list)?;
    }
    Ok(list)
}
