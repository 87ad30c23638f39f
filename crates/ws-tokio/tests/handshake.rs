//! The opening handshake over sockets, both sides, and what comes behind it.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use ws_tokio::{Accept, Config, Error, HandshakeError, Message, Response, accept, accept_with, connect};

#[tokio::test]
async fn the_request_is_shown_before_it_is_accepted() {
    let (near, mut far) = tcp_pair().await;
    let address = far.local_addr().unwrap();
    far.write_all(REQUEST.as_bytes()).await.unwrap();
    let incoming = accept(near).await.unwrap();
    assert_eq!(
        (incoming.request().path(), incoming.request().query()),
        ("/chat", Some("room=1"))
    );
    assert_eq!(incoming.peer_addr(), Some(address));
    let ws = incoming
        .accept(Accept::new().header("X-Served-By", "me").unwrap())
        .await
        .unwrap();
    assert_eq!(ws.protocol(), None);
    let head = read_head(&mut far).await;
    assert!(
        head.starts_with("HTTP/1.1 101 ") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        "{head}"
    );
    assert!(head.contains("X-Served-By: me"), "{head}");
}

#[tokio::test]
async fn a_connection_may_get_limits_of_its_own() {
    let (near, mut far) = tcp_pair().await;
    far.write_all(REQUEST.as_bytes()).await.unwrap();
    let incoming = accept(near).await.unwrap();
    let mut config = Config::default();
    config.limits.max_message = 3;
    let mut ws = incoming.config(config).accept(Accept::new()).await.unwrap();
    read_head(&mut far).await;
    far.write_all(&masked(TEXT, b"four")).await.unwrap();
    assert!(matches!(ws.recv().await, Err(Error::Connection(_))));
}

#[tokio::test]
async fn frames_behind_the_request_are_received() {
    let (near, mut far) = tcp_pair().await;
    let mut sent = REQUEST.as_bytes().to_vec();
    sent.extend(masked(TEXT, b"early"));
    sent.extend(&masked(TEXT, b"cut")[..4]);
    far.write_all(&sent).await.unwrap();
    let mut ws = accept(near).await.unwrap().accept(Accept::new()).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("early")));
    far.write_all(&masked(TEXT, b"cut")[4..]).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("cut")));
}

#[tokio::test]
async fn frames_behind_the_answer_are_received() {
    let (near, mut far) = duplex(4096);
    let server = tokio::spawn(async move {
        let head = read_head(&mut far).await;
        let key = head
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
            .unwrap();
        let accept = ws_proto::handshake::accept_key(key);
        let mut answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSet-Cookie: a=b\r\n\r\n"
        )
        .into_bytes();
        answer.extend(unmasked(TEXT, b"early"));
        far.write_all(&answer).await.unwrap();
        far
    });
    let (mut ws, accepted) = connect("wss://localhost/").over(near).await.unwrap();
    assert_eq!(accepted.response.header("set-cookie"), Some("a=b"));
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("early")));
    server.await.unwrap();
}

#[tokio::test]
async fn subprotocols_and_headers_of_a_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://user:pass@{}/a?b", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let incoming = accept(listener.accept().await.unwrap().0).await.unwrap();
        let request = incoming.request();
        assert_eq!(request.header("authorization"), Some("Basic dXNlcjpwYXNz"));
        assert_eq!(request.header("x-mine"), Some("1"));
        assert_eq!(request.target(), "/a?b");
        incoming
            .accept(Accept::new().choose_protocol(&["v3", "v2"]))
            .await
            .unwrap()
    });
    let ws = connect(&url)
        .header("X-Mine", "1")
        .protocol("v1")
        .protocol("v2")
        .await
        .unwrap();
    assert_eq!(ws.protocol(), Some("v2"));
    assert_eq!(server.await.unwrap().protocol(), Some("v2"));
}

#[tokio::test]
async fn a_refusal_arrives_whole_as_a_value() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let body = "no room ".repeat(1000);
    let response = Response::new(503)
        .with_header("Retry-After", "5")
        .unwrap()
        .with_body(body.clone());
    let server = tokio::spawn(async move {
        let incoming = accept(listener.accept().await.unwrap().0).await.unwrap();
        incoming.reject(&response).await
    });
    let Err(Error::Refused(refused)) = connect(&url).await else {
        panic!("not refused")
    };
    assert_eq!((refused.status(), refused.header("retry-after")), (503, Some("5")));
    assert_eq!(refused.body(), body.as_bytes());
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_page_on_the_same_port() {
    let (near, mut far) = tcp_pair().await;
    far.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let incoming = accept(near).await.unwrap();
    assert!(!incoming.request().is_upgrade());
    let page = Response::new(200)
        .with_header("Content-Type", "text/html")
        .unwrap()
        .with_body("<h1>hello</h1>");
    let answer = tokio::spawn(async move { String::from_utf8(rest(&mut far).await).unwrap() });
    incoming.reject(&page).await.unwrap();
    let answer = answer.await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n<h1>hello</h1>"),
        "{answer}"
    );
}

