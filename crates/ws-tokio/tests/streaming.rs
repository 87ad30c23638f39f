//! Messages that are read and written piece by piece.

mod common;

use common::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, duplex};
use ws_tokio::{CloseCode, Config, Connection, DataKind, Error, Message, SendError, WebSocket};

fn unlimited() -> Config {
    let mut config = Config::default();
    config.limits.max_message = u64::MAX;
    config.limits.max_frame = u64::MAX;
    config.limits.max_fragments = u32::MAX;
    config
}

fn client<S: ws_tokio::ByteStream>(stream: S, config: Config) -> WebSocket<S> {
    let config = std::sync::Arc::new(config);
    WebSocket::from_raw(
        stream,
        Connection::client(config.clone(), || *b"mask"),
        config,
        Vec::new(),
    )
}

#[tokio::test]
async fn a_message_can_be_read_before_it_has_come() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    // 10 bytes announced, 4 sent.
    let frame = masked(TEXT, b"first,last");
    far.write_all(&frame[..10]).await.unwrap();
    let mut message = ws.recv_stream().await.unwrap().unwrap();
    assert_eq!(message.kind(), DataKind::Text);
    assert_eq!(message.fill_buf().await.unwrap(), b"firs");
    let mut bytes = [0; 3];
    message.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"fir");
    assert!(!message.is_finished());
    far.write_all(&frame[10..]).await.unwrap();
    far.write_all(&masked(BINARY, b"another")).await.unwrap();
    let mut rest = String::new();
    message.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "st,last");
    assert!(message.is_finished());
    drop(message);
    assert_eq!(ws.recv().await.unwrap(), Some(Message::binary(&b"another"[..])));
}

#[tokio::test]
async fn fragments_with_pings_in_between_are_one_stream() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    let mut sent = masked(0x02, b"one ");
    sent.extend(masked(PING, b"?"));
    sent.extend(masked(0x00, b""));
    sent.extend(masked(0x00, b"two "));
    sent.extend(masked(0x80, b"three"));
    sent.extend(masked(TEXT, b""));
    far.write_all(&sent).await.unwrap();
    let message = ws.recv_stream().await.unwrap().unwrap();
    assert_eq!(message.collect().await.unwrap(), Message::binary(&b"one two three"[..]));
    let message = ws.recv_stream().await.unwrap().unwrap();
    assert_eq!(message.collect().await.unwrap(), Message::text(""));
    expect(&mut far, &unmasked(PONG, b"?")).await;
}

#[tokio::test]
async fn what_is_left_of_a_dropped_reader_is_skipped() {
    for streams_on in [true, false] {
        let (near, mut far) = duplex(1000);
        let mut ws = server(near, Config::default());
        let mut sent = masked(0x02, b"one ");
        sent.extend(masked(0x80, b"two"));
        let (begin, end) = sent.split_at(8);
        far.write_all(begin).await.unwrap();
        drop(ws.recv_stream().await.unwrap().unwrap());
        far.write_all(end).await.unwrap();
        far.write_all(&masked(TEXT, b"next")).await.unwrap();
        let next = if streams_on {
            ws.recv_stream().await.unwrap().unwrap().collect().await.unwrap()
        } else {
            ws.recv().await.unwrap().unwrap()
        };
        assert_eq!(next, Message::text("next"));
    }
}

#[tokio::test]
async fn a_message_begun_by_recv_comes_whole() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    far.write_all(&masked(0x02, b"one ")).await.unwrap();
    assert!(futures_util::poll!(Box::pin(ws.recv())).is_pending());
    far.write_all(&masked(0x80, b"two")).await.unwrap();
    let message = ws.recv_stream().await.unwrap().unwrap();
    assert_eq!(message.collect().await.unwrap(), Message::binary(&b"one two"[..]));
}

#[tokio::test]
async fn an_end_in_the_middle_is_an_error() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    far.write_all(&masked(0x02, b"one ")).await.unwrap();
    far.write_all(&masked(CLOSE, &close_payload(1000, ""))).await.unwrap();
    far.shutdown().await.unwrap();
    let mut message = ws.recv_stream().await.unwrap().unwrap();
    let mut bytes = Vec::new();
    let error = message.read_to_end(&mut bytes).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    assert_eq!(bytes, b"one ");

    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    far.write_all(&masked(0x01, b"text")).await.unwrap();
    far.write_all(&masked(0x80, b"\xff")).await.unwrap();
    let message = ws.recv_stream().await.unwrap().unwrap();
    drop(far);
    assert!(matches!(message.collect().await, Err(Error::Connection(_))));
}

