//! The core in memory: messages received, echoed and sent, as a server and as a client.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ws_proto::{Config, Connection, Event, Input, Payload, Prepared};

const SIZES: [usize; 5] = [20, 125, 1024, 16 * 1024, 1024 * 1024];

/// About as much as one read brings.
const READ: usize = 64 * 1024;

/// A message of the kind and size, and its frame as the other side sends it, as often as one read holds it.
fn read_of(payload: Payload<'_>, from_client: bool) -> (Vec<u8>, usize) {
    let mut peer = connection(from_client);
    let mut frame = Vec::new();
    peer.sender()
        .message(payload, &mut frame)
        .expect("an open connection sends");
    let count = (READ / frame.len()).clamp(1, 64);
    (frame.repeat(count), count)
}

fn connection(client: bool) -> Connection {
    if client {
        Connection::client(Config::default(), || [0x12, 0x34, 0x56, 0x78])
    } else {
        Connection::server(Config::default())
    }
}

fn receive(c: &mut Criterion) {
    for (role, client) in [("server", false), ("client", true)] {
        let mut group = c.benchmark_group(format!("receive/{role}"));
        for size in SIZES {
            let text = "a".repeat(size);
            for (kind, payload) in [
                ("binary", Payload::Binary(text.as_bytes())),
                ("text", Payload::Text(&text)),
            ] {
                let (read, count) = read_of(payload, !client);
                group.throughput(Throughput::Elements(count as u64));
                let mut conn = connection(client);
                group.bench_function(format!("{kind}/{size}"), |b| {
                    b.iter_batched_ref(
                        || read.clone(),
                        |read| {
                            let mut input = Input::new(read);
                            while let Some(event) = conn.next_event(&mut input).expect("good frames") {
                                black_box(&event);
                            }
                        },
                        BatchSize::SmallInput,
                    );
                });
            }
        }
    }
}

/// The whole way: receive, answer into a buffer, look for replies owed.
fn echo(c: &mut Criterion) {
    let mut group = c.benchmark_group("echo/server");
    for size in SIZES {
        let payload = vec![b'a'; size];
        let (read, count) = read_of(Payload::Binary(&payload), true);
        group.throughput(Throughput::Elements(count as u64));
        let mut conn = connection(false);
        let mut out = Vec::with_capacity(2 * READ.max(size));
        group.bench_function(format!("binary/{size}"), |b| {
            b.iter_batched_ref(
                || read.clone(),
                |read| {
                    out.clear();
                    let mut input = Input::new(read);
                    while let Some(event) = conn.next_event(&mut input).expect("good frames") {
                        if let Event::Binary(bytes) = &event {
                            conn.sender()
                                .message(&**bytes, &mut out)
                                .expect("an open connection sends");
                        }
                        conn.poll_transmit(&mut out);
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
}

fn send(c: &mut Criterion) {
    for (role, client) in [("server", false), ("client", true)] {
        let mut group = c.benchmark_group(format!("send/{role}"));
        for size in SIZES {
            let payload = vec![b'a'; size];
            let prepared = Prepared::new(&payload);
            let mut conn = connection(client);
            let mut out = Vec::with_capacity(2 * size + 64);
            group.throughput(Throughput::Elements(1));
            group.bench_function(format!("message/{size}"), |b| {
                b.iter(|| {
                    out.clear();
                    conn.sender()
                        .message(black_box(&payload), &mut out)
                        .expect("an open connection sends");
                });
            });
            group.bench_function(format!("prepared/{size}"), |b| {
                b.iter(|| {
                    out.clear();
                    conn.sender()
                        .prepared(black_box(&prepared), &mut out)
                        .expect("an open connection sends");
                });
            });
        }
    }
}

criterion_group!(benches, receive, echo, send);
criterion_main!(benches);
