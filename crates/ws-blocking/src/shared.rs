//! What the threads of one connection share, and the protocol of its locks.
//!
//! One thread reads, any number write, and the reader must be able to send replies (pongs, keepalive pings, the Close).
//! There are two locks, and both are held for moments only, never while waiting and never both at once:
//!
//! * the lock of [`State`]: the sending half, the batch that waits ([`State::next`]), and between turns the batch that
//!   is being written ([`State::leaving`]);
//! * the lock of the TLS session, if there is one, taken to encrypt or to decrypt what is in memory.
//!
//! **The turn to write.** Who takes [`State::leaving`] out has the turn, and only who has it writes to the socket or
//! encrypts; so ciphertext leaves in the order in which it was made. Writing, and waiting for room, happen with the batch
//! in hand and no lock held. Whoever comes meanwhile adds to `next`; a writer then waits at the condition variable until
//! its batch is out or the turn is free, which is no longer than the peer may make the holder wait.
//!
//! **Owed replies first.** A batch is replies, then messages. What is owed while a batch is being written goes to the
//! front of the next one, so it leaves before any message that had not begun to. A Close goes to the very end, since
//! nothing may follow it.
//!
//! **The reader never waits for a writer.** Before it waits for input it writes what there is room for, if the turn is
//! free; for what is left it waits for room and input together. If the turn is taken, it leaves its replies with the
//! holder: it sets [`State::relied_on`], which the holder looks at before it gives the turn back. So nothing is left
//! without somebody who writes it. Who gives the turn back with something left because it must not wait for room
//! (`Writer::offer`) flushes afterwards; should that take long, the reader writes it when it next
//! looks for a Close.
//!
//! **Order.** A message is queued by who holds the right to queue: tickets are drawn in order, and a message that is
//! written piecewise keeps its ticket to its end.
//!
//! **Ends.** A write that fails, or takes too long, ends the transport, which wakes all who wait for it; then everybody
//! gets the failure.

use std::fmt;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ws_proto::{CloseCode, CloseFrame, Config, Outbox, Reply, SendError, Sender};

use crate::Error;
use crate::deadline::Deadline;
use crate::line::Line;
use crate::outgoing::{Batch, Outgoing};

pub(crate) struct Shared {
    pub(crate) line: Arc<Line>,
    state: Mutex<State>,
    /// The turn or the right to queue is free, a batch is out, a pong has come, or the connection has ended.
    changed: Condvar,
    /// Whether the peer made a write wait and then took some: it reads, however slowly.
    progressed: AtomicBool,
    config: Arc<Config>,
}

#[derive(Debug)]
struct State {
    sender: Sender,
    next: Batch,
    max_replies: usize,
    /// The number that the next batch will have.
    next_number: u64,
    /// Missing while somebody has the turn.
    leaving: Option<Box<Outgoing>>,
    /// The last batch that is out.
    done: u64,
    /// Somebody counts on the holder of the turn to write what waits.
    relied_on: bool,
    next_ticket: u64,
    served_ticket: u64,
    /// Why the transport takes nothing more.
    failure: Option<io::ErrorKind>,
    /// Whether the reading side has ended.
    ended: bool,
    /// Whether the sending direction is to be ended once everything is out.
    end_sending: bool,
    /// A Close that the reading side has not been told of.
    untold: Option<CloseFrame>,
    /// A ping whose pong somebody waits for.
    ping: Option<Ping>,
    waiting: usize,
}

#[derive(Debug)]
struct Ping {
    payload: [u8; PING_LEN],
    sent: Instant,
    answered: Option<Duration>,
}

/// What the reader has to wait for besides input.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unwritten {
    Nothing,
    /// Room to write, until then.
    Until(Deadline),
}

/// The right to queue, held over several calls. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Ticket(Arc<Shared>);

impl Shared {
    pub(crate) fn new(line: Arc<Line>, sender: Sender, config: Arc<Config>) -> Self {
        let outgoing = Outgoing::new(&config.limits);
        Self {
            line,
            state: Mutex::new(State {
                sender,
                next: Batch::new(&config.limits),
                max_replies: config.limits.output_high_water.max(1),
                next_number: 1,
                leaving: Some(Box::new(outgoing)),
                done: 0,
                relied_on: false,
                next_ticket: 0,
                served_ticket: 0,
                failure: None,
                ended: false,
                end_sending: false,
                untold: None,
                ping: None,
                waiting: 0,
            }),
            changed: Condvar::new(),
            progressed: AtomicBool::new(false),
            config,
        }
    }

