//! Every way in which a connection ends.

mod common;

use std::time::Duration;

use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use ws_tokio::{CloseCode, Config, ConnectionError, Error, Message, ProtocolError, SendError, Side, connect};

#[tokio::test]
async fn closed_by_the_peer_in_peace() {
    let (near, mut far) = tcp_pair().await;
    let mut ws = server(near, Config::default());
    let mut sent = masked(TEXT, b"last words");
    sent.extend(masked(CLOSE, &close_payload(4000, "done")));
    far.write_all(&sent).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("last words")));
    let peer = tokio::spawn(async move {
        // Our Close, then the end of the stream: the server closes first (RFC 6455 §7.1.1).
        assert_eq!(rest(&mut far).await, unmasked(CLOSE, &close_payload(4000, "")));
    });
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(ws.recv().await.unwrap(), None, "the end lasts");
    let ending = ws.ending().unwrap();
    assert_eq!(
        (ending.code(), ending.reason(), ending.first),
        (CloseCode::new(4000), "done", Some(Side::Peer))
    );
    assert!(ending.is_clean());
    assert!(matches!(
        ws.send("more").await,
        Err(Error::Send(SendError::Closed) | Error::Io(_))
    ));
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    peer.await.unwrap();
}

#[tokio::test]
async fn closed_by_us_in_peace_between_a_client_and_a_server() {
    let (url, task) = echo_server(Config::default()).await;
    let mut ws = connect(&url).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
    ws.close(CloseCode::GOING_AWAY, "bye").await.unwrap();
    let ending = ws.ending().unwrap();
    assert_eq!(
        (ending.code(), ending.first, ending.is_clean()),
        (CloseCode::GOING_AWAY, Some(Side::Local), true)
    );
    let served = task.await.unwrap().unwrap();
    let ending = served.ending().unwrap();
    assert_eq!(
        (ending.code(), ending.reason(), ending.first),
        (CloseCode::GOING_AWAY, "bye", Some(Side::Peer))
    );
}

#[tokio::test]
async fn messages_come_after_our_close_and_before_the_peers() {
    let (near, mut far) = duplex(4096);
    let mut ws = server(near, Config::default());
    ws.start_close(CloseCode::NORMAL, "enough").unwrap();
    assert!(matches!(
        ws.start_close(CloseCode::NORMAL, ""),
        Err(Error::Send(SendError::Closed))
    ));
    assert!(matches!(ws.send("more").await, Err(Error::Send(SendError::Closed))));
    expect(&mut far, &unmasked(CLOSE, &close_payload(1000, "enough"))).await;
    far.write_all(&masked(TEXT, b"still here")).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("still here")));
    far.write_all(&masked(CLOSE, &close_payload(1000, ""))).await.unwrap();
    drop(far);
    assert_eq!(ws.recv().await.unwrap(), None);
}

#[tokio::test]
async fn close_drops_what_still_comes_and_leaves_bad_codes_unsent() {
    let (near, mut far) = duplex(4096);
    let mut ws = server(near, Config::default());
    assert!(matches!(
        ws.close(CloseCode::NO_STATUS, "").await,
        Err(Error::Send(SendError::Close(_)))
    ));
    assert!(matches!(
        ws.close(CloseCode::NORMAL, &"x".repeat(124)).await,
        Err(Error::Send(SendError::Close(_)))
    ));
    far.write_all(&masked(TEXT, b"dropped")).await.unwrap();
    far.write_all(&masked(CLOSE, &close_payload(1000, ""))).await.unwrap();
    let peer = tokio::spawn(async move { rest(&mut far).await });
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(peer.await.unwrap(), unmasked(CLOSE, &close_payload(1000, "")));
}

