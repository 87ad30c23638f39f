//! What the client's builder promises: redirects, socket options, time.

mod common;

use std::future::IntoFuture;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use ws_tokio::{Accept, Error, HandshakeError, Response, accept, connect};

/// Answers one request with a redirect; gives what it was asked.
async fn redirecting(location: impl Into<String>) -> (SocketAddr, JoinHandle<ws_tokio::Request>) {
    let location = location.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let incoming = accept(listener.accept().await.unwrap().0).await.unwrap();
        let request = incoming.request().clone();
        let response = Response::new(307).with_header("Location", &location).unwrap();
        incoming.reject(&response).await.unwrap();
        request
    });
    (address, task)
}

async fn accepting() -> (SocketAddr, JoinHandle<ws_tokio::Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let incoming = accept(listener.accept().await.unwrap().0).await.unwrap();
        let request = incoming.request().clone();
        let mut ws = incoming.accept(Accept::new()).await.unwrap();
        while let Ok(Some(_)) = ws.recv().await {}
        request
    });
    (address, task)
}

#[tokio::test]
async fn a_redirect_is_followed_and_credentials_stay_where_they_were() {
    let (last, accepted) = accepting().await;
    let (first, redirected) = redirecting(format!("http://{last}/there")).await;
    let ws = connect(&format!("ws://user:word@{first}/here"))
        .header("Cookie", "secret")
        .header("X-Other", "yes")
        .redirects(1)
        .await
        .unwrap();
    drop(ws);
    let request = redirected.await.unwrap();
    assert_eq!(request.header("Cookie"), Some("secret"));
    assert!(request.header("Authorization").is_some());
    let request = accepted.await.unwrap();
    assert_eq!(request.path(), "/there");
    assert_eq!(request.header("X-Other"), Some("yes"));
    assert_eq!(
        (request.header("Cookie"), request.header("Authorization")),
        (None, None)
    );
}

#[tokio::test]
async fn redirects_are_bounded_and_off_by_default() {
    for most in [0, 1] {
        let (second, _task) = redirecting("/further").await;
        let (first, _task) = redirecting(format!("ws://{second}/")).await;
        let result = connect(&format!("ws://{first}/")).redirects(most).await;
        match result {
            Err(Error::Refused(response)) => {
                assert_eq!(response.header("Location").unwrap().starts_with("ws://"), most == 0)
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_socket_can_be_prepared() {
    let (address, _task) = accepting().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let ws = connect(&format!("ws://{address}/"))
        .socket(move |socket| {
            counted.fetch_add(1, Ordering::Relaxed);
            socket.bind((Ipv4Addr::LOCALHOST, 0).into())
        })
        .await
        .unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    drop(ws);
}

#[tokio::test]
async fn a_silent_server_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let start = tokio::time::Instant::now();
    let connecting = connect(&format!("ws://{address}/")).timeout(Duration::from_secs(60));
    let accepting = async {
        let (stream, _) = listener.accept().await.unwrap();
        // Time goes on when nobody has anything left to do.
        tokio::time::pause();
        stream
    };
    let (result, _stream) = tokio::join!(connecting.into_future(), accepting);
    assert!(matches!(result, Err(Error::Handshake(HandshakeError::TimedOut))));
    assert!(start.elapsed() >= Duration::from_secs(60));
}

#[tokio::test]
async fn no_password_is_shown() {
    let connect = connect("ws://user:password@host/").header("Cookie", "secret");
    let shown = format!("{connect:?}");
    assert!(
        shown.contains("host") && !shown.contains("password") && !shown.contains("secret"),
        "{shown}"
    );
}
