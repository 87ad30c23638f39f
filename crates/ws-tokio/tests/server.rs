//! The server: who is let in, who is there, what they are told, how it stops.

mod common;

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use ws_tokio::{
    Accept, Answer, Client, Clients, CloseCode, Config, ConnectionError, DataKind, Error, Message, Prepared, Published,
    Response, SendError, Server, Side, Slow, Socket, Topics, WebSocket, connect,
};

const GRACE: Duration = Duration::from_secs(10);

async fn echo(mut ws: WebSocket<Socket>, _client: Client) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// What a future gives before nobody has anything left to do: time that stands still goes on only then.
async fn until_idle<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::time::pause();
    let result = tokio::time::timeout(Duration::from_millis(1), work).await.ok();
    tokio::time::resume();
    result
}

#[tokio::test]
async fn a_handler_owns_its_connection_and_others_may_send_to_it() {
    let server = Server::bind("127.0.0.1:0").handler(echo).start().await.unwrap();
    let mut ws = connect(&url(&server)).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
    let clients = server.clients();
    assert_eq!(clients.len(), 1);
    let client = &clients.all()[0];
    client.send("by the way").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("by the way")));
    assert_eq!(clients.at(client.peer_addr().unwrap()).unwrap().id(), client.id());
    assert_eq!(clients.get(client.id()).unwrap().id(), client.id());
    assert!(clients.disconnect(client.id(), CloseCode::POLICY_VIOLATION, "out"));
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(ws.ending().unwrap().code(), CloseCode::POLICY_VIOLATION);
    client.writer().ended().await;
    assert!(server.shutdown(GRACE).await);
    assert!(clients.is_empty());
}

#[tokio::test]
async fn until_on_connection_has_returned_the_list_holds_everybody_else() {
    let seen: Arc<Mutex<Vec<usize>>> = Arc::default();
    let (told, mut joined) = mpsc::unbounded_channel();
    let server = Server::bind("127.0.0.1:0");
    let (clients, record) = (server.clients(), seen.clone());
    let server = server
        .on_connection(move |client| {
            record.lock().unwrap().push(clients.len());
            let told = told.clone();
            async move {
                tokio::task::yield_now().await;
                client.on_message(move |_| {
                    told.send(()).unwrap();
                    async {}
                });
            }
        })
        .start()
        .await
        .unwrap();
    let mut all = Vec::new();
    for at in 0..3 {
        let mut ws = connect(&url(&server)).await.unwrap();
        ws.send("x").await.unwrap();
        // Its message is told after it has joined, though it was sent before.
        joined.recv().await.unwrap();
        assert_eq!(server.clients().len(), at + 1);
        all.push(ws);
    }
    assert_eq!(*seen.lock().unwrap(), [0, 1, 2]);
    assert!(
        server
            .clients()
            .all()
            .windows(2)
            .all(|pair| pair[0].id() < pair[1].id())
    );
}

#[tokio::test]
async fn a_client_that_left_meanwhile_never_joins() {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let server = Server::bind("127.0.0.1:0");
    let (closed, mut closings) = mpsc::unbounded_channel();
    let server = server
        .on_connection(move |client| {
            let (go, wait) = oneshot::channel::<()>();
            arrived.send((client.clone(), go)).unwrap();
            let closed = closed.clone();
            client.on_closed(move |ending| {
                closed.send(ending).unwrap();
                async {}
            });
            async move {
                let _ = wait.await;
            }
        })
        .start()
        .await
        .unwrap();
    let mut ws = connect(&url(&server)).await.unwrap();
    ws.send("a message that is read ahead").await.unwrap();
    let (client, go) = arrivals.recv().await.unwrap();
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    client.writer().ended().await;
    assert!(server.clients().is_empty());
    go.send(()).unwrap();
    let ending = closings.recv().await.unwrap();
    assert_eq!((ending.code(), ending.first), (CloseCode::NORMAL, Some(Side::Peer)));
    assert!(server.clients().is_empty());
}

