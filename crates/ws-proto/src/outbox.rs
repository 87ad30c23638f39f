//! The output queue: small things copied together, large payloads shared, nothing moved when some of it is written.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::mem;

use bytes::Bytes;

use crate::{Limits, SendError};

/// Bytes on their way to a transport.
///
/// Frames are appended to [`buffer`](Self::buffer) or queued by [`Sender::queue`](crate::Sender::queue), which shares
/// large payloads instead of copying them. The shell writes [`first`](Self::first) or, with vectored writes
/// (feature `std`), `slices`, then says how much was written with [`advance`](Self::advance).
///
/// Partial writes move an offset; queued bytes stay where they are until at least as many have been written, so
/// that writing out a backlog costs no more than the backlog.
///
/// An empty queue that was [`release`](Self::release)d holds no memory.
pub struct Outbox {
    /// The copied bytes.
    copied: Vec<u8>,
    /// How many of the copied bytes have been written.
    written: usize,
    /// Shared payloads, each with the position in `copied` before which it goes. Positions don't decrease.
    shared: VecDeque<(usize, Bytes)>,
    /// Bytes in `shared`.
    shared_len: usize,
    high_water: usize,
}

impl Outbox {
    /// From this length on, a payload is shared rather than copied: about where the reference counts and the longer
    /// vectored write cost less than the copy.
    pub const SHARE_MIN: usize = 4096;

    /// An empty queue that accepts messages while it holds less than
    /// [`output_high_water`](Limits::output_high_water) bytes.
    pub fn new(limits: &Limits) -> Self {
        Self {
            copied: Vec::new(),
            written: 0,
            shared: VecDeque::new(),
            shared_len: 0,
            // An empty queue is never full, or a sender would wait for ever.
            high_water: limits.output_high_water.max(1),
        }
    }

    /// Bytes queued and not yet written.
    pub fn len(&self) -> usize {
        self.copied.len() - self.written + self.shared_len
    }

    /// Whether everything has been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the queue is at its high-water mark: wait for the peer before adding more.
    pub fn is_full(&self) -> bool {
        self.len() >= self.high_water
    }

    /// Where to append frames. Only append: what is there is on its way.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if self.written > 0 && self.written >= self.copied.len() - self.written {
            self.compact();
        }
        &mut self.copied
    }

    /// Appends bytes without copying them.
    pub fn share(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.shared_len += bytes.len();
            self.shared.push_back((self.copied.len(), bytes));
        }
    }

    /// The bytes to write next, empty only if the queue is.
    pub fn first(&self) -> &[u8] {
        match self.shared.front() {
            Some((at, bytes)) if *at == self.written => bytes,
            Some((at, _)) => &self.copied[self.written..*at],
            None => &self.copied[self.written..],
        }
    }

    /// Everything to write, in order.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = self.written;
        let between = self.shared.iter().flat_map(move |(at, bytes)| {
            let before = &self.copied[from..*at];
            from = *at;
            [before, &bytes[..]]
        });
        let end = self.shared.back().map_or(self.written, |(at, _)| *at);
        between.chain([&self.copied[end..]]).filter(|chunk| !chunk.is_empty())
    }

    /// Fills `slices` for a vectored write and returns how many it used.
    #[cfg(feature = "std")]
    pub fn slices<'a>(&'a self, slices: &mut [std::io::IoSlice<'a>]) -> usize {
        let mut used = 0;
        for (slice, chunk) in slices.iter_mut().zip(self.chunks()) {
            *slice = std::io::IoSlice::new(chunk);
            used += 1;
        }
        used
    }

    /// Whether a plain write of [`first`](Self::first) would be everything.
    pub fn is_contiguous(&self) -> bool {
        self.shared.is_empty() || (self.shared.len() == 1 && self.copied.len() == self.written)
    }

    /// The first `count` bytes have been written.
    ///
    /// # Panics
    /// If that is more than the queue holds.
    pub fn advance(&mut self, mut count: usize) {
        assert!(count <= self.len(), "more was written than was queued");
        while let Some((at, bytes)) = self.shared.front_mut() {
            let before = *at - self.written;
            if count < before {
                break;
            }
            self.written = *at;
            count -= before;
            if count < bytes.len() {
                let _ = bytes.split_to(count);
                self.shared_len -= count;
                return;
            }
            count -= bytes.len();
            self.shared_len -= bytes.len();
            self.shared.pop_front();
        }
        self.written += count;
        if self.written == self.copied.len() && self.shared.is_empty() {
            self.copied.clear();
            self.written = 0;
        }
    }

    /// Moves what is queued to a queue of its own and leaves this one empty: for shells that share one queue among
    /// connections until one of them can't be written to. The copied bytes move with their memory if they fill half of
    /// it at least; otherwise they are copied to memory of their size, and this queue keeps its own.
    pub fn take(&mut self) -> Self {
        let rest = self.copied.len() - self.written;
        let moved = rest >= self.copied.capacity() / 2;
        if !moved {
            self.compact();
        }
        let copied = if moved {
            mem::take(&mut self.copied)
        } else {
            self.copied.as_slice().into()
        };
        self.copied.clear();
        Self {
            copied,
            written: mem::take(&mut self.written),
            shared: mem::take(&mut self.shared),
            shared_len: mem::take(&mut self.shared_len),
            high_water: self.high_water,
        }
    }

    /// Gives up the memory of an empty queue: to be dropped, or lent to the next queue that needs some. Without effect
    /// on one that is not empty.
    pub fn release(&mut self) -> Vec<u8> {
        if !self.is_empty() {
            return Vec::new();
        }
        self.written = 0;
        if self.shared.capacity() > 0 {
            self.shared = VecDeque::new();
        }
        let mut memory = mem::take(&mut self.copied);
        memory.clear();
        memory
    }

    /// Gives memory to a queue that has none: for shells that keep some for whichever connection is sending.
    ///
    /// # Panics
    /// If there is anything in it.
    pub fn lend(&mut self, memory: Vec<u8>) {
        assert!(memory.is_empty(), "bytes of nobody's would be sent");
        if self.copied.capacity() == 0 {
            self.copied = memory;
        }
    }

    /// Whether there is memory to copy to already; what is [lent](Self::lend) then is dropped.
    pub fn has_memory(&self) -> bool {
        self.copied.capacity() > 0
    }

    /// Drops everything that is queued.
    pub fn clear(&mut self) {
        self.copied.clear();
        self.written = 0;
        self.shared.clear();
        self.shared_len = 0;
    }

    pub(crate) fn check_room(&self) -> Result<(), SendError> {
        if self.is_full() {
            Err(SendError::QueueFull)
        } else {
            Ok(())
        }
    }

    /// Moves what is left to the front. At least as much has been written since the last time, so a byte is moved
    /// once on average.
    fn compact(&mut self) {
        self.copied.drain(..self.written);
        for (at, _) in &mut self.shared {
            *at -= self.written;
        }
        self.written = 0;
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("len", &self.len())
            .field("high_water", &self.high_water)
            .finish()
    }
}
