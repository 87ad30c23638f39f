//! The end of a connection that is served by callbacks: it comes, whatever they wait for and however much is unread.

mod common;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use common::*;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use ws_tokio::{
    Client, CloseCode, Config, Ending, Error, Message, MessageStream, Running, Server, Side, WebSocket, connect,
};

/// What would wait for ever fails, and at once where time stands still.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("it hangs")
}

/// More than any test takes, and than any deadline that is kept in one.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than is read ahead, in one message or in many.
const LARGE: usize = 300_000;
const MANY: usize = 2000;

/// A server that hands out every message with its client, waits until the test lets the callback return, and tells how
/// the connection ended.
async fn stopping_at_messages(config: Config) -> (Running, Events) {
    let (told, messages) = mpsc::unbounded_channel();
    let (ended, endings) = mpsc::unbounded_channel();
    let done = Arc::new(Semaphore::new(0));
    let wait = done.clone();
    let server = Server::bind("127.0.0.1:0").config(config).on_connection(move |client| {
        let ended = ended.clone();
        client.on_closed(move |ending| async move { ended.send(ending).unwrap() });
        let (it, told, wait) = (client.clone(), told.clone(), wait.clone());
        client.on_message(move |message| {
            told.send((it.clone(), message)).unwrap();
            let wait = wait.clone();
            async move {
                if let Ok(turn) = wait.acquire().await {
                    turn.forget();
                }
            }
        });
        async {}
    });
    let events = Events {
        messages,
        endings,
        done,
    };
    (server.start().await.unwrap(), events)
}

struct Events {
    messages: mpsc::UnboundedReceiver<(Client, MessageStream)>,
    endings: mpsc::UnboundedReceiver<Ending>,
    /// One for each callback that may return.
    done: Arc<Semaphore>,
}

/// Whose Close is only answered when everything else has been read.
async fn receive_to_the_end(mut ws: WebSocket<ws_tokio::Socket>) {
    while let Ok(Some(_)) = ws.recv().await {}
}

/// Without deadlines that would make a connection look after itself now and then.
fn closes_within(close: Option<Duration>) -> Config {
    let mut config = Config::default();
    config.timeouts.ping_interval = None;
    config.timeouts.assembly = None;
    config.timeouts.close = close;
    // The peers that are played by hand never end.
    config.timeouts.linger = Some(Duration::from_millis(10));
    config
}

#[tokio::test]
async fn a_callback_may_close_its_client_however_much_has_come() {
    for (large, keeps) in [(true, true), (true, false), (false, true), (false, false)] {
        let (told, mut closed) = mpsc::unbounded_channel();
        let server = Server::bind("127.0.0.1:0")
            // Nobody waits for that.
            .config(closes_within(Some(PATIENCE * 10)))
            .on_connection(move |client| {
                let (it, told) = (client.clone(), told.clone());
                client.on_message(move |message| {
                    let (it, told) = (it.clone(), told.clone());
                    let kept = keeps.then_some(message);
                    async move {
                        it.close(CloseCode::UNSUPPORTED_DATA, "no such thing").await.unwrap();
                        let ending = it.writer().ending().unwrap();
                        told.send((ending, kept)).unwrap();
                    }
                });
                async {}
            });
        let server = server.start().await.unwrap();
        let mut ws = connect(&url(&server)).await.unwrap();
        if large {
            ws.send(vec![1; LARGE]).await.unwrap();
        } else {
            for _ in 0..MANY {
                ws.feed("x").await.unwrap();
            }
            ws.flush().await.unwrap();
        }
        tokio::spawn(receive_to_the_end(ws));
        let (ending, kept) = soon(closed.recv()).await.unwrap();
        assert_eq!((ending.first, ending.error), (Some(Side::Local), None));
        assert_eq!(ending.code(), CloseCode::UNSUPPORTED_DATA);
        if let Some(message) = kept {
            match message.get().await {
                Err(Error::Io(error)) if large => assert_eq!(error.kind(), ErrorKind::UnexpectedEof),
                result => assert_eq!(result.unwrap(), Message::text("x")),
            }
        }
        // Nothing of it is left behind.
        assert!(server.shutdown(PATIENCE).await);
    }
}

#[tokio::test]
async fn a_callback_may_close_a_client_that_has_gone() {
    let (told, mut closed) = mpsc::unbounded_channel();
    let server = Server::bind("127.0.0.1:0").on_connection(move |client| {
        let (it, told) = (client.clone(), told.clone());
        client.on_message(move |_| {
            let (it, told) = (it.clone(), told.clone());
            async move {
                it.close(CloseCode::NORMAL, "").await.unwrap();
                told.send(()).unwrap();
            }
        });
        async {}
    });
    let server = server.start().await.unwrap();
    let mut ws = connect(&url(&server)).await.unwrap();
    for _ in 0..MANY {
        ws.feed("x").await.unwrap();
    }
    ws.flush().await.unwrap();
    drop(ws);
    soon(closed.recv()).await.unwrap();
    assert!(server.shutdown(PATIENCE).await);
}

