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

/// Two that were ready for the same room: the one that comes too late keeps its message until there is some again.
#[tokio::test]
async fn what_a_sink_was_ready_for_it_takes() {
    let (near, mut far) = duplex(16);
    let mut config = Config::default();
    config.limits.output_high_water = 10;
    let (_reader, mut one) = server(near, config).split();
    let mut two = one.clone();
    std::future::poll_fn(|cx| one.poll_ready_unpin(cx)).await.unwrap();
    std::future::poll_fn(|cx| two.poll_ready_unpin(cx)).await.unwrap();
    one.start_send_unpin(Message::binary(vec![1; 100])).unwrap();
    two.start_send_unpin(Message::binary(vec![2; 100])).unwrap();
    let (sent, ()) = tokio::join!(SinkExt::flush(&mut two), async {
        for at in [1; 100].into_iter().chain([2; 100]).collect::<Vec<u8>>().chunks(100) {
            expect(&mut far, &[&[0x82, 100], at].concat()).await;
        }
    });
    sent.unwrap();
    assert_eq!(two.queued(), 0);
}

#[tokio::test]
async fn a_sink_is_not_ready_while_a_message_is_streamed() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    let writer = ws.writer();
    let mut message = writer.send_stream(ws_tokio::DataKind::Text).await.unwrap();
    message.write_all(b"one ").await.unwrap();
    let (sent, finished) = tokio::join!(SinkExt::send(&mut ws, Message::text("other")), async {
        tokio::task::yield_now().await;
        message.finish().await
    });
    sent.unwrap();
    finished.unwrap();
    expect(&mut far, b"\x01\x04one \x80\x00\x81\x05other").await;
}

/// Both wait for the same transport, which wakes one of them.
#[tokio::test]
async fn closing_wakes_the_stream_to_receive_the_rest() {
    let (near, mut far) = duplex(1000);
    let (mut sink, mut stream) = StreamExt::split(server(near, Config::default()));
    let reading = tokio::spawn(async move {
        let mut messages = Vec::new();
        while let Some(message) = stream.next().await {
            messages.push(message.unwrap());
        }
        messages
    });
    tokio::task::yield_now().await;
    let closing = tokio::spawn(async move { SinkExt::close(&mut sink).await });
    expect(&mut far, &unmasked(CLOSE, &close_payload(1000, ""))).await;
    far.write_all(&masked(TEXT, b"last")).await.unwrap();
    far.write_all(&masked(CLOSE, &close_payload(1000, ""))).await.unwrap();
    drop(far);
    assert_eq!(reading.await.unwrap(), [Message::text("last")]);
    closing.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_is_forwarded_to_its_own_sink() {
    let (near, mut far) = duplex(1000);
    let (reader, writer) = server(near, Config::default()).split();
    far.write_all(&masked(TEXT, b"x")).await.unwrap();
    far.write_all(&masked(CLOSE, &close_payload(1000, ""))).await.unwrap();
    let (forwarded, ()) = tokio::join!(reader.forward(writer), async {
        expect(&mut far, &unmasked(TEXT, b"x")).await;
        expect(&mut far, &unmasked(CLOSE, &close_payload(1000, ""))).await;
        drop(far);
    });
    forwarded.unwrap();
}
