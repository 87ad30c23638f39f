//! The header `Sec-WebSocket-Extensions`: its grammar, in one pass (RFC 6455 §9.1).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;

use crate::handshake::{is_token, is_token_byte};

/// The parameters of one extension in an offer or an answer, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    list: Vec<(String, Option<String>)>,
}

impl Parameters {
    /// No parameter.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter without a value.
    ///
    /// # Panics
    /// If the name is not an HTTP token.
    #[must_use]
    pub fn with_flag(mut self, name: &str) -> Self {
        assert!(is_token(name.as_bytes()), "a parameter's name is a token");
        self.list.push((name.to_owned(), None));
        self
    }

    /// Adds a parameter with a value.
    ///
    /// # Panics
    /// If the name or the value is not an HTTP token.
    #[must_use]
    pub fn with_value(mut self, name: &str, value: &str) -> Self {
        assert!(
            is_token(name.as_bytes()) && is_token(value.as_bytes()),
            "a parameter's name and value are tokens"
        );
        self.list.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// Names and values. A value is as it was sent: one that was quoted still has its quotes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.list.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Whether there is no parameter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// `; name; name=value`, as it follows the extension's name.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.iter() {
            write!(f, "; {name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// A `Sec-WebSocket-Extensions` that is not what RFC 6455 §9.1 writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedHeader;

impl fmt::Display for MalformedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sec-WebSocket-Extensions is not a list of extensions")
    }
}

impl Error for MalformedHeader {}

/// The extensions that one header line lists, appended to `list`: names with parameters. Work is linear in the bytes.
pub(super) fn parse(line: &[u8], list: &mut Vec<(String, Parameters)>) -> Result<(), MalformedHeader> {
    let mut rest = Scanner(line);
    loop {
        // Empty elements of a list do not count (RFC 9110 §5.6.1).
        while rest.eat(b',') {}
        if rest.is_at_end() {
            return Ok(());
        }
        let name = rest.token()?;
        let mut parameters = Parameters::new();
        while rest.eat(b';') {
            let parameter = rest.token()?;
            let value = if rest.eat(b'=') { Some(rest.value()?) } else { None };
            parameters.list.push((parameter, value));
        }
        list.push((name, parameters));
        if !rest.is_at_end() && !rest.eat(b',') {
            return Err(MalformedHeader);
        }
    }
}

/// What is left of a header line.
struct Scanner<'a>(&'a [u8]);

impl Scanner<'_> {
    fn skip_spaces(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_spaces();
        self.0.is_empty()
    }

    /// Takes this byte if it comes next.
    fn eat(&mut self, byte: u8) -> bool {
        self.skip_spaces();
        match self.0.split_first() {
            Some((&first, rest)) if first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn token(&mut self) -> Result<String, MalformedHeader> {
        self.skip_spaces();
        let end = self
            .0
            .iter()
            .position(|&byte| !is_token_byte(byte))
            .unwrap_or(self.0.len());
        self.take(end)
    }

    /// A token, or a quoted string with its quotes.
    fn value(&mut self) -> Result<String, MalformedHeader> {
        self.skip_spaces();
        if self.0.first() != Some(&b'"') {
            return self.token();
        }
        let mut bytes = self.0.iter().enumerate().skip(1);
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\\' => drop(bytes.next()),
                b'"' => return self.take(at + 1),
                _ => {}
            }
        }
        Err(MalformedHeader)
    }

    fn take(&mut self, end: usize) -> Result<String, MalformedHeader> {
        let (text, rest) = self.0.split_at(end);
        self.0 = rest;
        match core::str::from_utf8(text) {
            Ok(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(MalformedHeader),
        }
    }
}
