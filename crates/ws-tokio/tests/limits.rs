//! What a hostile or slow peer can't do.

mod common;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use common::*;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, Join, ReadBuf, Sink, duplex, join, sink};
use tokio::time::Instant;
use ws_tokio::{Config, ConnectionError, Error, Message, ProtocolError, Timeout, connect};

#[tokio::test]
async fn a_message_over_the_limit_is_answered_with_1009() {
    let mut config = Config::default();
    config.limits.max_message = 1000;
    let (near, mut far) = tcp_pair().await;
    let mut ws = server(near, config);
    far.write_all(&masked(BINARY, &[1; 1000])).await.unwrap();
    far.write_all(&masked(BINARY, &[1; 1001])).await.unwrap();
    let peer = tokio::spawn(async move { rest(&mut far).await });
    assert_eq!(ws.recv().await.unwrap().unwrap().len(), 1000);
    let result = ws.recv().await;
    assert!(
        matches!(
            result,
            Err(Error::Connection(ConnectionError::Protocol(
                ProtocolError::MessageTooBig
            )))
        ),
        "{result:?}"
    );
    let wire = peer.await.unwrap();
    assert_eq!((wire[0], &wire[2..4]), (CLOSE, &1009u16.to_be_bytes()[..]));
}

#[tokio::test]
async fn large_messages_both_ways() {
    let mut config = Config::default();
    config.limits.max_message = 16 * 1024 * 1024;
    config.limits.max_frame = 16 * 1024 * 1024;
    let (url, task) = echo_server(config.clone()).await;
    let mut ws = connect(&url).config(config).await.unwrap();
    let message: Vec<u8> = (0..16 * 1024 * 1024u32).map(|at| (at % 251) as u8).collect();
    ws.send(message.clone()).await.unwrap();
    ws.send("small").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::binary(message)));
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("small")));
    drop(ws);
    assert!(matches!(task.await.unwrap(), Err(Error::Connection(_) | Error::Io(_))));
}

#[tokio::test]
async fn a_peer_that_pings_and_never_reads_costs_no_memory() {
    let (near, mut far) = duplex(1000);
    let mut config = Config::default();
    config.limits.output_high_water = 2000;
    let mut ws = server(near, config);
    let flood = tokio::spawn(async move {
        for number in 0..10_000u32 {
            far.write_all(&masked(PING, &number.to_be_bytes())).await.unwrap();
        }
        far.write_all(&masked(TEXT, b"done")).await.unwrap();
        far
    });
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("done")));
    assert!(ws.queued() < 2000 + 127, "{} bytes queued", ws.queued());
    // The latest ping is answered in the end (RFC 6455 §5.5.3).
    let mut far = flood.await.unwrap();
    let last = unmasked(PONG, &9_999u32.to_be_bytes());
    let read = async {
        let mut seen = Vec::new();
        while !seen.ends_with(&last) {
            seen.push(far.read_u8().await.unwrap());
        }
        far.write_all(&masked(TEXT, b"end")).await.unwrap();
    };
    let (message, ()) = tokio::join!(ws.recv(), read);
    assert_eq!(message.unwrap(), Some(Message::text("end")));
}

#[tokio::test]
async fn a_sender_waits_for_a_peer_that_does_not_read() {
    let (near, mut far) = duplex(100);
    let mut config = Config::default();
    config.limits.output_high_water = 1000;
    let mut ws = server(near, config);
    let mut accepted = 0;
    while tokio::select! {
        biased;
        sent = ws.send(vec![0; 100]) => { sent.unwrap(); true }
        _ = tokio::task::yield_now() => false,
    } {
        accepted += 1;
        assert!(ws.queued() <= 1000 + 102, "{} bytes queued", ws.queued());
    }
    assert!((9..=12).contains(&accepted), "{accepted} messages of 102 bytes");
    // What was not accepted is not sent; what was is whole.
    let read = tokio::spawn(async move { rest(&mut far).await });
    ws.flush().await.unwrap();
    drop(ws);
    assert_eq!(read.await.unwrap().len(), accepted * 102);
}

