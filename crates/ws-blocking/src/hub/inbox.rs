//! What came, until somebody asks for it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::peer::Peer;
use super::wire::{Messages, Wire};
use crate::Error;
use crate::deadline::Deadline;

/// A message, who sent it and when it came.
#[derive(Debug)]
#[non_exhaustive]
pub struct Received<W: Wire = Messages> {
    /// Who sent it.
    pub peer: Peer<W>,
    /// What was sent.
    pub message: W::Message,
    /// When it was complete.
    pub at: SystemTime,
}

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<W: Wire = Messages> {
    /// A connection is open.
    Connected(Peer<W>),
    /// A message came.
    Received(Received<W>),
    /// A connection has ended, however it did.
    Disconnected(Peer<W>),
    /// Something failed; it is among the errors as well.
    Error(ErrorRecord<W>),
}

/// Something that failed, when, and with whom.
#[derive(Debug)]
#[non_exhaustive]
pub struct ErrorRecord<W: Wire = Messages> {
    /// When it was noticed.
    pub at: SystemTime,
    /// Of which connection, if it came to one.
    pub peer: Option<Peer<W>>,
    /// What it was.
    pub error: Arc<Error>,
}

impl<W: Wire> Clone for ErrorRecord<W> {
    fn clone(&self) -> Self {
        Self {
            at: self.at,
            peer: self.peer.clone(),
            error: Arc::clone(&self.error),
        }
    }
}

/// What happens to a message for which the inbox has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// Its connection waits, and with it its peer: nothing is lost. While it waits no pings are answered, so who leaves
    /// an inbox full loses the connections.
    #[default]
    Wait,
    /// The oldest message is dropped, and counted: see [`dropped`](crate::hub::Hub::dropped).
    DropOldest,
}

/// Bounded in messages, in failures, and in who came and went: there, [`MAX_NOTICES`] and the connections that are open.
/// Everything is in the order in which it came.
#[derive(Debug)]
pub(crate) struct Inbox<W: Wire> {
    state: Mutex<State<W>>,
    changed: Condvar,
    limit: usize,
    when_full: WhenFull,
    /// Whether both who comes and who goes is told here.
    tells_both: bool,
}

#[derive(Debug)]
struct State<W: Wire> {
    messages: VecDeque<(u64, Received<W>)>,
    /// Who came and went.
    notices: VecDeque<(u64, Event<W>)>,
    /// What failed, to be told; apart from `notices`, so that strangers who fail can't push those out.
    failures: VecDeque<(u64, ErrorRecord<W>)>,
    /// What failed, to be looked up.
    errors: VecDeque<ErrorRecord<W>>,
    next: u64,
    dropped: u64,
    dropped_errors: u64,
    dropped_events: u64,
    closed: bool,
    /// Whether there is to be no waiting for room.
    hurried: bool,
}

impl<W: Wire> Inbox<W> {
    pub(crate) fn new(limit: usize, when_full: WhenFull, tells_both: bool) -> Self {
        Self {
            state: Mutex::new(State {
                messages: VecDeque::new(),
                notices: VecDeque::new(),
                failures: VecDeque::new(),
                errors: VecDeque::new(),
                next: 0,
                dropped: 0,
                dropped_errors: 0,
                dropped_events: 0,
                closed: false,
                hurried: false,
            }),
            changed: Condvar::new(),
            limit: limit.max(1),
            when_full,
            tells_both,
        }
    }

