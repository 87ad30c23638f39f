//! The deadlines of one connection. Time is only ever told, and events are dated afterwards: whatever happened
//! without a time makes the next deadline due at once, and the time told then is taken as its date.

use core::time::Duration;

use crate::{Instant, Timeout, Timeouts};

pub(super) struct Timers {
    /// Whether the time has been told at all.
    started: bool,
    /// Whether anything, and whether data, came since the time was last told.
    heard: bool,
    heard_data: bool,
    /// Whether the pong to the last ping came since the time was last told.
    ponged: bool,
    /// The message that `assembly_at` is for, if one is in progress and dated.
    assembly_of: Option<u32>,
    /// The number in the payload of the last keepalive ping.
    ping_number: u32,
    last_heard: Instant,
    last_data: Instant,
    ping_sent: Instant,
    assembly_at: Instant,
    ending: EndingDeadline,
    round_trip: Option<Duration>,
}

/// The wait that an ending connection is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EndingDeadline {
    None,
    /// Begun, but not dated.
    Undated(Wait),
    At(Wait, Instant),
}

/// What an ending connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The peer's Close, or the application's.
    Close,
    /// The end of the transport.
    Linger,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Send a ping with this payload.
    Ping([u8; 4]),
    Failed(Timeout),
    /// The wait for the end of the transport is over.
    Lingered,
}

impl Timers {
    pub(super) fn new() -> Self {
        Self {
            started: false,
            heard: false,
            heard_data: false,
            ponged: false,
            assembly_of: None,
            ping_number: 0,
            last_heard: Instant::ZERO,
            last_data: Instant::ZERO,
            ping_sent: Instant::NEVER,
            assembly_at: Instant::NEVER,
            ending: EndingDeadline::None,
            round_trip: None,
        }
    }

    /// Bytes came.
    #[inline]
    pub(super) fn heard(&mut self) {
        self.heard = true;
    }

    /// Output moved on: the peer lives, and an end that waits for it to be written out waits anew.
    pub(super) fn progressed(&mut self) {
        self.heard = true;
        if let EndingDeadline::At(wait, at) = self.ending {
            if at != Instant::NEVER {
                self.ending = EndingDeadline::Undated(wait);
            }
        }
    }

    /// Data came.
    #[inline]
    pub(super) fn heard_data(&mut self) {
        self.heard_data = true;
    }

    /// A pong came.
    pub(super) fn heard_pong(&mut self, payload: &[u8]) {
        if self.ping_sent != Instant::NEVER && payload == self.ping_number.to_be_bytes() {
            self.ponged = true;
        }
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// From now on only this wait counts.
    pub(super) fn begin_ending(&mut self, wait: Wait) {
        self.ending = EndingDeadline::Undated(wait);
    }

    /// When [`handle`](Self::handle) should be called next.
    pub(super) fn next(&self, timeouts: &Timeouts, message: Option<u32>) -> Option<Instant> {
        if !self.started || self.ponged {
            return Some(Instant::ZERO);
        }
        match self.ending {
            EndingDeadline::None => {}
            EndingDeadline::Undated(_) => return Some(Instant::ZERO),
            EndingDeadline::At(_, at) => return (at != Instant::NEVER).then_some(at),
        }
        let assembly = match message {
            None => Instant::NEVER,
            Some(_) if timeouts.assembly.is_none() => Instant::NEVER,
            Some(_) if self.assembly_of != message => Instant::ZERO,
            Some(_) => self.assembly_at,
        };
        let idle = after(self.last_data, timeouts.idle);
        let next = assembly.min(idle).min(self.next_ping(timeouts));
        (next != Instant::NEVER).then_some(next)
    }

    /// Dates what happened since the last call, and tells one thing that is due; if there is more, the next call does.
    pub(super) fn handle(&mut self, now: Instant, timeouts: &Timeouts, message: Option<u32>) -> Option<Due> {
        if self.ponged {
            self.ponged = false;
            self.round_trip = Some(now.saturating_duration_since(self.ping_sent));
            self.ping_sent = Instant::NEVER;
        }
        if self.heard || !self.started {
            self.heard = false;
            self.last_heard = now;
        }
        if self.heard_data || !self.started {
            self.heard_data = false;
            self.last_data = now;
        }
        self.started = true;
        if let EndingDeadline::Undated(wait) = self.ending {
            let patience = match wait {
                Wait::Close => timeouts.close,
                Wait::Linger => timeouts.linger,
            };
            self.ending = EndingDeadline::At(wait, after(now, patience));
        }
        if let EndingDeadline::At(wait, at) = self.ending {
            if now < at || at == Instant::NEVER {
                return None;
            }
            return Some(match wait {
                Wait::Close => Due::Failed(Timeout::Close),
                Wait::Linger => Due::Lingered,
            });
        }
        if self.assembly_of != message {
            self.assembly_of = message;
            self.assembly_at = message.map_or(Instant::NEVER, |_| after(now, timeouts.assembly));
        }
        if now >= self.assembly_at && self.assembly_at != Instant::NEVER {
            return Some(Due::Failed(Timeout::Assembly));
        }
        if timeouts.idle.is_some() && now >= after(self.last_data, timeouts.idle) {
            return Some(Due::Failed(Timeout::Idle));
        }
        if timeouts.ping_interval.is_some() && now >= self.next_ping(timeouts) {
            if self.awaits_answer() && timeouts.ping_timeout.is_some() {
                return Some(Due::Failed(Timeout::Ping));
            }
            self.ping_number = self.ping_number.wrapping_add(1);
            self.ping_sent = now;
            return Some(Due::Ping(self.ping_number.to_be_bytes()));
        }
        None
    }

    /// Whether nothing was heard since the last ping. What is dated alike, on a coarse clock, came after it: a ping is
    /// not due when something was just heard.
    fn awaits_answer(&self) -> bool {
        self.ping_sent != Instant::NEVER && self.last_heard < self.ping_sent
    }

    /// When to ping, or to give up on the last ping.
    fn next_ping(&self, timeouts: &Timeouts) -> Instant {
        if timeouts.ping_interval.is_none() {
            return Instant::NEVER;
        }
        if self.awaits_answer() {
            return after(self.ping_sent, timeouts.ping_timeout.or(timeouts.ping_interval));
        }
        after(self.last_heard, timeouts.ping_interval)
    }
}

fn after(start: Instant, patience: Option<Duration>) -> Instant {
    patience.map_or(Instant::NEVER, |patience| start + patience)
}
