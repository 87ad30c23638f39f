//! Two extensions as one: what is sent goes through the first, then the second; what is received the other way round.

use alloc::boxed::Box;
use alloc::vec::Vec;

use ws_frame::Rsv;

use super::{DecodeError, Decoder, Encoder, Progress};
use crate::{Compression, DataKind};

/// Encoders in sequence.
pub(super) struct EncoderChain {
    first: Box<dyn Encoder>,
    second: Box<dyn Encoder>,
    /// Which of them transform the message in progress.
    by_first: bool,
    by_second: bool,
    /// What the first made of a piece.
    link: Vec<u8>,
}

impl EncoderChain {
    pub(super) fn new(first: Box<dyn Encoder>, second: Box<dyn Encoder>) -> Self {
        Self {
            first,
            second,
            by_first: false,
            by_second: false,
            link: Vec::new(),
        }
    }
}

impl Encoder for EncoderChain {
    fn begin(&mut self, kind: DataKind, compression: Compression) -> Rsv {
        let (first, second) = (
            self.first.begin(kind, compression),
            self.second.begin(kind, compression),
        );
        self.by_first = !first.is_empty();
        self.by_second = !second.is_empty();
        first | second
    }

    fn encode(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>) {
        match (self.by_first, self.by_second) {
            (true, true) => {
                self.link.clear();
                self.first.encode(piece, last, &mut self.link);
                self.second.encode(&self.link, last, out);
                if last {
                    self.link = Vec::new();
                }
            }
            (true, false) => self.first.encode(piece, last, out),
            (false, _) => self.second.encode(piece, last, out),
        }
    }

    /// Each of them sees the whole message, so that each can still let it leave as it is.
    fn encode_message(&mut self, kind: DataKind, message: &[u8], compression: Compression, out: &mut Vec<u8>) -> Rsv {
        let mut link = Vec::new();
        let first = self.first.encode_message(kind, message, compression, &mut link);
        let message = if first.is_empty() { message } else { &link };
        let second = self.second.encode_message(kind, message, compression, out);
        if second.is_empty() && !first.is_empty() {
            out.extend_from_slice(message);
        }
        first | second
    }
}

/// Decoders in sequence.
pub(super) struct DecoderChain {
    first: (Box<dyn Decoder>, Rsv),
    second: (Box<dyn Decoder>, Rsv),
    by_first: bool,
    by_second: bool,
    link: Link,
}

/// What the second has decoded and the first not yet taken.
#[derive(Default)]
struct Link {
    bytes: Vec<u8>,
    taken: usize,
    /// Whether the second is done with the last input it was given.
    done: bool,
}

impl DecoderChain {
    /// Of the decoders, each with its bits, whose encoders stand in this order.
    pub(super) fn new(first: (Box<dyn Decoder>, Rsv), second: (Box<dyn Decoder>, Rsv)) -> Self {
        Self {
            first,
            second,
            by_first: false,
            by_second: false,
            link: Link::default(),
        }
    }

    /// Through both: the second fills the link, the first empties it.
    fn decode_twice(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Result<Progress, DecodeError> {
        let link = &mut self.link;
        let mut progress = Progress::default();
        loop {
            if link.taken == link.bytes.len() && !link.done {
                link.bytes.resize(LINK_LEN, 0);
                let filled = self.second.0.step(&input[progress.read..], last, &mut link.bytes)?;
                link.bytes.truncate(filled.written);
                link.taken = 0;
                link.done = filled.done;
                progress.read += filled.read;
            }
            let rest = &link.bytes[link.taken..];
            let made = self.first.0.step(rest, last && link.done, output)?;
            link.taken += made.read;
            progress.written = made.written;
            progress.done = made.done && link.done;
            if progress.done {
                // The next input is a new round for both.
                *link = Link::default();
            }
            if progress.done || progress.written > 0 {
                return Ok(progress);
            }
        }
    }
}

impl Decoder for DecoderChain {
    fn begin(&mut self, bits: Rsv, kind: DataKind) -> Result<(), DecodeError> {
        self.by_first = bits.intersects(self.first.1);
        self.by_second = bits.intersects(self.second.1);
        self.link = Link::default();
        if self.by_second {
            self.second.0.begin(bits, kind)?;
        }
        if self.by_first {
            self.first.0.begin(bits, kind)?;
        }
        Ok(())
    }

    fn decode(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Result<Progress, DecodeError> {
        match (self.by_first, self.by_second) {
            (true, true) => self.decode_twice(input, last, output),
            (true, false) => self.first.0.decode(input, last, output),
            (false, _) => self.second.0.decode(input, last, output),
        }
    }
}

/// How much the second decodes at once; it bounds what expands between the two.
const LINK_LEN: usize = 4096;
