//! Everybody: the lists of clients, and the ways to reach them.

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use ws_proto::handshake::Request;
use ws_proto::{CloseCode, Payload, Prepared};

use crate::mail::{Mail, Post};
use crate::roster::Roster;
use crate::timers::Timers;
use crate::topics::Topics;
use crate::{Address, ClientId, ListenerId};

/// The clients of a server, and the ways to reach them.
///
/// A WebSocket client is in the lists from its [`open`](crate::Client::open) on until its
/// [`close`](crate::Client::close). What is sent through here is delivered at the end of the round, all that there is
/// for one connection in one write. Who is too far behind to take it is treated as the server's
/// [`Backpressure`](crate::Backpressure) says.
#[derive(Default)]
pub struct Clients {
    pub(crate) roster: Roster,
    pub(crate) mail: Mail,
    pub(crate) topics: Topics,
    pub(crate) timers: Timers,
    pub(crate) listeners: Vec<ListenerInfo>,
    names: HashMap<Rc<str>, ClientId>,
    named: HashMap<ClientId, Rc<str>>,
    /// If they are to be kept.
    requests: HashMap<ClientId, Box<Request>>,
    /// What goes to the other loops of the same service; see [`Workers`](crate::Workers).
    pub(crate) relay: Option<Box<Relay>>,
}

/// Passes a publication on.
pub(crate) type Relay = dyn Fn(&str, &Prepared);

/// What is known about a listener.
#[derive(Clone, Debug)]
pub(crate) struct ListenerInfo {
    pub(crate) address: Address,
}

impl Clients {
    /// How many clients are in the lists.
    pub fn len(&self) -> usize {
        self.roster.listed()
    }

    /// Whether no client is in the lists.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of all clients.
    pub fn iter(&self) -> impl Iterator<Item = ClientId> {
        self.roster.iter_listed().map(|(id, _)| id)
    }

    /// Whether this client is in the lists.
    pub fn contains(&self, id: ClientId) -> bool {
        self.roster.is_listed(id)
    }

    /// The clients that came through this listener.
    pub fn of_listener(&self, listener: ListenerId) -> impl Iterator<Item = ClientId> {
        let listed = self.roster.iter_listed();
        listed.filter(move |(_, at)| *at == Some(listener)).map(|(id, _)| id)
    }

    /// The clients that came through a listener on this port.
    pub fn of_port(&self, port: u16) -> impl Iterator<Item = ClientId> {
        self.of_address(move |address| address.ip().is_some_and(|address| address.port() == port))
    }

    /// The clients that came through a listener on this host, an IP address as text, such as `127.0.0.1` or `::1`.
    pub fn of_host(&self, host: &str) -> impl Iterator<Item = ClientId> {
        let host = host.parse().ok();
        self.of_address(move |address| address.ip().map(|address| address.ip()) == host && host.is_some())
    }

    /// The address of a listener, with the actual port.
    pub fn listener_address(&self, listener: ListenerId) -> Option<&Address> {
        Some(&self.listeners.get(listener.index())?.address)
    }

    /// Gives a client a name by which it can be found; a second one replaces the first.
    ///
    /// # Errors
    /// The client that has the name already.
    pub fn name(&mut self, id: ClientId, name: &str) -> Result<(), ClientId> {
        if let Some(&holder) = self.names.get(name) {
            return if holder == id { Ok(()) } else { Err(holder) };
        }
        if !self.roster.is_taken(id) {
            return Ok(());
        }
        let name: Rc<str> = name.into();
        self.names.insert(Rc::clone(&name), id);
        if let Some(old) = self.named.insert(id, name) {
            self.names.remove(&old);
        }
        Ok(())
    }

    /// The client of this name.
    pub fn find(&self, name: &str) -> Option<ClientId> {
        self.names.get(name).copied()
    }

    /// The name that this client was given.
    pub fn name_of(&self, id: ClientId) -> Option<&str> {
        self.named.get(&id).map(|name| &**name)
    }

