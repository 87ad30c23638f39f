//! Who may come in, who is in, and the end of all of it.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use ws_proto::CloseCode;

use super::{Accepting, OverLimit};
use crate::deadline::Deadline;
use crate::line::Line;
use crate::waker::Waker;
use crate::{Handle, Stream};

/// What the server knows of one connection.
pub(crate) struct Slot {
    line: Weak<Line>,
    /// What closes it properly; set when the handshake is done.
    close: OnceLock<Box<Close>>,
}

type Close = dyn Fn() + Send + Sync;

impl Slot {
    pub(crate) fn new(line: &Arc<Line>) -> Self {
        Self {
            line: Arc::downgrade(line),
            close: OnceLock::new(),
        }
    }

    pub(crate) fn opened(&self, handle: Handle) {
        self.opened_with(move || {
            // The code may be sent, and there is no reason that could be too long.
            let _ = handle.close_within(CloseCode::GOING_AWAY, "", Some(LAST_WRITE_PATIENCE));
        });
    }

    pub(crate) fn opened_with(&self, close: impl Fn() + Send + Sync + 'static) {
        // It opens once.
        let _ = self.close.set(Box::new(close));
    }

    /// Tells the peer that the server goes away, if it has got so far that it would understand.
    fn close(&self) {
        match self.close.get() {
            Some(close) => close(),
            None => self.shut_down(),
        }
    }

    fn shut_down(&self) {
        if let Some(line) = self.line.upgrade() {
            line.shutdown();
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("line", &self.line).finish_non_exhaustive()
    }
}

/// The connections of one server, and whether more may come.
pub(crate) struct Gate {
    state: Mutex<State>,
    /// One has left, accepting goes on or ends, there is a client for the pool, or the server is to stop.
    changed: Condvar,
    waker: Waker,
    /// Called when the server is to stop.
    on_stop: OnceLock<Box<OnStop>>,
}

type OnStop = dyn Fn() + Send + Sync;

#[derive(Debug)]
struct State {
    accepting: Accepting,
    stopping: bool,
    members: HashMap<u64, Arc<Slot>>,
    next_id: u64,
    /// Clients that are being refused.
    refused: HashMap<u64, Weak<Line>>,
    /// Of connections and of those, by their id, and of those that have ended.
    threads: HashMap<u64, JoinHandle<()>>,
    finished: Vec<JoinHandle<()>>,
    /// For the threads of a pool.
    queue: VecDeque<Entry>,
}

/// What the accepting thread is to do.
pub(crate) enum Admission {
    /// To serve this client.
    Serve(Stream),
    /// To tell it that the server is full.
    Refuse(Stream),
    /// To wait for a client.
    Wait,
    /// To end.
    End,
}

/// A client on its way to its thread.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) line: Arc<Line>,
    pub(crate) slot: Arc<Slot>,
    id: u64,
    _member: Member,
}

impl Entry {
    pub(crate) fn new(line: Arc<Line>, slot: Arc<Slot>, member: Member) -> Self {
        Self {
            line,
            slot,
            id: member.id,
            _member: member,
        }
    }

    /// Unlike that of any other connection of the server.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

/// One connection's place in the list. Dropped even if the handler panics.
#[derive(Debug)]
pub(crate) struct Member {
    gate: Arc<Gate>,
    pub(crate) id: u64,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.gate.leave(self.id);
    }
}

/// A client that is being refused.
#[derive(Debug)]
pub(crate) struct Refused(Member);

impl Refused {
    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }
}

