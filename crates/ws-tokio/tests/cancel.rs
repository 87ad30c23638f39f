//! Futures dropped half-way lose nothing and break nothing.

mod common;

use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use ws_tokio::{Config, Message};

#[tokio::test]
async fn receiving_byte_by_byte_and_giving_up_every_time() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    let mut sent = masked(TEXT, b"in one frame");
    sent.extend(masked(0x01, b"in "));
    sent.extend(masked(PING, b"!"));
    sent.extend(masked(0x80, b"two"));
    let mut received = Vec::new();
    for byte in sent {
        far.write_all(&[byte]).await.unwrap();
        tokio::select! {
            biased;
            message = ws.recv() => received.push(message.unwrap().unwrap()),
            _ = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(received, [Message::text("in one frame"), Message::text("in two")]);
    expect(&mut far, &unmasked(PONG, b"!")).await;
}

#[tokio::test]
async fn a_large_message_survives_giving_up() {
    let (near, mut far) = duplex(10_000);
    let mut ws = server(near, Config::default());
    let payload: Vec<u8> = (0..500_000u32).map(|at| (at % 251) as u8).collect();
    let frame = masked(BINARY, &payload);
    let peer = tokio::spawn(async move {
        far.write_all(&frame).await.unwrap();
        far
    });
    let message = loop {
        tokio::select! {
            biased;
            message = ws.recv() => break message.unwrap().unwrap(),
            _ = tokio::task::yield_now() => {}
        }
    };
    assert_eq!(message.as_bytes(), payload);
    peer.await.unwrap();
}

#[tokio::test]
async fn a_connection_is_send_and_so_are_its_futures() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let (near, mut far) = duplex(1000);
    let mut ws = assert_send(server(near, Config::default()));
    assert_send(ws.send("x")).await.unwrap();
    drop(assert_send(ws.ping(b"y")).await.unwrap());
    assert_send(ws.flush()).await.unwrap();
    drop(assert_send(ws.recv()));
    drop(assert_send(ws.recv_stream()));
    drop(assert_send(ws.send_stream(ws_tokio::DataKind::Text)));
    drop(assert_send(ws.close(ws_tokio::CloseCode::NORMAL, "")));
    let mut bytes = [0; 6];
    far.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"\x81\x01x\x89\x01y");
}
