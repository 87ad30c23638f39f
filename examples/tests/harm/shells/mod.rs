//! Servers and clients as one would write them with each shell.

mod blocking;
mod mio;
mod tokio;

use std::net::SocketAddr;
use std::time::Duration;

use ws_proto::deflate::Deflate;
use ws_proto::{Config, Delivery};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shell {
    Tokio,
    Mio,
    Blocking,
}

/// What a process under test is like.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) service: Service,
    /// How many connections there may be.
    pub(crate) connections: usize,
    /// How many open files the process may have.
    pub(crate) files: Option<u32>,
    /// How many bytes of heap may stay in pools.
    pub(crate) pooled: usize,
    /// The certificate that a client trusts in place of the usual ones, as PEM.
    pub(crate) trust: Option<String>,
    /// How many redirects a client follows, if it does at all.
    pub(crate) redirects: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Every message goes back to its sender,
    Echo,
    /// or to everybody.
    Broadcast,
}

/// A server that runs.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) tasks: Tasks,
}

/// How many tasks there are, where there are any.
pub(crate) type Tasks = Box<dyn Fn() -> usize + Send>;

/// A client that connects again and again.
pub(crate) trait Caller {
    fn tasks(&self) -> Tasks;
    /// Connects, echoes until the end, and tells how it ended. On [`BYE`] and [`FLOOD`] it does what they say.
    fn call(&mut self, url: &str) -> String;
}

/// Makes a client close.
pub(crate) const BYE: &str = "bye";
/// Makes a client send without end.
pub(crate) const FLOOD: &str = "flood";
/// What it sends then.
const FLOOD_MESSAGE: usize = 64 * 1024;

impl Shell {
    pub(crate) const ALL: [Self; 3] = [Self::Tokio, Self::Mio, Self::Blocking];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tokio => "tokio",
            Self::Mio => "mio",
            Self::Blocking => "blocking",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|shell| shell.name() == name);
        known.expect("the name of a shell")
    }

    pub(crate) fn serve(self, setup: Setup) -> Served {
        match self {
            Self::Tokio => tokio::serve(setup),
            Self::Mio => mio::serve(setup),
            Self::Blocking => blocking::serve(setup),
        }
    }

    pub(crate) fn caller(self, setup: Setup) -> Box<dyn Caller> {
        match self {
            Self::Tokio => Box::new(tokio::Calling::new(setup)),
            Self::Mio => Box::new(mio::Calling::new(setup)),
            Self::Blocking => Box::new(blocking::Calling::new(setup)),
        }
    }
}

impl Setup {
    /// Deadlines of a second or less, so that nobody has to wait for them; long enough for a good client on a machine
    /// that has other things to do.
    pub(crate) fn impatient(&mut self) {
        self.config.handshake.timeout = Duration::from_secs(1);
        let timeouts = &mut self.config.timeouts;
        timeouts.ping_interval = Some(Duration::from_millis(500));
        timeouts.ping_timeout = Some(Duration::from_secs(1));
        timeouts.assembly = Some(Duration::from_secs(1));
        timeouts.close = Some(Duration::from_secs(1));
        timeouts.linger = Some(Duration::from_millis(500));
    }

    /// The same, where another deadline or a fault is to end the connection: an attacker that answers no pings would be
    /// given up for that if the machine had no time for it.
    pub(crate) fn impatient_without_pings(&mut self) {
        self.impatient();
        self.config.timeouts.ping_interval = None;
    }

    pub(crate) fn compress(&mut self, deflate: Deflate) {
        self.config.handshake.extensions.push(deflate);
        self.pooled = COMPRESSORS_KEPT;
    }

    pub(crate) fn broadcast(&mut self) {
        self.service = Service::Broadcast;
    }

    /// As many fragments as anybody wants.
    pub(crate) fn any_fragments(&mut self) {
        self.config.limits.max_fragments = u32::MAX;
        self.config.limits.max_empty_fragments = u32::MAX;
    }
}

impl Default for Setup {
    fn default() -> Self {
        let mut config = Config::default();
        config.delivery = Delivery::Messages;
        Self {
            config,
            service: Service::Echo,
            connections: 2000,
            files: None,
            pooled: 0,
            trust: None,
            redirects: 0,
        }
    }
}

/// A pool keeps 16 decompressors of 47 KiB at most.
const COMPRESSORS_KEPT: usize = 16 * 48 * 1024;
