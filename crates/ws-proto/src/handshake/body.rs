//! The body of an answer that refused the upgrade: found by RFC 9112 section 6.3, kept up to a
//! limit.

use alloc::vec::Vec;

use super::error::HandshakeError;
use super::headers::{self, Single};
use super::response::Response;

/// Collects a body from any split of its bytes; nothing is set aside for a declared length.
#[derive(Debug)]
pub(super) struct BodyCollector {
    framing: Framing,
    limit: usize,
    kept: Vec<u8>,
    progress: Progress,
}

impl BodyCollector {
    pub(super) fn new(response: &Response, limit: usize) -> Result<Self, HandshakeError> {
        let framing = Framing::of(response)?;
        let empty = matches!(framing, Framing::Length(0));
        let progress = if empty { Progress::Complete } else { Progress::Receiving };
        Ok(Self {
            framing,
            limit,
            kept: Vec::new(),
            progress,
        })
    }

    /// Takes bytes; tells how many of them belong to the body.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<usize, HandshakeError> {
        let mut used = 0;
        while used < bytes.len() && !self.is_done() {
            used += self.step(&bytes[used..])?;
        }
        Ok(used)
    }

    /// The peer closed: the end of some bodies, too early for the others.
    pub(super) fn handle_eof(&mut self) {
        self.progress = match (&self.progress, &self.framing) {
            (Progress::Receiving, Framing::UntilEof) => Progress::Complete,
            (Progress::Receiving, _) => Progress::Cut,
            (&done, _) => done,
        };
    }

    pub(super) fn is_done(&self) -> bool {
        self.progress != Progress::Receiving
    }

    /// Moves what came into the response.
    pub(super) fn finish(&mut self, response: &mut Response) {
        response.set_received_body(core::mem::take(&mut self.kept), self.progress != Progress::Complete);
    }

    /// Takes at least one byte of a body that is not done.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, HandshakeError> {
        let taken = match &mut self.framing {
            Framing::UntilEof => {
                self.keep(bytes);
                bytes.len()
            }
            Framing::Length(left) => {
                let data = prefix(bytes, *left);
                *left -= data.len() as u64;
                let complete = *left == 0;
                self.keep(data);
                if complete {
                    self.end();
                }
                data.len()
            }
            Framing::Chunked {
                state: Chunk::Data { left },
                ..
            } => {
                let data = prefix(bytes, *left);
                *left -= data.len() as u64;
                if *left == 0 {
                    self.framing.chunk_state(Chunk::DataReturn);
                }
                self.keep(data);
                data.len()
            }
            Framing::Chunked { state, overhead } => {
                *overhead += 1;
                let too_much = *overhead > self.limit;
                match state.step(bytes[0])? {
                    Some(next) => *state = next,
                    None => self.end(),
                }
                if too_much {
                    self.cut();
                }
                1
            }
        };
        Ok(taken)
    }

    fn keep(&mut self, data: &[u8]) {
        let room = self.limit - self.kept.len();
        self.kept.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            self.cut();
        }
    }

    fn end(&mut self) {
        if !self.is_done() {
            self.progress = Progress::Complete;
        }
    }

    fn cut(&mut self) {
        self.progress = Progress::Cut;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Receiving,
    Complete,
    /// Over the limit, or ended early.
    Cut,
}

#[derive(Debug)]
enum Framing {
    /// So many bytes are left.
    Length(u64),
    /// `overhead` counts the bytes that are not data: tiny chunks must not go on for ever.
    Chunked {
        state: Chunk,
        overhead: usize,
    },
    UntilEof,
}

impl Framing {
    fn of(response: &Response) -> Result<Self, HandshakeError> {
        let fields = response.fields();
        if !response.may_have_body() {
            return Ok(Self::Length(0));
        }
        if fields.contains(headers::TRANSFER_ENCODING) {
            // It overrides a length. Other codings than chunked end with the connection.
            let last = fields.list(headers::TRANSFER_ENCODING).last().unwrap_or_default();
            let chunked = last.eq_ignore_ascii_case(b"chunked");
            let state = Chunk::Size { digits: 0, size: 0 };
            return Ok(if chunked {
                Self::Chunked { state, overhead: 0 }
            } else {
                Self::UntilEof
            });
        }
        match fields.single(headers::CONTENT_LENGTH) {
            Single::Missing => Ok(Self::UntilEof),
            Single::Once(value) => parse_length(value).map(Self::Length).ok_or(BAD_LENGTH),
            Single::Repeated => Err(BAD_LENGTH),
        }
    }

    fn chunk_state(&mut self, next: Chunk) {
        if let Self::Chunked { state, .. } = self {
            *state = next;
        }
    }
}

/// Where in the chunked coding (RFC 9112 section 7.1) the next byte stands.
#[derive(Debug)]
enum Chunk {
    Size { digits: u8, size: u64 },
    Extension { size: u64 },
    SizeFeed { size: u64 },
    Data { left: u64 },
    DataReturn,
    DataFeed,
    TrailerStart,
    Trailer,
    TrailerFeed,
    LastFeed,
}

impl Chunk {
    /// The state behind a byte that is not data; `None` at the end of the body.
    fn step(&self, byte: u8) -> Result<Option<Self>, HandshakeError> {
        Ok(Some(match (self, byte) {
            (&Self::Size { digits, size }, _) if byte.is_ascii_hexdigit() => {
                if digits == MAX_SIZE_DIGITS {
                    return Err(BAD_CHUNK);
                }
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                Self::Size {
                    digits: digits + 1,
                    size: size << 4 | u64::from(digit),
                }
            }
            (Self::Size { digits: 0, .. }, _) => return Err(BAD_CHUNK),
            (&Self::Size { size, .. }, b';' | b' ' | b'\t') => Self::Extension { size },
            (&(Self::Size { size, .. } | Self::Extension { size }), b'\r') => Self::SizeFeed { size },
            (&Self::Extension { size }, _) if byte != b'\n' => Self::Extension { size },
            (Self::SizeFeed { size: 0 }, b'\n') => Self::TrailerStart,
            (&Self::SizeFeed { size }, b'\n') => Self::Data { left: size },
            (Self::DataReturn, b'\r') => Self::DataFeed,
            (Self::DataFeed, b'\n') => Self::Size { digits: 0, size: 0 },
            (Self::TrailerStart, b'\r') => Self::LastFeed,
            (Self::Trailer, b'\r') => Self::TrailerFeed,
            (Self::TrailerStart | Self::Trailer, _) if byte != b'\n' => Self::Trailer,
            (Self::TrailerFeed, b'\n') => Self::TrailerStart,
            (Self::LastFeed, b'\n') => return Ok(None),
            _ => return Err(BAD_CHUNK),
        }))
    }
}

/// At most `limit` bytes from the front.
fn prefix(bytes: &[u8], limit: u64) -> &[u8] {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    &bytes[..bytes.len().min(limit)]
}

fn parse_length(value: &[u8]) -> Option<u64> {
    // `parse` alone would take a plus sign.
    let digits = value.iter().all(u8::is_ascii_digit);
    core::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()
}

const BAD_LENGTH: HandshakeError = HandshakeError::MalformedResponse("Content-Length is not one number");
const BAD_CHUNK: HandshakeError = HandshakeError::MalformedResponse("the chunked body is broken");

/// Sixteen hexadecimal digits fill 64 bits.
const MAX_SIZE_DIGITS: u8 = 16;