#[tokio::test]
async fn a_message_is_told_with_its_first_bytes() {
    let (told, mut messages) = mpsc::unbounded_channel();
    let server = Server::bind("127.0.0.1:0")
        .on_connection(move |client| {
            let told = told.clone();
            client.on_message(move |message| {
                let (done, wait) = oneshot::channel::<()>();
                told.send((message, done)).unwrap();
                async move {
                    let _ = wait.await;
                }
            });
            async {}
        })
        .start()
        .await
        .unwrap();
    let mut stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    open_raw(&mut stream).await;
    stream.write_all(&masked(0x01, b"begin")).await.unwrap();
    let (mut message, done) = messages.recv().await.unwrap();
    assert_eq!(message.fill_buf().await.unwrap(), b"begin");
    message.consume(2);
    // A ping behind it and another message: the one is answered, the other waits.
    stream.write_all(&masked(PING, b"!")).await.unwrap();
    stream.write_all(&masked(0x80, b", end")).await.unwrap();
    stream.write_all(&masked(TEXT, b"second")).await.unwrap();
    stream.write_all(&masked(PING, b"?")).await.unwrap();
    expect(&mut stream, &unmasked(PONG, b"!")).await;
    expect(&mut stream, &unmasked(PONG, b"?")).await;
    assert!(messages.try_recv().is_err());
    assert_eq!(message.get().await.unwrap(), Message::text("gin, end"));
    done.send(()).unwrap();
    let (message, done) = messages.recv().await.unwrap();
    assert_eq!(message.get().await.unwrap(), Message::text("second"));
    drop(done);
    // The end in the middle of one comes to light in its reader.
    stream.write_all(&masked(0x01, b"cut")).await.unwrap();
    let (mut message, _done) = messages.recv().await.unwrap();
    drop(stream);
    let error = message.read_to_end(&mut Vec::new()).await.unwrap_err();
    let error = error.downcast::<Error>().unwrap();
    assert!(matches!(error, Error::Connection(ConnectionError::Disconnected)));
}

/// A callback that does not return makes its client wait, and costs no more than the bound.
#[tokio::test]
async fn what_is_read_ahead_is_bounded() {
    let server = Server::bind("127.0.0.1:0")
        .on_connection(|client| {
            client.on_message(|_| std::future::pending());
            async {}
        })
        .start()
        .await
        .unwrap();
    let mut ws = connect(&url(&server)).await.unwrap();
    let mut sent = 0usize;
    // Neither side's kernel buffers nor ours take gigabytes.
    let sending = async {
        for _ in 0..100_000 {
            ws.send(vec![0; 60_000]).await.unwrap();
            sent += 60_000;
        }
    };
    assert!(until_idle(sending).await.is_none());
    assert!(sent < 100 * 1024 * 1024, "{sent}");
}

#[tokio::test]
async fn pings_and_pongs_are_shown_and_can_be_answered_otherwise() {
    let mut config = Config::default();
    config.replies.pong = false;
    let (seen, mut pongs) = mpsc::unbounded_channel();
    let server = Server::bind("127.0.0.1:0")
        .config(config)
        .on_connection(move |client| {
            let writer = client.writer().clone();
            client.on_ping(move |payload| writer.try_pong(&[payload, b"!"].concat()).unwrap());
            let seen = seen.clone();
            client.on_pong(move |payload| seen.send(payload.to_vec()).unwrap());
            async {}
        })
        .start()
        .await
        .unwrap();
    let mut stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    open_raw(&mut stream).await;
    stream.write_all(&masked(PING, b"a")).await.unwrap();
    expect(&mut stream, &unmasked(PONG, b"a!")).await;
    stream.write_all(&masked(PONG, b"unasked")).await.unwrap();
    assert_eq!(pongs.recv().await.unwrap(), b"unasked");
}

