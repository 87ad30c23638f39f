//! The deadlines of one connection. Time is only ever told, and events are dated afterwards: whatever happened
//! without a time makes the next deadline due at once, and the time told then is taken as its date.

use core::num::NonZeroU64;
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
    waiting: Waiting,
    /// The number in the payload of the last keepalive ping.
    ping_number: u32,
    last_heard: Instant,
    last_data: Instant,
    ping_sent: Instant,
    /// The end of what `waiting` says.
    until: Instant,
    /// In nanoseconds: half the size of an optional duration.
    round_trip: Option<NonZeroU64>,
}

/// What the connection waits for, apart from a sign of life.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Nothing,
    /// The end of this message.
    Message(u32),
    /// The end of the connection, but not dated yet.
    Undated(Wait),
    /// The end of the connection.
    Ending(Wait),
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
            waiting: Waiting::Nothing,
            ping_number: 0,
            last_heard: Instant::ZERO,
            last_data: Instant::ZERO,
            ping_sent: Instant::NEVER,
            until: Instant::NEVER,
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
        if let Waiting::Ending(wait) = self.waiting {
            self.waiting = Waiting::Undated(wait);
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
        self.round_trip.map(|nanos| Duration::from_nanos(nanos.get()))
    }

    /// From now on only this wait counts.
    pub(super) fn begin_ending(&mut self, wait: Wait) {
        self.waiting = Waiting::Undated(wait);
    }

    /// When [`handle`](Self::handle) should be called next.
    pub(super) fn next(&self, timeouts: &Timeouts, message: Option<u32>) -> Option<Instant> {
        if !self.started || self.ponged {
            return Some(Instant::ZERO);
        }
        let assembly = match (self.waiting, message) {
            (Waiting::Undated(_), _) => return Some(Instant::ZERO),
            (Waiting::Ending(_), _) => return (self.until != Instant::NEVER).then_some(self.until),
            (_, None) => Instant::NEVER,
            (_, Some(_)) if timeouts.assembly.is_none() => Instant::NEVER,
            (waiting, Some(message)) if waiting != Waiting::Message(message) => Instant::ZERO,
            (_, Some(_)) => self.until,
        };
        let idle = after(self.last_data, timeouts.idle);
        let next = assembly.min(idle).min(self.next_ping(timeouts));
        (next != Instant::NEVER).then_some(next)
    }

    /// Dates what happened since the last call, and tells one thing that is due; if there is more, the next call does.
    pub(super) fn handle(&mut self, now: Instant, timeouts: &Timeouts, message: Option<u32>) -> Option<Due> {
        if self.ponged {
            self.ponged = false;
            self.round_trip = NonZeroU64::new(now.as_nanos().saturating_sub(self.ping_sent.as_nanos()).max(1));
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
        if let Waiting::Undated(wait) = self.waiting {
            let patience = match wait {
                Wait::Close => timeouts.close,
                Wait::Linger => timeouts.linger,
            };
            self.wait(Waiting::Ending(wait), now, patience);
        }
        let is_over = now >= self.until && self.until != Instant::NEVER;
        if let Waiting::Ending(wait) = self.waiting {
            return is_over.then_some(match wait {
                Wait::Close => Due::Failed(Timeout::Close),
                Wait::Linger => Due::Lingered,
            });
        }
        match message {
            Some(message) if self.waiting != Waiting::Message(message) => {
                self.wait(Waiting::Message(message), now, timeouts.assembly);
            }
            Some(_) if is_over => return Some(Due::Failed(Timeout::Assembly)),
            Some(_) => {}
            None => self.wait(Waiting::Nothing, now, None),
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

    fn wait(&mut self, waiting: Waiting, now: Instant, patience: Option<Duration>) {
        self.waiting = waiting;
        self.until = after(now, patience);
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
