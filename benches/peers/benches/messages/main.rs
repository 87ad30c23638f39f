//! Messages through memory, as a server: received and sent, by the core, by ws-tokio over it, and by the peers.
//!
//! All read from the same transport, which has 64 KiB for every read that takes as much, and write to one that takes
//! all. An iteration is a message.

mod transport;

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fastwebsockets::{Frame, OpCode, Payload};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite;
use tungstenite::protocol::Role;
use ws_proto::handshake::{Accept, ClientHandshake, ClientRequest, HandshakeConfig, ServerHandshake};
use ws_proto::{Config, Connection, Input, Limits, Outbox, Prepared};
use ws_tokio::WebSocket;

use transport::{Transport, WINDOW, frame, frames};

fn receive(c: &mut Criterion) {
    for (kind, text, size) in [
        ("binary", false, 20),
        ("text", true, 1 << 10),
        ("binary", false, 16 << 10),
        ("binary", false, 1 << 20),
    ] {
        let wire = frames(text, size);
        let transport = || Transport::new(&wire);
        let mut group = c.benchmark_group(format!("receive/{kind}/{size}"));

        let (mut core, mut source, mut buffer) = (Connection::server(Config::default()), transport(), vec![0; WINDOW]);
        let mut unread = 0..0;
        group.bench_function("ws-proto", |b| {
            b.iter(|| {
                loop {
                    let mut input = Input::new(&mut buffer[unread.clone()]);
                    let event = core.next_event(&mut input).expect("good frames");
                    let got = event.map(black_box).is_some();
                    unread.start = unread.end - input.len();
                    if got {
                        return;
                    }
                    // What is left of a large message is read to where it belongs.
                    unread = match core.direct_buf() {
                        Some(window) => {
                            let count = source.read_buf(window);
                            if core.handle_direct(count).expect("good frames").map(black_box).is_some() {
                                return;
                            }
                            0..0
                        }
                        None => 0..source.read_some(&mut buffer),
                    };
                }
            });
        });
        let mut ws = WebSocket::from_raw(
            transport(),
            Connection::server(Config::default()),
            Config::default(),
            [],
        );
        group.bench_function("ws-tokio", |b| b.iter(|| now(ws.recv()).expect("a message")));
        let mut ws = tungstenite::WebSocket::from_raw_socket(transport(), Role::Server, None);
        group.bench_function("tungstenite", |b| b.iter(|| ws.read().expect("a message")));
        let mut ws = now(tokio_tungstenite::WebSocketStream::from_raw_socket(
            transport(),
            Role::Server,
            None,
        ));
        group.bench_function("tokio-tungstenite", |b| {
            b.iter(|| now(ws.next()).expect("a message").is_ok())
        });
        let ws = fastwebsockets::WebSocket::after_handshake(transport(), fastwebsockets::Role::Server);
        let mut ws = fastwebsockets::FragmentCollector::new(ws);
        group.bench_function("fastwebsockets", |b| {
            b.iter(|| now(ws.read_frame()).expect("a message").fin)
        });
        let mut ws = tokio_websockets::ServerBuilder::new().serve(transport());
        group.bench_function("tokio-websockets", |b| {
            b.iter(|| now(ws.next()).expect("a message").is_ok())
        });
        let mut ws = yawc::WebSocket::from_stream(transport(), yawc::Role::Server, yawc_options()).expect("options");
        group.bench_function("yawc", |b| b.iter(|| now(ws.next()).expect("a message")));
        let mut ws = sockudo_ws::WebSocketStream::server(transport(), sockudo_ws::Config::default());
        group.bench_function("sockudo-ws", |b| b.iter(|| now(ws.next()).expect("a message").is_ok()));
    }
}