    /// Queues something, behind all who came before and after making room for it; gives the batch it will leave with.
    pub(crate) fn queue(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Sender, &mut Outbox) -> Result<(), SendError>,
    ) -> Result<u64, Error> {
        let mut state = self.lock();
        if state.served_ticket == state.next_ticket && !state.next.queue.is_full() {
            return state.append(work);
        }
        drop(state);
        let ticket = self.draw_ticket()?;
        ticket.queue(work)
    }

    /// As [`queue`](Self::queue) if it need not wait; `false` if it would.
    pub(crate) fn try_queue(
        &self,
        work: impl FnOnce(&mut Sender, &mut Outbox) -> Result<(), SendError>,
    ) -> Result<bool, Error> {
        let mut state = self.lock();
        if state.served_ticket != state.next_ticket || state.next.queue.is_full() {
            state.check_open()?;
            return Ok(false);
        }
        state.append(work).map(|_| true)
    }

    /// Waits for the right to queue, behind all who came before.
    pub(crate) fn draw_ticket(self: &Arc<Self>) -> Result<Ticket, Error> {
        let mut state = self.lock();
        state.check_open()?;
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        while state.served_ticket != ticket {
            // At the end the order does not matter any more.
            state.check_open()?;
            state = self.wait(state);
        }
        Ok(Ticket(Arc::clone(self)))
    }

    /// Queues a ping, which need not wait for a message in pieces to end.
    pub(crate) fn ping(&self, payload: &[u8]) -> Result<u64, Error> {
        self.append(|sender, outbox| sender.ping(payload, outbox.buffer()))
    }

    /// Writes everything up to this batch. The peer must take some of it each [`Timeouts::ping_timeout`], or once our
    /// Close is asked for [`Timeouts::close`].
    ///
    /// [`Timeouts::ping_timeout`]: ws_proto::Timeouts::ping_timeout
    /// [`Timeouts::close`]: ws_proto::Timeouts::close
    pub(crate) fn flush(&self, number: u64) -> io::Result<()> {
        let mut state = self.lock();
        while state.done < number {
            state.check()?;
            state = match state.take_turn() {
                Some(leaving) => self.write_batch(state, leaving, None)?,
                None => self.wait(state),
            };
        }
        Ok(())
    }

    /// As [`flush`](Self::flush), everything that has been queued.
    pub(crate) fn flush_all(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.check()?;
        state.collect_owed();
        let number = state.next_number - u64::from(state.next.is_empty());
        drop(state);
        self.flush(number)
    }

    /// Writes what there is room for, and tells what is left. Never waits: if another thread is writing, that one
    /// goes on to what this one leaves.
    pub(crate) fn flush_now(&self) -> io::Result<Unwritten> {
        let line_owes = self.line.owes();
        let mut state = self.lock();
        loop {
            state.check()?;
            let Some(mut leaving) = state.take_turn() else {
                state.collect_owed();
                state.relied_on |= line_owes || !state.next.is_empty();
                return Ok(Unwritten::Nothing);
            };
            if leaving.is_empty() && !line_owes {
                state.leaving = Some(leaving);
                return Ok(Unwritten::Nothing);
            }
            let patience = self.patience(&state);
            drop(state);
            let result = leaving.write_some(&self.line, patience, &self.progressed);
            let left = leaving.deadline;
            state = self.end_turn(leaving, result.as_ref().err());
            if !result? {
                return Ok(Unwritten::Until(left.unwrap_or(Deadline::NEVER)));
            }
            if state.next.is_empty() {
                return Ok(Unwritten::Nothing);
            }
        }
    }

    /// Takes over what the reading side owes.
    pub(crate) fn reply(&self, reply: Reply) {
        let mut state = self.lock();
        state.sender.reply(reply);
        state.collect_owed();
    }

    /// Asks for a Close behind everything that is queued; gives the batch it will leave with.
    pub(crate) fn close(&self, code: CloseCode, reason: &str) -> Result<u64, SendError> {
        let mut state = self.lock();
        let frame = state.sender.close(code, reason)?;
        state.untold = Some(frame);
        state.collect_owed();
        // Who waits to queue something can't any more.
        self.notify(&state);
        Ok(state.next_number)
    }

    /// As [`close`](Self::close) and then written, unless another thread is writing: then that one does.
    pub(crate) fn close_within(
        &self,
        code: CloseCode,
        reason: &str,
        patience: Option<Duration>,
    ) -> Result<(), SendError> {
        let number = self.close(code, reason)?;
        // The reading side meets the same failure and reports it.
        let _ = self.flush_unless_busy(number, patience);
        Ok(())
    }

    /// The first thing to be sent: what opened the connection. What `opened` lets others do comes behind it.
    pub(crate) fn write_answer(
        &self,
        answer: &[u8],
        patience: Option<Duration>,
        opened: impl FnOnce(),
    ) -> io::Result<()> {
        let mut state = self.lock();
        state.next.replies.extend_from_slice(answer);
        let number = state.next_number;
        drop(state);
        opened();
        self.flush_unless_busy(number, patience)?;
        self.flush(number)
    }

    /// The Close that was asked for since the last call.
    pub(crate) fn take_untold_close(&self) -> Option<CloseFrame> {
        self.lock().untold.take()
    }

    /// Whether, since the last call, the peer made a write wait and then took some.
    pub(crate) fn take_progress(&self) -> bool {
        self.progressed.load(Ordering::Relaxed) && self.progressed.swap(false, Ordering::Relaxed)
    }

    /// Looks at the sending half.
    pub(crate) fn with_sender<T>(&self, look: impl FnOnce(&Sender) -> T) -> T {
        look(&self.lock().sender)
    }

    /// Why the transport takes nothing more, if it doesn't.
    pub(crate) fn failure(&self) -> Option<io::ErrorKind> {
        self.lock().failure
    }

    /// Sends a ping whose pong is looked out for.
    pub(crate) fn start_ping(&self, payload: [u8; PING_LEN]) -> Result<(), Error> {
        self.lock().ping = Some(Ping {
            payload,
            sent: Instant::now(),
            answered: None,
        });
        let number = self.ping(&payload)?;
        Ok(self.flush(number)?)
    }

    /// How long that ping took, if its pong has come.
    pub(crate) fn ping_time(&self, payload: [u8; PING_LEN]) -> Option<Duration> {
        let state = self.lock();
        state.ping.as_ref().filter(|ping| ping.payload == payload)?.answered
    }

    /// Waits until the reading side has seen the pong.
    pub(crate) fn wait_for_pong(&self, payload: [u8; PING_LEN], deadline: Deadline) -> Result<Duration, Error> {
        let mut state = self.lock();
        loop {
            // A later ping takes the place of this one.
            let ping = state.ping.as_ref().filter(|ping| ping.payload == payload);
            if let Some(time) = ping.ok_or(Error::NothingYet)?.answered {
                return Ok(time);
            }
            state.check_open()?;
            let left = deadline.left().map_err(|_| Error::NothingYet)?;
            state = self.wait_within(state, left);
        }
    }

    /// A pong came.
    pub(crate) fn note_pong(&self, payload: &[u8]) {
        let mut state = self.lock();
        if let Some(ping) = &mut state.ping {
            if ping.payload == payload && ping.answered.is_none() {
                ping.answered = Some(ping.sent.elapsed());
                self.notify(&state);
            }
        }
    }

    /// Ends the sending direction once everything is out.
    pub(crate) fn end_sending(&self) {
        let mut state = self.lock();
        state.end_sending = true;
        if let Some(leaving) = state.leaving.take() {
            drop(state);
            drop(self.end_turn(leaving, None));
        }
    }

    /// Ends the transport. Nobody reads any more, so nothing can be sent.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        self.notify(&state);
        drop(state);
        self.line.shutdown();
    }

    fn append(&self, work: impl FnOnce(&mut Sender, &mut Outbox) -> Result<(), SendError>) -> Result<u64, Error> {
        loop {
            let mut state = self.lock();
            if !state.next.queue.is_full() {
                return state.append(work);
            }
            state.check_open()?;
            let number = state.next_number;
            drop(state);
            self.flush(number)?;
        }
    }

    fn flush_unless_busy(&self, number: u64, patience: Option<Duration>) -> io::Result<()> {
        let mut state = self.lock();
        while state.done < number {
            state.check()?;
            let Some(leaving) = state.take_turn() else {
                state.relied_on = true;
                return Ok(());
            };
            state = self.write_batch(state, leaving, Some(patience))?;
        }
        Ok(())
    }

    /// Writes one batch, and what others left to the holder of the turn meanwhile.
    fn write_batch<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        mut leaving: Box<Outgoing>,
        patience: Option<Option<Duration>>,
    ) -> io::Result<MutexGuard<'a, State>> {
        loop {
            let patience = patience.unwrap_or_else(|| self.patience(&state));
            drop(state);
            let result = leaving.write_out(&self.line, patience, &self.progressed);
            state = self.end_turn(leaving, result.as_ref().err());
            result?;
            if !mem::take(&mut state.relied_on) {
                return Ok(state);
            }
            match state.take_turn() {
                Some(again) => leaving = again,
                None => return Ok(state),
            }
        }
    }

    /// Gives the turn back.
    fn end_turn(&self, mut leaving: Box<Outgoing>, failure: Option<&io::Error>) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if let Some(failure) = failure {
            state.failure.get_or_insert(failure.kind());
            leaving.clear();
            state.next.clear();
            // So that the reading side ends as well.
            self.line.shutdown();
        } else if leaving.is_empty() {
            state.done = leaving.number;
            if state.next.is_empty() && mem::take(&mut state.end_sending) {
                drop(state);
                // It fails only if the transport has ended, which reading tells.
                let _ = self.line.end_sending();
                state = self.lock();
            }
        }
        state.leaving = Some(leaving);
        self.notify(&state);
        state
    }

    fn patience(&self, state: &State) -> Option<Duration> {
        if state.sender.is_open() {
            self.config.timeouts.ping_timeout
        } else {
            self.config.timeouts.close
        }
    }

    /// A thread that panicked between two system calls left nothing half done here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.wait_within(state, None)
    }

    fn wait_within<'a>(&self, mut state: MutexGuard<'a, State>, left: Option<Duration>) -> MutexGuard<'a, State> {
        state.waiting += 1;
        let mut state = match left {
            Some(left) => match self.changed.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            },
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
        state.waiting -= 1;
        state
    }

    /// Waking nobody is a system call, too.
    fn notify(&self, state: &State) {
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }

    #[cfg(test)]
    pub(crate) fn queued(&self) -> usize {
        self.lock().next.len()
    }

    /// How many threads wait for a change.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    #[cfg(test)]
    pub(crate) fn writes(&self) -> usize {
        self.lock().leaving.as_ref().unwrap().writes
    }

    #[cfg(test)]
    pub(crate) fn set_progressed(&self, progressed: bool) {
        self.progressed.store(progressed, Ordering::Relaxed);
    }
}