impl Gate {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            state: Mutex::new(State {
                accepting: Accepting::Stopped,
                stopping: false,
                members: HashMap::new(),
                next_id: 0,
                refused: HashMap::new(),
                threads: HashMap::new(),
                finished: Vec::new(),
                queue: VecDeque::new(),
            }),
            changed: Condvar::new(),
            waker: Waker::new()?,
            on_stop: OnceLock::new(),
        })
    }

    /// Has something called as soon as the server is to stop; set before it starts.
    pub(crate) fn on_stop(&self, callback: impl Fn() + Send + Sync + 'static) {
        let _ = self.on_stop.set(Box::new(callback));
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(crate) fn accepting(&self) -> Accepting {
        self.lock().accepting
    }

    /// Goes from one to the other, in one step: what another thread has decided meanwhile is not undone. `false` if it
    /// was not so, or the server is to stop.
    pub(crate) fn change_accepting(&self, from: Accepting, to: Accepting) -> bool {
        let mut state = self.lock();
        if state.stopping || state.accepting != from {
            return false;
        }
        state.accepting = to;
        drop(state);
        self.changed.notify_all();
        self.waker.wake();
        true
    }

    /// Whatever it did before.
    pub(crate) fn stop_accepting(&self) {
        self.lock().accepting = Accepting::Stopped;
        self.changed.notify_all();
        self.waker.wake();
    }

    /// Lets the next client in. `accept` is called while nobody can change what has been decided, so that none comes in
    /// after a pause.
    pub(crate) fn admit(
        &self,
        max: usize,
        over: OverLimit,
        accept: impl FnOnce() -> std::io::Result<Option<Stream>>,
    ) -> std::io::Result<Admission> {
        let mut state = self.lock();
        loop {
            let full = state.members.len() >= max;
            match state.accepting {
                Accepting::Stopped => return Ok(Admission::End),
                Accepting::Running if !full || over == OverLimit::Refuse => {
                    return Ok(match accept()? {
                        None => Admission::Wait,
                        Some(stream) if full => Admission::Refuse(stream),
                        Some(stream) => Admission::Serve(stream),
                    });
                }
                Accepting::Running | Accepting::Paused => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    pub(crate) fn enter(self: &Arc<Self>, slot: Arc<Slot>) -> Member {
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.members.insert(id, slot);
        Member {
            gate: Arc::clone(self),
            id,
        }
    }

    /// `None` if too many are being refused already.
    pub(crate) fn refuse(self: &Arc<Self>, line: &Arc<Line>) -> Option<Refused> {
        let mut state = self.lock();
        (state.refused.len() < MAX_REFUSED).then(|| {
            let id = state.next_id;
            state.next_id += 1;
            state.refused.insert(id, Arc::downgrade(line));
            Refused(Member {
                gate: Arc::clone(self),
                id,
            })
        })
    }

    /// Keeps a thread to be joined, and joins those that have ended.
    pub(crate) fn keep(&self, id: u64, thread: JoinHandle<()>) {
        let finished = {
            let mut state = self.lock();
            if state.members.contains_key(&id) || state.refused.contains_key(&id) {
                state.threads.insert(id, thread);
            } else {
                state.finished.push(thread);
            }
            mem::take(&mut state.finished)
        };
        join(finished);
    }

    /// Gives a client to the pool.
    pub(crate) fn enqueue(&self, entry: Entry) {
        self.lock().queue.push_back(entry);
        self.changed.notify_all();
    }

    /// The next client for a thread of the pool; `None` if it is to end.
    pub(crate) fn next_entry(&self) -> Option<Entry> {
        let mut state = self.lock();
        loop {
            if let Some(entry) = state.queue.pop_front() {
                return Some(entry);
            }
            if state.stopping {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().members.len()
    }

    /// Ends accepting for good.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        state.accepting = Accepting::Stopped;
        drop(state);
        self.changed.notify_all();
        self.waker.wake();
        if let Some(callback) = self.on_stop.get() {
            callback();
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    pub(crate) fn wait_until_stopping(&self) {
        let state = self.lock();
        let waited = self.changed.wait_while(state, |state| !state.stopping);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits so long, or until something changes that may help.
    pub(crate) fn rest(&self, duration: Duration) {
        let state = self.lock();
        if !state.stopping {
            drop(self.changed.wait_timeout(state, duration));
        }
    }

    /// Ends all connections by the deadline, properly if it can be done by then, and joins their threads; tells how many
    /// handlers have not returned although their transport has ended.
    pub(crate) fn end_all(&self, stop_timeout: Duration) -> usize {
        let deadline = Deadline::after(Some(stop_timeout));
        self.end_refused();
        self.close_all(deadline);
        if !self.wait_until_empty(deadline) {
            for slot in self.slots() {
                slot.shut_down();
            }
            self.wait_until_empty(Deadline::after(Some(stop_timeout)));
        }
        let mut state = self.lock();
        let finished = mem::take(&mut state.finished);
        let left = state.members.len();
        drop(state);
        join(finished);
        left
    }

    /// Many peers that leave no room for a Close take longer together than a stopping server has; then the rest get none.
    fn close_all(&self, deadline: Deadline) {
        for slot in self.slots() {
            if deadline.has_passed() {
                slot.shut_down();
            } else {
                slot.close();
            }
        }
    }

    /// They are strangers to whom there was little to be said.
    fn end_refused(&self) {
        let refused: Vec<_> = self.lock().refused.values().cloned().collect();
        for line in refused.iter().filter_map(Weak::upgrade) {
            line.shutdown();
        }
    }

    fn leave(&self, id: u64) {
        let mut state = self.lock();
        state.members.remove(&id);
        state.refused.remove(&id);
        if let Some(thread) = state.threads.remove(&id) {
            state.finished.push(thread);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Whether all have left in time.
    fn wait_until_empty(&self, deadline: Deadline) -> bool {
        let mut state = self.lock();
        while !state.members.is_empty() || !state.refused.is_empty() {
            let Ok(left) = deadline.left() else { return false };
            (state, _) = self
                .changed
                .wait_timeout(state, left.unwrap_or(Duration::MAX))
                .unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// A copy, as closing writes and must not hold the lock meanwhile.
    fn slots(&self) -> Vec<Arc<Slot>> {
        self.lock().members.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        // Handlers may panic; that ends their own connection only.
        let _ = thread.join();
    }
}

/// How many clients are told at a time that the server is full; what is beyond is dropped without a word, since each
/// takes a thread until it has sent its request.
const MAX_REFUSED: usize = 32;

/// How long a stopping server waits for one peer that has left no room for so much as a Close.
const LAST_WRITE_PATIENCE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::io::Read;

    use ws_proto::Config;

    use super::*;
    use crate::tests::pair;

    #[test]
    fn closing_all_has_a_deadline_for_all_of_them_together() {
        for (patience, ending) in [(60, &b"\x88\x02\x03\xe9"[..]), (0, b"")] {
            let (mut peer, ws) = pair(Config::default(), &[]);
            peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let gate = Arc::new(Gate::new().unwrap());
            let slot = Slot::new(&ws.shared().line);
            slot.opened(ws.handle());
            let _member = gate.enter(Arc::new(slot));
            gate.close_all(Deadline::after(Some(Duration::from_secs(patience))));
            // Too late for a Close: the transport ends without one.
            let mut came = vec![0; ending.len()];
            peer.read_exact(&mut came).unwrap();
            assert_eq!(came, ending);
            assert!(patience > 0 || peer.read(&mut [0]).unwrap() == 0);
        }
    }
}
