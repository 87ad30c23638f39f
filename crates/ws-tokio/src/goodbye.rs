//! Parting from a peer so that it can read our last bytes.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout, timeout_at};
use ws_proto::{Config, Outbox};

use crate::unread::Unread;
use crate::websocket::ByteStream;

/// Writes what is queued, ends our direction, then reads and ignores what comes until the peer ends its own: a socket
/// that is dropped with input unread is reset, and a reset takes back bytes that the peer has not read yet.
///
/// Writing takes until `deadline` at most, waiting for the peer [`patience`] at most.
///
/// # Errors
/// Not everything could be written. What fails later is of no interest.
pub(crate) async fn say_goodbye<S: ByteStream>(
    mut io: S,
    mut outbox: Outbox,
    deadline: Instant,
    patience: Duration,
) -> io::Result<()> {
    let write = async {
        while !outbox.is_empty() {
            let count = io.write(outbox.first()).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            outbox.advance(count);
        }
        io.shutdown().await
    };
    timeout_at(deadline, Box::pin(write))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    let discard = async {
        let mut unread = Unread::default();
        while let Ok(1..) = poll_fn(|cx| unread.poll_fill(&mut io, cx)).await {
            unread.keep(0);
        }
    };
    // Over is over, whether the peer ended or not.
    let _ = timeout(patience, Box::pin(discard)).await;
    Ok(())
}

/// How long to wait for the peer's end of the transport. Bounded even where the configuration has no bound: nobody
/// waits with us.
pub(crate) fn patience(config: &Config) -> Duration {
    config.timeouts.linger.unwrap_or(DEFAULT_PATIENCE)
}

/// The default of [`Timeouts::linger`](ws_proto::Timeouts::linger).
const DEFAULT_PATIENCE: Duration = Duration::from_secs(1);
