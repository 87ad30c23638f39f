//! Output is gathered while input is unread, and never waits for anything else.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use ws_tokio::{Config, Connection, WebSocket};

const PIPE: usize = 64 * 1024;

/// Sixteen messages, a ping after every fourth.
fn burst() -> (Vec<u8>, Vec<u8>) {
    let (mut sent, mut answers) = (Vec::new(), Vec::new());
    for number in 0..16u8 {
        sent.extend(masked(BINARY, &[number; 20]));
        answers.extend(unmasked(BINARY, &[number; 20]));
        if number % 4 == 3 {
            sent.extend(masked(PING, &[number]));
            answers.extend(unmasked(PONG, &[number]));
        }
    }
    (sent, answers)
}

#[tokio::test]
async fn replies_to_one_read_leave_in_one_write() {
    let (near, mut far) = duplex(PIPE);
    let (near, writes) = Counting::new(near);
    let mut ws = server(near, Config::default());
    let echo = tokio::spawn(async move {
        while let Ok(Some(message)) = ws.recv().await {
            ws.send(message).await.unwrap();
        }
    });
    for round in 1..=3 {
        // Every frame whole, then the last one cut: the cut must not split the write.
        let (mut sent, answers) = burst();
        let tail = masked(BINARY, &[99; 20]);
        sent.extend(&tail[..10]);
        far.write_all(&sent).await.unwrap();
        expect(&mut far, &answers).await;
        assert_eq!(writes.lock().unwrap().len(), 2 * round - 1, "{writes:?}");
        far.write_all(&tail[10..]).await.unwrap();
        expect(&mut far, &unmasked(BINARY, &[99; 20])).await;
        assert_eq!(writes.lock().unwrap().len(), 2 * round, "{writes:?}");
    }
    drop(far);
    echo.await.unwrap();
}

#[tokio::test]
async fn large_payloads_leave_with_small_ones_in_one_write_over_tcp() {
    let (near, mut far) = tcp_pair().await;
    let (near, writes) = Counting::new(near);
    let mut ws = server(near, Config::default());
    ws.feed("small").await.unwrap();
    ws.feed(vec![7; 6000]).await.unwrap();
    ws.feed("small").await.unwrap();
    assert_eq!(*writes.lock().unwrap(), []);
    ws.flush().await.unwrap();
    assert_eq!(*writes.lock().unwrap(), [7 + 4 + 6000 + 7]);
    let mut all = vec![0; 7 + 4 + 6000 + 7];
    far.read_exact(&mut all).await.unwrap();
    assert!(all.starts_with(b"\x81\x05small\x82\x7e\x17\x70\x07") && all.ends_with(b"\x07\x81\x05small"));
}

#[tokio::test(start_paused = true)]
async fn a_reply_does_not_wait_for_a_task_that_awaits_something_else() {
    let started = Instant::now();
    let (near, mut far) = duplex(PIPE);
    let (near, writes) = Counting::new(near);
    let mut ws = server(near, Config::default());
    let (go_on, mut database) = mpsc::channel::<()>(1);
    let slow = tokio::spawn(async move {
        while let Some(first) = ws.recv().await.unwrap() {
            ws.send(first).await.unwrap();
            // The second message is unread, and nothing of the connection is being polled.
            database.recv().await.unwrap();
            let second = ws.recv().await.unwrap().unwrap();
            ws.send(second).await.unwrap();
        }
    });
    for round in 1..=3 {
        // The owner waits in `recv`, and is called away from there.
        tokio::task::yield_now().await;
        far.write_all(&[masked(TEXT, b"one"), masked(TEXT, b"two")].concat())
            .await
            .unwrap();
        expect(&mut far, &unmasked(TEXT, b"one")).await;
        go_on.send(()).await.unwrap();
        expect(&mut far, &unmasked(TEXT, b"two")).await;
        assert_eq!(*writes.lock().unwrap(), [5, 5].repeat(round));
    }
    assert_eq!(started.elapsed(), Duration::ZERO, "nothing waited for a deadline");
    far.write_all(&masked(CLOSE, b"")).await.unwrap();
    expect(&mut far, &unmasked(CLOSE, b"")).await;
    drop(far);
    slow.await.unwrap();
}

#[tokio::test]
async fn a_pong_does_not_wait_for_a_task_that_awaits_something_else() {
    let (near, mut far) = duplex(PIPE);
    let mut ws = server(near, Config::default());
    let (go_on, database) = oneshot::channel::<()>();
    let slow = tokio::spawn(async move {
        ws.recv().await.unwrap().unwrap();
        database.await.unwrap();
        ws
    });
    far.write_all(&[masked(PING, b"?"), masked(TEXT, b"one")].concat())
        .await
        .unwrap();
    expect(&mut far, &unmasked(PONG, b"?")).await;
    go_on.send(()).unwrap();
    slow.await.unwrap();
}

