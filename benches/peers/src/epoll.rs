//! epoll, for the floor and for the load: level-triggered, tokens by index.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

/// A set of sockets to wait for.
pub struct Epoll {
    set: OwnedFd,
    events: Vec<Event>,
}

/// What to wait for.
#[derive(Clone, Copy, Debug)]
pub enum Interest {
    /// Input.
    Read,
    /// Room for output.
    Write,
    /// Either.
    Both,
}

impl Epoll {
    /// An empty set.
    ///
    /// # Panics
    /// If the system has none to give, as do all methods.
    pub fn new() -> Self {
        let set = epoll::create(CreateFlags::CLOEXEC).expect("an epoll set");
        Self {
            set,
            events: Vec::with_capacity(EVENTS),
        }
    }

    /// Begins to wait for a socket, until it is closed.
    pub fn add(&self, socket: impl AsFd, token: usize, interest: Interest) {
        epoll::add(&self.set, socket, EventData::new_u64(token as u64), interest.flags()).expect("epoll_ctl");
    }

    /// Waits for something else with a socket.
    pub fn modify(&self, socket: impl AsFd, token: usize, interest: Interest) {
        epoll::modify(&self.set, socket, EventData::new_u64(token as u64), interest.flags()).expect("epoll_ctl");
    }

    /// Waits; gives the tokens of the sockets that are ready.
    pub fn wait(&mut self) -> impl Iterator<Item = usize> {
        self.events.clear();
        match epoll::wait(&self.set, rustix::buffer::spare_capacity(&mut self.events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => panic!("epoll_wait: {e}"),
        }
        self.events.iter().map(|event| event.data.u64() as usize)
    }
}

impl Default for Epoll {
    fn default() -> Self {
        Self::new()
    }
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Self::Read => EventFlags::IN,
            Self::Write => EventFlags::OUT,
            Self::Both => EventFlags::IN | EventFlags::OUT,
        }
    }
}

/// How many events one wait gives at most.
const EVENTS: usize = 1024;
