//! Compression on every path: whole messages, streams, halves, broadcasts.
#![cfg(feature = "deflate")]

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt};
use ws_tokio::deflate::Deflate;
use ws_tokio::{CloseCode, Compression, Config, Message, Prepared, Server, Slow, connect};

fn config(deflate: Deflate) -> Arc<Config> {
    let mut config = Config::default();
    config.limits.max_message = 4 * 1024 * 1024;
    config.limits.max_frame = 4 * 1024 * 1024;
    config.handshake.extensions.push(deflate);
    config.into()
}

fn text(len: usize) -> String {
    "Once upon a time, again and again. "
        .chars()
        .cycle()
        .take(len)
        .collect()
}

#[tokio::test]
async fn streams_are_decompressed_and_compressed_as_they_go() {
    for deflate in [Deflate::dedicated(), Deflate::shared()] {
        let server = Server::bind("127.0.0.1:0")
            .config(config(deflate.clone()))
            .handler(|ws, _client| async move {
                let (mut reader, writer) = ws.split();
                while let Some(mut message) = reader.recv_stream().await? {
                    let mut reply = writer.send_stream(message.kind()).await?;
                    tokio::io::copy_buf(&mut message, &mut reply).await?;
                    reply.finish().await?;
                }
                Ok(())
            })
            .start()
            .await
            .unwrap();
        let url = format!("ws://{}/", server.local_addr().unwrap());
        let (mut ws, answer) = connect(&url).config(config(deflate)).open().await.unwrap();
        assert!(!answer.extensions.is_empty());
        for len in [0, 1, 100, 70_000, 1_500_000] {
            let text = text(len);
            ws.send(text.clone()).await.unwrap();
            assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(&*text));
            ws.send_with(text.clone(), Compression::Never).await.unwrap();
            let mut message = ws.recv_stream().await.unwrap().unwrap();
            let mut got = String::new();
            message.read_to_string(&mut got).await.unwrap();
            assert_eq!(got, text);
        }
        ws.close(CloseCode::NORMAL, "").await.unwrap();
    }
}

/// A few bytes that stand for many, with nothing behind them: all of it comes, piece by piece.
#[tokio::test]
async fn a_small_frame_that_inflates_is_read_to_its_end() {
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::bind("127.0.0.1:0")
        .config(config(Deflate::shared()))
        .handler(move |mut ws, _client| {
            let told = told.clone();
            async move {
                let mut message = ws.recv_stream().await?.unwrap();
                let mut pieces = Vec::new();
                loop {
                    let piece = message.fill_buf().await?.len();
                    if piece == 0 {
                        break;
                    }
                    pieces.push(piece);
                    message.consume(piece);
                }
                told.send(pieces).unwrap();
                Ok(())
            }
        })
        .start()
        .await
        .unwrap();
    let url = format!("ws://{}/", server.local_addr().unwrap());
    let mut ws = connect(&url).config(config(Deflate::shared())).await.unwrap();
    ws.send_with(text(100_000), Compression::Always).await.unwrap();
    let pieces = heard.recv().await.unwrap();
    assert_eq!(pieces.iter().sum::<usize>(), 100_000);
    assert!(pieces.len() > 1);
}

#[tokio::test]
async fn a_broadcast_reaches_those_with_an_agreement_and_those_without() {
    let server = Server::bind("127.0.0.1:0").config(config(Deflate::shared()));
    let server = server.start().await.unwrap();
    let url = format!("ws://{}/", server.local_addr().unwrap());
    let mut compressed = connect(&url).config(config(Deflate::shared())).await.unwrap();
    let mut plain = connect(&url).await.unwrap();
    while server.clients().len() < 2 {
        tokio::task::yield_now().await;
    }
    let message = Prepared::new_with(&text(20_000), Compression::Always);
    assert_eq!(server.clients().broadcast(&message, Slow::Wait).await.sent, 2);
    for ws in [&mut compressed, &mut plain] {
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text(text(20_000))));
    }
}
