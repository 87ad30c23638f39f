//! Ending a connection from another thread.

use std::sync::Weak;
use std::time::Duration;

use ws_proto::{CloseCode, SendError};

use crate::shared::Shared;

/// Ends a connection from another thread, while its own thread waits in [`recv`](crate::WebSocket::recv).
///
/// Cheap to clone. It does not keep the connection alive: without effect once the [`WebSocket`](crate::WebSocket) is
/// dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Weak<Shared>,
    /// [`Timeouts::close`](ws_proto::Timeouts::close).
    patience: Option<Duration>,
}

impl Handle {
    pub(crate) fn new(shared: Weak<Shared>, patience: Option<Duration>) -> Self {
        Self { shared, patience }
    }

    /// Starts the closing handshake. `recv` goes on to deliver what the peer still sends, then tells the end as usual;
    /// if the peer does not answer, that takes at most twice [`Timeouts::close`](ws_proto::Timeouts::close).
    ///
    /// Never waits for a thread that is writing: that one writes the Close itself once it is done, which a peer that does
    /// not read can put off as [`WebSocket::send`](crate::WebSocket::send) tells. Otherwise this call writes it, and such
    /// a peer holds it for as long as a Close may wait. Without effect on a connection that is closing already.
    ///
    /// # Errors
    /// [`SendError::Close`] if the code must not be sent or the reason is over 123 bytes.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.close_within(code, reason, self.patience)
    }

    pub(crate) fn close_within(
        &self,
        code: CloseCode,
        reason: &str,
        patience: Option<Duration>,
    ) -> Result<(), SendError> {
        let Some(shared) = self.shared.upgrade() else {
            return Ok(());
        };
        match shared.close_within(code, reason, patience) {
            Err(SendError::Closed) => Ok(()),
            result => result,
        }
    }

    /// Ends the transport at once, without a closing handshake. Whatever the connection's threads wait for ends with an
    /// error.
    pub fn shutdown(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.line.shutdown();
        }
    }
}