/// One write a message.
fn send(c: &mut Criterion) {
    for size in [20, 1 << 10, 16 << 10] {
        let payload = vec![b'a'; size];
        let bytes = bytes::Bytes::copy_from_slice(&payload);
        let transport = || Transport::new(&[]);
        let mut group = c.benchmark_group("send");

        let (mut core, mut out) = (Connection::server(Config::default()), Vec::new());
        group.bench_function(BenchmarkId::new("ws-proto", size), |b| {
            b.iter(|| {
                out.clear();
                core.sender().message(black_box(&payload), &mut out).expect("open");
                black_box(&out);
            });
        });
        let mut ws = WebSocket::from_raw(
            transport(),
            Connection::server(Config::default()),
            Config::default(),
            [],
        );
        group.bench_function(BenchmarkId::new("ws-tokio", size), |b| {
            b.iter(|| now(ws.send(bytes.clone())).expect("open"))
        });
        // One of many deliveries of the same message.
        let prepared = Prepared::new(&payload[..]);
        let (mut core, mut out) = (Connection::server(Config::default()), Outbox::new(&Limits::default()));
        group.bench_function(BenchmarkId::new("ws-proto, prepared", size), |b| {
            b.iter(|| {
                core.sender().queue_prepared(&prepared, &mut out).expect("open");
                out.advance(black_box(out.len()));
            });
        });
        group.bench_function(BenchmarkId::new("ws-tokio, prepared", size), |b| {
            b.iter(|| now(ws.send_prepared(&prepared)).expect("open"))
        });
        let mut ws = tungstenite::WebSocket::from_raw_socket(transport(), Role::Server, None);
        group.bench_function(BenchmarkId::new("tungstenite", size), |b| {
            b.iter(|| ws.send(tungstenite::Message::Binary(bytes.clone())).expect("open"));
        });
        let mut ws = fastwebsockets::WebSocket::after_handshake(transport(), fastwebsockets::Role::Server);
        group.bench_function(BenchmarkId::new("fastwebsockets", size), |b| {
            b.iter(|| {
                let frame = Frame::new(true, OpCode::Binary, None, Payload::Borrowed(&payload));
                now(ws.write_frame(frame)).expect("open");
            });
        });
        let mut ws = tokio_websockets::ServerBuilder::new().serve(transport());
        group.bench_function(BenchmarkId::new("tokio-websockets", size), |b| {
            b.iter(|| now(ws.send(tokio_websockets::Message::binary(bytes.clone()))).expect("open"));
        });
        let mut ws = yawc::WebSocket::from_stream(transport(), yawc::Role::Server, yawc_options()).expect("options");
        group.bench_function(BenchmarkId::new("yawc", size), |b| {
            b.iter(|| now(ws.send(yawc::Frame::binary(bytes.clone()))).expect("open"));
        });
        let mut ws = sockudo_ws::WebSocketStream::server(transport(), sockudo_ws::Config::default());
        group.bench_function(BenchmarkId::new("sockudo-ws", size), |b| {
            b.iter(|| now(ws.send(sockudo_ws::Message::Binary(bytes.clone()))).expect("open"));
        });
    }
}

/// A request accepted: from its bytes to an open connection and an answer. (fastwebsockets and yawc leave it to hyper.)
fn handshake(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let (config, mut request) = (HandshakeConfig::default(), Vec::new());
    let url = ClientRequest::new("ws://127.0.0.1/").expect("a URL");
    ClientHandshake::new(&url, [7; 16], &config, &mut request);
    let transport = || Transport::new(&request);
    let mut group = c.benchmark_group("handshake");

    let mut out = Vec::new();
    group.bench_function("ws-proto", |b| {
        b.iter(|| {
            out.clear();
            let received = ServerHandshake::new(&config).receive(black_box(&request));
            let (request, _) = received.expect("a good request").expect("a whole one");
            request.accept(&Accept::new(), &mut out).expect("an upgrade");
            Connection::server(Config::default())
        });
    });
    group.bench_function("ws-tokio", |b| {
        b.iter(|| {
            let incoming = now(ws_tokio::accept(transport())).expect("a good request");
            now(incoming.accept(Accept::new())).expect("an upgrade")
        });
    });
    group.bench_function("tungstenite", |b| {
        b.iter(|| tungstenite::accept(transport()).expect("a good request"))
    });
    group.bench_function("tokio-tungstenite", |b| {
        b.iter(|| now(tokio_tungstenite::accept_async(transport())).expect("a good request"))
    });
    group.bench_function("tokio-websockets", |b| {
        b.iter(|| now(tokio_websockets::ServerBuilder::new().accept(transport())).expect("a good request"))
    });
    group.bench_function("sockudo-ws", |b| {
        b.iter(|| {
            let mut stream = transport();
            now(sockudo_ws::handshake::server_handshake(&mut stream)).expect("a good request");
            sockudo_ws::WebSocketStream::server(stream, sockudo_ws::Config::default())
        });
    });
}

/// A message received and sent back, by the whole connection and by its halves; alone in its read, or with many others.
fn halves(c: &mut Criterion) {
    for (reads, wire) in [("one", frame(false, 20)), ("many", frames(false, 20))] {
        let open = || {
            let connection = Connection::server(Config::default());
            WebSocket::from_raw(Transport::new(&wire), connection, Config::default(), [])
        };
        let mut group = c.benchmark_group(format!("echo/{reads}"));
        let mut ws = open();
        group.bench_function("ws-tokio", |b| {
            b.iter(|| {
                let message = now(ws.recv()).expect("a message").expect("a message");
                now(ws.send(message)).expect("open");
            });
        });
        let (mut reader, writer) = open().split();
        group.bench_function("ws-tokio by halves", |b| {
            b.iter(|| {
                let message = now(reader.recv()).expect("a message").expect("a message");
                now(writer.send(message)).expect("open");
            });
        });
    }
}

/// As everybody else does: text is checked.
fn yawc_options() -> yawc::Options {
    yawc::Options::default()
        .without_compression()
        .with_utf8()
        .with_limits(4 << 20, 8 << 20)
}

/// The result of what never waits: the transport is always ready.
fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    // Some yield now and then for others' sake.
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

criterion_group!(benches, receive, send, halves, handshake);
criterion_main!(benches);
