//! What a server does, told to `tracing` (feature `tracing`; otherwise to nobody).

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;

use ws_proto::Ending;

use crate::error::Error;
use crate::server::Client;

/// A connection is open.
pub(crate) fn opened(client: &Client) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        connection = %client.id(),
        peer = ?client.peer_addr(),
        path = client.request().path(),
        protocol = client.protocol(),
        "open"
    );
    let _ = client;
}

/// A connection is over.
pub(crate) fn ended(client: &Client, ending: &Ending) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        connection = %client.id(),
        peer = ?client.peer_addr(),
        code = ending.code().as_u16(),
        error = ending.error.map(tracing::field::display),
        skipped = client.skipped(),
        "over"
    );
    let _ = (client, ending);
}

/// A handler has failed.
pub(crate) fn failed(client: &Client, error: &Error) {
    #[cfg(feature = "tracing")]
    tracing::debug!(connection = %client.id(), peer = ?client.peer_addr(), %error, "failed");
    let _ = (client, error);
}

/// Somebody was not let in.
pub(crate) fn refused(peer: Option<SocketAddr>, why: impl Display) {
    #[cfg(feature = "tracing")]
    tracing::debug!(?peer, %why, "refused");
    let _ = (peer, why);
}

/// Nobody could be let in.
pub(crate) fn accept_failed(error: &io::Error) {
    #[cfg(feature = "tracing")]
    tracing::warn!(%error, "accepting failed");
    let _ = error;
}
