//! The body of an answer that refused the upgrade: delimited as RFC 9112 section 6.3 says, kept up
//! to a limit.

use alloc::vec::Vec;
use core::fmt;

use super::error::HandshakeError;
use super::headers::{self, Single};
use super::response::Response;

/// Collects a body from any split of its bytes; nothing is set aside for a declared length.
pub(super) struct BodyCollector {
    framing: Framing,
    limit: usize,
    kept: Vec<u8>,
    /// Bytes that were no data: tiny chunks and long trailers must not go on for ever.
    overhead: usize,
    cut: bool,
}

impl BodyCollector {
    pub(super) fn new(response: &Response, limit: usize) -> Result<Self, HandshakeError> {
        Ok(Self {
            framing: Framing::of(response)?,
            limit,
            kept: Vec::new(),
            overhead: 0,
            cut: false,
        })
    }

    /// Takes bytes; tells how many of them belong to the body.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<usize, HandshakeError> {
        let mut used = 0;
        while used < bytes.len() && !self.is_done() {
            let data = self.framing.data(&bytes[used..]);
            if data.is_empty() {
                self.framing = self.framing.after_coding(bytes[used])?;
                self.overhead += 1;
                self.cut |= self.overhead > self.limit;
                used += 1;
            } else {
                self.framing = self.framing.after_data(data.len());
                self.keep(data);
                used += data.len();
            }
        }
        Ok(used)
    }

    /// The peer closed: the proper end of some bodies, too early for the others.
    pub(super) fn handle_eof(&mut self) {
        match self.framing {
            Framing::UntilEof => self.framing = Framing::END,
            _ if self.is_done() => {}
            _ => self.cut = true,
        }
    }

    /// Has all come, or all that is wanted?
    pub(super) fn is_done(&self) -> bool {
        self.cut || self.framing == Framing::END
    }

    /// Gives what came to the response.
    pub(super) fn finish(self, response: &mut Response) {
        response.set_received_body(self.kept, self.cut);
    }

    fn keep(&mut self, data: &[u8]) {
        let room = self.limit - self.kept.len();
        self.kept.extend_from_slice(&data[..data.len().min(room)]);
        self.cut |= data.len() > room;
    }
}

/// Without the bytes.
impl fmt::Debug for BodyCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyCollector")
            .field("framing", &self.framing)
            .field("kept", &self.kept.len())
            .field("cut", &self.cut)
            .finish_non_exhaustive()
    }
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// Data, up to the end of the transport.
    UntilEof,
    /// Data, so many bytes.
    Length(u64),
    /// Data or coding.
    Chunked(Chunk),
}

/// Where in the chunked coding (RFC 9112 section 7.1) the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Framing {
    /// The body is over.
    const END: Self = Self::Length(0);

    fn of(response: &Response) -> Result<Self, HandshakeError> {
        let fields = response.fields();
        if !response.may_have_body() {
            return Ok(Self::END);
        }
        if fields.contains(headers::TRANSFER_ENCODING) {
            // It overrides a length. Other codings than chunked end with the transport.
            let last = fields.list(headers::TRANSFER_ENCODING).last().unwrap_or_default();
            let is_chunked = last.eq_ignore_ascii_case(b"chunked");
            return Ok(if is_chunked {
                Self::Chunked(Chunk::START)
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

    /// The data that `bytes` start with.
    fn data<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let left = match *self {
            Self::UntilEof => u64::MAX,
            Self::Length(left) | Self::Chunked(Chunk::Data { left }) => left,
            Self::Chunked(_) => 0,
        };
        &bytes[..usize::try_from(left).map_or(bytes.len(), |left| bytes.len().min(left))]
    }

    fn after_data(self, taken: usize) -> Self {
        match self {
            Self::Length(left) => Self::Length(left - taken as u64),
            Self::Chunked(Chunk::Data { left }) if left == taken as u64 => Self::Chunked(Chunk::DataReturn),
            Self::Chunked(Chunk::Data { left }) => Self::Chunked(Chunk::Data {
                left: left - taken as u64,
            }),
            other => other,
        }
    }

    fn after_coding(self, byte: u8) -> Result<Self, HandshakeError> {
        match (self, byte) {
            (Self::Chunked(Chunk::LastFeed), b'\n') => Ok(Self::END),
            (Self::Chunked(chunk), _) => Ok(Self::Chunked(chunk.after(byte).ok_or(BAD_CHUNK)?)),
            (other, _) => Ok(other),
        }
    }
}

impl Chunk {
    const START: Self = Self::Size { digits: 0, size: 0 };

    /// The state behind a byte that is not data; `None` if the byte can't stand there.
    fn after(self, byte: u8) -> Option<Self> {
        let digit = char::from(byte).to_digit(16).map(u64::from);
        Some(match (self, byte, digit) {
            (
                Self::Size {
                    digits: digits @ 0..MAX_SIZE_DIGITS,
                    size,
                },
                _,
                Some(digit),
            ) => Self::Size {
                digits: digits + 1,
                size: size << 4 | digit,
            },
            (Self::Size { digits: 1.., size }, b';' | b' ' | b'\t', _) => Self::Extension { size },
            (Self::Size { digits: 1.., size } | Self::Extension { size }, b'\r', _) => Self::SizeFeed { size },
            (Self::SizeFeed { size: 0 }, b'\n', _) => Self::TrailerStart,
            (Self::SizeFeed { size }, b'\n', _) => Self::Data { left: size },
            (Self::DataReturn, b'\r', _) => Self::DataFeed,
            (Self::DataFeed, b'\n', _) => Self::START,
            (Self::TrailerStart, b'\r', _) => Self::LastFeed,
            (Self::Trailer, b'\r', _) => Self::TrailerFeed,
            (Self::TrailerFeed, b'\n', _) => Self::TrailerStart,
            (_, b'\n', _) => return None,
            (Self::Extension { .. }, ..) => self,
            (Self::TrailerStart | Self::Trailer, ..) => Self::Trailer,
            _ => return None,
        })
    }
}

fn parse_length(value: &[u8]) -> Option<u64> {
    // `parse` alone would take a plus sign.
    let is_number = value.iter().all(u8::is_ascii_digit);
    core::str::from_utf8(value).ok().filter(|_| is_number)?.parse().ok()
}

const BAD_LENGTH: HandshakeError = HandshakeError::MalformedResponse("Content-Length is not one number");
const BAD_CHUNK: HandshakeError = HandshakeError::MalformedResponse("the chunked body is broken");

/// Sixteen hexadecimal digits fill 64 bits.
const MAX_SIZE_DIGITS: u8 = 16;
