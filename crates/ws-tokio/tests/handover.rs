//! Output that is left behind always has somebody who writes it, and nobody stays who has nothing to write.

mod common;

use std::time::Duration;

use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::timeout;
use ws_tokio::{Config, Message};

/// Long enough for anything that is going to happen.
const HANG: Duration = Duration::from_secs(3600);

fn without_deadlines() -> Config {
    let mut config = Config::default();
    config.timeouts.ping_interval = None;
    config
}

#[tokio::test(start_paused = true)]
async fn receiving_at_once_does_not_take_the_output_away_from_who_writes_it() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, without_deadlines());
    ws.send(vec![7; 10_000]).await.unwrap();
    // Now somebody waits for the transport in the owner's stead.
    yield_now().await;
    far.write_all(&masked(TEXT, b"one")).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("one")));
    // The owner has turned to something else.
    let mut answer = vec![0; 10_004];
    timeout(HANG, far.read_exact(&mut answer)).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_stays_when_a_connection_is_dropped_with_output() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let (near, far) = duplex(1000);
    let mut ws = server(near, without_deadlines());
    ws.send(vec![7; 10_000]).await.unwrap();
    yield_now().await;
    drop(ws);
    // The peer does not read: what is left is tried for as long as configured, and given up.
    tokio::time::sleep(HANG).await;
    assert_eq!(tasks(), 0);
    drop(far);
}

#[tokio::test(start_paused = true)]
async fn flushing_ends_with_the_connection() {
    let (near, mut far) = duplex(1000);
    let mut ws = server(near, without_deadlines());
    ws.send(vec![7; 10_000]).await.unwrap();
    far.write_all(&masked(CLOSE, b"")).await.unwrap();
    // The Close is taken, and its answer queued behind what the peer does not read.
    tokio::select! {
        biased;
        received = ws.recv() => panic!("{received:?}"),
        () = yield_now() => {}
    }
    assert!(ws.ending().is_some());
    assert!(timeout(HANG, ws.flush()).await.unwrap().is_err());
    assert_eq!(ws.recv().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_room_while_another_thread_writes() {
    let mut config = Config::default();
    config.timeouts.ping_interval = Some(HANG);
    config.limits.output_high_water = 64;
    for _ in 0..ROUNDS {
        let (near, mut far) = duplex(48);
        let mut ws = server(near, config.clone());
        // The owner is no task of the runtime, so that its workers write at the same time.
        let read = tokio::spawn(async move {
            for number in 0..MESSAGES {
                expect(&mut far, &unmasked(BINARY, &[number; 30])).await;
            }
            far
        });
        let send = async {
            for number in 0..MESSAGES {
                ws.send(vec![number; 30]).await.unwrap();
            }
            ws.flush().await.unwrap();
        };
        timeout(Duration::from_secs(60), send).await.expect("it goes on");
        read.await.unwrap();
    }
}

const ROUNDS: usize = 200;
const MESSAGES: u8 = 200;

/// A connection may be made where there is no runtime yet.
#[test]
fn a_runtime_that_comes_later_is_used() {
    let (near, mut far) = duplex(64);
    let ws = server(near, without_deadlines());
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (mut reader, writer) = ws.split();
        tokio::spawn(async move { reader.recv().await.map(|_| ()) });
        yield_now().await;
        writer.send(vec![1; 1000]).await.unwrap();
        let mut answer = vec![0; 1004];
        timeout(HANG, far.read_exact(&mut answer)).await.unwrap().unwrap();
    });
}

#[tokio::test]
async fn what_is_dropped_elsewhere_still_leaves() {
    let (near, mut far) = duplex(10);
    let mut config = Config::default();
    config.timeouts.linger = Some(Duration::from_secs(60));
    let mut ws = server(near, config);
    ws.send("longer than the pipe").await.unwrap();
    std::thread::spawn(move || drop(ws)).join().unwrap();
    expect(&mut far, &unmasked(TEXT, b"longer than the pipe")).await;
}
