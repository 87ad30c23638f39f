//! Connections as streams and sinks.
#![cfg(feature = "futures")]

mod common;

use common::*;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncWriteExt, duplex};
use ws_tokio::{Config, Error, Message};

#[tokio::test]
async fn a_stream_of_messages_that_ends() {
    let (url, server) = echo_server(Config::default()).await;
    let mut ws = ws_tokio::connect(&url).await.unwrap();
    SinkExt::send(&mut ws, Message::text("one")).await.unwrap();
    SinkExt::feed(&mut ws, Message::text("two")).await.unwrap();
    SinkExt::flush(&mut ws).await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), Message::text("one"));
    assert_eq!(ws.next().await.unwrap().unwrap(), Message::text("two"));
    SinkExt::close(&mut ws).await.unwrap();
    assert!(ws.next().await.is_none());
    assert!(ws.ending().unwrap().is_clean());
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_error_is_told_once_then_the_stream_ends() {
    let (near, far) = duplex(1000);
    let (mut reader, _writer) = server(near, Config::default()).split();
    drop(far);
    assert!(matches!(reader.next().await, Some(Err(Error::Connection(_)))));
    assert!(reader.next().await.is_none());
}

/// Both directions full, the halves in different tasks: whoever waits is woken.
#[tokio::test]
async fn split_as_futures_do_it() {
    let (near, far) = duplex(100);
    let (mut sink, mut stream) = StreamExt::split(server(near, Config::default()));
    let (mut far_read, mut far_write) = tokio::io::split(far);
    let echo = tokio::spawn(async move {
        while let Some(message) = stream.next().await {
            SinkExt::send(&mut sink, message.unwrap()).await.unwrap();
        }
    });
    let peer = tokio::spawn(async move {
        for at in 0..200u8 {
            far_write.write_all(&masked(BINARY, &[at; 1000])).await.unwrap();
        }
        far_write.write_all(&masked(CLOSE, &[])).await.unwrap();
        far_write
    });
    for at in 0..200u8 {
        let mut frame = vec![BINARY, 126, 3, 232];
        frame.extend([at; 1000]);
        expect(&mut far_read, &frame).await;
    }
    expect(&mut far_read, &unmasked(CLOSE, &[])).await;
    drop((peer.await.unwrap(), far_read));
    echo.await.unwrap();
}