/// A peer that is never slower than we are: many reads of pongs, each of them at once, then a message.
struct Torrent {
    pongs: usize,
    reads: usize,
    at_once: Arc<AtomicUsize>,
}

impl AsyncRead for Torrent {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.reads += 1;
        self.at_once.fetch_add(1, Ordering::Relaxed);
        match self.reads {
            reads if reads <= self.pongs => buf.put_slice(&masked(PONG, b"").repeat(100)),
            _ => buf.put_slice(&masked(TEXT, b"done")),
        }
        Poll::Ready(Ok(()))
    }
}

fn torrent(pongs: usize, at_once: Arc<AtomicUsize>) -> Join<Torrent, Sink> {
    let reads = 0;
    join(Torrent { pongs, reads, at_once }, sink())
}

#[tokio::test(start_paused = true)]
async fn a_torrent_does_not_hold_the_thread() {
    let reads = Arc::new(AtomicUsize::new(0));
    let mut ws = server(torrent(1000, reads.clone()), Config::default());
    let mut turns = 0;
    let message = loop {
        tokio::select! {
            biased;
            message = ws.recv() => break message,
            _ = tokio::task::yield_now() => turns += 1,
        }
        let at_once = reads.swap(0, Ordering::Relaxed);
        assert!(at_once <= 256, "{at_once} reads before anybody else could run");
    };
    assert_eq!(message.unwrap(), Some(Message::text("done")));
    assert!(turns >= 3, "others ran {turns} times");
}

#[tokio::test(start_paused = true)]
async fn a_torrent_goes_on_by_itself() {
    let started = Instant::now();
    let mut ws = server(torrent(1000, Arc::default()), Config::default());
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("done")));
    assert_eq!(started.elapsed(), Duration::ZERO, "no deadline had to wake it");
}

#[tokio::test(start_paused = true)]
async fn a_torrent_does_not_hold_off_deadlines() {
    let mut config = Config::default();
    config.timeouts.idle = Some(Duration::from_millis(50));
    config.timeouts.linger = Some(Duration::from_millis(10));
    let mut ws = server(torrent(50_000, Arc::default()), config);
    let clock = tokio::spawn(async {
        loop {
            tokio::time::advance(Duration::from_millis(1)).await;
        }
    });
    let result = ws.recv().await;
    assert!(
        matches!(result, Err(Error::Connection(ConnectionError::Timeout(Timeout::Idle)))),
        "{result:?}"
    );
    clock.abort();
}

#[tokio::test(start_paused = true)]
async fn a_sender_does_not_wait_for_ever() {
    let (near, _far) = duplex(100);
    let mut config = Config::default();
    config.limits.output_high_water = 1000;
    let mut ws = server(near, config);
    let started = Instant::now();
    let error = loop {
        if let Err(error) = ws.send(vec![0; 100]).await {
            break error;
        }
    };
    assert!(
        matches!(error, Error::Connection(ConnectionError::Timeout(Timeout::Ping))),
        "{error:?}"
    );
    assert_eq!(started.elapsed().as_secs(), 40);
    assert!(matches!(
        ws.recv().await,
        Err(Error::Connection(ConnectionError::Timeout(Timeout::Ping)))
    ));
    assert!(started.elapsed() <= Duration::from_secs(42));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_alive() {
    let (near, mut far) = duplex(100);
    let mut ws = server(near, Config::default());
    ws.send(vec![0; 2000]).await.unwrap();
    let reader = tokio::spawn(async move {
        let mut bytes = vec![0; 100];
        // Five minutes for one message, and not a byte sent meanwhile.
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(15)).await;
            far.read_exact(&mut bytes).await.unwrap();
        }
        far.write_all(&masked(TEXT, b"read")).await.unwrap();
        far
    });
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("read")));
    reader.await.unwrap();
}
