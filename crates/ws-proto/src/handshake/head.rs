//! Collects the head of an HTTP/1.x message from any split of its bytes, scanning each byte once.
//!
//! The parser runs only once, when the empty line has come: asking it again after every read would
//! make a slowly sent head cost quadratic time. Lines are counted as they arrive, so a head over a
//! limit fails at the first byte too much, however the bytes are cut.

use alloc::vec::Vec;
use core::fmt;

use super::config::HandshakeConfig;
use super::headers::is_token_byte;

/// The head as far as it has come.
pub(super) struct HeadCollector {
    kind: Kind,
    max_bytes: usize,
    max_start_line: usize,
    max_headers: usize,
    bytes: Vec<u8>,
    /// Where the line being received starts in `bytes`.
    line_start: usize,
    /// Lines received so far, start line included.
    lines: usize,
    /// Bytes received since birth, over all heads.
    seen: usize,
}

/// What is wrong with a head before it is even parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadFault {
    /// The first byte starts no HTTP message, but a TLS session.
    Tls,
    /// The first byte starts no HTTP message.
    NotHttp,
    /// A line ends in LF alone; heads are not read the same way everywhere then.
    BareLineFeed,
    TooManyBytes {
        limit: usize,
    },
    StartLineTooLong {
        limit: usize,
    },
    TooManyHeaders {
        limit: usize,
    },
}

impl HeadCollector {
    pub(super) fn for_request(config: &HandshakeConfig) -> Self {
        Self::new(Kind::Request, config.max_target_bytes, config)
    }

    pub(super) fn for_response(config: &HandshakeConfig) -> Self {
        Self::new(Kind::Response, usize::MAX, config)
    }

    fn new(kind: Kind, max_start_line: usize, config: &HandshakeConfig) -> Self {
        Self {
            kind,
            max_bytes: config.max_head_bytes,
            max_start_line,
            max_headers: config.max_headers,
            bytes: Vec::new(),
            line_start: 0,
            lines: 0,
            seen: 0,
        }
    }

    /// Takes bytes up to the end of the head; `Some(used)` when it is complete.
    pub(super) fn receive(&mut self, input: &[u8]) -> Result<Option<usize>, HeadFault> {
        let mut used = 0;
        // Room for all at once, not line by line.
        let room = self.max_bytes.saturating_sub(self.seen);
        self.bytes.reserve(input.len().min(room));
        while used < input.len() {
            let rest = &input[used..];
            self.check_first_byte(rest[0])?;
            let room = self.max_bytes.saturating_sub(self.seen);
            if room == 0 {
                return Err(HeadFault::TooManyBytes { limit: self.max_bytes });
            }
            let rest = &rest[..rest.len().min(room)];
            let line_end = rest.iter().position(|&byte| byte == b'\n');
            let taken = line_end.map_or(rest, |at| &rest[..=at]);
            self.keep(taken)?;
            used += taken.len();
            if line_end.is_some() && self.end_line()? {
                return Ok(Some(used));
            }
        }
        Ok(None)
    }

    /// The head; complete, with its empty line, once [`receive`](Self::receive) said so.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many header lines came behind the start line.
    pub(super) fn header_lines(&self) -> usize {
        self.lines.saturating_sub(1)
    }

    /// Starts over for another head; the byte limit goes on counting.
    pub(super) fn restart(&mut self) {
        self.bytes.clear();
        self.line_start = 0;
        self.lines = 0;
    }

    fn check_first_byte(&self, byte: u8) -> Result<(), HeadFault> {
        let fits = match self.kind {
            _ if !self.bytes.is_empty() => true,
            // RFC 9112 section 2.2: a server skips empty lines before a request.
            Kind::Request => is_token_byte(byte) || byte == b'\r',
            Kind::Response => byte == b'H',
        };
        match byte {
            _ if fits => Ok(()),
            TLS_RECORD => Err(HeadFault::Tls),
            _ => Err(HeadFault::NotHttp),
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), HeadFault> {
        self.bytes.extend_from_slice(bytes);
        self.seen += bytes.len();
        let start_line = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let start_line = start_line.strip_suffix(b"\r").unwrap_or(start_line);
        if self.lines == 0 && start_line.len() > self.max_start_line {
            return Err(HeadFault::StartLineTooLong {
                limit: self.max_start_line,
            });
        }
        Ok(())
    }

    /// A line feed has come; was it the end of the head?
    fn end_line(&mut self) -> Result<bool, HeadFault> {
        match &self.bytes[self.line_start..] {
            b"\r\n" if self.lines == 0 => self.bytes.clear(),
            b"\r\n" => return Ok(true),
            line if line.ends_with(b"\r\n") => {
                self.lines += 1;
                self.line_start = self.bytes.len();
            }
            _ => return Err(HeadFault::BareLineFeed),
        }
        if self.header_lines() > self.max_headers {
            return Err(HeadFault::TooManyHeaders {
                limit: self.max_headers,
            });
        }
        Ok(false)
    }
}

/// Without the bytes, which may hold credentials.
impl fmt::Debug for HeadCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeadCollector")
            .field("kind", &self.kind)
            .field("seen", &self.seen)
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Request,
    Response,
}

/// First byte of a TLS handshake record (RFC 8446 section 5.1): a wss client at a plain port, or
/// the other way round; common enough to deserve words of its own.
const TLS_RECORD: u8 = 0x16;