/// Shows which connection it is, and little else.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

impl Ticket {
    /// Queues something, after making room for it; gives the batch it will leave with.
    pub(crate) fn queue(
        &self,
        work: impl FnOnce(&mut Sender, &mut Outbox) -> Result<(), SendError>,
    ) -> Result<u64, Error> {
        self.0.append(work)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.served_ticket += 1;
        self.0.notify(&state);
    }
}

impl State {
    /// Queues something for which there is room.
    fn append(&mut self, work: impl FnOnce(&mut Sender, &mut Outbox) -> Result<(), SendError>) -> Result<u64, Error> {
        self.check()?;
        if self.ended {
            return Err(SendError::Closed.into());
        }
        work(&mut self.sender, &mut self.next.queue)?;
        Ok(self.next_number)
    }

    /// Moves what the protocol owes to the next batch, unless there is a lot of that already: then it waits in its slot.
    fn collect_owed(&mut self) {
        if !self.sender.owes() {
            return;
        }
        if !self.sender.is_open() {
            self.sender.poll_transmit(self.next.queue.buffer());
        } else if self.next.replies.len() < self.max_replies {
            self.sender.poll_transmit(&mut self.next.replies);
        }
    }

    /// Takes the turn to write, with everything that waits if the last batch is out. `None` if another thread has it.
    fn take_turn(&mut self) -> Option<Box<Outgoing>> {
        let mut leaving = self.leaving.take()?;
        if leaving.is_empty() {
            self.collect_owed();
            if !self.next.is_empty() {
                mem::swap(&mut leaving.batch, &mut self.next);
                leaving.number = self.next_number;
                self.next_number += 1;
                // What waits in its slot has room now.
                self.collect_owed();
            }
        }
        Some(leaving)
    }

    fn check(&self) -> io::Result<()> {
        self.failure.map_or(Ok(()), |why| Err(why.into()))
    }

    fn check_open(&self) -> Result<(), Error> {
        self.check()?;
        if self.ended || !self.sender.is_open() {
            return Err(SendError::Closed.into());
        }
        Ok(())
    }
}

/// Enough for a random number that no other ping has.
pub(crate) const PING_LEN: usize = 8;
