//! A client that connects again and again.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use ws_proto::handshake::{HandshakeError, ServerAccepted};
#[cfg(feature = "proxy")]
use ws_proto::proxy::ProxyError;

use crate::connect::Connect;
use crate::error::Error;
use crate::socket::Socket;
use crate::websocket::WebSocket;

/// Connections to the same server, one after the other, from [`Connect::reconnecting`]: whenever one has ended, ask for
/// the [`next`](Self::next).
///
/// ```no_run
/// # async fn follow() -> Result<(), ws_tokio::Error> {
/// let mut connections = ws_tokio::connect("ws://127.0.0.1:9001/")
///     .reconnecting()
///     .on_open(|mut ws| async move {
///         ws.send("subscribe news").await?; // again, on every connection
///         Ok(ws)
///     });
/// loop {
///     let mut ws = connections.next().await?;
///     while let Ok(Some(message)) = ws.recv().await {
///         println!("{message:?}");
///     }
/// }
/// # }
/// ```
///
/// # When
/// The first attempt is made at once. Every later one waits for a random time between nothing and a bound (full
/// jitter, so that a thousand clients of a server that restarts don't come at the same moment); the bound is 1 s at
/// first, doubles up to 60 s with every failed attempt and every connection that was shorter than that, and starts anew
/// when one has lasted for that long. If the server has said `Retry-After`, it is that long at least, as far as the 60 s
/// go.
#[must_use = "nothing is done until the next connection is asked for"]
pub struct Reconnect {
    connect: Connect,
    first: Duration,
    most: Duration,
    give_up_after: u32,
    fatal: Arc<Fatal>,
    on_open: Option<Arc<OnOpen>>,
    /// Attempts that failed, and connections that were short, since the last one that was not: what the wait grows with.
    setbacks: u32,
    /// Attempts that failed since the last one that did not.
    failures: u32,
    /// Whether there has been an attempt.
    begun: bool,
    opened: Option<Instant>,
    retry_after: Duration,
}

type Fatal = dyn Fn(&Error) -> bool + Send + Sync;
type Opened = Result<WebSocket<Socket>, Error>;
type OnOpen = dyn Fn(WebSocket<Socket>) -> Pin<Box<dyn Future<Output = Opened> + Send>> + Send + Sync;

impl Connect {
    /// Connects again and again.
    pub fn reconnecting(self) -> Reconnect {
        Reconnect {
            connect: self,
            first: FIRST,
            most: MOST,
            give_up_after: u32::MAX,
            fatal: Arc::new(is_fatal),
            on_open: None,
            setbacks: 0,
            failures: 0,
            begun: false,
            opened: None,
            retry_after: Duration::ZERO,
        }
    }
}

impl Reconnect {
    /// Sets the bound of the first wait and that of all.
    pub fn backoff(mut self, first: Duration, most: Duration) -> Self {
        (self.first, self.most) = (first, most);
        self
    }

    /// Gives up after so many failed attempts in a row. Default: never. A connection that was handed out is no failure,
    /// however soon it ended.
    pub fn give_up_after(mut self, failures: u32) -> Self {
        self.give_up_after = failures;
        self
    }

    /// What there is no use in trying again after, in place of [`is_fatal`].
    pub fn fatal(mut self, fatal: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        self.fatal = Arc::new(fatal);
        self
    }

    /// Prepares every connection before it is handed out: signs in, subscribes. If that fails, the attempt has.
    pub fn on_open<F, W>(mut self, prepare: F) -> Self
    where
        F: Fn(WebSocket<Socket>) -> W + Send + Sync + 'static,
        W: Future<Output = Opened> + Send + 'static,
    {
        self.on_open = Some(Arc::new(move |ws| Box::pin(prepare(ws))));
        self
    }

