//! Compressing what is sent (RFC 7692 §7.2.1).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use ws_frame::Rsv;
use zlib_rs::{DeflateConfig, DeflateFlush};

use super::TAIL;
use super::pool::Pool;
use crate::extension::{Encoder, Form};
use crate::{Compression, DataKind};

/// How to compress, on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// 9 to 15; or 8, for which there is no compressor.
    pub(super) window_bits: u8,
    pub(super) level: u8,
    pub(super) mem_level: u8,
    pub(super) threshold: usize,
}

impl Settings {
    fn wants(&self, len: usize, compression: Compression) -> bool {
        // zlib can't keep to a window of 256 bytes. A message that is not compressed needs none.
        let is_possible = self.window_bits > 8;
        is_possible
            && match compression {
                Compression::Auto => len >= self.threshold,
                Compression::Always => true,
                Compression::Never => false,
            }
    }

    /// The results of equal settings can be exchanged, of whatever memory.
    fn form(&self) -> Form {
        let small = [self.window_bits, self.level, self.mem_level, 0].map(u64::from);
        let packed = small.iter().fold(0, |packed, part| packed << 8 | part);
        // No message is so long that larger thresholds differ.
        let threshold = u32::try_from(self.threshold).unwrap_or(u32::MAX);
        Form::new::<SharedEncoder>(packed | u64::from(threshold) << 32)
    }
}

/// A compressor with its window.
pub(super) struct Compressor(zlib_rs::Deflate);

impl Compressor {
    fn new(settings: &Settings) -> Self {
        let config = DeflateConfig {
            level: i32::from(settings.level),
            // Negative: without zlib's header.
            window_bits: -i32::from(settings.window_bits),
            mem_level: i32::from(settings.mem_level),
            ..DeflateConfig::default()
        };
        Self(zlib_rs::Deflate::new_with_config(config))
    }

    /// Forgets what went before.
    fn reset(&mut self) {
        self.0.reset();
    }

    /// Appends a piece of a message such that the peer can decompress all of it; the last one as it ends a message.
    fn compress(&mut self, mut piece: &[u8], last: bool, out: &mut Vec<u8>) {
        let start = out.len();
        loop {
            let at = out.len();
            let room = (piece.len() / 2).clamp(MIN_ROOM, MAX_ROOM);
            out.resize(at + room, 0);
            let (taken, made) = (self.0.total_in(), self.0.total_out());
            let status = self.0.compress(piece, &mut out[at..], DeflateFlush::SyncFlush);
            debug_assert!(status.is_ok(), "{status:?}");
            let (taken, made) = (self.0.total_in() - taken, self.0.total_out() - made);
            // In range: no more than was given.
            out.truncate(at + made as usize);
            piece = &piece[taken as usize..];
            // Of a piece of more than 4 GiB, zlib takes so much at once.
            if (made as usize) < room && piece.is_empty() {
                break;
            }
        }
        if last {
            if out[start..].ends_with(&TAIL) {
                out.truncate(out.len() - TAIL.len());
            } else {
                // Nothing had to be flushed. The peer still adds the tail: this makes a whole empty block of it (§7.2.3.6).
                out.push(0);
            }
        }
    }

    /// Appends a whole message, or nothing if that would not make it shorter.
    fn compress_message(&mut self, message: &[u8], out: &mut Vec<u8>) -> Rsv {
        let at = out.len();
        self.compress(message, true, out);
        if out.len() - at < message.len() {
            Rsv::RSV1
        } else {
            out.truncate(at);
            Rsv::NONE
        }
    }
}

/// Takes a compressor for every message, and for every fragment of one: the fragments don't refer to one another, so
/// nothing is held while the application makes up the next.
pub(super) struct SharedEncoder(Arc<Pool<Settings, Compressor>>);

impl SharedEncoder {
    pub(super) fn new(pool: Arc<Pool<Settings, Compressor>>) -> Self {
        Self(pool)
    }

    fn with_compressor<R>(&self, work: impl FnOnce(&mut Compressor) -> R) -> R {
        let pool = &self.0;
        let mut compressor = match pool.take() {
            Some(mut used) => {
                used.reset();
                used
            }
            None => Box::new(Compressor::new(&pool.settings)),
        };
        let result = work(&mut compressor);
        pool.give(compressor);
        result
    }
}

impl Encoder for SharedEncoder {
    fn begin(&mut self, _: DataKind, compression: Compression) -> Rsv {
        begin(&self.0.settings, compression)
    }

    fn encode(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>) {
        self.with_compressor(|compressor| compressor.compress(piece, last, out));
    }

    fn encode_message(&mut self, _: DataKind, message: &[u8], compression: Compression, out: &mut Vec<u8>) -> Rsv {
        if !self.0.settings.wants(message.len(), compression) {
            return Rsv::NONE;
        }
        self.with_compressor(|compressor| compressor.compress_message(message, out))
    }

    fn form(&self) -> Option<Form> {
        Some(self.0.settings.form())
    }
}

/// Has a compressor of its own, from the first message on that is compressed.
pub(super) struct DedicatedEncoder {
    compressor: Option<Box<Compressor>>,
    settings: Settings,
    takes_over: bool,
    /// What the compressor remembers is not what the peer has seen last.
    is_stale: bool,
}

impl DedicatedEncoder {
    pub(super) fn new(settings: Settings, takes_over: bool) -> Self {
        Self {
            compressor: None,
            settings,
            takes_over,
            is_stale: false,
        }
    }

    /// The compressor as it must be at the start of a message.
    fn fresh(&mut self) -> &mut Compressor {
        if !self.takes_over || self.is_stale {
            if let Some(compressor) = &mut self.compressor {
                compressor.reset();
            }
            self.is_stale = false;
        }
        self.compressor
            .get_or_insert_with(|| Box::new(Compressor::new(&self.settings)))
    }
}

impl Encoder for DedicatedEncoder {
    fn begin(&mut self, _: DataKind, compression: Compression) -> Rsv {
        let bits = begin(&self.settings, compression);
        if !bits.is_empty() {
            self.fresh();
        }
        bits
    }

    fn encode(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>) {
        if let Some(compressor) = &mut self.compressor {
            compressor.compress(piece, last, out);
        }
    }

    fn encode_message(&mut self, _: DataKind, message: &[u8], compression: Compression, out: &mut Vec<u8>) -> Rsv {
        if !self.settings.wants(message.len(), compression) {
            return Rsv::NONE;
        }
        let bits = self.fresh().compress_message(message, out);
        // The compressor has seen a message that the peer's decompressor will not.
        self.is_stale = bits.is_empty();
        bits
    }

    fn form(&self) -> Option<Form> {
        Some(self.settings.form())
    }

    fn encode_alone(&mut self, _: DataKind, message: &[u8], compression: Compression, out: &mut Vec<u8>) -> Rsv {
        if !self.settings.wants(message.len(), compression) {
            return Rsv::NONE;
        }
        self.is_stale = true;
        let bits = self.fresh().compress_message(message, out);
        // As long as it is not sent, the peer has seen none of it.
        self.is_stale = true;
        bits
    }

    fn sent_alone(&mut self) {
        self.is_stale = true;
    }
}

/// A message of unknown length begins.
fn begin(settings: &Settings, compression: Compression) -> Rsv {
    if settings.wants(usize::MAX, compression) {
        Rsv::RSV1
    } else {
        Rsv::NONE
    }
}

/// Room for the output of one call: what is short is flushed in one.
const MIN_ROOM: usize = 128;
const MAX_ROOM: usize = 16 * 1024;