#[tokio::test]
async fn what_a_full_transport_left_behind_leaves_without_the_owner() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, Config::default());
    // Accepted at once: under the queue's bound, though far over what the pipe takes.
    ws.send(vec![1; 60_000]).await.unwrap();
    assert!(ws.queued() >= 59_000, "{}", ws.queued());
    let (go_on, database) = oneshot::channel::<()>();
    let slow = tokio::spawn(async move {
        database.await.unwrap();
        ws
    });
    let mut bytes = vec![0; 4 + 60_000];
    far.read_exact(&mut bytes).await.unwrap();
    go_on.send(()).unwrap();
    assert_eq!(slow.await.unwrap().queued(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_owner_and_the_flusher_hand_over_to_each_other() {
    let started = Instant::now();
    // A pipe so small that every write blocks, and an owner that keeps starting to wait and giving up.
    let (near, mut far) = duplex(7);
    let mut ws = server(near, Config::default());
    let owner = tokio::spawn(async move {
        for number in 0..200u8 {
            ws.send(vec![number; 100]).await.unwrap();
            let waiting = tokio::select! {
                biased;
                message = ws.recv() => message.map(Some),
                _ = tokio::task::yield_now() => Ok(None),
            };
            assert!(matches!(waiting, Ok(None)));
            match number % 3 {
                0 => tokio::task::yield_now().await,
                1 => ws.flush().await.unwrap(),
                _ => {}
            }
        }
        ws.flush().await.unwrap();
        ws
    });
    for number in 0..200u8 {
        expect(&mut far, &unmasked(BINARY, &[number; 100])).await;
    }
    assert_eq!(owner.await.unwrap().queued(), 0);
    assert_eq!(
        started.elapsed(),
        Duration::ZERO,
        "nobody was forgotten until a deadline came"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_and_the_flusher_at_the_same_time() {
    let (near, far) = tcp_pair().await;
    let mut ws = server(near, Config::default());
    let echo = tokio::spawn(async move {
        let mut count = 0u32;
        while let Ok(Some(message)) = ws.recv().await {
            ws.send(message).await.unwrap();
            count += 1;
            // Every now and then something else happens, here and on the other thread.
            if count % 5 == 0 {
                tokio::spawn(tokio::task::yield_now()).await.unwrap();
            }
        }
    });
    let (mut reader, mut writer) = far.into_split();
    let rounds = 2000;
    let (sent, _) = burst();
    let write = tokio::spawn(async move {
        for _ in 0..rounds {
            writer.write_all(&sent).await.unwrap();
        }
        writer
    });
    // A pong may be left out when a later ping is answered; messages may not.
    let mut messages = 0;
    let mut head = [0; 2];
    while messages < 16 * rounds {
        reader.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; usize::from(head[1])];
        reader.read_exact(&mut payload).await.unwrap();
        if head[0] == BINARY {
            assert_eq!(payload, [(messages % 16) as u8; 20]);
            messages += 1;
        }
    }
    drop((write.await.unwrap(), reader));
    echo.await.unwrap();
}

#[tokio::test]
async fn dropping_leaves_nothing_behind_that_was_accepted() {
    let (near, mut far) = duplex(100);
    let mut config = Config::default();
    config.timeouts.linger = Some(Duration::from_secs(60));
    let mut ws = server(near, config);
    far.write_all(&[masked(TEXT, b"one"), masked(TEXT, b"two")].concat())
        .await
        .unwrap();
    let first = ws.recv().await.unwrap().unwrap();
    ws.send(first).await.unwrap();
    ws.send(vec![5; 1000]).await.unwrap();
    drop(ws);
    let mut expected = unmasked(TEXT, b"one");
    expected.extend(b"\x82\x7e\x03\xe8");
    expected.extend([5; 1000]);
    assert_eq!(rest(&mut far).await, expected);
}

#[tokio::test(start_paused = true)]
async fn dropping_waits_for_a_peer_that_does_not_read_only_so_long() {
    let (near, far) = duplex(100);
    let mut ws = server(near, Config::default());
    ws.send(vec![5; 1000]).await.unwrap();
    drop(ws);
    let started = Instant::now();
    // Closed from the other side: visible as an error of writing.
    let (_, mut writer) = tokio::io::split(far);
    while writer.write_all(&[0; 10]).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(started.elapsed() >= Duration::from_secs(1) && started.elapsed() < Duration::from_secs(2));
}

#[test]
fn without_a_runtime_replies_leave_at_once() {
    let (near, far) = duplex(PIPE);
    let (near, writes) = Counting::new(near);
    let config = Arc::new(Config::default());
    let two = [masked(TEXT, b"one"), masked(TEXT, b"two")].concat();
    let mut ws = WebSocket::from_raw(near, Connection::server(config.clone()), config, two);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let echo = async {
        let first = ws.recv().await.unwrap().unwrap();
        ws.send(first).await.unwrap();
    };
    assert!(std::pin::pin!(echo).poll(&mut cx).is_ready());
    assert_eq!(*writes.lock().unwrap(), [5]);
    drop(far);
}
