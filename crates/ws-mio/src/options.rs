//! What can be set about a server, apart from the protocol.

use std::time::Duration;

/// What can be set about a server, apart from what ws-proto's [`Config`](crate::Config) says about the protocol.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How many connections there may be, those that are opening or closing included; who comes beyond waits at the door
    /// until somebody leaves. Default 100,000: some 30 MB for idle ones; the system's limit on descriptors is lower on most
    /// machines. At most 16 million.
    pub max_connections: usize,
    /// What happens to messages from others for a client that is too far behind.
    pub backpressure: Backpressure,
    /// How long a WebSocket connection may last before it is closed with 1001, so that clients move to other servers in
    /// time. Default none.
    pub lifetime: Option<Duration>,
    /// Whether the requests of open connections are kept, for [`Link::request`](crate::Link::request). Default not: they
    /// would be the largest part of an idle connection. A client that needs a header or the path later notes it in
    /// [`Client::start`](crate::Client::start).
    pub keep_requests: bool,
    /// How long peers may take to answer the Close when the server is stopped; then their connections are dropped.
    /// Default one second: many round trips, and little for somebody who waits for a program to end.
    pub stop_deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: 100_000,
            backpressure: Backpressure::default(),
            lifetime: None,
            keep_requests: false,
            stop_deadline: Duration::from_secs(1),
        }
    }
}

/// What happens to messages from others (sent to one, to all, published) for a client whose queue is at
/// [`output_high_water`](crate::Limits::output_high_water). Control frames are never held back by a full queue: they
/// have places of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backpressure {
    /// They are lost to it, and it is told of each: [`Client::dropped`](crate::Client::dropped). Right for events of which
    /// some may be missed.
    #[default]
    Drop,
    /// The client is told, and closed with 1013. Right where a gap must not go unnoticed by the peer.
    Close,
    /// They are lost to it, and it is told once, when there is room again: [`Client::drain`](crate::Client::drain). Right
    /// for state, of which the client then sends the latest.
    Tell,
}