    /// Adds a message; may wait for room, and drops it if the inbox is closed and full.
    pub(crate) fn push(&self, peer: Peer<W>, message: W::Message) {
        let at = SystemTime::now();
        let mut state = self.lock();
        while state.messages.len() >= self.limit && !state.hurried {
            if state.closed {
                // Nobody makes room any more, but what is here may still be taken.
                state.dropped += 1;
                return;
            }
            match self.when_full {
                WhenFull::DropOldest => {
                    state.messages.pop_front();
                    state.dropped += 1;
                }
                WhenFull::Wait => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        let number = state.number();
        state.messages.push_back((number, Received { peer, message, at }));
        drop(state);
        self.changed.notify_all();
    }

    /// A connection is open.
    pub(crate) fn connected(&self, peer: Peer<W>) {
        let mut state = self.lock();
        if !self.tells_both {
            state.make_room();
        }
        // Else it takes room only for as long as it is there: see `disconnected`.
        self.notify(state, Event::Connected(peer));
    }

    /// A connection has ended. If there is no room, nothing is told of one that came and went unseen; of one that has been
    /// seen, the end is always told.
    pub(crate) fn disconnected(&self, peer: Peer<W>) {
        let mut state = self.lock();
        if !self.tells_both {
            state.make_room();
        } else if state.notices.len() >= MAX_NOTICES {
            let came = |(_, event): &_| matches!(event, Event::Connected(other) if *other == peer);
            if let Some(at) = state.notices.iter().position(came) {
                state.notices.remove(at);
                state.dropped_events += 2;
                return;
            }
        }
        self.notify(state, Event::Disconnected(peer));
    }

    fn notify(&self, mut state: MutexGuard<'_, State<W>>, event: Event<W>) {
        let number = state.number();
        state.notices.push_back((number, event));
        drop(state);
        self.changed.notify_all();
    }

    pub(crate) fn record(&self, peer: Option<Peer<W>>, error: Error) {
        let record = ErrorRecord {
            at: SystemTime::now(),
            peer,
            error: Arc::new(error),
        };
        let mut state = self.lock();
        if state.errors.len() >= MAX_ERRORS {
            state.errors.pop_front();
            state.dropped_errors += 1;
        }
        state.errors.push_back(record.clone());
        if state.failures.len() >= MAX_NOTICES {
            state.failures.pop_front();
        }
        let number = state.number();
        state.failures.push_back((number, record));
        drop(state);
        self.changed.notify_all();
    }

    pub(crate) fn has_data(&self) -> bool {
        !self.lock().messages.is_empty()
    }

    pub(crate) fn take_received(&self) -> Vec<Received<W>> {
        let taken = std::mem::take(&mut self.lock().messages);
        self.changed.notify_all();
        taken.into_iter().map(|(_, received)| received).collect()
    }

    /// The next event, whatever came first; `None` if none comes in time, or none can any more.
    pub(crate) fn next_event(&self, patience: Option<Duration>) -> Option<Event<W>> {
        let deadline = Deadline::after(patience);
        let mut state = self.lock();
        loop {
            if let Some(event) = state.pop() {
                drop(state);
                self.changed.notify_all();
                return Some(event);
            }
            if state.closed {
                return None;
            }
            let left = deadline.left().ok()?;
            state = match left {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.lock().errors.is_empty()
    }

    pub(crate) fn errors(&self) -> Vec<ErrorRecord<W>> {
        self.lock().errors.iter().cloned().collect()
    }

    pub(crate) fn take_errors(&self) -> Vec<ErrorRecord<W>> {
        std::mem::take(&mut self.lock().errors).into()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    pub(crate) fn dropped_events(&self) -> u64 {
        self.lock().dropped_events
    }

    pub(crate) fn dropped_errors(&self) -> u64 {
        self.lock().dropped_errors
    }

    /// Lets those in who wait for room, the limit notwithstanding, and all who come until it is taken back.
    pub(crate) fn hurry(&self, hurried: bool) {
        self.lock().hurried = hurried;
        self.changed.notify_all();
    }

    /// Nobody waits here any more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Wire> State<W> {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// For who asks for one kind of notice only by a callback, and for the other not at all: the oldest goes.
    fn make_room(&mut self) {
        if self.notices.len() >= MAX_NOTICES {
            self.notices.pop_front();
            self.dropped_events += 1;
        }
    }

    fn pop(&mut self) -> Option<Event<W>> {
        let message = first(&self.messages);
        let notice = first(&self.notices);
        let failure = first(&self.failures);
        if notice < message.min(failure) {
            Some(self.notices.pop_front()?.1)
        } else if failure < message {
            Some(Event::Error(self.failures.pop_front()?.1))
        } else {
            Some(Event::Received(self.messages.pop_front()?.1))
        }
    }
}

/// When the first of them came.
fn first<T>(queue: &VecDeque<(u64, T)>) -> u64 {
    queue.front().map_or(u64::MAX, |(number, _)| *number)
}

/// For who asks for messages only, notices must not pile up.
const MAX_NOTICES: usize = 1024;

/// Enough to see what is wrong; the oldest go first.
const MAX_ERRORS: usize = 256;