#[tokio::test]
async fn an_end_without_close_is_told_apart() {
    let (near, mut far) = tcp_pair().await;
    let mut ws = server(near, Config::default());
    far.write_all(&masked(TEXT, b"one")).await.unwrap();
    drop(far);
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("one")));
    for _ in 0..2 {
        assert!(matches!(
            ws.recv().await,
            Err(Error::Connection(ConnectionError::Disconnected))
        ));
    }
    assert_eq!(ws.ending().unwrap().code(), CloseCode::ABNORMAL);
    let sent = ws.send("to nobody").await;
    assert!(
        matches!(sent, Err(Error::Connection(ConnectionError::Disconnected))),
        "{sent:?}"
    );
    assert!(matches!(
        ws.close(CloseCode::NORMAL, "").await,
        Err(Error::Connection(ConnectionError::Disconnected))
    ));
    assert!(matches!(
        ws.start_close(CloseCode::NORMAL, ""),
        Err(Error::Send(SendError::Closed))
    ));
    let ending = ws.ending().unwrap();
    assert_eq!((ending.sent, ending.first), (None, None), "no Close was sent");
}

#[tokio::test]
async fn a_reset_is_an_error_of_the_transport() {
    let (near, far) = tcp_pair().await;
    let mut ws = server(near, Config::default());
    ws.send("unread").await.unwrap();
    far.readable().await.unwrap();
    // Dropping a socket with input unread resets it.
    drop(far);
    for _ in 0..2 {
        let Err(Error::Io(error)) = ws.recv().await else {
            panic!("no reset")
        };
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn the_reason_for_a_failure_is_on_the_wire_before_the_end() {
    let (near, mut far) = tcp_pair().await;
    let mut config = Config::default();
    // Enough for all that follows, on any machine.
    config.timeouts.linger = Some(Duration::from_secs(60));
    let mut ws = server(near, config);
    // A message, then a frame with a reserved bit, then more than fits any socket buffer: a reset would come of
    // dropping the socket now, and take the Close with it.
    let mut sent = masked(TEXT, b"good");
    sent.extend(masked(0xc1, b"bad"));
    let (mut reader, mut writer) = far.split();
    let flood = async {
        writer.write_all(&sent).await.unwrap();
        writer.write_all(&vec![0; 8 * 1024 * 1024]).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let served = async {
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("good")));
        ws.send("answer").await.unwrap();
        for _ in 0..2 {
            let result = ws.recv().await;
            assert!(
                matches!(
                    result,
                    Err(Error::Connection(ConnectionError::Protocol(
                        ProtocolError::ReservedBits
                    )))
                ),
                "{result:?}"
            );
        }
    };
    let read = async {
        let bytes = rest(&mut reader).await;
        assert!(bytes.starts_with(b"\x81\x06answer\x88"), "{bytes:?}");
        assert_eq!(bytes[10..12], 1002u16.to_be_bytes());
    };
    tokio::join!(flood, served, read);
}

#[tokio::test]
async fn answering_the_close_by_hand() {
    let (near, mut far) = duplex(4096);
    let mut config = Config::default();
    config.replies.close = false;
    let mut ws = server(near, config);
    far.write_all(&masked(CLOSE, &close_payload(1000, "?"))).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), None);
    let peer = tokio::spawn(async move { rest(&mut far).await });
    ws.close(CloseCode::new(4001), "by hand").await.unwrap();
    assert_eq!(peer.await.unwrap(), unmasked(CLOSE, &close_payload(4001, "by hand")));
}

#[tokio::test]
async fn a_close_under_way_is_finished_although_the_connection_is_dropped() {
    let (near, mut far) = tcp_pair().await;
    let mut ws = server(near, Config::default());
    far.write_all(&masked(TEXT, b"never read")).await.unwrap();
    ws.start_close(CloseCode::NORMAL, "").unwrap();
    drop(ws);
    let mut close = vec![0; 4];
    far.read_exact(&mut close).await.unwrap();
    assert_eq!(close, unmasked(CLOSE, &close_payload(1000, "")));
    assert_eq!(rest(&mut far).await, []);
}