#[tokio::test]
async fn pages_refusals_and_choices_on_the_same_port() {
    let server = Server::bind("127.0.0.1:0")
        .on_request(|request| async move {
            tokio::task::yield_now().await;
            match request.path() {
                "/ws" => Answer::Accept(Accept::new().choose_protocol(&["b", "c"])),
                "/page" => Response::new(200).with_body("a page").into(),
                _ => Response::new(403).into(),
            }
        })
        .handler(echo)
        .start()
        .await
        .unwrap();
    let address = server.local_addr().unwrap();
    let ws = connect(&format!("ws://{address}/ws"))
        .protocol("a")
        .protocol("b")
        .await
        .unwrap();
    assert_eq!(ws.protocol(), Some("b"));
    match connect(&format!("ws://{address}/else")).await {
        Err(Error::Refused(response)) => assert_eq!(response.status(), 403),
        other => panic!("{other:?}"),
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let page = String::from_utf8(rest(&mut stream).await).unwrap();
    assert!(
        page.starts_with("HTTP/1.1 200 OK") && page.ends_with("a page"),
        "{page}"
    );
}

#[tokio::test]
async fn shutting_down_says_so_waits_and_ends() {
    let (server, mut clients) = handing_out(Server::bind("127.0.0.1:0")).await;
    let address = server.local_addr().unwrap();
    let mut ws = connect(&url(&server)).await.unwrap();
    clients.recv().await.unwrap();
    // One that is still shaking hands holds nobody up.
    let mut hanging = TcpStream::connect(address).await.unwrap();
    hanging.write_all(b"GET ").await.unwrap();
    let (over, end) = tokio::join!(server.shutdown(GRACE), ws.recv());
    assert!(over);
    assert_eq!(end.unwrap(), None);
    assert_eq!(ws.ending().unwrap().code(), CloseCode::GOING_AWAY);
    assert!(TcpStream::connect(address).await.is_err());
}

/// Its connection is not over yet: it keeps its place, and a shutdown waits.
#[tokio::test]
async fn what_a_handler_leaves_behind_is_waited_for() {
    const LARGE: usize = 64 * 1024 * 1024;
    let mut config = Config::default();
    config.timeouts.linger = Some(6 * GRACE);
    let (told, mut returned) = mpsc::unbounded_channel();
    let server = Server::bind("127.0.0.1:0")
        .max_connections(1)
        .config(config)
        .handler(move |mut ws, _| {
            let told = told.clone();
            async move {
                ws.feed(vec![7; LARGE]).await?;
                told.send(()).unwrap();
                Ok(())
            }
        });
    let server = server.start().await.unwrap();
    let address = server.local_addr().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    open_raw(&mut stream).await;
    returned.recv().await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    let entering = tokio::spawn(async move { open_raw(&mut second).await });
    assert!(until_idle(returned.recv()).await.is_none());
    assert!(!entering.is_finished());
    let mut stopping = tokio::spawn(server.shutdown(6 * GRACE));
    assert!(until_idle(&mut stopping).await.is_none());
    assert_eq!(rest(&mut stream).await.len(), 10 + LARGE);
    drop(stream);
    assert!(stopping.await.unwrap());
    entering.abort();
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_dropped_after_the_grace() {
    let (server, mut clients) = handing_out(Server::bind("127.0.0.1:0")).await;
    let mut stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    open_raw(&mut stream).await;
    clients.recv().await.unwrap();
    tokio::time::pause();
    assert!(!server.shutdown(Duration::from_secs(1)).await);
    let last = rest(&mut stream).await;
    assert_eq!((last[0], &last[2..4]), (CLOSE, &1001u16.to_be_bytes()[..]));
}

#[tokio::test]
async fn dropping_it_drops_everything() {
    let (server, mut clients) = handing_out(Server::bind("127.0.0.1:0")).await;
    let mut ws = connect(&url(&server)).await.unwrap();
    let client = clients.recv().await.unwrap();
    let list = server.clients();
    drop(server);
    assert!(ws.recv().await.is_err());
    client.writer().ended().await;
    assert!(matches!(client.send("x").await, Err(Error::Send(SendError::Closed))));
    assert!(list.is_empty());
}

#[tokio::test]
async fn limits_of_all_and_of_one_address() {
    let server = Server::bind("127.0.0.1:0")
        .max_connections(2)
        .max_per_peer(3)
        .handler(echo);
    let server = server.start().await.unwrap();
    let first = connect(&url(&server)).await.unwrap();
    let _second = connect(&url(&server)).await.unwrap();
    let address = url(&server);
    let mut third = tokio::spawn(async move {
        let mut ws = connect(&address).await.unwrap();
        ws.send("in").await.unwrap();
        ws.recv().await.unwrap()
    });
    assert!(until_idle(&mut third).await.is_none());
    drop(first);
    assert_eq!(third.await.unwrap(), Some(Message::text("in")));

    let server = Server::bind("127.0.0.1:0").max_per_peer(1).handler(echo);
    let server = server.start().await.unwrap();
    let mut first = connect(&url(&server)).await.unwrap();
    assert!(connect(&url(&server)).await.is_err());
    first.close(CloseCode::NORMAL, "").await.unwrap();
    // The place is free when the server's task has ended, which nobody tells.
    while connect(&url(&server)).await.is_err() {
        tokio::task::yield_now().await;
    }
}

/// A listener to which nobody comes takes no place from the others.
#[tokio::test]
async fn the_limit_is_on_all_listeners_together() {
    for most in [1, 2] {
        let server = Server::bind("127.0.0.1:0")
            .also_bind("127.0.0.1:0")
            .max_connections(most)
            .handler(echo);
        let server = server.start().await.unwrap();
        let urls: Vec<_> = server.local_addrs().iter().map(|at| format!("ws://{at}/")).collect();
        for (url, other) in [(&urls[0], &urls[1]), (&urls[1], &urls[0])] {
            let mut inside = Vec::new();
            for _ in 0..most {
                inside.push(connect(url).await.unwrap());
            }
            let other = other.clone();
            let mut late = tokio::spawn(async move { connect(&other).await.unwrap() });
            assert!(until_idle(&mut late).await.is_none());
            inside.pop().unwrap().close(CloseCode::NORMAL, "").await.unwrap();
            late.await.unwrap().close(CloseCode::NORMAL, "").await.unwrap();
            for mut ws in inside {
                ws.close(CloseCode::NORMAL, "").await.unwrap();
            }
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn several_listeners_and_a_unix_socket() {
    let path = std::env::temp_dir().join(format!("ws-tokio-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let server = Server::bind("127.0.0.1:0")
        .also_bind("127.0.0.1:0")
        .bind_unix(&path)
        .handler(echo);
    let server = server.start().await.unwrap();
    for address in server.local_addrs() {
        let mut ws = connect(&format!("ws://{address}/")).await.unwrap();
        ws.send("tcp").await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("tcp")));
    }
    let stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    let (mut ws, _) = connect("ws://localhost/").over(stream).await.unwrap();
    ws.send("unix").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("unix")));
    assert_eq!(server.local_addrs().len(), 2);
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_panic_or_an_error_is_one_connections_own() {
    let server = Server::bind("127.0.0.1:0").handler(|mut ws, _| async move {
        let message = ws.recv().await?.unwrap();
        assert_eq!(message, Message::text("fine"));
        ws.send(message).await
    });
    let server = server.start().await.unwrap();
    let mut bad = connect(&url(&server)).await.unwrap();
    bad.send("panic").await.unwrap();
    assert!(bad.recv().await.is_err());
    assert!(server.clients().is_empty());
    let mut good = connect(&url(&server)).await.unwrap();
    good.send("fine").await.unwrap();
    assert_eq!(good.recv().await.unwrap(), Some(Message::text("fine")));
}

#[tokio::test]
async fn a_broadcast_reaches_everybody_but_the_one_left_out() {
    let (server, mut arrived) = handing_out(Server::bind("127.0.0.1:0")).await;
    let mut all = Vec::new();
    for _ in 0..5 {
        let ws = connect(&url(&server)).await.unwrap();
        all.push((ws, arrived.recv().await.unwrap().id()));
    }
    while server.clients().len() < 5 {
        tokio::task::yield_now().await;
    }
    let long = Prepared::new(&"x".repeat(10_000));
    let published = server.clients().broadcast_except(all[2].1, &long, Slow::Skip).await;
    assert_eq!((published.sent, published.skipped), (4, 0));
    // From a thread that knows nothing of Tokio.
    let clients = server.clients();
    std::thread::spawn(move || clients.publish(&Prepared::new("all"), Slow::Close))
        .join()
        .unwrap();
    for (at, (ws, _)) in all.iter_mut().enumerate() {
        if at != 2 {
            assert_eq!(ws.recv().await.unwrap().unwrap().len(), 10_000);
        }
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("all")));
    }
}

/// Ninety-nine that read (or `WS_READERS`), one that does not: under each policy they get everything, and it costs what
/// it may.
#[tokio::test]
async fn a_slow_reader_delays_nobody_and_stays_within_its_bound() {
    let readers: usize = std::env::var("WS_READERS").map_or(99, |count| count.parse().unwrap());
    const ROUNDS: usize = 250;
    const SIZE: usize = 40_000;
    // However long it takes, the one that does not read is not given up for that.
    let mut config = Config::default();
    config.timeouts.ping_interval = None;
    let config = Arc::new(config);
    for slow in [Slow::Skip, Slow::Close, Slow::Wait] {
        let (server, mut arrived) = handing_out(Server::bind("127.0.0.1:0").config(config.clone())).await;
        let mut stuck = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
        open_raw(&mut stuck).await;
        let slow_one = arrived.recv().await.unwrap();
        let received = Arc::new(AtomicUsize::new(0));
        for _ in 0..readers {
            let mut ws = connect(&url(&server)).await.unwrap();
            arrived.recv().await.unwrap();
            let received = received.clone();
            // Until the server is dropped.
            tokio::spawn(async move {
                while let Ok(Some(message)) = ws.recv().await {
                    assert_eq!(message.len(), SIZE);
                    received.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while server.clients().len() < readers + 1 {
            tokio::task::yield_now().await;
        }
        let broadcasts = Broadcasts::default();
        let (clients, counted, stuck_writer) = (server.clients(), broadcasts.clone(), slow_one.writer().clone());
        let publishing = tokio::spawn(async move {
            let message = Prepared::new(&vec![7; SIZE]);
            while slow == Slow::Wait || counted.begun() < ROUNDS {
                counted.broadcast(&clients, &message, slow).await;
                // A publisher that leaves the others time to read.
                for client in clients.all().iter().filter(|client| client.id() != slow_one.id()) {
                    client.writer().drained().await.unwrap();
                }
                assert!(slow_one.writer().queued() <= 64 * 1024 + SIZE + 200);
            }
            slow_one
        });
        if slow == Slow::Wait {
            // Everybody else has the message that the publisher waits with for the slow one.
            let everybody_else = async {
                while !broadcasts.one_waits() || received.load(Ordering::Relaxed) != readers * broadcasts.begun() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(6 * GRACE, everybody_else)
                .await
                .expect("they have it");
            assert!(stuck_writer.queued() > 64 * 1024);
        } else {
            let slow_one = publishing.await.unwrap();
            while received.load(Ordering::Relaxed) < readers * ROUNDS {
                tokio::task::yield_now().await;
            }
            assert!(slow_one.skipped() > 0);
            assert_eq!(slow_one.is_closed(), slow == Slow::Close);
        }
    }
}

/// How many broadcasts have begun, and how many of them are over.
#[derive(Clone, Default)]
struct Broadcasts(Arc<[AtomicUsize; 2]>);

impl Broadcasts {
    async fn broadcast(&self, clients: &Clients, message: &Prepared, slow: Slow) -> Published {
        self.0[0].fetch_add(1, Ordering::Relaxed);
        let published = clients.broadcast(message, slow).await;
        self.0[1].fetch_add(1, Ordering::Relaxed);
        published
    }

    fn begun(&self) -> usize {
        self.0[0].load(Ordering::Relaxed)
    }

    /// Whether one waits for somebody who is slow.
    fn one_waits(&self) -> bool {
        self.begun() > self.0[1].load(Ordering::Relaxed)
    }
}

/// It is not slow: it is only another message's turn.
#[tokio::test]
async fn a_message_that_is_streamed_does_not_make_a_client_slow() {
    let (server, mut arrived) = handing_out(Server::bind("127.0.0.1:0")).await;
    let mut ws = connect(&url(&server)).await.unwrap();
    let client = arrived.recv().await.unwrap();
    let mut message = client.writer().send_stream(DataKind::Text).await.unwrap();
    message.write_all(b"streamed").await.unwrap();
    let news = Prepared::new("news");
    assert!(!client.post(&news, Slow::Close).unwrap());
    assert_eq!(client.skipped(), 1);
    message.finish().await.unwrap();
    assert!(client.post(&news, Slow::Close).unwrap());
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("streamed")));
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("news")));
}

/// Callbacks hold what they need, the client itself mostly: when the connection is over, nobody holds them.
#[tokio::test]
async fn callbacks_are_dropped_with_the_connection() {
    for end in ["in peace", "by a panic", "with the server"] {
        let held = Arc::new(());
        let kept = held.clone();
        let (closed, mut closings) = mpsc::unbounded_channel();
        let server = Server::bind("127.0.0.1:0")
            .on_connection(move |client| {
                let holds = (client.clone(), kept.clone());
                client.on_ping(move |_| drop(holds.clone()));
                let holds = (client.clone(), kept.clone());
                client.on_message(move |_| {
                    let _holds = holds.clone();
                    async { panic!("by a panic") }
                });
                let (holds, closed) = ((client.clone(), kept.clone()), closed.clone());
                client.on_closed(move |ending| async move {
                    drop(holds);
                    closed.send(ending.code()).unwrap();
                });
                async {}
            })
            .start()
            .await
            .unwrap();
        let mut ws = connect(&url(&server)).await.unwrap();
        while server.clients().is_empty() {
            tokio::task::yield_now().await;
        }
        match end {
            "in peace" => {
                ws.close(CloseCode::NORMAL, "").await.unwrap();
                assert_eq!(closings.recv().await, Some(CloseCode::NORMAL));
            }
            "by a panic" => {
                ws.send("x").await.unwrap();
                assert_eq!(closings.recv().await, Some(CloseCode::ABNORMAL));
            }
            _ => {}
        }
        drop(server);
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn topics_have_a_first_and_a_last_subscriber() {
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let (first, last) = (log.clone(), log.clone());
    let topics = Topics::with_hooks(
        move |topic| first.lock().unwrap().push(format!("+{topic}")),
        move |topic| last.lock().unwrap().push(format!("-{topic}")),
    );
    let (server, mut arrived) = handing_out(Server::bind("127.0.0.1:0")).await;
    let mut a_side = connect(&url(&server)).await.unwrap();
    let a = arrived.recv().await.unwrap();
    let mut b_side = connect(&url(&server)).await.unwrap();
    let b = arrived.recv().await.unwrap();
    assert!(topics.subscribe("x", &a) && topics.subscribe("x", &b) && topics.subscribe("y", &b));
    assert!(!topics.subscribe("x", &a));
    assert_eq!(topics.publish("x", &Prepared::new("to x"), Slow::Skip).sent, 2);
    assert_eq!(topics.broadcast("y", &Prepared::new("to y"), Slow::Wait).await.sent, 1);
    assert_eq!(topics.publish("z", &Prepared::new("to z"), Slow::Skip).sent, 0);
    assert_eq!(a_side.recv().await.unwrap(), Some(Message::text("to x")));
    assert_eq!(b_side.recv().await.unwrap(), Some(Message::text("to x")));
    assert_eq!(b_side.recv().await.unwrap(), Some(Message::text("to y")));
    assert!(topics.unsubscribe("x", &a) && !topics.unsubscribe("x", &a));
    assert_eq!(*log.lock().unwrap(), ["+x", "+y"]);
    // Leaving is leaving all of them.
    let gone = Arc::new(tokio::sync::Notify::new());
    let tell = gone.clone();
    b.on_closed(move |_| async move { tell.notify_one() });
    b_side.close(CloseCode::NORMAL, "").await.unwrap();
    gone.notified().await;
    let mut all = log.lock().unwrap().clone();
    all.sort();
    assert_eq!(all, ["+x", "+y", "-x", "-y"]);
    assert!(topics.names().is_empty());
    assert!(!topics.subscribe("x", &b));
    assert!(topics.subscribers("x").is_empty());
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn with_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let config = ws_tokio::tls::server_config(certificate.as_bytes(), key.as_bytes()).unwrap();
    let server = Server::bind("127.0.0.1:0")
        .tls(config)
        .handler(echo)
        .start()
        .await
        .unwrap();
    let port = server.local_addr().unwrap().port();
    let trust = ws_tokio::tls::trusting(certificate.as_bytes()).unwrap();
    let mut ws = connect(&format!("wss://localhost:{port}/")).tls(trust).await.unwrap();
    ws.send("secret").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::text("secret")));
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(server.shutdown(GRACE).await);
}

/// Who is waited for waits for nobody else: each has the message as soon as it has room.
#[tokio::test]
async fn a_slow_client_does_not_wait_for_another() {
    const SIZE: usize = 100_000;
    let (server, mut arrived) = handing_out(Server::bind("127.0.0.1:0")).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
        open_raw(&mut stream).await;
        arrived.recv().await.unwrap();
        streams.push(stream);
    }
    while server.clients().len() < 2 {
        tokio::task::yield_now().await;
    }
    let broadcasts = Broadcasts::default();
    let stop = Arc::new(AtomicBool::new(false));
    let (clients, counted, enough) = (server.clients(), broadcasts.clone(), stop.clone());
    let publishing = async move {
        let message = Prepared::new(&vec![7; SIZE]);
        while !enough.load(Ordering::Relaxed) {
            assert_eq!(counted.broadcast(&clients, &message, Slow::Wait).await.sent, 2);
        }
    };
    let mut publishing = tokio::spawn(publishing);
    assert!(until_idle(&mut publishing).await.is_none());
    // Both are waited for. The second reads, the first does not.
    let mut bytes = 0;
    let mut buf = vec![0; 1 << 20];
    let reading = async {
        while !broadcasts.one_waits() || bytes < broadcasts.begun() * SIZE {
            bytes += streams[1].read(&mut buf).await.unwrap();
        }
    };
    tokio::time::timeout(6 * GRACE, reading)
        .await
        .expect("it has the message");
    // Then the first does, and has it too.
    stop.store(true, Ordering::Relaxed);
    let mut bytes = 0;
    let reading = async {
        while bytes < broadcasts.begun() * SIZE {
            bytes += streams[0].read(&mut buf).await.unwrap();
        }
    };
    tokio::time::timeout(6 * GRACE, reading)
        .await
        .expect("it has the message");
    publishing.await.unwrap();
}
