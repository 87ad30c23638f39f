//! Behaviour around clients of any type: wrappers that see what happens to them.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use ws_proto::handshake::Request;
use ws_proto::{CloseCode, CloseFrame, Instant, Part, Payload};

use crate::{Agreed, Client, Context, Error, Start};

/// A client and somebody who sees what happens to it, before it does. They can be put around one another.
///
/// ```
/// use std::time::Duration;
/// use ws_mio::{Client, Http, Limited, Observed};
///
/// # struct Chat; impl Client for Chat {}
/// // No more than twenty messages a second from any peer.
/// let service = Http::clients(|| Observed::new(Limited::new(20, Duration::from_secs(1)), Chat));
/// ```
///
/// With a closure and no client of its own, it is all of an application in one callback:
///
/// ```
/// use ws_mio::{Context, Happening, Http, Observed};
///
/// let service = Http::clients(|| {
///     let callback = |context: &mut Context<'_>, what: &Happening<'_>| {
///         match what {
///             Happening::Open => println!("{} is here", context.id()),
///             Happening::Recv(message) => context.send_others(*message),
///             Happening::Close(..) => println!("{} is gone", context.id()),
///             _ => {}
///         }
///         true
///     };
///     Observed::new(callback, ())
/// });
/// ```
#[derive(Debug)]
pub struct Observed<O, C> {
    /// Who sees it first.
    pub observer: O,
    /// Whose hooks are called behind that.
    pub client: C,
}

impl<O: Observer, C: Client> Observed<O, C> {
    /// Puts an observer around a client.
    pub fn new(observer: O, client: C) -> Self {
        Self { observer, client }
    }
}

/// Sees what happens to a client.
///
/// Any `FnMut(&mut Context<'_>, &Happening<'_>) -> bool` is one.
pub trait Observer {
    /// Something is about to be told to the client. False keeps it from being told, where that makes sense:
    /// [`Accept`](Happening::Accept) is refused then, and messages, pings, pongs and timers are lost to it.
    fn observe(&mut self, context: &mut Context<'_>, what: &Happening<'_>) -> bool;
}

impl<F: FnMut(&mut Context<'_>, &Happening<'_>) -> bool> Observer for F {
    fn observe(&mut self, context: &mut Context<'_>, what: &Happening<'_>) -> bool {
        self(context, what)
    }
}

