//! A connection, as those who run on it see it during a call.

use std::fmt;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Registry, Token};
use ws_proto::handshake::Request;
use ws_proto::{Bytes, Config, Instant, Outbox, Payload, Prepared};

use crate::alarms::{Alarm, Alarms};
use crate::clock::Clock;
use crate::flow::{End, Stage};
use crate::mail::{Mail, Post};
use crate::output;
use crate::wire::{Backlog, Unread, Wire};
use crate::{Address, ClientId, Clients, Handle, ListenerId, Options, TimerId};

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) clients: Clients,
    /// What is being delivered, while `clients.mail` takes in what comes of it.
    pub(crate) delivering: Mail,
    pub(crate) config: Arc<Config>,
    pub(crate) options: Options,
    pub(crate) registry: Registry,
    pub(crate) input: Box<[u8]>,
    pub(crate) output: Outbox,
    pub(crate) clock: Clock,
    pub(crate) alarms: Alarms,
    pub(crate) handle: Handle,
    turn: Turn,
}

/// What belongs to the connection whose turn it is.
#[derive(Default)]
struct Turn {
    unread: Unread,
    /// Bytes that may still be read in this turn.
    budget: usize,
    /// Some of the backlog has been written.
    progressed: bool,
    /// Input was offered that nothing was made of.
    declined: bool,
    /// Input is being handed out.
    reading: bool,
    /// What was posted from here on is for the next turn.
    posts_end: usize,
}

impl Shared {
    /// Whether the last turn's connection made nothing of the input that it was offered.
    pub(crate) fn was_declined(&self) -> bool {
        self.turn.declined
    }

    pub(crate) fn new(config: Arc<Config>, registry: Registry, handle: Handle) -> Self {
        Self {
            clients: Clients::default(),
            delivering: Mail::default(),
            options: Options::default(),
            registry,
            input: vec![0; RECEIVE_BUFFER].into(),
            output: Outbox::new(&config.limits),
            config,
            clock: Clock::default(),
            alarms: Alarms::default(),
            handle,
            turn: Turn::default(),
        }
    }
}

/// A connection and its server, apart from the protocol: who it is, who else is there, timers.
///
/// Both a protocol's [`Io`] and a client's [`Context`](crate::Context) have these methods.
pub struct Link<'a> {
    id: ClientId,
    pub(crate) wire: &'a mut Wire,
    pub(crate) shared: &'a mut Shared,
}

