//! What a connection may use and how long it may wait, with the reason for every default.

use core::time::Duration;

use ws_frame::Rsv;

use crate::Opcodes;
use crate::handshake::HandshakeConfig;

/// Everything that can be set about a connection. Build one, wrap it in an `Arc`, and share it among any number of
/// connections.
///
/// ```
/// let mut config = ws_proto::Config::default();
/// config.limits.max_message = 64 * 1024;
/// config.timeouts.idle = Some(core::time::Duration::from_secs(300));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// How much a peer may make us hold or do.
    pub limits: Limits,
    /// How long a peer may make us wait.
    pub timeouts: Timeouts,
    /// Who answers pings and closes.
    pub replies: Replies,
    /// Whole messages or chunks.
    pub delivery: Delivery,
    /// Opcodes beyond the standard's, by name. Default none: their frames end the connection with 1002.
    pub opcodes: Opcodes,
    /// Reserved bits that messages may carry though no extension uses them: they come and are sent as
    /// [`CustomKind`](crate::CustomKind)s. Default none: such a frame ends the connection with 1002 (RFC 6455 §5.2).
    pub reserved_bits: Rsv,
    /// The opening handshake: its limits, its deadline, whose pages may connect, which extensions to agree on.
    pub handshake: HandshakeConfig,
}

/// Bounds on what is received and what is queued. There is no value for "no limit": use the type's `MAX`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The largest payload of one data frame, in bytes; a larger declared length ends the connection with 1009 before
    /// any of it is read. Default 1 MiB, the same as for a message: a peer gains nothing by not fragmenting. (Control
    /// frames have a limit of their own, 125 bytes, that is not to be set: RFC 6455 §5.5.)
    pub max_frame: u64,
    /// The largest message, in bytes over all its frames; 1009 beyond. It is held against what was declared, what
    /// has come so far, and the whole. Default 1 MiB: an order of magnitude over usual messages, and a thousand
    /// hostile connections still fit into memory.
    pub max_message: u64,
    /// The most frames that one message may come in; 1008 beyond. Default 131,072: twice as many as the finest
    /// splitting takes that conformance suites use, 4 MiB in frames of 64 bytes and an empty one at the end. Memory
    /// does not depend on it (fragments join one buffer); it bounds the work per message.
    pub max_fragments: u32,
    /// The most frames without payload in one fragmented message; 1008 beyond. Default 64: they carry nothing, and a
    /// peer that sends more wants to make us work.
    pub max_empty_fragments: u32,
    /// From how many queued bytes on an [`Outbox`](crate::Outbox) refuses further messages. Default 64 KiB, which
    /// keeps a socket busy. A queue holds at most this plus one message, whatever the peer does.
    pub output_high_water: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_frame: 1024 * 1024,
            max_message: 1024 * 1024,
            max_fragments: 131_072,
            max_empty_fragments: 64,
            output_high_water: 64 * 1024,
        }
    }
}

/// Deadlines. `None` turns one off.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timeouts {
    /// A ping is sent when nothing was heard for this long. Any received byte counts as life; because receiving
    /// reads no clock, the silence before the ping is between one and two intervals. Default 20 s: under the idle
    /// limits of common proxies (60 s).
    pub ping_interval: Option<Duration>,
    /// How long after such a ping a peer may stay silent before it is given up (1011, then dropped). Default 20 s.
    pub ping_timeout: Option<Duration>,
    /// How long a connection may go without receiving data (pings and pongs don't count, a part of a message does)
    /// before it is closed with 1001; as above, between once and twice as long. Default none: quiet connections are
    /// what the protocol is for.
    pub idle: Option<Duration>,
    /// How long one message may take from its first complete header to its last byte; 1008 beyond. Default 60 s, so that a
    /// peer can't keep a half-sent message for ever by answering pings. (Inside a header it can't answer any.)
    pub assembly: Option<Duration>,
    /// How long to wait for the peer's Close after ours. Default 5 s. While a full transport takes in what was queued
    /// before the Close, the wait starts anew with everything it takes; so does `linger`.
    pub close: Option<Duration>,
    /// How long to wait, once both Closes are exchanged, for the peer to end the transport. Default 1 s: time for
    /// the last bytes to be read, so that dropping the socket doesn't reset them away.
    pub linger: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            ping_interval: Some(Duration::from_secs(20)),
            ping_timeout: Some(Duration::from_secs(20)),
            idle: None,
            assembly: Some(Duration::from_secs(60)),
            close: Some(Duration::from_secs(5)),
            linger: Some(Duration::from_secs(1)),
        }
    }
}

/// Which replies the connection makes by itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Replies {
    /// Answer every ping (RFC 6455 §5.5.2). Default on; off, answer with `Sender::pong`.
    pub pong: bool,
    /// Answer the peer's Close with the same code (§5.5.1). Default on; off, answer with `close`.
    pub close: bool,
}

impl Default for Replies {
    fn default() -> Self {
        Self {
            pong: true,
            close: true,
        }
    }
}

/// How data is handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// Whole messages. One that lies whole in the input is borrowed from it; one that spans reads is assembled in a
    /// buffer of its own.
    #[default]
    Messages,
    /// Chunks as they arrive, also from inside a frame; nothing is buffered.
    Chunks,
}