    /// Waits as long as it takes, connects, and tries again until it succeeds.
    ///
    /// # Errors
    /// The last attempt's, if it was fatal, or one too many. It may be asked again.
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up; the next call begins with the same wait.
    pub async fn next(&mut self) -> Result<WebSocket<Socket>, Error> {
        if let Some(opened) = self.opened.take() {
            // A server that accepts and drops at once is to be left alone as much as one that refuses.
            self.setbacks = if opened.elapsed() < self.most {
                self.setbacks.saturating_add(1)
            } else {
                0
            };
        }
        loop {
            if self.begun {
                let jittered = self.bound(self.setbacks).mul_f64(rand::random());
                sleep(jittered.max(self.retry_after)).await;
            }
            self.begun = true;
            self.retry_after = Duration::ZERO;
            match self.attempt().await {
                Ok(ws) => {
                    self.failures = 0;
                    self.opened = Some(Instant::now());
                    return Ok(ws);
                }
                Err(error) => {
                    self.setbacks = self.setbacks.saturating_add(1);
                    self.failures = self.failures.saturating_add(1);
                    if (self.fatal)(&error) || self.failures >= self.give_up_after {
                        return Err(error);
                    }
                    self.retry_after = retry_after(&error).min(self.most);
                }
            }
        }
    }

    async fn attempt(&self) -> Opened {
        let (ws, ServerAccepted { .. }) = self.connect.clone().open().await?;
        match &self.on_open {
            Some(prepare) => prepare(ws).await,
            None => Ok(ws),
        }
    }

    /// The longest wait after so many setbacks.
    fn bound(&self, setbacks: u32) -> Duration {
        let factor = 1u32.checked_shl(setbacks.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.most)
    }
}

impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect")
            .field("connect", &self.connect)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

/// What [`Reconnect`] does not try again after: what can't be asked for at all, and what the server has refused for
/// good, by a 4xx other than 408, 425 and 429, or by a redirect that was not to be followed. With the feature `proxy`,
/// also a proxy that can't be used, can't be asked for such a host, or does not accept who we are.
pub fn is_fatal(error: &Error) -> bool {
    match error {
        Error::TlsUnsupported => true,
        // A host that no certificate can be for.
        Error::Io(error) => error.kind() == io::ErrorKind::InvalidInput,
        Error::Refused(response) => {
            matches!(response.status(), 300..=499) && !matches!(response.status(), 408 | 425 | 429)
        }
        Error::Handshake(error) => matches!(
            error,
            HandshakeError::Url(_)
                | HandshakeError::BadHeaderName
                | HandshakeError::BadHeaderValue
                | HandshakeError::ReservedHeader(_)
                | HandshakeError::BadProtocol
                | HandshakeError::RepeatedProtocol
        ),
        // A proxy's other refusals may be about a server that is down for now.
        #[cfg(feature = "proxy")]
        Error::Proxy(error) => matches!(
            error,
            ProxyError::Scheme
                | ProxyError::Url(_)
                | ProxyError::Credentials
                | ProxyError::Target
                | ProxyError::Refused(407)
                | ProxyError::NoWayToAuthenticate
                | ProxyError::WrongCredentials
        ),
        _ => false,
    }
}

/// How long the server asks to be left alone, if it says so in seconds.
fn retry_after(error: &Error) -> Duration {
    let Error::Refused(response) = error else {
        return Duration::ZERO;
    };
    let seconds = response
        .header("Retry-After")
        .and_then(|value| value.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

/// A second: soon enough for a hiccup, late enough for a server that restarts.
const FIRST: Duration = Duration::from_secs(1);

/// A minute: nobody wants to wait longer once the server is back.
const MOST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    #[test]
    fn the_bound_doubles_up_to_its_most() {
        let reconnect = crate::connect("ws://x/").reconnecting();
        let bounds: Vec<u64> = [0, 1, 2, 3, 6, 7, 32, 33, u32::MAX]
            .map(|setbacks| reconnect.bound(setbacks).as_secs())
            .into();
        assert_eq!(bounds, [1, 1, 2, 4, 32, 60, 60, 60, 60]);
    }
}
