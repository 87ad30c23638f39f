//! Who is connected, and how to reach all of them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use ws_proto::{CloseCode, Prepared};

use crate::server::client::{Client, ClientId, lock};

/// The clients of a [`Server`](crate::Server). A clone is the same list; usable from any thread.
///
/// A client is in it from when its [`on_connection`](crate::Server::on_connection) has returned (or its
/// [`handler`](crate::Server::handler) starts) until its connection is over.
#[derive(Clone, Default)]
pub struct Clients(Arc<Mutex<List>>);

#[derive(Default)]
struct List {
    /// In the order in which they came.
    joined: BTreeMap<ClientId, Client>,
    by_address: HashMap<SocketAddr, ClientId>,
    /// Whose `on_connection` still runs.
    arriving: HashMap<ClientId, Client>,
}

/// What to do with a message for a client whose queue is full: it has not taken in
/// [`Limits::output_high_water`](crate::Limits::output_high_water) bytes yet. Under each policy that queue is all that
/// a slow client costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slow {
    /// Wait until it has room, or is gone. The others have their message meanwhile; only the caller waits.
    Wait,
    /// Leave this message out.
    #[default]
    Skip,
    /// Leave it out and close the connection with 1008, unless it is only that another message is being streamed to it.
    Close,
}

/// What became of a broadcast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// To how many clients it was sent.
    pub sent: usize,
    /// How many were left out for being slow.
    pub skipped: usize,
}

impl Clients {
    /// How many there are.
    pub fn len(&self) -> usize {
        lock(&self.0).joined.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everybody at this moment, in the order in which they came.
    pub fn all(&self) -> Vec<Client> {
        lock(&self.0).joined.values().cloned().collect()
    }

    /// The client with this identity.
    pub fn get(&self, id: ClientId) -> Option<Client> {
        lock(&self.0).joined.get(&id).cloned()
    }

    /// The client at this address.
    pub fn at(&self, address: SocketAddr) -> Option<Client> {
        let list = lock(&self.0);
        list.by_address
            .get(&address)
            .and_then(|id| list.joined.get(id))
            .cloned()
    }

    /// Sends a message to everybody. It was framed once, and long ones are shared, not copied.
    ///
    /// # Cancel safety
    /// If the future is dropped, who is still waited for with [`Slow::Wait`] does not get the message, nor any part of
    /// it. Everybody else has it.
    pub async fn broadcast(&self, message: &Prepared, slow: Slow) -> Published {
        broadcast(self.all(), message, slow).await
    }

    /// Sends a message to everybody but one: for what that one has said. Otherwise as [`broadcast`](Self::broadcast).
    pub async fn broadcast_except(&self, except: ClientId, message: &Prepared, slow: Slow) -> Published {
        let mut clients = self.all();
        clients.retain(|client| client.id() != except);
        broadcast(clients, message, slow).await
    }

    /// Sends a message to everybody without waiting for anybody, from any thread. [`Slow::Wait`] is as [`Slow::Skip`].
    pub fn publish(&self, message: &Prepared, slow: Slow) -> Published {
        publish_now(&self.all(), message, slow)
    }

    /// Starts to close one client's connection. `false` if it is not here.
    pub fn disconnect(&self, id: ClientId, code: CloseCode, reason: &str) -> bool {
        self.get(id)
            .is_some_and(|client| client.start_close(code, reason).is_ok())
    }

    /// Starts to close everybody's.
    pub fn disconnect_all(&self, code: CloseCode, reason: &str) {
        for client in self.all() {
            // If it fails, it is closed already.
            let _ = client.start_close(code, reason);
        }
    }

    pub(crate) fn arrive(&self, client: &Client) {
        lock(&self.0).arriving.insert(client.id(), client.clone());
    }

    /// Lets a client in, unless it has left meanwhile.
    pub(crate) fn join(&self, client: &Client) {
        let mut list = lock(&self.0);
        if list.arriving.remove(&client.id()).is_none() || client.is_closed() {
            return;
        }
        if let Some(address) = client.peer_addr() {
            list.by_address.insert(address, client.id());
        }
        list.joined.insert(client.id(), client.clone());
    }

    pub(crate) fn leave(&self, client: &Client) {
        let mut list = lock(&self.0);
        list.arriving.remove(&client.id());
        list.joined.remove(&client.id());
        if let Some(address) = client.peer_addr() {
            // The address may be another's by now.
            if list.by_address.get(&address) == Some(&client.id()) {
                list.by_address.remove(&address);
            }
        }
    }

    /// Closes everybody's connection, those included that have not joined yet.
    pub(crate) fn close_for_shutdown(&self) {
        let arriving: Vec<_> = lock(&self.0).arriving.values().cloned().collect();
        for client in arriving.into_iter().chain(self.all()) {
            let _ = client.start_close(CloseCode::GOING_AWAY, "the server is shutting down");
        }
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("len", &self.len()).finish()
    }
}

pub(crate) async fn broadcast(clients: Vec<Client>, message: &Prepared, slow: Slow) -> Published {
    let mut waited_for = Vec::new();
    let mut published = publish(&clients, message, slow, |client| waited_for.push(client.clone()));
    // Everybody else has it. They are waited for side by side, so that each has it as soon as it can: whoever is waited
    // for delays nobody but us.
    let mut waits: Vec<_> = waited_for
        .iter()
        .map(|client| Box::pin(client.writer().send_prepared(message)))
        .collect();
    poll_fn(|cx| {
        waits.retain_mut(|wait| match wait.as_mut().poll(cx) {
            Poll::Ready(result) => {
                published.sent += usize::from(result.is_ok());
                false
            }
            Poll::Pending => true,
        });
        if waits.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    published
}

/// Without waiting.
pub(crate) fn publish_now(clients: &[Client], message: &Prepared, slow: Slow) -> Published {
    let slow = if slow == Slow::Wait { Slow::Skip } else { slow };
    publish(clients, message, slow, |_| {})
}

/// To everybody who can take it now. `wait` gets those who can't, with [`Slow::Wait`].
fn publish(clients: &[Client], message: &Prepared, slow: Slow, mut wait: impl FnMut(&Client)) -> Published {
    let mut published = Published::default();
    for client in clients {
        match client.post(message, slow) {
            Ok(true) => published.sent += 1,
            Ok(false) => published.skipped += 1,
            Err(crate::Error::Send(ws_proto::SendError::QueueFull)) => wait(client),
            // Gone, or about to be.
            Err(_) => {}
        }
    }
    published
}