/// Whoever closes it, and whether or not the peer answers: the callbacks have had their time, then it ends.
#[tokio::test]
async fn after_any_close_a_callback_holds_its_connection_no_longer_than_a_peer_may() {
    for close in ["its writer's", "its own", "the list's", "the server's"] {
        for answers in [true, false] {
            for bound in [Some(Duration::from_secs(5)), None] {
                let (server, mut events) = stopping_at_messages(closes_within(bound)).await;
                let mut stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
                open_raw(&mut stream).await;
                let mut sent = masked(BINARY, &[1; LARGE]);
                if answers || bound.is_none() {
                    sent.extend(masked(CLOSE, &close_payload(1000, "")));
                }
                stream.write_all(&sent).await.unwrap();
                let (client, message) = events.messages.recv().await.unwrap();
                // Whatever else happens to it meanwhile.
                client.writer().try_send("x").unwrap();
                expect(&mut stream, &unmasked(TEXT, b"x")).await;
                let (mut closing, mut shutdown) = (None, None);
                match close {
                    "its writer's" => {
                        let writer = client.writer().clone();
                        closing = Some(tokio::spawn(async move { writer.close(CloseCode::NORMAL, "").await }));
                    }
                    "its own" => client.start_close(CloseCode::NORMAL, "").unwrap(),
                    "the list's" => assert!(server.clients().disconnect(client.id(), CloseCode::NORMAL, "")),
                    _ => shutdown = Some(tokio::spawn(server.shutdown(PATIENCE))),
                }
                // Theirs are five seconds, and then the peer's, of which nothing may have to come: what is on its way is
                // not waited for.
                tokio::time::pause();
                tokio::time::sleep(Duration::from_secs(if answers { 6 } else { 11 })).await;
                tokio::time::resume();
                soon(client.writer().ended()).await;
                match message.get().await {
                    Err(Error::Io(error)) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof),
                    result => panic!("{result:?}"),
                }
                events.done.add_permits(1);
                soon(events.endings.recv()).await.unwrap();
                if let Some(closing) = closing {
                    soon(closing).await.unwrap().unwrap();
                }
                if let Some(shutdown) = shutdown {
                    assert!(shutdown.await.unwrap());
                }
            }
        }
    }
}

/// A Close of ours only ends what we send.
#[tokio::test]
async fn after_our_close_callbacks_are_still_told_what_comes() {
    let (server, mut events) = stopping_at_messages(closes_within(Some(PATIENCE * 10))).await;
    let mut stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    open_raw(&mut stream).await;
    let mut sent = masked(BINARY, &[1; LARGE]);
    sent.extend(masked(TEXT, b"behind it"));
    sent.extend(masked(CLOSE, &close_payload(1000, "")));
    stream.write_all(&sent).await.unwrap();
    let (client, message) = events.messages.recv().await.unwrap();
    client.start_close(CloseCode::NORMAL, "").unwrap();
    expect(&mut stream, &unmasked(CLOSE, &close_payload(1000, ""))).await;
    // They may take their time.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(10)).await;
    tokio::time::resume();
    assert_eq!(soon(message.get()).await.unwrap(), Message::binary(vec![1; LARGE]));
    events.done.add_permits(1);
    let (_, message) = soon(events.messages.recv()).await.unwrap();
    assert_eq!(soon(message.get()).await.unwrap(), Message::text("behind it"));
    events.done.add_permits(1);
    let ending = soon(events.endings.recv()).await.unwrap();
    assert_eq!((ending.first, ending.error), (Some(Side::Local), None));
}

/// It learns of it by sending, since nothing is read.
#[tokio::test]
async fn a_callback_may_wait_for_the_end_of_a_connection_that_has_failed() {
    let (server, mut events) = stopping_at_messages(closes_within(Some(Duration::from_secs(5)))).await;
    let mut stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    open_raw(&mut stream).await;
    stream.write_all(&masked(BINARY, &[1; LARGE])).await.unwrap();
    let (client, _message) = events.messages.recv().await.unwrap();
    // Dropped with that unread, it is reset.
    client.send("unread").await.unwrap();
    stream.readable().await.unwrap();
    drop(stream);
    while client.send("to nobody").await.is_ok() {}
    tokio::time::pause();
    soon(client.writer().ended()).await;
    events.done.add_permits(1);
    let ending = soon(events.endings.recv()).await.unwrap();
    assert!(ending.error.is_some());
}

#[tokio::test]
async fn a_close_is_answered_though_replies_to_it_are_off() {
    let mut config = Config::default();
    config.replies.close = false;
    let (server, mut events) = stopping_at_messages(config).await;
    let mut ws = connect(&url(&server)).await.unwrap();
    ws.close(CloseCode::new(4000), "bye").await.unwrap();
    let answer = ws.ending().unwrap().received.unwrap();
    assert_eq!((answer.code(), answer.reason()), (Some(CloseCode::new(4000)), ""));
    let ending = events.endings.recv().await.unwrap();
    assert_eq!((ending.first, ending.error), (Some(Side::Peer), None));
    // One without a code.
    let mut stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    open_raw(&mut stream).await;
    stream.write_all(&masked(CLOSE, b"")).await.unwrap();
    assert_eq!(rest(&mut stream).await, unmasked(CLOSE, &close_payload(1000, "")));
    drop(stream);
    let ending = events.endings.recv().await.unwrap();
    assert_eq!((ending.first, ending.error), (Some(Side::Peer), None));
}
