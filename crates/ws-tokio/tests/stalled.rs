//! A peer that takes nothing while somebody waits for it to: given up, whether the reader is at it or not.

mod common;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use common::*;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex, join};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use ws_tokio::{CloseCode, Config, DataKind, Error, Server};

/// Beyond every deadline of the default configuration.
const LONG: Duration = Duration::from_secs(10 * 60);

fn narrow() -> Config {
    let mut config = Config::default();
    config.limits.output_high_water = 10;
    config
}

fn is_timed_out(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

/// The peer sends without end and reads nothing. It is not listened to any more either, though a pong is owed to it.
async fn ends_though_nothing_is_read(echo: JoinHandle<Result<(), Error>>, mut far: DuplexStream) {
    let peer = tokio::spawn(async move {
        let frames = [masked(PING, b""), masked(BINARY, &[1; 100])].concat();
        for _ in 0..10_000 {
            if far.write_all(&frames).await.is_err() {
                return;
            }
        }
        panic!("a megabyte was taken");
    });
    let result = timeout(LONG, echo).await.expect("waits for ever").unwrap();
    assert!(is_timed_out(&result.unwrap_err()));
    peer.await.unwrap();
}

/// One task echoes by halves: while it waits to send, nobody receives, and nobody keeps the reader's deadlines.
#[tokio::test(start_paused = true)]
async fn an_echo_by_halves_does_not_wait_for_ever() {
    let (near, far) = duplex(16);
    let (mut reader, writer) = server(near, narrow()).split();
    let echo = tokio::spawn(async move {
        while let Some(message) = reader.recv().await? {
            writer.send(message).await?;
        }
        Ok::<(), Error>(())
    });
    ends_though_nothing_is_read(echo, far).await;
}

#[tokio::test(start_paused = true)]
async fn neither_does_an_echo_by_streams() {
    let (near, far) = duplex(16);
    let (mut reader, writer) = server(near, narrow()).split();
    let echo = tokio::spawn(async move {
        while let Some(mut message) = reader.recv_stream().await? {
            let mut reply = writer.send_stream(message.kind()).await?;
            tokio::io::copy_buf(&mut message, &mut reply).await?;
            reply.finish().await?;
        }
        Ok::<(), Error>(())
    });
    ends_though_nothing_is_read(echo, far).await;
}

#[tokio::test(start_paused = true)]
async fn nor_a_stream_through_a_connection_in_one_piece() {
    let (near, _far) = duplex(16);
    let mut ws = server(near, narrow());
    let mut message = ws.send_stream(DataKind::Binary).await.unwrap();
    let write = async { while message.write_all(&[1; 100]).await.is_ok() {} };
    timeout(LONG, write).await.expect("waits for ever");
    drop(message);
    assert!(ws.recv().await.is_err());
}

/// The reader ends too, even if the peer goes on talking.
#[tokio::test(start_paused = true)]
async fn talking_does_not_make_up_for_it() {
    let (near, far) = duplex(16);
    let (mut reader, writer) = server(near, narrow()).split();
    let (_far_read, mut far_write) = tokio::io::split(far);
    let reading = tokio::spawn(async move {
        loop {
            if let Err(error) = reader.recv().await {
                return error;
            }
        }
    });
    let peer = tokio::spawn(async move {
        while far_write.write_all(&masked(BINARY, b"x")).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    writer.send(vec![1; 100]).await.unwrap();
    let error = timeout(LONG, reading).await.expect("waits for ever").unwrap();
    assert!(is_timed_out(&error), "{error}");
    writer.ended().await;
    peer.await.unwrap();
}

/// A peer that takes something now and then is slow, not dead.
#[tokio::test(start_paused = true)]
async fn a_slow_peer_is_waited_for() {
    let (near, mut far) = duplex(16);
    let (_reader, writer) = server(near, narrow()).split();
    writer.send(vec![1; 100]).await.unwrap();
    let sending = tokio::spawn(async move { writer.send(vec![2; 100]).await });
    let mut all = Vec::new();
    for _ in 0..14 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let mut some = [0; 15];
        let count = far.read(&mut some).await.unwrap();
        all.extend_from_slice(&some[..count]);
    }
    sending.await.unwrap().unwrap();
    assert_eq!(all[..102], [&[BINARY, 100][..], &[1; 100]].concat());
}

/// A callback that answers, and a client that only asks: the place is free again some time.
#[tokio::test]
async fn a_servers_client_that_never_reads_is_given_up() {
    let mut config = narrow();
    config.timeouts.ping_interval = Some(Duration::from_millis(50));
    config.timeouts.ping_timeout = Some(Duration::from_millis(50));
    let (closed, mut closings) = mpsc::unbounded_channel();
    let server = Server::bind("127.0.0.1:0")
        .config(config)
        .on_connection(move |client| {
            let (writer, closed) = (client.writer().clone(), closed.clone());
            client.on_message(move |message| {
                let writer = writer.clone();
                async move {
                    if let Ok(message) = message.get().await {
                        let _ = writer.send(message).await;
                    }
                }
            });
            client.on_closed(move |_| async move { closed.send(()).unwrap() });
            async {}
        })
        .start()
        .await
        .unwrap();
    let mut stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    open_raw(&mut stream).await;
    let (_read, mut write) = stream.into_split();
    let talking = tokio::spawn(async move {
        let frame = masked(BINARY, &vec![1; 50_000]);
        while write.write_all(&frame).await.is_ok() {}
    });
    closings.recv().await.unwrap();
    talking.await.unwrap();
}

/// What was cut off in the middle of a frame is not gone on with: nothing that comes later would be understood.
#[tokio::test(start_paused = true)]
async fn nothing_follows_what_was_cut_off() {
    for receives in [true, false] {
        let (near, mut far) = duplex(16);
        let (mut reader, writer) = server(near, narrow()).split();
        writer.send(vec![1; 100]).await.unwrap();
        writer.start_close(CloseCode::NORMAL, "").unwrap();
        let result = timeout(LONG, writer.flush()).await.expect("waits for ever");
        assert!(is_timed_out(&result.unwrap_err()));
        // It reads again, too late.
        let peer = tokio::spawn(async move { rest(&mut far).await });
        if receives {
            let result = timeout(LONG, reader.recv()).await.expect("waits for ever");
            assert!(is_timed_out(&result.unwrap_err()));
        }
        drop(reader);
        assert_eq!(peer.await.unwrap(), [&[BINARY, 100][..], &[1; 14]].concat());
    }
}

/// A transport with a queue of its own, as TLS is: it takes what there is, and then can't get rid of it.
struct Holding;

impl AsyncWrite for Holding {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_holds_everything_back_is_no_better() {
    let (near, _far) = duplex(16);
    let (_reader, writer) = server(join(near, Holding), narrow()).split();
    writer.send("held back").await.unwrap();
    let result = timeout(LONG, writer.flush()).await.expect("waits for ever");
    assert!(is_timed_out(&result.unwrap_err()));
}
