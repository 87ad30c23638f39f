//! Who waits for something else than the transport, beside the reader.

use std::num::NonZeroU64;
use std::ops::{Deref, DerefMut};
use std::task::{Context, Waker};

use crate::line::{Link, lock};
use crate::websocket::ByteStream;

/// Those who want to be woken when output has moved, or when all is over.
#[derive(Default)]
pub(crate) struct Watchers {
    all: Vec<Watcher>,
    last: u64,
}

struct Watcher {
    number: NonZeroU64,
    waker: Waker,
    /// Whether it wants to be woken by the end only.
    until_end: bool,
}

/// The place of one who waits, however often it is polled and by whichever task.
#[derive(Debug, Default)]
pub(crate) struct Seat(Option<NonZeroU64>);

/// A seat that is given up when it is dropped, so that a wait that is given up leaves nothing behind.
pub(crate) struct Wait<'a, S: ByteStream> {
    link: &'a Link<S>,
    seat: Seat,
}

impl Watchers {
    pub(crate) fn add(&mut self, seat: &mut Seat, cx: &Context<'_>, until_end: bool) {
        let number = *seat.0.get_or_insert_with(|| {
            self.last += 1;
            NonZeroU64::MIN.saturating_add(self.last)
        });
        match self.all.iter_mut().find(|watcher| watcher.number == number) {
            Some(watcher) => {
                watcher.waker.clone_from(cx.waker());
                watcher.until_end = until_end;
            }
            None => self.all.push(Watcher {
                number,
                waker: cx.waker().clone(),
                until_end,
            }),
        }
    }

    pub(crate) fn remove(&mut self, seat: &Seat) {
        if let Some(number) = seat.0 {
            self.all.retain(|watcher| watcher.number != number);
        }
    }

    /// Wakes those who wait for more than the end.
    pub(crate) fn wake(&mut self) {
        self.all.retain(|watcher| {
            if !watcher.until_end {
                watcher.waker.wake_by_ref();
            }
            watcher.until_end
        });
    }

    pub(crate) fn wake_all(&mut self) {
        self.all.drain(..).for_each(|watcher| watcher.waker.wake());
    }
}

impl<'a, S: ByteStream> Wait<'a, S> {
    pub(crate) fn new(link: &'a Link<S>) -> Self {
        Self {
            link,
            seat: Seat::default(),
        }
    }
}

impl<S: ByteStream> Deref for Wait<'_, S> {
    type Target = Seat;

    fn deref(&self) -> &Seat {
        &self.seat
    }
}

impl<S: ByteStream> DerefMut for Wait<'_, S> {
    fn deref_mut(&mut self) -> &mut Seat {
        &mut self.seat
    }
}

impl<S: ByteStream> Drop for Wait<'_, S> {
    fn drop(&mut self) {
        if self.seat.0.is_some() {
            lock(self.link).unwatch(&self.seat);
        }
    }
}