#[tokio::test]
async fn requests_that_are_no_handshake_are_answered() {
    let cases = [
        (REQUEST.replace("13", "12"), "HTTP/1.1 426 "),
        (
            REQUEST.replace("Host: localhost", "Host: localhost\r\nOrigin: http://elsewhere"),
            "HTTP/1.1 403 ",
        ),
        ("\x16\x03\x01 hello".to_owned(), "HTTP/1.1 400 "),
        (
            format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000)),
            "HTTP/1.1 431 ",
        ),
    ];
    for (request, status) in cases {
        let (near, mut far) = tcp_pair().await;
        let serve = async {
            match accept(near).await {
                Ok(incoming) => incoming.accept(Accept::new()).await.map(drop),
                Err(error) => Err(error),
            }
        };
        let ask = async {
            far.write_all(request.as_bytes()).await.unwrap();
            // The answer must survive although much of the request is never read.
            let answer = rest(&mut far).await;
            drop(far);
            String::from_utf8(answer).unwrap()
        };
        let (served, answer) = tokio::join!(serve, ask);
        assert!(matches!(served, Err(Error::Handshake(_))), "{served:?}");
        assert!(answer.starts_with(status), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_dawdles_is_told_so() {
    let (near, mut far) = duplex(4096);
    let mut config = Config::default();
    config.handshake.timeout = Duration::from_secs(3);
    far.write_all(&REQUEST.as_bytes()[..30]).await.unwrap();
    let answer = tokio::spawn(async move { String::from_utf8(rest(&mut far).await).unwrap() });
    let started = tokio::time::Instant::now();
    let result = accept_with(near, Arc::new(config)).await;
    assert!(
        matches!(result, Err(Error::Handshake(HandshakeError::TimedOut))),
        "{result:?}"
    );
    assert_eq!(started.elapsed().as_secs(), 3);
    assert!(answer.await.unwrap().starts_with("HTTP/1.1 408 "));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dawdles_is_given_up() {
    let (near, _far) = duplex(4096);
    let result = connect("ws://localhost/").over(near).await;
    assert!(
        matches!(result, Err(Error::Handshake(HandshakeError::TimedOut))),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_client_that_leaves_early() {
    let (near, mut far) = duplex(4096);
    far.write_all(&REQUEST.as_bytes()[..30]).await.unwrap();
    drop(far);
    let result = accept(near).await;
    assert!(
        matches!(result, Err(Error::Handshake(HandshakeError::UnexpectedEof))),
        "{result:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_connected_to_is_said() {
    #[cfg(not(feature = "rustls"))]
    assert!(matches!(connect("wss://localhost/").await, Err(Error::TlsUnsupported)));
    assert!(matches!(
        connect("http://localhost/").await,
        Err(Error::Handshake(HandshakeError::Url(_)))
    ));
    let bad = connect("ws://localhost/").header("X", "a\r\nb").await;
    assert!(matches!(bad, Err(Error::Handshake(HandshakeError::BadHeaderValue))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    drop(listener);
    let Err(Error::Io(error)) = connect(&url).await else {
        panic!("connected to nobody")
    };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn every_address_is_tried() {
    // "localhost" usually has an IPv6 and an IPv4 address, and this listens on the latter only.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://localhost:{}/", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        accept(listener.accept().await.unwrap().0)
            .await
            .unwrap()
            .accept(Accept::new())
            .await
            .unwrap()
    });
    connect(&url).await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn ipv6() {
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let url = format!("ws://[::1]:{}/", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        let incoming = accept(listener.accept().await.unwrap().0).await.unwrap();
        assert!(incoming.request().host().unwrap().starts_with("[::1]:"));
        let mut ws = incoming.accept(Accept::new()).await.unwrap();
        let message = ws.recv().await.unwrap().unwrap();
        ws.send(message).await.unwrap();
        ws
    });
    let mut ws = connect(&url).await.unwrap();
    ws.send("six").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("six")));
    server.await.unwrap();
}

#[tokio::test]
async fn sockets_do_not_gather_output() {
    let (near, mut far) = tcp_pair().await;
    far.write_all(REQUEST.as_bytes()).await.unwrap();
    // The same open socket, seen through a second descriptor.
    let near = near.into_std().unwrap();
    let other = near.try_clone().unwrap();
    let _ws = accept(TcpStream::from_std(near).unwrap())
        .await
        .unwrap()
        .accept(Accept::new())
        .await
        .unwrap();
    assert!(other.nodelay().unwrap());
    far.read_u8().await.unwrap();
}
