//! Pings that were sent and await their pongs.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use ws_proto::ConnectionError;

use crate::error::Error;

/// A pong that was asked for; await it for the time between ping and pong.
///
/// It comes while somebody receives: await it beside [`recv`](crate::WebSocket::recv), in a `join!` say, or receive in
/// another task. Dropping it changes nothing.
///
/// # Errors
/// [`Error::Connection`] with [`ConnectionError::Disconnected`] if the connection ended before the pong, or if
/// 16 younger pings have been sent since.
#[must_use = "the pong is only told to who awaits it"]
pub struct Pong(oneshot::Receiver<Duration>);

impl Future for Pong {
    type Output = Result<Duration, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map_err(|_| ConnectionError::Disconnected.into())
    }
}

impl fmt::Debug for Pong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pong")
    }
}

/// The pings that somebody awaits the pongs of.
#[derive(Default)]
pub(crate) struct Pings(VecDeque<Sent>);

struct Sent {
    payload: Box<[u8]>,
    at: Instant,
    done: oneshot::Sender<Duration>,
}

impl Pings {
    /// A ping is on its way.
    pub(crate) fn push(&mut self, payload: &[u8]) -> Pong {
        if self.0.len() == MAX_PINGS {
            self.0.pop_front();
        }
        let (done, pong) = oneshot::channel();
        self.0.push_back(Sent {
            payload: payload.into(),
            at: Instant::now(),
            done,
        });
        Pong(pong)
    }

    /// A pong came. It answers the ping with its payload, and those before: a peer need only answer the latest
    /// (RFC 6455 §5.5.3).
    pub(crate) fn answer(&mut self, payload: &[u8]) {
        let Some(last) = self.0.iter().position(|sent| *sent.payload == *payload) else {
            return;
        };
        for sent in self.0.drain(..=last) {
            // Who no longer waits need not be told.
            let _ = sent.done.send(sent.at.elapsed());
        }
    }
}

/// Who is shown the pings and pongs that come, besides those who are answered, and told of the end.
#[derive(Default)]
pub(crate) struct Taps(pub(crate) Option<Box<dyn Tap>>);

pub(crate) trait Tap: Send + Sync {
    fn ping(&self, payload: &[u8]);
    fn pong(&self, payload: &[u8]);
    /// The connection has been dropped; this task writes what was left.
    fn parting(&self, task: JoinHandle<io::Result<()>>);
}

impl Taps {
    pub(crate) fn ping(&self, payload: &[u8]) {
        if let Some(tap) = &self.0 {
            tap.ping(payload);
        }
    }

    pub(crate) fn pong(&self, payload: &[u8]) {
        if let Some(tap) = &self.0 {
            tap.pong(payload);
        }
    }

    pub(crate) fn parting(&self, task: JoinHandle<io::Result<()>>) {
        if let Some(tap) = &self.0 {
            tap.parting(task);
        }
    }
}

/// How many pings may await their pongs: more than that in flight measure nothing better.
const MAX_PINGS: usize = 16;
