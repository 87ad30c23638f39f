//! How a connection ended, and what the transport must do about it.

use ws_frame::{CloseCode, CloseFrame};

use crate::ConnectionError;

/// What the shell must do with the transport. Ask after every round of reading, writing and timing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Go on.
    KeepOpen,
    /// Write what is queued, then go on reading (what comes is ignored) until the peer ends the transport or a
    /// deadline passes. The client's part: the server closes first (RFC 6455 §7.1.1).
    AwaitEof,
    /// Write what is queued, shut down the sending direction, then as [`AwaitEof`](Self::AwaitEof). Dropping the
    /// socket at once could reset the connection while our last bytes, the Close among them, are still under way.
    HalfClose,
    /// Write what is queued, then drop the transport; nothing more will come.
    FlushThenClose,
    /// Drop the transport now.
    Drop,
}

/// Which side did something first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This one.
    Local,
    /// The other one.
    Peer,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ending {
    /// The Close we sent, if we did.
    pub sent: Option<CloseFrame>,
    /// The Close the peer sent, if it did.
    pub received: Option<CloseFrame>,
    /// Who closed first, if anyone did.
    pub first: Option<Side>,
    /// What went wrong, if anything did.
    pub error: Option<ConnectionError>,
}

impl Ending {
    /// Whether the closing handshake was completed (RFC 6455 §7.1.4).
    pub fn is_clean(&self) -> bool {
        self.sent.is_some() && self.received.is_some() && self.error.is_none()
    }

    /// The connection's close code as §7.1.5 defines it: the peer's, 1005 if its Close had none, 1006 if no Close
    /// came.
    pub fn code(&self) -> CloseCode {
        match self.received {
            Some(frame) => frame.code().unwrap_or(CloseCode::NO_STATUS),
            None => CloseCode::ABNORMAL,
        }
    }

    /// The peer's reason, or an empty one.
    pub fn reason(&self) -> &str {
        self.received.as_ref().map_or("", |frame| frame.reason())
    }
}
