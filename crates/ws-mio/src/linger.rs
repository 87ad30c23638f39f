//! The end of a connection whose last bytes must arrive.

use std::time::Duration;

use ws_proto::Instant;

use crate::{Io, Next, Protocol, Ready};

/// Writes what is queued, shuts down the sending direction and drops what still comes until the peer ends as well: a
/// socket that is dropped with unread input is reset, and the reset may overtake the last bytes.
pub(crate) struct Linger {
    until: Instant,
}

impl Linger {
    pub(crate) fn new() -> Self {
        Self { until: Instant::ZERO }
    }

    fn prolong(&mut self, io: &mut Io<'_>) {
        let time = io.config().timeouts.linger.unwrap_or(DEFAULT_LINGER);
        self.until = io.now() + time;
    }
}

impl Protocol for Linger {
    fn accept(&mut self, io: &mut Io<'_>) -> Next {
        io.unlist();
        io.resume();
        self.prolong(io);
        self.ready(io, Ready::Io)
    }

    fn ready(&mut self, io: &mut Io<'_>, _why: Ready) -> Next {
        if io.has_progressed() {
            // The peer takes what was written, however slowly.
            self.prolong(io);
        }
        while io.read(|_, bytes| bytes.len()) {}
        io.flush();
        if io.is_written() {
            if io.has_ended() {
                return Next::Drop;
            }
            io.shut();
        }
        if io.now() >= self.until {
            return Next::Drop;
        }
        io.wake_at(self.until);
        Next::Stay
    }
}

/// How long to wait if the configuration sets no time.
const DEFAULT_LINGER: Duration = Duration::from_secs(1);
