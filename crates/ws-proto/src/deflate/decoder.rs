//! Decompressing what is received (RFC 7692 §7.2.2).

use alloc::boxed::Box;
use alloc::sync::Arc;

use ws_frame::Rsv;
use zlib_rs::{InflateFlush, Status};

use super::TAIL;
use super::pool::Pool;
use crate::DataKind;
use crate::extension::{DecodeError, Decoder, Progress};

/// See [`Deflate::max_ratio`](super::Deflate::max_ratio).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MaxRatio(pub(super) u32);

/// A decompressor with its window, and how far the message in progress has come.
pub(super) struct Decompressor {
    inflate: zlib_rs::Inflate,
    /// Whether the stream has ended by itself, in a final block, and no other has begun.
    is_over: bool,
    /// Of this message.
    read: u64,
    written: u64,
}

impl Decompressor {
    fn new() -> Self {
        Self {
            // Without zlib's header. Any window can be read with the largest, which it always allocates.
            inflate: zlib_rs::Inflate::new(false, 15),
            is_over: false,
            read: 0,
            written: 0,
        }
    }

    /// A message begins.
    fn begin(&mut self, forget: bool) {
        if forget {
            self.reset();
        }
        self.read = 0;
        self.written = 0;
    }

    fn reset(&mut self) {
        self.inflate.reset(false);
        self.is_over = false;
    }

    fn decode(
        &mut self,
        input: &[u8],
        last: bool,
        output: &mut [u8],
        max_ratio: MaxRatio,
    ) -> Result<Progress, DecodeError> {
        let mut progress = Progress::default();
        while progress.written < output.len() {
            let input = &input[progress.read..];
            if self.is_over && !input.is_empty() {
                // Blocks may follow a final one. A compressor that ends its streams starts anew behind them.
                self.reset();
            }
            let (read, written) = self.step(input, &mut output[progress.written..], InflateFlush::SyncFlush)?;
            progress.read += read;
            progress.written += written;
            self.check_ratio(max_ratio)?;
            if progress.written == output.len() {
                // There may be more of it.
                break;
            }
            if read < input.len() {
                // More than 4 GiB are not taken at once.
                if self.is_over || read > 0 {
                    continue;
                }
                // Not reached: with room for output, zlib takes input.
                return Err(DecodeError::Malformed);
            }
            if last {
                self.end()?;
            }
            progress.done = true;
            break;
        }
        Ok(progress)
    }

    /// Adds what the peer has left away at the end of the message. It ends a block and makes no output: else the peer
    /// has cut the message off elsewhere.
    fn end(&mut self) -> Result<(), DecodeError> {
        if self.is_over {
            return Ok(());
        }
        // Told to stop behind a block, zlib leaves the last byte alone only if one ends before it.
        const PROBE: [u8; 5] = [TAIL[0], TAIL[1], TAIL[2], TAIL[3], 0];
        let (read, written) = self.step(&PROBE, &mut [0], InflateFlush::Block)?;
        if read == TAIL.len() && written == 0 {
            Ok(())
        } else {
            Err(DecodeError::Malformed)
        }
    }

    fn step(&mut self, input: &[u8], output: &mut [u8], flush: InflateFlush) -> Result<(usize, usize), DecodeError> {
        let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, output, flush);
        self.is_over = match status {
            Ok(status) => status == Status::StreamEnd,
            Err(_) => return Err(DecodeError::Malformed),
        };
        let (read, written) = (self.inflate.total_in() - read, self.inflate.total_out() - written);
        self.read += read;
        self.written += written;
        // In range: no more than was given.
        Ok((read as usize, written as usize))
    }

    fn check_ratio(&self, max_ratio: MaxRatio) -> Result<(), DecodeError> {
        if self.written > RATIO_FREE && self.written / u64::from(max_ratio.0.max(1)) > self.read {
            return Err(DecodeError::ExpandsTooMuch);
        }
        Ok(())
    }
}

/// Takes a decompressor for every message, and gives it back at its end.
pub(super) struct SharedDecoder {
    pool: Arc<Pool<MaxRatio, Decompressor>>,
    active: Option<Box<Decompressor>>,
}

impl SharedDecoder {
    pub(super) fn new(pool: Arc<Pool<MaxRatio, Decompressor>>) -> Self {
        Self { pool, active: None }
    }
}

impl Decoder for SharedDecoder {
    fn begin(&mut self, _: Rsv, _: DataKind) -> Result<(), DecodeError> {
        let mut decompressor = self.pool.take().unwrap_or_else(|| Box::new(Decompressor::new()));
        decompressor.begin(true);
        self.active = Some(decompressor);
        Ok(())
    }

    fn decode(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Result<Progress, DecodeError> {
        let Some(decompressor) = &mut self.active else {
            return Err(DecodeError::Malformed);
        };
        let progress = decompressor.decode(input, last, output, self.pool.settings)?;
        if let Some(decompressor) = self.active.take_if(|_| last && progress.done) {
            self.pool.give(decompressor);
        }
        Ok(progress)
    }
}

/// A message that will never end gives its decompressor back too.
impl Drop for SharedDecoder {
    fn drop(&mut self) {
        if let Some(decompressor) = self.active.take() {
            self.pool.give(decompressor);
        }
    }
}

/// Has a decompressor of its own, from the first compressed message on.
pub(super) struct DedicatedDecoder {
    decompressor: Option<Box<Decompressor>>,
    max_ratio: MaxRatio,
    takes_over: bool,
}

impl DedicatedDecoder {
    pub(super) fn new(max_ratio: MaxRatio, takes_over: bool) -> Self {
        Self {
            decompressor: None,
            max_ratio,
            takes_over,
        }
    }
}

impl Decoder for DedicatedDecoder {
    fn begin(&mut self, _: Rsv, _: DataKind) -> Result<(), DecodeError> {
        let decompressor = self.decompressor.get_or_insert_with(|| Box::new(Decompressor::new()));
        decompressor.begin(!self.takes_over);
        Ok(())
    }

    fn decode(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Result<Progress, DecodeError> {
        match &mut self.decompressor {
            Some(decompressor) => decompressor.decode(input, last, output, self.max_ratio),
            None => Err(DecodeError::Malformed),
        }
    }
}

/// What a message may become before its ratio counts, twice the default message limit: up to that, a run of one
/// character is no attack.
const RATIO_FREE: u64 = 2 * 1024 * 1024;
