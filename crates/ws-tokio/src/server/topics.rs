//! Rooms, channels, topics: named groups of clients.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use ws_proto::Prepared;

use crate::server::client::{Client, ClientId, lock};
use crate::server::clients::{Published, Slow, broadcast, publish_now};

/// Named groups of clients, to publish to. A clone is the same; usable from any thread. A client whose connection is
/// over has left all of its topics.
///
/// ```no_run
/// # async fn run(client: ws_tokio::Client) {
/// use ws_tokio::{Prepared, Slow, Topics};
///
/// let topics = Topics::new();
/// topics.subscribe("news", &client);
/// topics.publish("news", &Prepared::new("It works."), Slow::Skip);
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Topics(Arc<Inner>);

#[derive(Default)]
pub(crate) struct Inner {
    groups: Mutex<Groups>,
    first: Option<Box<Hook>>,
    last: Option<Box<Hook>>,
}

#[derive(Default)]
struct Groups {
    members: HashMap<Arc<str>, BTreeMap<ClientId, Client>>,
    topics: HashMap<ClientId, HashSet<Arc<str>>>,
}

type Hook = dyn Fn(&str) + Send + Sync;

impl Topics {
    /// No topics yet. They come into being with their first subscriber and vanish with their last.
    pub fn new() -> Self {
        Self::default()
    }

    /// With functions that are told of the first subscriber of a topic and of its last one's leaving: to subscribe to a
    /// broker only to what somebody wants.
    ///
    /// They are called in the order of events, under a lock: they must not block, nor call back.
    pub fn with_hooks(
        first: impl Fn(&str) + Send + Sync + 'static,
        last: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            groups: Mutex::default(),
            first: Some(Box::new(first)),
            last: Some(Box::new(last)),
        }))
    }

    /// Adds a client to a topic. `false` if it was in it already, or is gone.
    pub fn subscribe(&self, topic: &str, client: &Client) -> bool {
        let added = self.0.add(topic, client);
        if added {
            client.remember(&self.0);
            if client.is_closed() {
                // It may have left before it could be remembered.
                self.0.remove(topic, client.id());
                return false;
            }
        }
        added
    }

    /// Takes a client out of a topic. `false` if it was not in it.
    pub fn unsubscribe(&self, topic: &str, client: &Client) -> bool {
        self.0.remove(topic, client.id())
    }

    /// Takes a client out of all topics.
    pub fn unsubscribe_all(&self, client: &Client) {
        self.0.leave(client.id());
    }

    /// Who is in a topic, in the order in which they connected.
    pub fn subscribers(&self, topic: &str) -> Vec<Client> {
        let groups = lock(&self.0.groups);
        groups
            .members
            .get(topic)
            .map_or_else(Vec::new, |members| members.values().cloned().collect())
    }

    /// The topics that have subscribers.
    pub fn names(&self) -> Vec<String> {
        let groups = lock(&self.0.groups);
        groups.members.keys().map(|name| name.to_string()).collect()
    }

    /// Sends a message to all subscribers without waiting for any, from any thread. [`Slow::Wait`] is as
    /// [`Slow::Skip`].
    pub fn publish(&self, topic: &str, message: &Prepared, slow: Slow) -> Published {
        publish_now(&self.subscribers(topic), message, slow)
    }

    /// Sends a message to all subscribers; may wait for slow ones.
    pub async fn broadcast(&self, topic: &str, message: &Prepared, slow: Slow) -> Published {
        broadcast(self.subscribers(topic), message, slow).await
    }
}

impl Inner {
    fn add(&self, topic: &str, client: &Client) -> bool {
        let mut groups = lock(&self.groups);
        let name = match groups.members.get_key_value(topic) {
            Some((name, _)) => name.clone(),
            None => {
                call(&self.first, topic);
                topic.into()
            }
        };
        groups.topics.entry(client.id()).or_default().insert(name.clone());
        let members = groups.members.entry(name).or_default();
        members.insert(client.id(), client.clone()).is_none()
    }

    fn remove(&self, topic: &str, id: ClientId) -> bool {
        let mut groups = lock(&self.groups);
        if let Some(topics) = groups.topics.get_mut(&id) {
            topics.remove(topic);
            if topics.is_empty() {
                groups.topics.remove(&id);
            }
        }
        self.remove_member(&mut groups, topic, id)
    }

    /// Takes a client out of all topics.
    pub(crate) fn leave(&self, id: ClientId) {
        let mut groups = lock(&self.groups);
        for topic in groups.topics.remove(&id).unwrap_or_default() {
            self.remove_member(&mut groups, &topic, id);
        }
    }

    fn remove_member(&self, groups: &mut Groups, topic: &str, id: ClientId) -> bool {
        let Some(members) = groups.members.get_mut(topic) else {
            return false;
        };
        let removed = members.remove(&id).is_some();
        if members.is_empty() {
            groups.members.remove(topic);
            call(&self.last, topic);
        }
        removed
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = lock(&self.0.groups);
        f.debug_struct("Topics").field("topics", &groups.members.len()).finish()
    }
}

fn call(hook: &Option<Box<Hook>>, topic: &str) {
    if let Some(hook) = hook {
        hook(topic);
    }
}