/// A hook that is about to be called; see [`Client`] for each.
#[non_exhaustive]
pub enum Happening<'a> {
    /// [`Client::setup`].
    Setup,
    /// [`Client::accept`].
    Accept,
    /// [`Client::start`].
    Start(&'a Request),
    /// [`Client::open`].
    Open,
    /// [`Client::recv`], and before it `recv_text` or `recv_binary`.
    Recv(Payload<'a>),
    /// [`Client::recv_chunk`].
    Chunk(Part, &'a [u8]),
    /// [`Client::ping`].
    Ping(&'a [u8]),
    /// [`Client::pong`].
    Pong(&'a [u8]),
    /// [`Client::drain`].
    Drain,
    /// [`Client::dropped`].
    Dropped(Payload<'a>),
    /// [`Client::timer`].
    Timer(u64),
    /// [`Client::closing`].
    Closing(&'a CloseFrame),
    /// [`Client::error`].
    Error(&'a Error),
    /// [`Client::close`].
    Close(CloseCode, &'a str),
}

impl<O: Observer, C: Client> Client for Observed<O, C> {
    fn setup(&mut self, context: &mut Context<'_>) {
        self.observer.observe(context, &Happening::Setup);
        self.client.setup(context);
    }

    fn accept(&mut self, context: &mut Context<'_>) -> bool {
        self.observer.observe(context, &Happening::Accept) && self.client.accept(context)
    }

    fn start(&mut self, context: &mut Context<'_>, request: &Request) -> Start {
        self.observer.observe(context, &Happening::Start(request));
        self.client.start(context, request)
    }

    fn open(&mut self, context: &mut Context<'_>, agreed: &Agreed) {
        self.observer.observe(context, &Happening::Open);
        self.client.open(context, agreed);
    }

    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        if self.observer.observe(context, &Happening::Recv(message)) {
            match message {
                Payload::Text(text) => self.client.recv_text(context, text),
                Payload::Binary(bytes) => self.client.recv_binary(context, bytes),
                _ => {}
            }
            self.client.recv(context, message);
        }
    }

    fn recv_chunk(&mut self, context: &mut Context<'_>, part: Part, bytes: &[u8]) {
        if self.observer.observe(context, &Happening::Chunk(part, bytes)) {
            self.client.recv_chunk(context, part, bytes);
        }
    }

    fn ping(&mut self, context: &mut Context<'_>, payload: &[u8]) {
        if self.observer.observe(context, &Happening::Ping(payload)) {
            self.client.ping(context, payload);
        }
    }

    fn pong(&mut self, context: &mut Context<'_>, payload: &[u8]) {
        if self.observer.observe(context, &Happening::Pong(payload)) {
            self.client.pong(context, payload);
        }
    }

    fn drain(&mut self, context: &mut Context<'_>) {
        self.observer.observe(context, &Happening::Drain);
        self.client.drain(context);
    }

    fn dropped(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        self.observer.observe(context, &Happening::Dropped(message));
        self.client.dropped(context, message);
    }

    fn timer(&mut self, context: &mut Context<'_>, token: u64) {
        if self.observer.observe(context, &Happening::Timer(token)) {
            self.client.timer(context, token);
        }
    }

    fn closing(&mut self, context: &mut Context<'_>, frame: &CloseFrame) {
        self.observer.observe(context, &Happening::Closing(frame));
        self.client.closing(context, frame);
    }

    fn error(&mut self, context: &mut Context<'_>, error: Error) {
        self.observer.observe(context, &Happening::Error(&error));
        self.client.error(context, error);
    }

    fn close(&mut self, context: &mut Context<'_>, status: CloseCode, reason: &str) {
        self.observer.observe(context, &Happening::Close(status, reason));
        self.client.close(context, status, reason);
    }
}

/// A client that does nothing: for those that are all observer.
impl Client for () {}

/// Observes how much comes: who sends more messages than this in this time is closed with 1008.
#[derive(Clone, Debug)]
pub struct Limited {
    messages: u32,
    time: Duration,
    /// Messages since `since`.
    count: u32,
    since: Instant,
}

impl Limited {
    /// At most so many messages in this time.
    pub fn new(messages: u32, time: Duration) -> Self {
        Self {
            messages,
            time,
            count: 0,
            since: Instant::ZERO,
        }
    }
}

impl Observer for Limited {
    fn observe(&mut self, context: &mut Context<'_>, what: &Happening<'_>) -> bool {
        let is_message = match what {
            Happening::Recv(_) => true,
            Happening::Chunk(part, _) => part.first,
            _ => false,
        };
        if !is_message {
            return true;
        }
        let now = context.now();
        if now.saturating_duration_since(self.since) >= self.time {
            self.since = now;
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        if self.count > self.messages {
            // It may be closing already.
            let _ = context.close(CloseCode::POLICY_VIOLATION, "too many messages");
            return false;
        }
        true
    }
}

/// Observes and counts; clones count together, within one server.
#[derive(Clone, Debug, Default)]
pub struct Counted(Rc<Counts>);

/// What was counted.
#[derive(Debug, Default)]
struct Counts {
    open: Cell<u64>,
    opened: Cell<u64>,
    failed: Cell<u64>,
    messages: Cell<u64>,
    bytes: Cell<u64>,
}

impl Counted {
    /// Counts from zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Connections that are open now.
    pub fn open(&self) -> u64 {
        self.0.open.get()
    }

    /// Connections that have been opened.
    pub fn opened(&self) -> u64 {
        self.0.opened.get()
    }

    /// Connections that could not be opened, or have failed.
    pub fn failed(&self) -> u64 {
        self.0.failed.get()
    }

    /// Messages that have come.
    pub fn messages(&self) -> u64 {
        self.0.messages.get()
    }

    /// Bytes of payload that have come.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.get()
    }
}

impl Observer for Counted {
    fn observe(&mut self, context: &mut Context<'_>, what: &Happening<'_>) -> bool {
        let add = |count: &Cell<u64>, more: u64| count.set(count.get() + more);
        match what {
            Happening::Open => {
                add(&self.0.open, 1);
                add(&self.0.opened, 1);
            }
            Happening::Recv(message) => {
                add(&self.0.messages, 1);
                add(&self.0.bytes, message.as_bytes().len() as u64);
            }
            Happening::Chunk(part, bytes) => {
                add(&self.0.messages, u64::from(part.first));
                add(&self.0.bytes, bytes.len() as u64);
            }
            Happening::Error(_) => add(&self.0.failed, 1),
            // Who was never open has no ending.
            Happening::Close(..) if context.ending().is_some() => self.0.open.set(self.0.open.get() - 1),
            _ => {}
        }
        true
    }
}

/// Observes and says so, through the `log` facade: comings, goings and failures with level info, the rest with debug. Never
/// a payload.
#[cfg(feature = "log")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Logged;

#[cfg(feature = "log")]
impl Observer for Logged {
    fn observe(&mut self, context: &mut Context<'_>, what: &Happening<'_>) -> bool {
        let id = context.id();
        match what {
            Happening::Open | Happening::Error(_) | Happening::Close(..) => log::info!("{id} {what:?}"),
            _ => log::debug!("{id} {what:?}"),
        }
        true
    }
}

/// Without payloads.
impl fmt::Debug for Happening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup => f.write_str("setup"),
            Self::Accept => f.write_str("accept"),
            Self::Start(request) => write!(f, "start {}", request.path()),
            Self::Open => f.write_str("open"),
            Self::Recv(Payload::Text(text)) => write!(f, "text of {} bytes", text.len()),
            Self::Recv(message) => write!(f, "binary of {} bytes", message.as_bytes().len()),
            Self::Chunk(_, bytes) => write!(f, "chunk of {} bytes", bytes.len()),
            Self::Ping(_) => f.write_str("ping"),
            Self::Pong(_) => f.write_str("pong"),
            Self::Drain => f.write_str("drain"),
            Self::Dropped(message) => write!(f, "dropped {} bytes", message.as_bytes().len()),
            Self::Timer(token) => write!(f, "timer {token}"),
            Self::Closing(frame) => write!(f, "closing {frame:?}"),
            Self::Error(error) => write!(f, "error: {error}"),
            Self::Close(status, reason) => write!(f, "close {} {reason:?}", status.as_u16()),
        }
    }
}
