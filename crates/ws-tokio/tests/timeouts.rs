//! Deadlines, in paused time.

mod common;

use std::time::Duration;

use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::Instant;
use ws_tokio::{CloseCode, Config, ConnectionError, Error, Message, Timeout, accept_with, connect};

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_given_up() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    let started = Instant::now();
    let wire = tokio::spawn(async move {
        let mut ping = [0; 6];
        far.read_exact(&mut ping).await.unwrap();
        assert_eq!((ping[0], started.elapsed().as_secs()), (PING, 20));
        rest(&mut far).await
    });
    let result = ws.recv().await;
    assert!(
        matches!(result, Err(Error::Connection(ConnectionError::Timeout(Timeout::Ping)))),
        "{result:?}"
    );
    assert_eq!(started.elapsed().as_secs(), 40);
    let close = wire.await.unwrap();
    assert_eq!((close[0], &close[2..4]), (CLOSE, &1011u16.to_be_bytes()[..]));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_pings_stays_and_tells_the_round_trip() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    let peer = tokio::spawn(async move {
        for _ in 0..10 {
            let mut ping = [0; 6];
            far.read_exact(&mut ping).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            far.write_all(&masked(PONG, &ping[2..])).await.unwrap();
        }
        far.write_all(&masked(TEXT, b"alive")).await.unwrap();
        far
    });
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("alive")));
    assert_eq!(ws.round_trip(), Some(Duration::from_millis(50)));
    peer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_with_1001() {
    let (near, mut far) = duplex(1000);
    let mut config = Config::default();
    config.timeouts.idle = Some(Duration::from_secs(5));
    config.timeouts.ping_interval = None;
    let mut ws = server(near, config);
    let started = Instant::now();
    let wire = tokio::spawn(async move { rest(&mut far).await });
    let result = ws.recv().await;
    assert!(
        matches!(result, Err(Error::Connection(ConnectionError::Timeout(Timeout::Idle)))),
        "{result:?}"
    );
    assert_eq!(started.elapsed().as_secs(), 5);
    let wire = wire.await.unwrap();
    assert_eq!((wire[0], &wire[2..4]), (CLOSE, &1001u16.to_be_bytes()[..]));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_never_ends_is_given_up_although_bytes_keep_coming() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    let peer = tokio::spawn(async move {
        let frame = masked(BINARY, &[0; 1000]);
        for byte in frame {
            if far.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("a thousand seconds for one message");
    });
    let result = ws.recv().await;
    assert!(
        matches!(
            result,
            Err(Error::Connection(ConnectionError::Timeout(Timeout::Assembly)))
        ),
        "{result:?}"
    );
    peer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_not_answered() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    let started = Instant::now();
    let result = ws.close(CloseCode::NORMAL, "").await;
    assert!(
        matches!(result, Err(Error::Connection(ConnectionError::Timeout(Timeout::Close)))),
        "{result:?}"
    );
    assert_eq!(started.elapsed().as_secs(), 5);
    assert_eq!(
        rest(&mut far).await,
        unmasked(CLOSE, &close_payload(1000, "")),
        "and the transport is dropped"
    );
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_is_not_ended() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    far.write_all(&masked(CLOSE, b"")).await.unwrap();
    let started = Instant::now();
    assert_eq!(ws.recv().await.unwrap(), None, "both Closes were exchanged");
    assert_eq!(started.elapsed().as_secs(), 1);
    assert_eq!(rest(&mut far).await, unmasked(CLOSE, b""));
}

#[tokio::test(start_paused = true)]
async fn deadlines_hold_under_a_flood_that_never_lets_the_reader_wait() {
    let (near, mut far) = duplex(64 * 1024);
    let mut config = Config::default();
    config.timeouts.idle = Some(Duration::from_secs(5));
    let mut ws = server(near, config);
    let flood = tokio::spawn(async move {
        // Pongs are no data: the connection is idle. Time moves although nobody ever sleeps.
        while far.write_all(&masked(PONG, &[0; 100])).await.is_ok() {
            tokio::time::advance(Duration::from_millis(1)).await;
        }
    });
    let result = ws.recv().await;
    assert!(
        matches!(result, Err(Error::Connection(ConnectionError::Timeout(Timeout::Idle)))),
        "{result:?}"
    );
    drop(ws);
    flood.await.unwrap();
}

#[tokio::test]
async fn the_longest_deadlines_are_never_due() {
    let mut config = Config::default();
    config.handshake.timeout = Duration::MAX;
    config.timeouts.ping_interval = Some(Duration::MAX);
    config.timeouts.ping_timeout = Some(Duration::MAX);
    config.timeouts.idle = Some(Duration::MAX);
    config.timeouts.assembly = Some(Duration::MAX);
    config.timeouts.close = Some(Duration::MAX);
    config.timeouts.linger = Some(Duration::MAX);
    let (url, task) = echo_server(config.clone()).await;
    let mut ws = connect(&url).config(config.clone()).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    task.await.unwrap().unwrap();

    let (near, mut far) = duplex(10);
    let mut ws = server(near, config.clone());
    ws.send("longer than the pipe").await.unwrap();
    drop(ws);
    expect(&mut far, &unmasked(TEXT, b"longer than the pipe")).await;

    let (near, mut far) = duplex(1000);
    far.write_all(b"nonsense\r\n\r\n").await.unwrap();
    drop(far);
    assert!(accept_with(near, config.into()).await.is_err());
}
