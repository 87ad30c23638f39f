//! permessage-deflate beside its compressor alone: what the protocol adds.
//!
//! Each message of JSON is another one. Alone, flate2 compresses it to a `Vec` of its own and cuts the tail, or adds the
//! tail and decompresses; with the protocol, frames are written and read besides. Both have the same windows and levels.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress};
use ws_proto::deflate::Deflate;
use ws_proto::extension::Extensions;
use ws_proto::{Compression, Config, Connection, Event, Input};

const SIZES: [usize; 3] = [200, 2048, 64 * 1024];
/// How much one measurement takes: more than a window, so that takeover finds likeness and not the same message.
const TOTAL: usize = 128 * 1024;
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Messages as an API might send them, of about this length.
fn messages(len: usize) -> Vec<String> {
    let mut number = 1_u32;
    let mut next = move || {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        number >> 8
    };
    let one = |_| {
        let mut text = String::new();
        while text.len() < len {
            text += &format!(
                "{{\"id\":{},\"name\":\"user {}\",\"balance\":{}.{:02},\"active\":{},\"tags\":[\"t{}\",\"t{}\"]}},",
                next() % 100_000,
                next() % 1000,
                next() % 10_000,
                next() % 100,
                next() % 2 == 0,
                next() % 20,
                next() % 20,
            );
        }
        text.truncate(len);
        text
    };
    (0..TOTAL / len).map(one).collect()
}

fn settings(takeover: bool) -> Deflate {
    let mut settings = if takeover {
        Deflate::dedicated()
    } else {
        Deflate::shared()
    };
    // As flate2 sets it.
    settings.window_bits = 15;
    settings.mem_level = 8;
    settings
}

fn extended(mut conn: Connection, takeover: bool) -> Connection {
    let extensions = Extensions::from(settings(takeover));
    let agreed = extensions
        .accept([extensions.offer().as_bytes()])
        .expect("our own offer");
    conn.extend(&agreed);
    conn
}

fn server(takeover: bool) -> Connection {
    extended(Connection::server(Config::default()), takeover)
}

fn client(takeover: bool) -> Connection {
    extended(
        Connection::client(Config::default(), || [0x12, 0x34, 0x56, 0x78]),
        takeover,
    )
}

fn compress(c: &mut Criterion) {
    let mut group = c.benchmark_group("deflate/compress");
    for takeover in [true, false] {
        let mode = if takeover { "takeover" } else { "alone" };
        for size in SIZES {
            let messages = messages(size);
            group.throughput(Throughput::Elements((TOTAL / size) as u64));
            group.bench_function(BenchmarkId::new(format!("flate2/{mode}"), size), |b| {
                let mut compress = Compress::new(Level::new(settings(takeover).level.into()), false);
                let mut out = Vec::with_capacity(size + 64);
                b.iter(|| {
                    for message in &messages {
                        if !takeover {
                            compress.reset();
                        }
                        out.clear();
                        let done = compress.compress_vec(message.as_bytes(), &mut out, FlushCompress::Sync);
                        done.expect("a compressor compresses");
                        out.truncate(out.len() - TAIL.len());
                        black_box(&out);
                    }
                });
            });
            group.bench_function(BenchmarkId::new(format!("ws-proto/{mode}"), size), |b| {
                let mut conn = server(takeover);
                let mut out = Vec::with_capacity(size + 64);
                b.iter(|| {
                    for message in &messages {
                        out.clear();
                        let sent = conn.sender().message_with(message, Compression::Always, &mut out);
                        sent.expect("an open connection sends");
                        black_box(&out);
                    }
                });
            });
        }
    }
}

fn decompress(c: &mut Criterion) {
    let mut group = c.benchmark_group("deflate/decompress");
    for takeover in [true, false] {
        let mode = if takeover { "takeover" } else { "alone" };
        for size in SIZES {
            // With takeover the same sequence can be read again and again: a message refers to those right before it,
            // which are the same each time but the first.
            let mut sender = client(takeover);
            let mut round = || {
                let mut frames = Vec::new();
                for message in &messages(size) {
                    let sent = sender.sender().message_with(message, Compression::Always, &mut frames);
                    sent.expect("an open connection sends");
                }
                frames
            };
            let (first, frames) = (round(), round());
            let payloads = |frames: &[u8]| {
                let mut frames = frames.to_vec();
                let mut bits = Config::default();
                bits.reserved_bits = ws_proto::Rsv::RSV1;
                let mut conn = Connection::server(bits);
                let mut input = Input::new(&mut frames);
                let mut payloads = Vec::new();
                while let Some(event) = conn.next_event(&mut input).expect("good frames") {
                    payloads.push(event.into_message().expect("a message").into_bytes().to_vec());
                }
                payloads
            };
            group.throughput(Throughput::Elements((TOTAL / size) as u64));
            group.bench_function(BenchmarkId::new(format!("flate2/{mode}"), size), |b| {
                let mut decompress = Decompress::new(false);
                let run = |decompress: &mut Decompress, payloads: &mut Vec<Vec<u8>>| {
                    for payload in payloads {
                        if !takeover {
                            decompress.reset(false);
                        }
                        payload.extend_from_slice(&TAIL);
                        let mut out = Vec::with_capacity(size + 64);
                        let done = decompress.decompress_vec(payload, &mut out, FlushDecompress::Sync);
                        done.expect("good streams");
                        black_box(String::from_utf8(out).expect("text"));
                    }
                };
                run(&mut decompress, &mut payloads(&first));
                let payloads = payloads(&frames);
                b.iter_batched_ref(
                    || payloads.clone(),
                    |payloads| run(&mut decompress, payloads),
                    BatchSize::SmallInput,
                );
            });
            group.bench_function(BenchmarkId::new(format!("ws-proto/{mode}"), size), |b| {
                let mut conn = server(takeover);
                let run = |conn: &mut Connection, frames: &mut Vec<u8>| {
                    let mut input = Input::new(frames);
                    while let Some(event) = conn.next_event(&mut input).expect("good frames") {
                        let Event::Text(text) = event else {
                            unreachable!("only text is sent")
                        };
                        black_box(text);
                    }
                };
                run(&mut conn, &mut first.clone());
                b.iter_batched_ref(
                    || frames.clone(),
                    |frames| run(&mut conn, frames),
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

criterion_group!(benches, compress, decompress);
criterion_main!(benches);
