//! Connecting again and again.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;
use ws_tokio::{Accept, Error, HandshakeError, Message, Response, accept, connect};

/// Answers requests with these statuses in turn; 101 opens, sends the number of the attempt, and closes; 503 asks for
/// some time.
async fn answering(statuses: Vec<u16>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    tokio::spawn(async move {
        for status in statuses {
            let (stream, _) = listener.accept().await.unwrap();
            let attempt = counted.fetch_add(1, Ordering::Relaxed) + 1;
            let incoming = accept(stream).await.unwrap();
            if status == 101 {
                let mut ws = incoming.accept(Accept::new()).await.unwrap();
                let greeting = ws.recv().await.unwrap().unwrap();
                assert_eq!(greeting, Message::text("hello"));
                ws.send(attempt.to_string()).await.unwrap();
                let _ = ws.close(ws_tokio::CloseCode::NORMAL, "").await;
            } else {
                let mut response = Response::new(status);
                if status == 503 {
                    let asked_for = ASKED_FOR.as_secs().to_string();
                    response = response.with_header("Retry-After", &asked_for).unwrap();
                }
                let _ = incoming.reject(&response).await;
            }
        }
    });
    (url, attempts)
}

/// How long a 503 asks to be left alone.
const ASKED_FOR: Duration = Duration::from_secs(1);

#[tokio::test]
async fn it_goes_on_through_failures_and_greets_every_time() {
    let (url, attempts) = answering(vec![503, 101, 500, 429, 101]).await;
    let mut connections = connect(&url)
        .reconnecting()
        // No waits, those that are asked for included.
        .backoff(Duration::ZERO, Duration::ZERO)
        .on_open(|mut ws| async move {
            ws.send("hello").await?;
            Ok(ws)
        });
    for attempt in ["2", "5"] {
        let mut ws = connections.next().await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text(attempt)));
        assert_eq!(ws.recv().await.unwrap(), None);
    }
    assert_eq!(attempts.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn it_waits_as_long_as_the_server_asks_for() {
    let (url, _) = answering(vec![503, 101]).await;
    let mut connections = connect(&url)
        .reconnecting()
        // Left to itself, it would not wait that long.
        .backoff(Duration::from_millis(1), Duration::from_secs(60))
        .on_open(|mut ws| async move {
            ws.send("hello").await?;
            Ok(ws)
        });
    let start = Instant::now();
    connections.next().await.unwrap();
    assert!(start.elapsed() >= ASKED_FOR);
}

#[tokio::test]
async fn what_is_fatal_ends_it_and_so_does_the_last_attempt() {
    let (url, attempts) = answering(vec![500, 403, 500, 500]).await;
    let at_once = |url: &str| connect(url).reconnecting().backoff(Duration::ZERO, Duration::ZERO);
    let mut connections = at_once(&url);
    assert!(matches!(connections.next().await, Err(Error::Refused(response)) if response.status() == 403));
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
    let mut connections = at_once(&url).give_up_after(2);
    assert!(matches!(connections.next().await, Err(Error::Refused(response)) if response.status() == 500));
    assert_eq!(attempts.load(Ordering::Relaxed), 4);
    let mut connections = connect("no url").reconnecting();
    assert!(matches!(
        connections.next().await,
        Err(Error::Handshake(HandshakeError::Url(_)))
    ));
}

/// It would try for ever otherwise. Nobody is asked where that is.
#[cfg(feature = "rustls")]
#[tokio::test(start_paused = true)]
async fn a_host_that_no_certificate_can_be_for_ends_it() {
    let mut connections = connect("wss://nobody..example/").reconnecting();
    let day = Duration::from_secs(24 * 60 * 60);
    let result = tokio::time::timeout(day, connections.next()).await.unwrap();
    assert!(matches!(result, Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::InvalidInput));
}

#[tokio::test]
async fn connections_that_were_short_are_no_failed_attempts() {
    let (url, attempts) = answering(vec![101, 500, 101, 101, 500, 500]).await;
    let mut connections = connect(&url)
        .reconnecting()
        // No waits, and every connection is short.
        .backoff(Duration::ZERO, Duration::MAX)
        .give_up_after(2)
        .on_open(|mut ws| async move {
            ws.send("hello").await?;
            Ok(ws)
        });
    for attempt in ["1", "3", "4"] {
        let mut ws = connections.next().await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text(attempt)));
        assert_eq!(ws.recv().await.unwrap(), None);
    }
    assert!(matches!(connections.next().await, Err(Error::Refused(response)) if response.status() == 500));
    assert_eq!(attempts.load(Ordering::Relaxed), 6);
}

#[cfg(feature = "proxy")]
#[tokio::test(start_paused = true)]
async fn a_proxy_that_cannot_be_used_ends_it() {
    use ws_tokio::proxy::ProxyError;

    let mut connections = connect("ws://x/").proxy("ftp://nonsense").reconnecting();
    // It would try for ever otherwise.
    let day = Duration::from_secs(24 * 60 * 60);
    let result = tokio::time::timeout(day, connections.next()).await.unwrap();
    assert!(matches!(result, Err(Error::Proxy(ProxyError::Scheme))));
}

#[cfg(feature = "proxy")]
#[test]
fn what_of_a_proxy_is_fatal() {
    use ws_tokio::is_fatal;
    use ws_tokio::proxy::{Proxy, ProxyError};

    let bad_url = Proxy::parse("http://").unwrap_err();
    assert!(matches!(bad_url, ProxyError::Url(_)));
    for error in [
        ProxyError::Scheme,
        bad_url,
        ProxyError::Credentials,
        ProxyError::Target,
        ProxyError::Refused(407),
        ProxyError::NoWayToAuthenticate,
        ProxyError::WrongCredentials,
    ] {
        assert!(is_fatal(&Error::Proxy(error)), "{error:?}");
    }
    for error in [
        ProxyError::Refused(404),
        ProxyError::Refused(502),
        ProxyError::SocksRefused(5),
        ProxyError::Malformed("the head"),
    ] {
        assert!(!is_fatal(&Error::Proxy(error)), "{error:?}");
    }
}
