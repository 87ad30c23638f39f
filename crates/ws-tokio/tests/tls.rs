//! wss, both roles, and how it ends.
#![cfg(feature = "rustls")]

mod common;

use std::io::ErrorKind;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use ws_tokio::{Accept, CloseCode, ConnectionError, Error, Message, accept, connect, tls};

struct Identity {
    certificate: String,
    key: String,
}

fn identity(name: &str) -> Identity {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    Identity {
        certificate: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
    }
}

async fn listen() -> (TcpListener, String, Identity) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    (listener, url, identity("localhost"))
}

#[tokio::test]
async fn an_echo_over_tls_large_messages_and_split_halves_included() {
    let (listener, url, identity) = listen().await;
    let config = tls::server_config(identity.certificate.as_bytes(), identity.key.as_bytes()).unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = tls::accept(stream, config).await.unwrap();
        let mut ws = accept(stream).await.unwrap().accept(Accept::new()).await.unwrap();
        while let Some(message) = ws.recv().await.unwrap() {
            ws.send(message).await.unwrap();
        }
    });
    let trust = tls::trusting(identity.certificate.as_bytes()).unwrap();
    let ws = connect(&url).tls(trust).await.unwrap();
    let (mut reader, writer) = ws.split();
    let large = Message::binary(vec![7; 900_000]);
    let sending = tokio::spawn({
        let large = large.clone();
        async move {
            for _ in 0..5 {
                writer.send(large.clone()).await.unwrap();
                writer.send("small").await.unwrap();
            }
            writer.close(CloseCode::NORMAL, "").await.unwrap();
        }
    });
    for _ in 0..5 {
        assert_eq!(reader.recv().await.unwrap().unwrap(), large);
        assert_eq!(reader.recv().await.unwrap().unwrap(), Message::text("small"));
    }
    assert!(reader.recv().await.unwrap().is_none());
    sending.await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn a_stranger_is_not_trusted() {
    let (listener, url, identity) = listen().await;
    let config = tls::server_config(identity.certificate.as_bytes(), identity.key.as_bytes()).unwrap();
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            assert!(tls::accept(stream, config.clone()).await.is_err());
        }
    });
    assert!(matches!(connect(&url).await, Err(Error::Io(_))));
    let other = self::identity("localhost");
    let trust = tls::trusting(other.certificate.as_bytes()).unwrap();
    assert!(matches!(connect(&url).tls(trust).await, Err(Error::Io(_))));
    server.await.unwrap();
}

/// An end in order without a Close, against the same without TLS's own end.
#[tokio::test]
async fn being_cut_off_is_told_apart_from_an_end_in_order() {
    for in_order in [true, false] {
        let (listener, url, identity) = listen().await;
        let config = tls::server_config(identity.certificate.as_bytes(), identity.key.as_bytes()).unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = tls::accept(stream, config).await.unwrap();
            let _ = common::read_head(&mut stream).await;
            stream.write_all(answer().as_bytes()).await.unwrap();
            if in_order {
                stream.shutdown().await.unwrap();
                let _ = stream.read(&mut [0]).await;
            } else {
                stream.flush().await.unwrap();
                stream.get_mut().0.shutdown().await.unwrap();
                let _ = stream.get_mut().0.read(&mut [0; 100]).await;
            }
        });
        let trust = tls::trusting(identity.certificate.as_bytes()).unwrap();
        // The answer is to another key, so only the raw stream can be looked at: by a handshake of our own.
        let stream = TcpStream::connect(url.trim_start_matches("wss://").trim_end_matches('/'))
            .await
            .unwrap();
        let connector = tokio_rustls::TlsConnector::from(trust);
        let mut stream = connector
            .connect("localhost".try_into().unwrap(), stream)
            .await
            .unwrap();
        stream.write_all(common::REQUEST.as_bytes()).await.unwrap();
        let _ = common::read_head(&mut stream).await;
        let config = Arc::new(ws_tokio::Config::default());
        let connection = ws_tokio::Connection::client(config.clone(), || *b"mask");
        let mut ws = ws_tokio::WebSocket::from_raw(stream, connection, config, Vec::new());
        match ws.recv().await {
            Err(Error::Connection(ConnectionError::Disconnected)) => assert!(in_order),
            Err(Error::Io(error)) => {
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
                assert!(!in_order);
            }
            other => panic!("{other:?}"),
        }
    }
}

fn answer() -> String {
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n".to_owned()
}
