//! Through proxies that are played here.
#![cfg(feature = "proxy")]

mod common;

use std::net::SocketAddr;

use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use ws_tokio::proxy::ProxyError;
use ws_tokio::{Error, Message, Server, connect};

async fn echo_url() -> (ws_tokio::Running, String) {
    let server = Server::bind("127.0.0.1:0").handler(|mut ws, _client| async move {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    });
    let server = server.start().await.unwrap();
    let url = format!("ws://{}/", server.local_addr().unwrap());
    (server, url)
}

async fn check(ws: Result<ws_tokio::WebSocket<ws_tokio::Socket>, Error>) {
    let mut ws = ws.unwrap();
    ws.send("through").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("through")));
}

#[tokio::test]
async fn http_with_credentials() {
    let (_server, url) = echo_url().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    let task: JoinHandle<String> = tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let head = read_head(&mut near).await;
        let target = head.split(' ').nth(1).unwrap().to_owned();
        let mut far = TcpStream::connect(target).await.unwrap();
        near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .await
            .unwrap();
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        head
    });
    check(connect(&url).proxy(&format!("http://me:secret@{proxy}")).await).await;
    let head = task.await.unwrap();
    assert!(head.starts_with("CONNECT 127.0.0.1:"), "{head}");
    assert!(head.contains("Basic bWU6c2VjcmV0"), "{head}");
}

#[tokio::test]
async fn a_refusal_is_the_proxys() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        read_head(&mut near).await;
        let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        near.write_all(answer).await.unwrap();
        let _ = near.read(&mut [0]).await;
    });
    let result = connect("ws://somewhere/").proxy(&format!("http://{proxy}")).await;
    assert!(
        matches!(result, Err(Error::Proxy(ProxyError::Refused(407)))),
        "{result:?}"
    );
    let result = connect("ws://somewhere/").proxy("ftp://proxy").await;
    assert!(matches!(result, Err(Error::Proxy(ProxyError::Scheme))), "{result:?}");
}

#[tokio::test]
async fn socks() {
    let (_server, url) = echo_url().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        expect(&mut near, &[5, 1, 0]).await;
        near.write_all(&[5, 0]).await.unwrap();
        // CONNECT to an IPv4 address.
        expect(&mut near, &[5, 1, 0, 1]).await;
        let mut address = [0; 6];
        near.read_exact(&mut address).await.unwrap();
        let port = u16::from_be_bytes([address[4], address[5]]);
        let target = SocketAddr::from(([address[0], address[1], address[2], address[3]], port));
        let mut far = TcpStream::connect(target).await.unwrap();
        near.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    });
    check(connect(&url).proxy(&format!("socks5://{proxy}")).await).await;
}
