//! One connection of a server, from its first byte to its last.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::io::AsyncBufReadExt;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use ws_proto::handshake::Accept;
use ws_proto::{CloseCode, Config};

use crate::accept::accept_with;
use crate::server::client::Client;
use crate::server::clients::Clients;
use crate::server::message_stream::{Ahead, MessageStream};
use crate::server::{Answer, OnConnection, OnRequest, Service};
use crate::socket::Socket;
use crate::split::Reader;
use crate::trace;
use crate::websocket::WebSocket;

/// What all connections of a server have in common.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    #[cfg(feature = "rustls")]
    pub(crate) tls: Option<Arc<crate::tls::rustls::ServerConfig>>,
    pub(crate) on_request: Option<Arc<OnRequest>>,
    pub(crate) service: Service,
    pub(crate) clients: Clients,
}

/// Serves one connection. Who is still shaking hands when the server stops is dropped.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    socket: Socket,
    peer: Option<SocketAddr>,
    mut stopped: watch::Receiver<()>,
) {
    // Boxed, so that the memory of the handshake is not kept for the connection's life.
    let opened = tokio::select! {
        opened = Box::pin(open(&shared, socket, peer)) => opened,
        _ = stopped.changed() => return,
    };
    let Some((ws, client)) = opened else { return };
    let guard = Guard {
        clients: shared.clients.clone(),
        client,
    };
    let client = &guard.client;
    trace::opened(client);
    shared.clients.arrive(client);
    if stopped.has_changed().unwrap_or(true) {
        // It came too late to be closed with the others.
        shared.clients.close_for_shutdown();
    }
    match &shared.service {
        Service::Handler(handler) => {
            shared.clients.join(client);
            if let Some(Err(error)) = caught(handler(ws, client.clone())).await {
                trace::failed(client, &error);
            }
        }
        Service::Callbacks(on_connection) => {
            caught(Box::pin(call_back(&shared, ws, client, on_connection))).await;
        }
    }
    shared.clients.leave(client);
    // A handler that left without closing has told nobody how it ended: as if the transport had.
    let ending = client.writer().ending().unwrap_or_default();
    trace::ended(client, &ending);
    client.closed(ending).await;
    // It keeps its place until then, and a shutdown waits for it.
    client.parted().await;
}

/// TLS, the request, the answer.
async fn open(shared: &Shared, socket: Socket, peer: Option<SocketAddr>) -> Option<(WebSocket<Socket>, Client)> {
    let config = &shared.config;
    #[cfg(feature = "rustls")]
    let socket = match (&shared.tls, socket) {
        (Some(tls), Socket::Tcp(stream)) => {
            let handshake = crate::tls::accept(stream, tls.clone());
            match timeout(config.handshake.timeout, handshake).await {
                Ok(Ok(stream)) => stream.into(),
                _ => {
                    trace::refused(peer, "TLS failed");
                    return None;
                }
            }
        }
        (_, socket) => socket,
    };
    let incoming = match accept_with(socket, config.clone()).await {
        Ok(incoming) => incoming,
        Err(error) => {
            trace::refused(peer, &error);
            return None;
        }
    };
    let request = incoming.shared_request();
    let answer = match &shared.on_request {
        // The handshake's deadline holds for this too, though the connection can't be told any more then.
        Some(on_request) => timeout(config.handshake.timeout, on_request(request.clone()))
            .await
            .ok()?,
        None => Answer::Accept(Accept::new()),
    };
    match answer {
        Answer::Respond(response) => {
            // Whether it arrives is the client's business.
            let _ = incoming.reject(&response).await;
            None
        }
        Answer::Accept(accept) => match incoming.accept(accept).await {
            Ok(mut ws) => {
                let protocol = ws.protocol().map(str::to_owned);
                let client = Client::new(peer, request, protocol, ws.writer());
                ws.taps.0 = Some(client.tap());
                Some((ws, client))
            }
            Err(error) => {
                trace::refused(peer, &error);
                None
            }
        },
    }
}

/// Reads, and calls the callbacks, at the same time: what comes is kept for them up to a bound, and answered as far as
/// the protocol asks for it, while they take their time.
async fn call_back(shared: &Shared, ws: WebSocket<Socket>, client: &Client, on_connection: &Arc<OnConnection>) {
    let clients = &shared.clients;
    let (queue, mut messages) = mpsc::unbounded_channel::<MessageStream>();
    let (mut reader, writer) = ws.split();
    drop(writer);
    let reading = async move {
        read(&mut reader, client, Ahead::new(client, &shared.config), queue).await;
        // It is gone, whatever the callbacks still do with what it has said.
        clients.leave(client);
    };
    let calling = async {
        on_connection(client.clone()).await;
        clients.join(client);
        while let Some(message) = messages.recv().await {
            if let Some(callback) = client.message_callback() {
                callback(message).await;
            }
        }
    };
    tokio::join!(reading, calling);
}

/// Reads until the end. Every message is passed on with its first bytes.
async fn read(
    reader: &mut Reader<Socket>,
    client: &Client,
    mut ahead: Ahead<'_>,
    queue: mpsc::UnboundedSender<MessageStream>,
) {
    // How it ended, `ending` says.
    while let Ok(Some(mut message)) = reader.recv_stream().await {
        client.heard();
        let Some((feed, stream)) = MessageStream::pipe(message.kind(), &mut ahead).await else {
            // We close, and nobody is waited for any more: on to the end.
            continue;
        };
        let _ = queue.send(stream);
        loop {
            let count = match message.fill_buf().await {
                Ok([]) => {
                    feed.end();
                    break;
                }
                Ok(bytes) => {
                    if !feed.push(bytes, &mut ahead).await {
                        break;
                    }
                    bytes.len()
                }
                Err(error) => {
                    feed.fail(error);
                    break;
                }
            };
            message.consume(count);
        }
    }
    // With `Replies::close` off a Close is for the caller of `recv` to answer, and that is us. If it has been answered,
    // this does nothing.
    let received = reader.ending().and_then(|ending| ending.received);
    if let Some(frame) = received {
        let code = frame.code().unwrap_or(CloseCode::NORMAL);
        let _ = reader.0.close(code, "").await;
    }
}

/// A panic ends the connection, but what is to be done at its end is done all the same. `None` if there was one; its
/// message has been printed.
async fn caught<F: Future + Unpin>(mut work: F) -> Option<F::Output> {
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut work).poll(cx))) {
            Ok(poll) => poll.map(Some),
            // It is not polled again.
            Err(_) => Poll::Ready(None),
        },
    )
    .await
}

/// However the task ends, by being aborted too, the client is not left behind anywhere.
struct Guard {
    clients: Clients,
    client: Client,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.clients.leave(&self.client);
        self.client.clear();
    }
}