    /// Sends a message to one connection. Nothing happens if it is gone, or not open yet.
    pub fn send<'p>(&mut self, to: ClientId, message: impl Into<Payload<'p>>) {
        self.send_prepared(to, &Prepared::new(message));
    }

    /// [`send`](Self::send) for a message that is framed already.
    pub fn send_prepared(&mut self, to: ClientId, message: &Prepared) {
        self.post(to, Post::Message(message.clone()));
    }

    /// Sends a message to all clients but these. It is held once and framed once.
    pub fn send_all<'p>(&mut self, message: impl Into<Payload<'p>>, except: &[ClientId]) {
        self.send_all_prepared(&Prepared::new(message), except);
    }

    /// [`send_all`](Self::send_all) for a message that is framed already.
    pub fn send_all_prepared(&mut self, message: &Prepared, except: &[ClientId]) {
        let Self { roster, mail, .. } = self;
        let ids = roster.iter_listed().map(|(id, _)| id);
        let places = ids.filter(|id| !except.contains(id)).map(ClientId::place);
        mail.add(Post::Message(message.clone()), places);
    }

    /// Sends a message to all subscribers of a topic but these. It is held once and framed once. Returns how many there
    /// are in this loop; with [`Workers`](crate::Workers) those of the other loops get it as well.
    pub fn publish<'p>(&mut self, topic: &str, message: impl Into<Payload<'p>>, except: &[ClientId]) -> usize {
        self.publish_prepared(topic, &Prepared::new(message), except)
    }

    /// [`publish`](Self::publish) for a message that is framed already.
    pub fn publish_prepared(&mut self, topic: &str, message: &Prepared, except: &[ClientId]) -> usize {
        if let Some(relay) = &self.relay {
            relay(topic, message);
        }
        self.publish_here(topic, message, except)
    }

    /// How many have subscribed to a topic, in this loop.
    pub fn subscribers(&self, topic: &str) -> usize {
        self.topics.count(topic)
    }

    /// The topics that anybody has subscribed to, in this loop.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.names()
    }

    /// Subscribes a connection to a topic. Returns whether it had not been.
    pub fn subscribe(&mut self, id: ClientId, topic: &str) -> bool {
        self.roster.is_taken(id) && self.topics.subscribe(id.place(), topic)
    }

    /// Ends a subscription. Returns whether there was one.
    pub fn unsubscribe(&mut self, id: ClientId, topic: &str) -> bool {
        self.roster.is_taken(id) && self.topics.unsubscribe(id.place(), topic)
    }

    /// The topics that a connection has subscribed to.
    pub fn topics_of(&self, id: ClientId) -> impl Iterator<Item = &str> {
        let place = self.roster.is_taken(id).then_some(id.place());
        place.into_iter().flat_map(|place| self.topics.of_place(place))
    }

    /// Starts the closing handshake of a client; one that is not open yet is dropped, and told [`Error::Io`](crate::Error::Io).
    /// Other protocols end their connection.
    pub fn close(&mut self, id: ClientId, code: CloseCode, reason: &str) {
        self.post(id, Post::Close(code, reason.into()));
    }

    pub(crate) fn keep_request(&mut self, id: ClientId, request: &Request) {
        self.requests.insert(id, Box::new(request.clone()));
    }

    pub(crate) fn request(&self, id: ClientId) -> Option<&Request> {
        self.requests.get(&id).map(|request| &**request)
    }

    pub(crate) fn post(&mut self, to: ClientId, post: Post) {
        if self.roster.is_taken(to) {
            self.mail.add(post, [to.place()].into_iter());
        }
    }

    pub(crate) fn publish_here(&mut self, topic: &str, message: &Prepared, except: &[ClientId]) -> usize {
        let Self {
            roster, mail, topics, ..
        } = self;
        let is_meant = |place: &usize| except.is_empty() || !except.iter().any(|id| roster.at(*place) == Some(*id));
        mail.add(Post::Message(message.clone()), topics.of(topic).filter(is_meant));
        topics.count(topic)
    }

    /// Takes a client out of the lists, the topics and the names. Returns whether it was in the lists.
    pub(crate) fn unlist(&mut self, id: ClientId) -> bool {
        if !self.roster.is_taken(id) {
            return false;
        }
        self.topics.leave(id.place());
        if let Some(name) = self.named.remove(&id) {
            self.names.remove(&name);
        }
        self.roster.unlist(id)
    }

    /// Forgets a connection.
    pub(crate) fn leave(&mut self, id: ClientId) {
        self.unlist(id);
        self.requests.remove(&id);
        self.mail.forget(id.place());
        self.roster.leave(id);
    }

    fn of_address(&self, is_it: impl Fn(&Address) -> bool) -> impl Iterator<Item = ClientId> {
        let listed = self.roster.iter_listed();
        listed
            .filter(move |(_, at)| at.and_then(|at| self.listener_address(at)).is_some_and(&is_it))
            .map(|(id, _)| id)
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("listed", &self.len())
            .field("connections", &self.roster.taken())
            .field("mail", &self.mail)
            .finish_non_exhaustive()
    }
}