impl Link<'_> {
    /// This connection's name.
    pub fn id(&self) -> ClientId {
        self.id
    }

    /// The IP address at the other end. Asks the socket.
    ///
    /// # Errors
    /// The socket's, if the peer is gone, or this is a unix socket.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.wire.stream.peer_addr()
    }

    /// Through which listener the connection came; `None` if we opened it.
    pub fn listener(&self) -> Option<ListenerId> {
        self.shared.clients.roster.listener(self.id)
    }

    /// Where that listener listens.
    pub fn listener_address(&self) -> Option<&Address> {
        self.shared.clients.listener_address(self.listener()?)
    }

    /// The request that opened the connection, from [`Client::start`](crate::Client::start) on, if
    /// [`Options::keep_requests`] is on.
    pub fn request(&self) -> Option<&Request> {
        self.shared.clients.request(self.id)
    }

    /// Everybody else, and this connection if it is in the lists.
    pub fn clients(&mut self) -> &mut Clients {
        &mut self.shared.clients
    }

    /// Subscribes this connection to a topic. Returns whether it had not been.
    pub fn subscribe(&mut self, topic: &str) -> bool {
        self.shared.clients.subscribe(self.id, topic)
    }

    /// Ends a subscription. Returns whether there was one.
    pub fn unsubscribe(&mut self, topic: &str) -> bool {
        self.shared.clients.unsubscribe(self.id, topic)
    }

    /// Sends a message to all subscribers of a topic but this connection; see [`Clients::publish`].
    pub fn publish<'p>(&mut self, topic: &str, message: impl Into<Payload<'p>>) -> usize {
        let except = [self.id];
        self.shared.clients.publish(topic, message, &except)
    }

    /// [`publish`](Self::publish) for a message that is framed already.
    pub fn publish_prepared(&mut self, topic: &str, message: &Prepared) -> usize {
        let except = [self.id];
        self.shared.clients.publish_prepared(topic, message, &except)
    }

    /// Sends a message to all clients but this one; see [`Clients::send_all`].
    pub fn send_others<'p>(&mut self, message: impl Into<Payload<'p>>) {
        let except = [self.id];
        self.shared.clients.send_all(message, &except);
    }

    /// Sets a timer, to go off once with this token. Any number may be set.
    pub fn set_timer(&mut self, after: Duration, token: u64) -> TimerId {
        let at = self.now() + after;
        self.shared.clients.timers.set(self.id, at, Some(token))
    }

    /// Takes a timer back. Returns whether it had not gone off.
    pub fn cancel_timer(&mut self, timer: TimerId) -> bool {
        self.shared.clients.timers.cancel(timer)
    }

    /// The time: that of the round, read at most once in each.
    pub fn now(&mut self) -> Instant {
        self.shared.clock.now()
    }

    /// Reads and delivers nothing more from the peer until [`resume`](Self::resume), or until we close: then the peer's
    /// Close is looked for, and what is before it comes. The peer will wait when the sockets' buffers are full. Deadlines
    /// go on, that for an answer to a keepalive ping too.
    pub fn pause(&mut self) {
        self.wire.flow.paused = true;
    }

    /// Reads again.
    pub fn resume(&mut self) {
        if mem::take(&mut self.wire.flow.paused) {
            self.offer_again();
        }
    }

    /// Bytes waiting to be written to this peer.
    pub fn queued(&self) -> usize {
        match &self.wire.backlog {
            Some(backlog) => backlog.outbox.len(),
            None => self.shared.output.len(),
        }
    }

    /// The socket, of whatever kind, for what is not offered here. Who reads or writes it is between the peer and the
    /// protocol.
    pub fn stream(&self) -> &TcpStream {
        &self.wire.stream
    }

    /// A handle to the server, for other threads.
    pub fn handle(&self) -> &Handle {
        &self.shared.handle
    }

    /// What was offered in this turn was not looked at, so it has not been declined.
    pub(crate) fn offer_again(&mut self) {
        self.shared.turn.declined = false;
    }

    pub(crate) fn reborrow(&mut self) -> Link<'_> {
        Link {
            id: self.id,
            wire: self.wire,
            shared: self.shared,
        }
    }

    /// The connection's own queue, or the shared one if that is empty.
    #[inline]
    pub(crate) fn out(&mut self) -> &mut Outbox {
        match &mut self.wire.backlog {
            Some(backlog) => &mut backlog.outbox,
            None => &mut self.shared.output,
        }
    }

    /// Whether the queue has room for more, if need be after writing some of it.
    #[inline]
    pub(crate) fn has_room(&mut self) -> bool {
        if self.out().is_full() {
            self.flush();
        }
        !self.out().is_full()
    }

    /// Writes what is queued, as far as the socket takes it.
    pub(crate) fn flush(&mut self) {
        let (mut socket, flow, backlog) = self.wire.parts();
        let out = match backlog {
            Some(backlog) => &mut backlog.outbox,
            None => &mut self.shared.output,
        };
        output::flush(&mut socket, flow, out);
    }

    /// Writes what is queued and behind it two more pieces, in one call.
    pub(crate) fn write_through(&mut self, header: &[u8], payload: &[u8]) {
        let (mut socket, flow, backlog) = self.wire.parts();
        let out = match backlog {
            Some(backlog) => &mut backlog.outbox,
            None => &mut self.shared.output,
        };
        output::write_through(&mut socket, flow, out, header, payload);
    }
}

