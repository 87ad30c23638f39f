//! The reader in the background: receives, and connects again.

use std::panic::{self, AssertUnwindSafe};
use std::sync::PoisonError;
use std::time::Duration;

use super::{Shared, State};
use crate::Error;
use crate::deadline::Deadline;
use crate::hub::{Peer, Wire};

impl<W: Wire> Shared<W> {
    /// What the thread of this number does.
    pub(super) fn read_on(&self, number: u64) {
        let _end = EndOfThread { shared: self, number };
        let mut failed = 0;
        loop {
            let mut state = self.lock();
            while state.is_reading(number) && state.reader.is_none() && !self.should_connect(&state, failed) {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.reading != Some(number) {
                return;
            }
            // Also if there is nobody any more who could stop it: then this is closing.
            if let (Some(peer), Some(reader)) = (state.peer.clone(), state.reader.take()) {
                drop(state);
                self.attend(number, &peer, reader);
                failed = 0;
                continue;
            }
            if state.abandoned {
                return;
            }
            drop(state);
            if self.wait_to_connect(number, failed) {
                let connecting = self.connecting();
                let state = self.lock();
                if !state.is_reading(number) || !self.should_connect(&state, failed) {
                    continue;
                }
                drop(state);
                match self.connect(&connecting) {
                    Ok(()) => failed = 0,
                    // Who ended it knows why there is none.
                    Err(_) if self.lock().wanted_end => {}
                    Err(error) => {
                        self.desk.inbox.record(None, error);
                        failed += 1;
                    }
                }
            }
        }
    }

    /// Receives until the connection ends, or the thread is to.
    fn attend(&self, number: u64, peer: &Peer<W>, reader: Box<W::Reader>) {
        // As in a hub, the end is not told while a panic unwinds.
        let attended = panic::catch_unwind(AssertUnwindSafe(|| self.receive_all(number, peer, reader)));
        match attended {
            Ok(Some(reader)) => self.put_back(peer, reader),
            Ok(None) => self.note_end(peer),
            Err(cause) => {
                self.note_end(peer);
                panic::resume_unwind(cause);
            }
        }
    }

    /// Gives the reader back unless the connection has ended.
    fn receive_all(&self, number: u64, peer: &Peer<W>, mut reader: Box<W::Reader>) -> Option<Box<W::Reader>> {
        loop {
            match W::recv(&mut reader) {
                Ok(Some(message)) => self.desk.received(peer, message),
                Err(Error::NothingYet) => {}
                Ok(None) => return None,
                Err(error) => {
                    // Who ended it knows why it ends like this.
                    if self.lock().peer.as_ref() == Some(peer) {
                        self.desk.inbox.record(Some(peer.clone()), error);
                    }
                    return None;
                }
            }
            let state = self.lock();
            if state.reading != Some(number) {
                return Some(reader);
            }
        }
    }

    fn should_connect(&self, state: &State<W>, failed: u32) -> bool {
        let Some(policy) = &self.reconnect else { return false };
        !state.connected && !state.wanted_end && policy.attempts.is_none_or(|most| failed < most)
    }

    /// Waits as long as is to be waited before an attempt; `false` if there is to be none.
    fn wait_to_connect(&self, number: u64, failed: u32) -> bool {
        let Some(policy) = &self.reconnect else { return false };
        let deadline = Deadline::after(Some(policy.wait(failed, rand::random())));
        let mut state = self.lock();
        loop {
            if !state.is_reading(number) || !self.should_connect(&state, failed) {
                return false;
            }
            let Ok(left) = deadline.left() else { return true };
            let waited = self.changed.wait_timeout(state, left.unwrap_or(Duration::MAX));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<W: Wire> State<W> {
    fn is_reading(&self, number: u64) -> bool {
        self.reading == Some(number) && !self.abandoned
    }
}

/// A thread that a callback has ended is not running, and nothing waits for it.
struct EndOfThread<'a, W: Wire> {
    shared: &'a Shared<W>,
    number: u64,
}

impl<W: Wire> Drop for EndOfThread<'_, W> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.reading == Some(self.number) {
            state.reading = None;
        }
        drop(state);
        self.shared.changed.notify_all();
    }
}
