//! What is known of a server's clients, and what can be done with them from beside.

mod common;

use std::time::Duration;

use common::*;
use tokio::sync::{mpsc, oneshot};
use ws_tokio::{CloseCode, Message, Server, connect};

#[tokio::test]
async fn a_client_knows_what_it_asked_for() {
    let (server, mut arrived) = handing_out(Server::bind("127.0.0.1:0")).await;
    let _ws = connect(&format!("{}chat?room=7", url(&server)))
        .header("X-User", "me")
        .await
        .unwrap();
    let client = arrived.recv().await.unwrap();
    assert_eq!(
        (client.request().path(), client.request().query()),
        ("/chat", Some("room=7"))
    );
    assert_eq!(client.request().header("x-user"), Some("me"));
    assert_eq!(client.protocol(), None);
}

#[tokio::test]
async fn all_are_disconnected_or_one() {
    let (server, mut arrived) = handing_out(Server::bind("127.0.0.1:0")).await;
    let mut all = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..3 {
        all.push(connect(&url(&server)).await.unwrap());
        clients.push(arrived.recv().await.unwrap());
    }
    let first = clients.remove(0);
    let mut ws = all.remove(0);
    let (closed, end) = tokio::join!(first.close(CloseCode::POLICY_VIOLATION, "you"), ws.recv());
    closed.unwrap();
    assert_eq!(end.unwrap(), None);
    assert_eq!(ws.ending().unwrap().reason(), "you");
    while server.clients().len() != 2 {
        tokio::task::yield_now().await;
    }
    assert!(!server.clients().disconnect(first.id(), CloseCode::NORMAL, ""));
    server.clients().disconnect_all(CloseCode::GOING_AWAY, "all");
    for ws in &mut all {
        assert_eq!(ws.recv().await.unwrap(), None);
        assert_eq!(ws.ending().unwrap().code(), CloseCode::GOING_AWAY);
    }
}

/// Each of two messages waits for the other to be there: only tasks of their own get on.
#[tokio::test]
async fn messages_are_worked_on_beside_one_another_if_they_are_moved_to_tasks() {
    let (seen, mut both) = mpsc::unbounded_channel();
    let server = Server::bind("127.0.0.1:0").on_connection(move |client| {
        let seen = seen.clone();
        client.on_message(move |message| {
            let seen = seen.clone();
            async move {
                tokio::spawn(async move {
                    let (go, wait) = oneshot::channel::<()>();
                    seen.send((message.get().await.unwrap(), go)).unwrap();
                    let _ = wait.await;
                });
            }
        });
        async {}
    });
    let server = server.start().await.unwrap();
    let mut ws = connect(&url(&server)).await.unwrap();
    ws.send("one").await.unwrap();
    ws.send("two").await.unwrap();
    let mut messages = [both.recv().await.unwrap().0, both.recv().await.unwrap().0];
    messages.sort_by_key(|message| message.as_text() != Some("one"));
    assert_eq!(messages, [Message::text("one"), Message::text("two")]);
}

#[tokio::test]
async fn without_callbacks_messages_are_dropped_and_noticed() {
    let (server, mut arrived) = handing_out(Server::bind("127.0.0.1:0")).await;
    let mut ws = connect(&url(&server)).await.unwrap();
    let client = arrived.recv().await.unwrap();
    let before = client.last_activity();
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(2)).await;
    tokio::time::resume();
    ws.send(vec![0; 500_000]).await.unwrap();
    // Answered behind the message.
    let pong = ws.ping(b"").await.unwrap();
    tokio::select! {
        time = pong => drop(time.unwrap()),
        end = ws.recv() => panic!("{end:?}"),
    }
    assert!(client.last_activity() > before);
    assert!(!client.is_closed());
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_is_as_long_as_it_is_waited_for() {
    let path = std::env::temp_dir().join(format!("ws-tokio-wait-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let (server, mut arrived) = handing_out(Server::new().unix_listener(listener)).await;
    assert!(server.local_addr().is_none());
    let mut serving = Box::pin(server.wait());
    assert!(futures_util::poll!(&mut serving).is_pending());
    let stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    let (mut ws, _) = connect("ws://localhost/").over(stream).await.unwrap();
    assert_eq!(arrived.recv().await.unwrap().peer_addr(), None);
    drop(serving);
    assert!(ws.recv().await.is_err());
    std::fs::remove_file(path).unwrap();
}