#[tokio::test]
async fn a_written_message_leaves_as_it_is_written() {
    let (near, mut far) = duplex(1000);
    let (mut reader, writer) = server(near, Config::default()).split();
    tokio::spawn(async move { reader.recv().await.map(|_| ()) });
    let mut message = writer.send_stream(DataKind::Text).await.unwrap();
    // From here on it is this message's turn, before its first byte too.
    assert!(futures_util::poll!(Box::pin(writer.send("too early"))).is_pending());
    message.write_all(b"one ").await.unwrap();
    expect(&mut far, b"\x01\x04one ").await;
    // Another message waits, a ping does not.
    let other = writer.clone();
    let other = tokio::spawn(async move { other.send("other").await.unwrap() });
    tokio::task::yield_now().await;
    assert!(matches!(writer.try_send("x"), Err(Error::Send(SendError::QueueFull))));
    drop(writer.ping(b"p").await.unwrap());
    message.write_all(b"two").await.unwrap();
    message.finish().await.unwrap();
    other.await.unwrap();
    expect(&mut far, b"\x89\x01p\x00\x03two\x80\x00\x81\x05other").await;
}

#[tokio::test]
async fn an_unfinished_message_closes_the_connection_but_an_unbegun_one_does_not() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    drop(ws.send_stream(DataKind::Binary).await.unwrap());
    ws.send("still open").await.unwrap();
    expect(&mut far, b"\x81\x0astill open").await;
    let mut message = ws.send_stream(DataKind::Binary).await.unwrap();
    message.write_all(b"x").await.unwrap();
    drop(message);
    assert!(matches!(ws.send("no more").await, Err(Error::Send(SendError::Closed))));
    expect(&mut far, b"\x02\x01x").await;
    expect(
        &mut far,
        &unmasked(CLOSE, &close_payload(1011, "a message was abandoned")),
    )
    .await;
    far.write_all(&masked(CLOSE, &close_payload(1011, ""))).await.unwrap();
    drop(far);
    assert!(ws.recv().await.unwrap().is_none());
}

#[tokio::test]
async fn text_that_is_cut_for_ever_cannot_be_finished() {
    let (near, _far) = duplex(1000);
    let mut ws = server(near, Config::default());
    let mut message = ws.send_stream(DataKind::Text).await.unwrap();
    message.write_all("ä".as_bytes().split_at(1).0).await.unwrap();
    assert!(matches!(
        message.finish().await,
        Err(Error::Send(SendError::InvalidUtf8))
    ));
}

/// Sixteen MiB through an echo that holds no message, with queues of 64 KiB.
#[tokio::test]
async fn copying_one_into_the_other_echoes_without_buffering() {
    const LEN: u64 = 16 * 1024 * 1024;
    let (near, far) = duplex(64 * 1024);
    let echo = tokio::spawn(async move {
        let (mut reader, writer) = server(near, unlimited()).split();
        while let Some(mut message) = reader.recv_stream().await.unwrap() {
            let mut reply = writer.send_stream(message.kind()).await.unwrap();
            tokio::io::copy_buf(&mut message, &mut reply).await.unwrap();
            assert!(writer.queued() <= 64 * 1024 + 33 * 1024);
            reply.finish().await.unwrap();
        }
    });
    let (mut reader, writer) = client(far, unlimited()).split();
    let sending = tokio::spawn(async move {
        let mut message = writer.send_stream(DataKind::Binary).await.unwrap();
        let mut source = tokio::io::repeat(7).take(LEN);
        tokio::io::copy(&mut source, &mut message).await.unwrap();
        message.shutdown().await.unwrap();
        drop(message);
        writer
    });
    let mut message = reader.recv_stream().await.unwrap().unwrap();
    let mut total = 0;
    loop {
        let bytes = message.fill_buf().await.unwrap();
        if bytes.is_empty() {
            break;
        }
        assert!(bytes.iter().all(|byte| *byte == 7));
        let count = bytes.len();
        total += count as u64;
        message.consume(count);
    }
    assert_eq!(total, LEN);
    drop(message);
    let writer = sending.await.unwrap();
    writer.start_close(CloseCode::NORMAL, "").unwrap();
    assert!(reader.recv().await.unwrap().is_none());
    echo.await.unwrap();
}
