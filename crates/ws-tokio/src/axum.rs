//! An extractor for axum (feature `axum`), compression included.
//!
//! ```no_run
//! use axum::{Router, response::Response, routing::any};
//! use ws_tokio::{Accept, axum::WebSocketUpgrade};
//!
//! async fn echo(upgrade: WebSocketUpgrade) -> Response {
//!     upgrade.on_open(Accept::new(), |mut ws| async move {
//!         while let Some(message) = ws.recv().await? {
//!             ws.send(message).await?;
//!         }
//!         Ok(())
//!     })
//! }
//!
//! let app: Router = Router::new().route("/ws", any(echo));
//! ```

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::Response;
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use ws_proto::Config;
use ws_proto::handshake::{Accept, HandshakeError, Request};

use crate::error::Error;
use crate::hyper::{Head, HyperStream, Upgrade};
use crate::websocket::WebSocket;

/// A request that may become a WebSocket; extract it in a handler of `GET`.
///
/// Whether the request is a handshake at all is seen by [`on_open`](Self::on_open), so that one handler can answer both
/// kinds.
#[derive(Debug)]
#[must_use = "it is to be opened"]
pub struct WebSocketUpgrade(Upgrade);

impl WebSocketUpgrade {
    /// Sets limits and deadlines, and whose pages may connect. The limits of the request's head have no effect: hyper has
    /// let it pass by its own.
    pub fn config(self, config: impl Into<Arc<Config>>) -> Self {
        Self(self.0.config(config))
    }

    /// What asks for it: origin, subprotocols.
    ///
    /// # Errors
    /// It is no HTTP request as this crate reads it.
    pub fn request(&self) -> Result<Request, HandshakeError> {
        self.0.request()
    }

    /// The response that opens the connection, which is then served in a task of its own; or the one that refuses.
    ///
    /// The error that the task ends with, if it does, is dropped.
    pub fn on_open<F, S>(self, accept: Accept, serve: F) -> Response
    where
        F: FnOnce(WebSocket<HyperStream>) -> S + Send + 'static,
        S: Future<Output = Result<(), Error>> + Send + 'static,
    {
        match self.0.accept(accept) {
            Ok((response, opening)) => {
                tokio::spawn(async move {
                    if let Ok(ws) = opening.await {
                        // Whatever goes wrong with one connection is its peer's business.
                        let _ = serve(ws).await;
                    }
                });
                response.map(|()| Body::empty())
            }
            Err(refusal) => refusal.map(Body::from),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let on_upgrade = parts.extensions.remove::<OnUpgrade>();
        let head = Head {
            method: &parts.method,
            uri: &parts.uri,
            version: parts.version,
            headers: &parts.headers,
        };
        Ok(Self(Upgrade::new(head, on_upgrade)))
    }
}
