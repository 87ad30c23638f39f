//! Every await point given up at random, under load: nothing is lost, doubled or torn.
//!
//! The usual run is bounded by rounds. `WS_STRESS_SECONDS=60 cargo test --release -p ws-tokio --all-features --test stress
//! -- --nocapture` goes on for as long as that and tells how many rounds it were. Every third is without compression,
//! the others with one of its two kinds.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::io::{DuplexStream, duplex};
use tokio::net::TcpListener;
use ws_tokio::{
    Accept, CloseCode, Config, Error, Message, Reader, SendError, WebSocket, Writer, accept, accept_with, connect,
};

/// A small generator, so that a failing seed can be run again.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Polls a few times at most; `None` if that was not enough and the future was dropped.
async fn patiently<F: Future>(chance: &mut Chance, future: F) -> Option<F::Output> {
    let mut polls = chance.below(4);
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if polls == 0 => Poll::Ready(None),
        Poll::Pending => {
            polls -= 1;
            Poll::Pending
        }
    })
    .await
}

/// As above, but doesn't wait to be woken in between: two ends that both wait to send would wait for ever.
async fn restlessly<F: Future>(chance: &mut Chance, future: F) -> Option<F::Output> {
    let polls = chance.below(4);
    let mut future = pin!(future);
    for _ in 0..=polls {
        if let Poll::Ready(value) = futures_util::poll!(&mut future) {
            return Some(value);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// As the first, again and again until it gets through; others run in between.
macro_rules! stubbornly {
    ($chance:expr, $future:expr) => {
        loop {
            match patiently($chance, $future).await {
                Some(value) => break value,
                None => tokio::task::yield_now().await,
            }
        }
    };
}

/// Number `at`, in a size and with contents that only it has.
fn message(at: u64) -> Message {
    let mut chance = Chance(at + 1);
    chance.below(2);
    let len = match chance.below(10) {
        0 => 0,
        1..7 => chance.below(100),
        7..9 => chance.below(5_000),
        _ => chance.below(100_000),
    };
    let mut bytes = at.to_be_bytes().to_vec();
    bytes.extend((0..len).map(|index| (at + index) as u8));
    Message::binary(bytes)
}

fn number(message: &Message) -> u64 {
    let bytes = message.as_bytes();
    let at = u64::from_be_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(*message, self::message(at), "torn");
    at
}

/// How connections compress: not at all, or in one of both ways.
#[derive(Clone, Copy)]
enum Mode {
    Plain,
    #[cfg(feature = "deflate")]
    Shared,
    #[cfg(feature = "deflate")]
    Dedicated,
}

const MODES: &[Mode] = &[
    Mode::Plain,
    #[cfg(feature = "deflate")]
    Mode::Shared,
    #[cfg(feature = "deflate")]
    Mode::Dedicated,
];

fn config(mode: Mode) -> Arc<Config> {
    let mut config = Config::default();
    // There may be much to echo yet.
    config.timeouts.close = Some(Duration::from_secs(60));
    config.limits.output_high_water = 3_000;
    match mode {
        Mode::Plain => {}
        #[cfg(feature = "deflate")]
        Mode::Shared => config.handshake.extensions.push(ws_tokio::deflate::Deflate::shared()),
        #[cfg(feature = "deflate")]
        Mode::Dedicated => config
            .handshake
            .extensions
            .push(ws_tokio::deflate::Deflate::dedicated()),
    }
    config.into()
}

async fn pair(mode: Mode, chance: &mut Chance) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = duplex(1 + chance.below(10_000) as usize);
    let server = async { accept_with(near, config(mode)).await?.accept(Accept::new()).await };
    let client = connect("ws://localhost/").config(config(mode)).over(far);
    let (server, client) = tokio::join!(server, client);
    let (client, answer) = client.unwrap();
    assert_eq!(answer.extensions.is_empty(), matches!(mode, Mode::Plain));
    (server.unwrap(), client)
}

/// One task, which sends, pings and receives in turns. Its sends wait for nobody who would wait for them: what does not
/// get through is given up for receiving.
async fn whole(mut ws: WebSocket<DuplexStream>, mut chance: Chance, count: u64, closes: bool) {
    let (mut sent, mut received) = (0, 0);
    while sent < count || received < count {
        match chance.below(10) {
            0..4 if sent < count => {
                if let Some(result) = restlessly(&mut chance, ws.send(message(sent))).await {
                    result.unwrap();
                    sent += 1;
                }
            }
            4 if sent < count => {
                if let Some(result) = restlessly(&mut chance, ws.feed(message(sent))).await {
                    result.unwrap();
                    sent += 1;
                }
            }
            5 => drop(restlessly(&mut chance, ws.ping(b"ping")).await),
            6 => drop(restlessly(&mut chance, ws.flush()).await),
            _ if received < count => match restlessly(&mut chance, ws.recv()).await {
                Some(got) => {
                    assert_eq!(number(&got.unwrap().unwrap()), received, "lost or doubled");
                    received += 1;
                }
                None => tokio::task::yield_now().await,
            },
            _ => drop(restlessly(&mut chance, ws.flush()).await),
        }
    }
    if closes {
        stubbornly!(&mut chance, ws.close(CloseCode::NORMAL, "done")).unwrap();
    } else {
        assert!(stubbornly!(&mut chance, ws.recv()).unwrap().is_none());
    }
    assert!(ws.ending().unwrap().is_clean());
}

async fn read_all(mut reader: Reader<DuplexStream>, mut chance: Chance, writers: u64, count: u64) {
    let mut next = vec![0; writers as usize];
    for _ in 0..writers * count {
        let got = stubbornly!(&mut chance, reader.recv()).unwrap().unwrap();
        let at = number(&got);
        let writer = (at % writers) as usize;
        assert_eq!(at / writers, next[writer], "lost, doubled or out of turn");
        next[writer] += 1;
    }
    assert!(
        stubbornly!(&mut chance, reader.recv()).unwrap().is_none(),
        "one too many"
    );
}

async fn write_all(writer: Writer<DuplexStream>, mut chance: Chance, writers: u64, which: u64, count: u64) {
    for at in 0..count {
        stubbornly!(&mut chance, writer.send(message(at * writers + which))).unwrap();
        match chance.below(10) {
            0 => drop(patiently(&mut chance, writer.ping(b"ping")).await),
            1 => drop(patiently(&mut chance, writer.flush()).await),
            2 => drop(patiently(&mut chance, writer.drained()).await),
            3 => drop(patiently(&mut chance, writer.send_stream(ws_tokio::DataKind::Text)).await),
            _ => {}
        }
    }
}

/// Both ends in halves, several writers each.
async fn halves(mode: Mode, chance: &mut Chance, count: u64) {
    const WRITERS: u64 = 3;
    let (near, far) = pair(mode, chance).await;
    let mut tasks = Vec::new();
    let mut writing = Vec::new();
    let mut closers = Vec::new();
    for ws in [near, far] {
        let (reader, writer) = ws.split();
        tasks.push(tokio::spawn(read_all(
            reader,
            Chance(chance.below(u64::MAX) + 1),
            WRITERS,
            count,
        )));
        for which in 0..WRITERS {
            let chance = Chance(chance.below(u64::MAX) + 1);
            writing.push(tokio::spawn(write_all(writer.clone(), chance, WRITERS, which, count)));
        }
        closers.push(writer);
    }
    for task in writing {
        task.await.unwrap();
    }
    for writer in closers {
        match writer.start_close(CloseCode::NORMAL, "") {
            Ok(()) | Err(Error::Send(SendError::Closed)) => {}
            Err(error) => panic!("{error}"),
        }
        stubbornly!(chance, writer.close(CloseCode::NORMAL, "")).unwrap();
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// Opening handshakes given up on either side leave nothing behind.
async fn openings(chance: &mut Chance, count: u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let mut server_chance = Chance(chance.below(u64::MAX) + 1);
    let server = tokio::spawn(async move {
        let mut opened = 0;
        loop {
            let Some(accepted) = patiently(&mut server_chance, listener.accept()).await else {
                tokio::task::yield_now().await;
                continue;
            };
            let Some(Ok(incoming)) = patiently(&mut server_chance, accept(accepted.unwrap().0)).await else {
                continue;
            };
            let Some(Ok(mut ws)) = patiently(&mut server_chance, incoming.accept(Accept::new())).await else {
                continue;
            };
            opened += 1;
            let at = opened;
            tokio::spawn(async move {
                let _ = ws.send(message(at)).await;
                while let Ok(Some(_)) = ws.recv().await {}
            });
        }
    });
    let mut opened = 0;
    while opened < count {
        if let Some(Ok(mut ws)) = patiently(chance, connect(&url).timeout(Duration::from_secs(5)).into_future()).await {
            number(&ws.recv().await.unwrap().unwrap());
            opened += 1;
        }
        tokio::task::yield_now().await;
    }
    server.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_given_up_at_random() {
    let seconds: u64 = std::env::var("WS_STRESS_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(0);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut seed = 1u64;
    loop {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mode = MODES[seed as usize % MODES.len()];
        let (near, far) = pair(mode, &mut chance).await;
        let (one, two) = (Chance(chance.below(u64::MAX) + 1), Chance(chance.below(u64::MAX) + 1));
        let near = tokio::spawn(whole(near, one, 200, true));
        let far = tokio::spawn(whole(far, two, 200, false));
        near.await.unwrap();
        far.await.unwrap();
        halves(mode, &mut chance, 60).await;
        openings(&mut chance, 10).await;
        seed += 1;
        if seed > ROUNDS && Instant::now() >= end {
            println!("{seed} rounds");
            return;
        }
    }
}

/// Enough for every await point to have been given up many times.
const ROUNDS: u64 = 6;
