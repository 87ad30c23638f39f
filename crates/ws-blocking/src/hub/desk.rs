//! Where what happens goes: to callbacks, or to an inbox.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use super::inbox::{Inbox, WhenFull};
use super::peer::Peer;
use super::wire::Wire;

type OnPeer<W> = dyn Fn(&Peer<W>) + Send + Sync;
type OnReceive<W> = dyn Fn(&Peer<W>, <W as super::wire::Half>::Message) + Send + Sync;

/// What has been asked for.
pub(crate) struct Callbacks<W: Wire> {
    pub(crate) on_connect: Option<Box<OnPeer<W>>>,
    pub(crate) on_disconnect: Option<Box<OnPeer<W>>>,
    pub(crate) on_receive: Option<Box<OnReceive<W>>>,
    pub(crate) limit: usize,
    pub(crate) when_full: WhenFull,
}

impl<W: Wire> Default for Callbacks<W> {
    fn default() -> Self {
        Self {
            on_connect: None,
            on_disconnect: None,
            on_receive: None,
            limit: DEFAULT_LIMIT,
            when_full: WhenFull::default(),
        }
    }
}

pub(crate) struct Desk<W: Wire> {
    callbacks: Callbacks<W>,
    pub(crate) inbox: Inbox<W>,
}

impl<W: Wire> Desk<W> {
    pub(crate) fn new(callbacks: Callbacks<W>) -> Self {
        Self {
            inbox: Inbox::new(
                callbacks.limit,
                callbacks.when_full,
                callbacks.on_connect.is_none() && callbacks.on_disconnect.is_none(),
            ),
            callbacks,
        }
    }

    /// Receives until the connection ends. `ended` is called before its end is told, which happens
    /// exactly once, whatever ended it, a callback that panics included.
    pub(crate) fn attend(&self, peer: &Peer<W>, reader: &mut W::Reader, ended: impl FnOnce()) {
        // The end is not told while a panic unwinds: a callback that panics then as well, since both use a mutex that
        // the first has poisoned, would end the program.
        let attended = panic::catch_unwind(AssertUnwindSafe(|| self.receive_all(peer, reader)));
        peer.shutdown();
        ended();
        self.disconnected(peer);
        if let Err(cause) = attended {
            panic::resume_unwind(cause);
        }
    }

    fn receive_all(&self, peer: &Peer<W>, reader: &mut W::Reader) {
        self.connected(peer);
        loop {
            match W::recv(reader) {
                Ok(Some(message)) => self.received(peer, message),
                Ok(None) => return,
                Err(error) => return self.inbox.record(Some(peer.clone()), error),
            }
        }
    }

    pub(crate) fn connected(&self, peer: &Peer<W>) {
        match &self.callbacks.on_connect {
            Some(callback) => callback(peer),
            None => self.inbox.connected(peer.clone()),
        }
    }

    pub(crate) fn received(&self, peer: &Peer<W>, message: W::Message) {
        match &self.callbacks.on_receive {
            Some(callback) => callback(peer, message),
            None => self.inbox.push(peer.clone(), message),
        }
    }

    pub(crate) fn disconnected(&self, peer: &Peer<W>) {
        match &self.callbacks.on_disconnect {
            Some(callback) => callback(peer),
            None => self.inbox.disconnected(peer.clone()),
        }
    }
}

impl<W: Wire> fmt::Debug for Desk<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// Enough for bursts; of messages as large as they may be by default it would be 1 GiB, so who expects large ones sets
/// less.
const DEFAULT_LIMIT: usize = 1024;
