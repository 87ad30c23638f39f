//! permessage-deflate: compressed messages (RFC 7692). Feature `deflate`.
//!
//! ```
//! use ws_proto::Config;
//! use ws_proto::deflate::Deflate;
//!
//! let mut config = Config::default();
//! config.handshake.extensions.push(Deflate::shared());
//! ```
//!
//! Compression is off unless it is asked for like this, on either side: it costs time and memory, and the length of
//! what was compressed tells something about it (an attacker who can choose a part of a message learns whether the
//! rest resembles it; send such messages with [`Compression::Never`](crate::Compression::Never)).
//!
//! # Memory is a choice
//!
//! | | idle connection | per pool or connection | ratio |
//! |---|---|---|---|
//! | [`Deflate::shared`] | 64 bytes | as many compressors (380 KiB) and decompressors (47 KiB) as are at work at once | each message by itself |
//! | [`Deflate::dedicated`] | 213 KiB once both directions were used | | also against the last 4 KiB of earlier messages |
//!
//! The figures are of the settings' defaults. Of the dedicated 213 KiB, 165 are the compressor's (152 with the smallest
//! memory level, 380 with the largest window and the usual level of 8) and 47 the decompressor's, which has the largest window always.
//! State is allocated with the first message that needs it.
//!
//! # What a peer can do
//!
//! A bomb is stopped at [`Limits::max_message`](crate::Limits::max_message), which is held against the output while it
//! is made, and in long streams by [`Deflate::max_ratio`].
//!
//! # The backend
//!
//! zlib-rs: no C, window and memory levels to choose, and speed: level 2, the default, makes 98 % of what level 6
//! saves of 2 KiB of JSON, in three quarters of its time.

mod agreement;
mod decoder;
mod encoder;
mod pool;

#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::sync::Arc;

use ws_frame::Rsv;

pub use self::agreement::Agreement;
use self::decoder::{Decompressor, DedicatedDecoder, MaxRatio, SharedDecoder};
use self::encoder::{Compressor, DedicatedEncoder, Settings, SharedEncoder};
use self::pool::Pools;
use crate::Role;
use crate::extension::{Codec, Extension, Parameters};

/// Settings of permessage-deflate, an [`Extension`].
///
/// Several of them in a list are several offers, or choices of a server, in order of preference.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Deflate {
    /// How hard to try, 0 (not at all) to 9; more is taken as 9. Default 2: see the [module](self) on why.
    pub level: u8,
    /// The window for what we send is 2 to this power, 9 to 15; what is out of range is taken as the nearest. Default
    /// 15 if shared, where one is enough for all, and 12 if dedicated. A peer can ask for less.
    pub window_bits: u8,
    /// How much memory the compressor takes beside the window, 1 to 9. Default 8 if shared, as zlib's, and 5 if dedicated:
    /// a tenth of the memory for a few percent of the ratio.
    pub mem_level: u8,
    /// The largest window that the peer is asked to use for what it sends, as a power, 9 to 15. Our decompressor takes the
    /// same memory for all, so the default is 15: not to ask.
    pub peer_window_bits: u8,
    /// Messages shorter than this, in bytes, leave as they are, unless they are sent with
    /// [`Compression::Always`](crate::Compression::Always). Default 512 if shared, 128 if dedicated: below it, what is saved is not
    /// worth the time. It has no part in fragmented messages, whose length nobody knows at first.
    pub threshold: usize,
    /// How many times longer than it came a message may become, beyond its first 2 MiB: more ends the connection with 1009.
    /// Default 200, more than real data gives over such a length; it matters if `max_message` is much larger than its default.
    pub max_ratio: u32,
    /// Whether we compress against earlier messages, unless the peer forbids it. Dedicated only.
    pub context_takeover: bool,
    /// Whether the peer may compress against earlier messages. Dedicated only.
    pub peer_context_takeover: bool,
    /// Compressors and decompressors that the connections share.
    pool: Option<Arc<SharedState>>,
}

/// What connections of shared settings draw from.
#[derive(Debug, Default)]
struct SharedState {
    compressors: Pools<Settings, Compressor>,
    decompressors: Pools<MaxRatio, Decompressor>,
}

impl Deflate {
    /// Every message by itself, with compressors from a pool: an idle connection has none, nor has one that has sent
    /// a part of a message; one that has received a part has a decompressor until the message ends. For servers, and
    /// wherever there are many connections. Clones share the pool.
    #[must_use]
    pub fn shared() -> Self {
        Self {
            level: LEVEL,
            window_bits: 15,
            mem_level: 8,
            peer_window_bits: 15,
            threshold: 512,
            max_ratio: MAX_RATIO,
            context_takeover: false,
            peer_context_takeover: false,
            pool: Some(Arc::default()),
        }
    }

    /// A compressor and a decompressor for each connection, which remember what went before. For a few connections with many
    /// messages that are alike.
    #[must_use]
    pub fn dedicated() -> Self {
        Self {
            window_bits: 12,
            mem_level: 5,
            threshold: 128,
            context_takeover: true,
            peer_context_takeover: true,
            pool: None,
            ..Self::shared()
        }
    }

    fn takes_over(&self) -> bool {
        self.context_takeover && self.pool.is_none()
    }

    fn lets_peer_take_over(&self) -> bool {
        self.peer_context_takeover && self.pool.is_none()
    }
}

/// [`Deflate::shared`].
impl Default for Deflate {
    fn default() -> Self {
        Self::shared()
    }
}

impl Extension for Deflate {
    fn name(&self) -> &str {
        NAME
    }

    fn bits(&self) -> Rsv {
        Rsv::RSV1
    }

    fn offer(&self) -> Parameters {
        agreement::offer(self)
    }

    fn accept(&self, offer: &Parameters) -> Option<Parameters> {
        agreement::accept(self, offer)
    }

    fn confirm(&self, answer: &Parameters) -> bool {
        agreement::confirm(self, answer)
    }

    fn start(&self, role: Role, agreed: &Parameters) -> Codec {
        // It was agreed on, so it parses.
        let agreement = Agreement::parse(agreed).unwrap_or_default();
        let settings = Settings {
            window_bits: agreement.window_bits(role).min(window_bits(self.window_bits)),
            level: self.level.min(9),
            mem_level: self.mem_level.clamp(1, 9),
            threshold: self.threshold,
        };
        let takes_over = self.takes_over() && agreement.has_context_takeover(role);
        let peer_takes_over = agreement.has_context_takeover(role.peer());
        let max_ratio = MaxRatio(self.max_ratio);
        match &self.pool {
            Some(shared) => Codec {
                encoder: Box::new(SharedEncoder::new(shared.compressors.of(settings))),
                decoder: Box::new(SharedDecoder::new(shared.decompressors.of(max_ratio))),
            },
            None => Codec {
                encoder: Box::new(DedicatedEncoder::new(settings, takes_over)),
                decoder: Box::new(DedicatedDecoder::new(max_ratio, peer_takes_over)),
            },
        }
    }
}

/// A power that zlib can use.
fn window_bits(bits: u8) -> u8 {
    bits.clamp(9, 15)
}

/// The name under which it is registered (RFC 7692 §7).
const NAME: &str = "permessage-deflate";

const LEVEL: u8 = 2;

const MAX_RATIO: u32 = 200;

/// What a flush ends with, and what is left away at the end of a message (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