/// A connection, as its [`Protocol`](crate::Protocol) sees it during a call.
pub struct Io<'a> {
    link: Link<'a>,
}

impl<'a> Io<'a> {
    /// Begins a turn.
    pub(crate) fn begin(id: ClientId, wire: &'a mut Wire, shared: &'a mut Shared) -> Self {
        shared.turn = Turn {
            unread: wire
                .backlog
                .as_mut()
                .map(|backlog| mem::take(&mut backlog.unread))
                .unwrap_or_default(),
            budget: BYTES_PER_TURN,
            progressed: false,
            declined: false,
            reading: false,
            posts_end: shared.clients.mail.len(),
        };
        Self {
            link: Link { id, wire, shared },
        }
    }

    /// Reads once and hands out what came, or what was not taken before; the bytes may be changed. The closure says how
    /// many it has taken, from the front; the rest is kept for later, and nothing more is read until then. Input of which
    /// nothing was taken in a [`Ready::Io`](crate::Ready::Io) waits for the next event: it costs no time, and is not offered
    /// again because of itself.
    ///
    /// Returns whether it is worth calling again in this turn. False means that there is nothing more for now, the end has
    /// come, reading is paused, it's others' turn, or so much has been said to others that this must be delivered first; then
    /// the server calls [`ready`](crate::Protocol::ready) again when there is more. Within the closure nothing can be read.
    pub fn read(&mut self, take: impl FnOnce(&mut Io<'_>, &mut [u8]) -> usize) -> bool {
        if self.wire.flow.paused || self.shared.clients.mail.is_full() {
            self.offer_again();
            return false;
        }
        if !self.shared.turn.unread.is_empty() {
            let mut unread = mem::take(&mut self.shared.turn.unread);
            let taken = self.hand_out(take, unread.bytes_mut());
            unread.advance(taken);
            self.shared.turn.declined &= taken == 0;
            if unread.is_empty() {
                return true;
            }
            self.shared.turn.unread = unread;
            return false;
        }
        if !self.may_read() {
            return false;
        }
        self.shared.turn.declined = false;
        let mut input = mem::take(&mut self.shared.input);
        let (mut socket, flow, _) = self.wire.parts();
        let count = flow.read(&mut socket, &mut input);
        let taken = if count == 0 {
            0
        } else {
            self.hand_out(take, &mut input[..count])
        };
        if taken < count {
            self.shared.turn.unread.put_back(&input[taken..count]);
        }
        self.shared.input = input;
        self.spend(count);
        taken == count && count > 0 && self.wire.flow.end != End::Read
    }

    /// Reads once into memory of the protocol's own, for what is large: it saves a copy. Returns how many bytes came. Only
    /// while nothing that was read before is left; a signal that the peer has ended is in [`has_ended`](Self::has_ended).
    pub fn read_into(&mut self, window: &mut [u8]) -> usize {
        // The socket would fill an empty window with nothing, as if the peer had ended.
        if window.is_empty() || !self.shared.turn.unread.is_empty() || !self.may_read() {
            return 0;
        }
        self.shared.turn.declined = false;
        let (mut socket, flow, _) = self.wire.parts();
        let count = flow.read(&mut socket, window);
        self.spend(count / DIRECT_DISCOUNT);
        count
    }

    /// Puts bytes back that were taken, to be read again: for a protocol that had a look and then hands over.
    pub fn put_back(&mut self, bytes: &[u8]) {
        self.shared.turn.unread.put_back(bytes);
    }

    /// Whether the peer has ended its direction, or the socket has failed: nothing more will come, though some may be left
    /// to read.
    pub fn has_ended(&self) -> bool {
        self.wire.flow.end == End::Read && self.shared.turn.unread.is_empty()
    }

    /// Queues bytes. They leave at the end of the call.
    pub fn write(&mut self, bytes: &[u8]) {
        self.out().buffer().extend_from_slice(bytes);
    }

    /// Queues bytes without copying them.
    pub fn share(&mut self, bytes: Bytes) {
        self.out().share(bytes);
    }

    /// Whether what is queued is under [`output_high_water`](crate::Limits::output_high_water), if need be after writing
    /// some of it. A protocol that reads no more while there is no room has a bounded queue.
    pub fn has_room(&mut self) -> bool {
        self.link.has_room()
    }

    /// Asks for a [`ready`](crate::Protocol::ready) at this time, or earlier. One such time is held, the earliest.
    pub fn wake_at(&mut self, at: Instant) {
        let alarm = Alarm::at(at);
        if alarm < self.wire.alarm {
            self.wire.alarm = alarm;
            let place = self.id().place();
            self.shared.alarms.add(alarm, place);
        }
    }

    /// The next thing that another connection or thread has for this one. What comes up during the call is for the next
    /// one: who answers posts with posts to itself would not get to an end.
    pub fn next_post(&mut self) -> Option<Rc<Post>> {
        let place = self.id().place();
        let Shared {
            delivering,
            clients,
            turn,
            ..
        } = &mut *self.shared;
        delivering
            .next(place)
            .or_else(|| clients.mail.next_before(place, turn.posts_end))
    }

    /// The settings of this server.
    pub fn config(&self) -> &Arc<Config> {
        &self.shared.config
    }

    /// Whether some of what an earlier turn had to leave has been written since: the peer reads.
    pub fn has_progressed(&self) -> bool {
        self.shared.turn.progressed
    }

    /// Sets the end of the connection's lifetime, as the server's options say.
    pub(crate) fn limit_lifetime(&mut self) {
        if let Some(lifetime) = self.shared.options.lifetime {
            let at = self.now() + lifetime;
            let id = self.id();
            self.shared.clients.timers.set(id, at, None);
        }
    }

    /// Puts the connection into the lists.
    pub fn enlist(&mut self) {
        let id = self.id();
        self.shared.clients.roster.list(id);
    }

    /// Takes it out of the lists, the topics and the names.
    pub fn unlist(&mut self) {
        let id = self.id();
        self.shared.clients.unlist(id);
    }

    /// Shuts down the sending direction. Write first what is queued.
    pub(crate) fn shut(&mut self) {
        let (mut socket, flow, _) = self.wire.parts();
        flow.shut(&mut socket);
    }

    /// Whether bytes are left that were read and not taken.
    pub(crate) fn has_unread(&self) -> bool {
        !self.shared.turn.unread.is_empty()
    }

    /// Whether everything has gone to the socket.
    pub(crate) fn is_written(&self) -> bool {
        self.queued() == 0 && !self.wire.holds_back()
    }

    /// Puts TLS under what follows; what was read and not taken belongs to it.
    #[cfg(feature = "tls")]
    pub(crate) fn secure(&mut self, connection: rustls::Connection) {
        let early = self.shared.turn.unread.take();
        // What came early may be all, and no event tells of it again.
        self.wire.flow.readable |= !early.is_empty();
        self.wire.tls = Some(Box::new(crate::tls::Session::new(connection, early)));
    }

    /// Why the socket has failed, if TLS knows it.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.wire.tls {
            return tls.failure.take();
        }
        None
    }

    pub(crate) fn link(&mut self) -> Link<'_> {
        self.link.reborrow()
    }

    /// Whether a deadline is not covered by the alarm that is set.
    pub(crate) fn is_before_alarm(&self, at: Instant) -> bool {
        at < self.wire.alarm.instant() && Alarm::at(at) < self.wire.alarm
    }

    /// Offers input: if nothing is made of it, it waits for the next event, since offering it again and again would keep the
    /// loop busy.
    pub(crate) fn offer_input(&mut self) {
        self.shared.turn.declined = !self.shared.clients.mail.is_full();
    }

    /// Whether somebody has asked for this connection to be closed, before there is anybody to get messages.
    pub(crate) fn is_called_off(&mut self) -> bool {
        let mut is_called_off = false;
        while let Some(post) = self.next_post() {
            is_called_off |= matches!(*post, Post::Close(..));
        }
        is_called_off
    }

    /// Writes what an earlier turn had to leave.
    pub(crate) fn write_backlog(&mut self) {
        let waiting = self.queued();
        self.flush();
        self.shared.turn.progressed = self.queued() < waiting && !self.wire.flow.deaf;
    }

    /// Ends the turn of a connection that goes on: writes, and puts away what is left. Returns false if nothing would ever
    /// wake it again.
    pub(crate) fn may_finish(&mut self) -> bool {
        if self.wire.flow.stage != Stage::Dialling {
            self.flush();
        }
        let Link { id, wire, shared } = self.link();
        let unread = mem::take(&mut shared.turn.unread);
        let is_queued = match &mut wire.backlog {
            Some(backlog) => !backlog.outbox.is_empty(),
            None => !shared.output.is_empty(),
        };
        if let Some(backlog) = &mut wire.backlog {
            if is_queued || !unread.is_empty() {
                backlog.unread = unread;
            } else {
                wire.backlog = None;
            }
        } else if is_queued || !unread.is_empty() {
            wire.backlog = Some(Box::new(Backlog {
                outbox: shared.output.take(),
                unread,
            }));
        }
        if shared.output.buffer().capacity() > MAX_KEPT_OUTPUT {
            shared.output.release();
        }
        let waits = is_queued || wire.holds_back();
        // A socket that dials is watched for that.
        wire.flow.stage == Stage::Dialling || wire.watch(waits, &shared.registry, Token(id.place()))
    }

    /// Ends the turn of a connection that is dropped.
    pub(crate) fn abandon(mut self) {
        if self.wire.flow.stage != Stage::Dialling {
            self.flush();
        }
        self.link.shared.output.clear();
        self.link.shared.turn.unread = Unread::default();
    }

    fn may_read(&mut self) -> bool {
        let turn = &self.shared.turn;
        self.wire.flow.readable && !self.wire.flow.paused && turn.budget > 0 && !turn.reading
    }

    fn hand_out(&mut self, take: impl FnOnce(&mut Io<'_>, &mut [u8]) -> usize, bytes: &mut [u8]) -> usize {
        self.shared.turn.reading = true;
        let taken = take(self, bytes);
        self.shared.turn.reading = false;
        taken
    }

    fn spend(&mut self, count: usize) {
        let turn = &mut self.shared.turn;
        turn.budget = turn.budget.saturating_sub(count.max(MIN_READ_COST));
    }
}

impl<'a> Deref for Io<'a> {
    type Target = Link<'a>;

    fn deref(&self) -> &Link<'a> {
        &self.link
    }
}

impl DerefMut for Io<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.link
    }
}

impl fmt::Debug for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Io<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io")
            .field("id", &self.id)
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}

/// The receive buffer: as much as a busy loopback or gigabit peer has waiting, and still within the second-level cache.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// What one connection may read in a turn: a few times the receive buffer, so that one busy peer keeps others waiting for
/// well under a millisecond. Tests need a bound below what any socket buffer holds.
const BYTES_PER_TURN: usize = if cfg!(test) { 32 * 1024 } else { 256 * 1024 };

/// How much less of that bound is used up by what is read straight into a message, which costs little more than the copy.
/// So up to 2 MiB of a message that has come are taken in one turn, and its memory is free again for the next one's.
const DIRECT_DISCOUNT: usize = 8;

/// What a read counts for at least: it is a system call however little it brings.
const MIN_READ_COST: usize = 16 * 1024;

/// The largest output buffer that is kept for the next turn. More is needed only when large messages meet slow
/// peers.
const MAX_KEPT_OUTPUT: usize = 256 * 1024;
