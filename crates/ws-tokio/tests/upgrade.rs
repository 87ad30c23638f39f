//! WebSockets on somebody else's HTTP server.
#![cfg(all(feature = "axum", feature = "hyper"))]

mod common;

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::response::Response;
use axum::routing::any;
use common::*;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use ws_tokio::axum::WebSocketUpgrade;
use ws_tokio::hyper::upgrade;
use ws_tokio::{Accept, Config, Error, Message, OriginPolicy, connect};

async fn hyper_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(|mut request: hyper::Request<Incoming>| async move {
                let accept = Accept::new().choose_protocol(&["b"]);
                let response = match upgrade(&mut request).accept(accept) {
                    Ok((response, opening)) => {
                        tokio::spawn(async move {
                            let mut ws = opening.await.unwrap();
                            while let Ok(Some(message)) = ws.recv().await {
                                ws.send(message).await.unwrap();
                            }
                        });
                        response.map(|()| Full::default())
                    }
                    Err(refusal) => refusal.map(|body| Full::new(Bytes::from(body))),
                };
                Ok::<_, Infallible>(response)
            });
            let io = hyper_util::rt::TokioIo::new(stream);
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(io, service)
                    .with_upgrades(),
            );
        }
    });
    address
}

async fn axum_server() -> SocketAddr {
    async fn echo(upgrade: WebSocketUpgrade) -> Response {
        let mut config = Config::default();
        config.handshake.origin = OriginPolicy::List(vec!["http://good".to_owned()]);
        let accept = Accept::new().choose_protocol(&["b"]);
        upgrade.config(config).on_open(accept, |mut ws| async move {
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
            Ok(())
        })
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route("/ws", any(echo))
        .route("/", any(|| async { "a page" }));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

#[tokio::test]
async fn an_echo_on_either() {
    for address in [hyper_server().await, axum_server().await] {
        let mut ws = connect(&format!("ws://{address}/ws"))
            .protocol("a")
            .protocol("b")
            .await
            .unwrap();
        assert_eq!(ws.protocol(), Some("b"));
        for message in [Message::text("hello"), Message::binary(vec![7; 300_000])] {
            ws.send(message.clone()).await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some(message));
        }
    }
}

#[tokio::test]
async fn frames_right_behind_the_request_are_not_lost() {
    for address in [hyper_server().await, axum_server().await] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut bytes = REQUEST.replace("/chat?room=1", "/ws").into_bytes();
        bytes.extend(masked(TEXT, b"early"));
        stream.write_all(&bytes).await.unwrap();
        let head = read_head(&mut stream).await;
        assert!(
            head.to_ascii_lowercase()
                .contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
            "{head}"
        );
        expect(&mut stream, b"\x81\x05early").await;
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_refused_by_the_same_rules() {
    for address in [hyper_server().await, axum_server().await] {
        for (request, status) in [
            (
                "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
                "426",
            ),
            (
                REQUEST
                    .replace("/chat?room=1", "/ws")
                    .replace("Version: 13", "Version: 12"),
                "426",
            ),
            (
                REQUEST
                    .replace("/chat?room=1", "/ws")
                    .replace("Host: localhost", "Host: localhost\r\nOrigin: http://bad"),
                "403",
            ),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let head = read_head(&mut stream).await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
        }
    }
    let address = axum_server().await;
    match connect(&format!("ws://{address}/")).await {
        Err(Error::Refused(response)) => assert_eq!(response.body(), b"a page"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_length_of_a_head_is_hypers_to_judge() {
    for (cookie, target, headers) in [
        (100, 10, 0),
        (20_000, 10, 0),
        (100, 9_000, 0),
        (9_000, 9_000, 0),
        (100, 10, 200),
    ] {
        let mut request = hyper::Request::builder()
            .uri(format!("/{}", "t".repeat(target)))
            .header("Host", "x")
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Cookie", "c".repeat(cookie));
        for number in 0..headers {
            request = request.header("X-Number", number);
        }
        let mut request = request.body(()).unwrap();
        let upgrade = upgrade(&mut request);
        assert_eq!(upgrade.request().unwrap().path().len(), target + 1);
        let (response, _opening) = upgrade.accept(Accept::new()).unwrap();
        assert_eq!(response.status(), 101);
    }
}
