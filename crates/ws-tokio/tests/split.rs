//! Two halves, any number of writers: nobody waits for anybody who has nothing to do with it.

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use ws_tokio::{CloseCode, Config, ConnectionError, DataKind, Error, Message, Prepared, SendError};

#[tokio::test]
async fn both_halves_work_in_tasks_of_their_own() {
    let (url, server) = echo_server(Config::default()).await;
    let (mut reader, writer) = ws_tokio::connect(&url).await.unwrap().split();
    const COUNT: usize = 1000;
    let sending = tokio::spawn(async move {
        for at in 0..COUNT {
            writer.send(at.to_string()).await.unwrap();
        }
        writer.close(CloseCode::NORMAL, "").await.unwrap();
    });
    for at in 0..COUNT {
        assert_eq!(reader.recv().await.unwrap(), Some(Message::text(at.to_string())));
    }
    assert_eq!(reader.recv().await.unwrap(), None);
    assert!(reader.ending().unwrap().is_clean());
    sending.await.unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_reader_answers_pings_and_closes_though_the_writer_does_nothing() {
    let (near, mut far) = duplex(1000);
    let (mut reader, writer) = server(near, Config::default()).split();
    let reading = tokio::spawn(async move { reader.recv().await });
    far.write_all(&masked(PING, b"?")).await.unwrap();
    expect(&mut far, &unmasked(PONG, b"?")).await;
    far.write_all(&masked(CLOSE, &close_payload(1000, ""))).await.unwrap();
    expect(&mut far, &unmasked(CLOSE, &close_payload(1000, ""))).await;
    assert!(reading.await.unwrap().unwrap().is_none());
    assert!(writer.is_closed());
    assert!(matches!(writer.send("late").await, Err(Error::Send(SendError::Closed))));
}

#[tokio::test]
async fn a_writer_writes_at_once_and_one_read_is_answered_by_one_write() {
    let (near, mut far) = duplex(1000);
    let (near, writes) = Counting::new(near);
    let (mut reader, writer) = server(near, Config::default()).split();
    writer.send("unasked").await.unwrap();
    assert_eq!(writes.lock().unwrap().len(), 1);
    let mut batch = masked(TEXT, b"a");
    batch.extend(masked(TEXT, b"b"));
    batch.extend(masked(TEXT, b"c"));
    far.write_all(&batch).await.unwrap();
    for _ in 0..3 {
        let message = reader.recv().await.unwrap().unwrap();
        writer.send(message).await.unwrap();
    }
    assert_eq!(writes.lock().unwrap().len(), 2);
    expect(&mut far, b"\x81\x07unasked\x81\x01a\x81\x01b\x81\x01c").await;
}

#[tokio::test]
async fn what_was_deferred_leaves_whatever_the_task_awaits() {
    let (near, mut far) = duplex(1000);
    let (mut reader, writer) = server(near, Config::default()).split();
    let mut batch = masked(TEXT, b"a");
    batch.extend(masked(TEXT, b"b"));
    far.write_all(&batch).await.unwrap();
    let message = reader.recv().await.unwrap().unwrap();
    writer.send(message).await.unwrap();
    // With "b" unread and nobody receiving.
    expect(&mut far, b"\x81\x01a").await;
}

#[tokio::test]
async fn concurrent_sends_queue_in_order_while_the_peer_does_not_read() {
    let (near, mut far) = duplex(64);
    let mut config = Config::default();
    config.limits.output_high_water = 100;
    let (mut reader, writer) = server(near, config).split();
    let reading = tokio::spawn(async move { reader.recv().await.map(|_| ()) });
    let mut tasks = Vec::new();
    for at in 0..50u8 {
        let writer = writer.clone();
        tasks.push(tokio::spawn(async move { writer.send(vec![at; 90]).await.unwrap() }));
        // Each comes to wait before the next begins.
        tokio::task::yield_now().await;
    }
    assert!(writer.queued() < 200, "{}", writer.queued());
    for at in 0..50u8 {
        let mut frame = vec![BINARY, 90];
        frame.extend([at; 90]);
        expect(&mut far, &frame).await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    drop(far);
    assert!(reading.await.unwrap().is_err());
}

#[tokio::test]
async fn waiting_for_room_can_be_given_up_and_leaves_nothing_behind() {
    let (near, mut far) = duplex(16);
    let mut config = Config::default();
    config.limits.output_high_water = 10;
    let (mut reader, writer) = server(near, config).split();
    tokio::spawn(async move { reader.recv().await.map(|_| ()) });
    writer.send(vec![1; 100]).await.unwrap();
    for _ in 0..10 {
        let mut send = Box::pin(writer.send(vec![2; 100]));
        assert!(futures_util::poll!(&mut send).is_pending());
    }
    assert!(matches!(
        writer.try_send(vec![3; 100]),
        Err(Error::Send(SendError::QueueFull))
    ));
    let (sent, ()) = tokio::join!(writer.send(vec![4; 100]), async {
        let mut frame = vec![BINARY, 100];
        frame.extend([1; 100]);
        expect(&mut far, &frame).await;
        frame[2..].fill(4);
        expect(&mut far, &frame).await;
    });
    sent.unwrap();
    writer.drained().await.unwrap();
    writer.try_send_prepared(&Prepared::new("x")).unwrap();
    expect(&mut far, b"\x81\x01x").await;
}

#[tokio::test(start_paused = true)]
async fn a_blocked_writer_is_told_when_the_peer_is_given_up() {
    let (near, _far) = duplex(16);
    let mut config = Config::default();
    config.limits.output_high_water = 10;
    let (mut reader, writer) = server(near, config).split();
    let reading = tokio::spawn(async move { reader.recv().await.map(|_| ()) });
    writer.send(vec![1; 100]).await.unwrap();
    assert!(matches!(
        writer.send(vec![2; 100]).await,
        Err(Error::Connection(ConnectionError::Timeout(_)))
    ));
    assert!(reading.await.unwrap().is_err());
    writer.ended().await;
}

#[tokio::test]
async fn a_writer_closes_and_the_reader_gets_the_rest() {
    let (near, mut far) = duplex(1000);
    let (mut reader, writer) = server(near, Config::default()).split();
    writer.start_close(CloseCode::GOING_AWAY, "bye").unwrap();
    expect(&mut far, &unmasked(CLOSE, &close_payload(1001, "bye"))).await;
    far.write_all(&masked(TEXT, b"last")).await.unwrap();
    far.write_all(&masked(CLOSE, &close_payload(1001, ""))).await.unwrap();
    assert_eq!(reader.recv().await.unwrap(), Some(Message::text("last")));
    drop(far);
    assert_eq!(reader.recv().await.unwrap(), None);
    assert!(reader.ending().unwrap().is_clean());
    writer.close(CloseCode::NORMAL, "").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_writers_close_is_under_the_readers_deadline() {
    let (near, _far) = duplex(1000);
    let (mut reader, writer) = server(near, Config::default()).split();
    let reading = tokio::spawn(async move { reader.recv().await.map(|_| ()) });
    tokio::time::sleep(Duration::from_millis(1)).await;
    writer.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(matches!(
        reading.await.unwrap(),
        Err(Error::Connection(ConnectionError::Timeout(ws_tokio::Timeout::Close)))
    ));
}

#[tokio::test]
async fn dropping_the_reader_ends_it_after_what_was_queued() {
    let (near, mut far) = duplex(8);
    let mut config = Config::default();
    config.timeouts.linger = Some(Duration::from_secs(60));
    let (reader, writer) = server(near, config).split();
    writer.send("a longer message than fits").await.unwrap();
    drop(reader);
    assert!(matches!(writer.send("x").await, Err(Error::Send(SendError::Closed))));
    assert_eq!(rest(&mut far).await, b"\x81\x1aa longer message than fits");
}

#[tokio::test]
async fn halves_are_joined_if_they_belong_together_and_nobody_else_writes() {
    let (near, mut far) = duplex(1000);
    let (other, _other_far) = duplex(1000);
    let (_other_reader, other_writer) = server(other, Config::default()).split();
    let (reader, writer) = server(near, Config::default()).split();
    let halves = reader.reunite(other_writer).unwrap_err();
    let clone = writer.clone();
    let halves = halves.0.reunite(writer).unwrap_err();
    drop(clone);
    let mut ws = halves.0.reunite(halves.1).unwrap();
    ws.send("joined").await.unwrap();
    expect(&mut far, b"\x81\x06joined").await;
    far.write_all(&masked(TEXT, b"yes")).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("yes")));
}

#[tokio::test(start_paused = true)]
async fn a_ping_gives_the_time_to_its_pong_and_older_ones_are_answered_with_it() {
    let (near, mut far) = duplex(1000);
    let (mut reader, writer) = server(near, Config::default()).split();
    let reading = tokio::spawn(async move { reader.recv().await.map(|_| ()) });
    let first = writer.ping(b"1").await.unwrap();
    let second = writer.ping(b"2").await.unwrap();
    let third = writer.ping(b"3").await.unwrap();
    tokio::time::sleep(Duration::from_millis(70)).await;
    far.write_all(&masked(PONG, b"2")).await.unwrap();
    assert_eq!(first.await.unwrap(), Duration::from_millis(70));
    assert_eq!(second.await.unwrap(), Duration::from_millis(70));
    drop(far);
    assert!(matches!(
        third.await,
        Err(Error::Connection(ConnectionError::Disconnected))
    ));
    assert!(reading.await.unwrap().is_err());
}

#[tokio::test]
async fn a_full_transport_wakes_the_right_ones() {
    // Large output in both directions at once, through a pipe of nearly no size: every wait is taken.
    let (near, far) = duplex(100);
    let (mut reader, writer) = server(near, Config::default()).split();
    let (mut far_read, mut far_write) = tokio::io::split(far);
    let echo = tokio::spawn(async move {
        while let Some(message) = reader.recv().await.unwrap() {
            writer.send(message).await.unwrap();
        }
    });
    let peer = tokio::spawn(async move {
        for at in 0..200u8 {
            far_write.write_all(&masked(BINARY, &[at; 1000])).await.unwrap();
            far_write.write_all(&masked(PING, &[at])).await.unwrap();
        }
        far_write
            .write_all(&masked(CLOSE, &close_payload(1000, "")))
            .await
            .unwrap();
        far_write
    });
    let mut all = Vec::new();
    far_read.read_to_end(&mut all).await.unwrap();
    assert!(all.len() >= 200 * 1004);
    echo.await.unwrap();
    peer.await.unwrap();
}

/// The reader waits for nothing but its Close to leave: when the flusher has written it, the reader goes on at once, and
/// not when a deadline passes.
#[tokio::test(start_paused = true)]
async fn the_reader_learns_that_the_last_bytes_have_left() {
    let (near, mut far) = duplex(16);
    let (mut reader, writer) = server(near, Config::default()).split();
    writer.send(vec![7; 100]).await.unwrap();
    let reading = tokio::spawn(async move { reader.recv().await.map(|_| ()) });
    far.write_all(&masked(CLOSE, &[])).await.unwrap();
    // Everybody waits now.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let start = tokio::time::Instant::now();
    let all = rest(&mut far).await;
    assert_eq!(all[all.len() - 2..], [CLOSE, 0]);
    assert_eq!(start.elapsed(), Duration::ZERO);
    drop(far);
    reading.await.unwrap().unwrap();
}

/// Whoever tries again whenever it is drained must not be told so over and over while it can't be its turn.
#[tokio::test]
async fn drained_waits_for_a_message_that_is_streamed() {
    let (near, mut far) = duplex(1000);
    let (_reader, writer) = server(near, Config::default()).split();
    let message = writer.send_stream(DataKind::Text).await.unwrap();
    let mut drained = Box::pin(writer.drained());
    assert!(futures_util::poll!(&mut drained).is_pending());
    message.finish().await.unwrap();
    drained.await.unwrap();
    writer.try_send("now").unwrap();
    expect(&mut far, b"\x81\x00\x81\x03now").await;
}

/// Waits that are given up leave no wakers behind, and waiting for the end is not disturbed by anything else.
#[tokio::test]
async fn a_wait_that_is_given_up_is_forgotten() {
    let (near, mut far) = duplex(16);
    let mut config = Config::default();
    config.limits.output_high_water = 10;
    let (reader, writer) = server(near, config).split();
    writer.send(vec![1; 100]).await.unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    for _ in 0..10 {
        assert!(pin!(writer.ended()).poll(&mut cx).is_pending());
        assert!(pin!(writer.drained()).poll(&mut cx).is_pending());
        assert!(pin!(writer.flush()).poll(&mut cx).is_pending());
        assert!(pin!(writer.send(vec![2; 100])).poll(&mut cx).is_pending());
        assert!(pin!(writer.ping(b"")).poll(&mut cx).is_pending());
    }
    drop(waker);
    assert_eq!(Arc::strong_count(&woken), 1);

    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    let mut ended = pin!(writer.ended());
    assert!(ended.as_mut().poll(&mut cx).is_pending());
    let mut frame = vec![BINARY, 100];
    frame.extend([1; 100]);
    expect(&mut far, &frame).await;
    writer.flush().await.unwrap();
    assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    drop(reader);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(ended.as_mut().poll(&mut cx).is_ready());
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Who has the turn may wait for something else, and for ever.
#[tokio::test]
async fn who_waits_for_a_turn_is_told_of_the_end() {
    let (near, far) = duplex(1000);
    let (mut reader, writer) = server(near, Config::default()).split();
    let other = writer.clone();
    let mut message = writer.send_stream(DataKind::Binary).await.unwrap();
    message.write_all(b"x").await.unwrap();
    let mut sending = pin!(other.send("y"));
    let mut opening = pin!(other.send_stream(DataKind::Text));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sending.as_mut().poll(&mut cx).is_pending() && opening.as_mut().poll(&mut cx).is_pending());
    let (sent, opened, received) = tokio::join!(sending, opening, async {
        drop(far);
        reader.recv().await
    });
    assert!(received.is_err());
    assert!(sent.is_err() && opened.is_err());
}

#[tokio::test]
async fn what_has_left_before_a_clean_end_is_flushed() {
    let (near, mut far) = duplex(1000);
    let (mut reader, writer) = server(near, Config::default()).split();
    writer.send("hello").await.unwrap();
    far.write_all(&masked(CLOSE, &close_payload(1000, ""))).await.unwrap();
    let peer = tokio::spawn(async move { rest(&mut far).await });
    assert!(reader.recv().await.unwrap().is_none());
    writer.flush().await.unwrap();
    assert!(matches!(writer.send("late").await, Err(Error::Send(SendError::Closed))));
    peer.await.unwrap();
}

/// With input unread the socket would be reset, which takes the Close back.
#[tokio::test]
async fn a_writers_close_is_parted_from_in_order() {
    let (near, mut far) = tcp_pair().await;
    far.write_all(&masked(TEXT, b"never read")).await.unwrap();
    near.readable().await.unwrap();
    let mut ws = server(near, Config::default());
    let writer = ws.writer();
    writer.start_close(CloseCode::GOING_AWAY, "").unwrap();
    expect(&mut far, &unmasked(CLOSE, &close_payload(1001, ""))).await;
    drop(ws);
    assert_eq!(
        writer.ending().unwrap().sent.unwrap().code(),
        Some(CloseCode::GOING_AWAY)
    );
    assert_eq!(far.read(&mut [0; 100]).await.unwrap(), 0);
}
