//! Masks and UTF-8 beside a copy, the standard library, simdutf8, and the peers' where theirs can be called.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ws_frame::{MaskKey, utf8::validate};

fn mask(c: &mut Criterion) {
    let mut group = c.benchmark_group("mask");
    for len in [20, 125, 1 << 10, 16 << 10, 256 << 10, 1 << 20] {
        // Behind a header, and so at no particular alignment.
        let mut room = vec![0x5A; len + 8];
        let data = &mut room[8..];
        let copy = data.to_vec();
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("ws-frame", len), |b| {
            b.iter(|| MaskKey::new(black_box(KEY)).apply(black_box(&mut *data)));
        });
        group.bench_function(BenchmarkId::new("fastwebsockets", len), |b| {
            b.iter(|| fastwebsockets::unmask(black_box(&mut *data), black_box(KEY)));
        });
        group.bench_function(BenchmarkId::new("sockudo-ws", len), |b| {
            b.iter(|| sockudo_ws::simd::apply_mask(black_box(&mut *data), black_box(KEY)));
        });
        group.bench_function(BenchmarkId::new("memcpy", len), |b| {
            b.iter(|| black_box(&mut *data).copy_from_slice(black_box(&copy)));
        });
    }
}

fn utf8(c: &mut Criterion) {
    let mut group = c.benchmark_group("utf8");
    for (name, unit) in [("ascii", "plain text "), ("cjk", "中文字符")] {
        for len in [20, 125, 1 << 10, 64 << 10] {
            let text = unit.repeat(len / unit.len() + 1);
            let text = &text.as_bytes()[..len - len % unit.len()];
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_function(BenchmarkId::new(format!("{name}/ws-frame"), len), |b| {
                b.iter(|| validate(black_box(text)).is_ok());
            });
            group.bench_function(BenchmarkId::new(format!("{name}/simdutf8"), len), |b| {
                b.iter(|| simdutf8::basic::from_utf8(black_box(text)).is_ok());
            });
            group.bench_function(BenchmarkId::new(format!("{name}/std"), len), |b| {
                b.iter(|| std::str::from_utf8(black_box(text)).is_ok());
            });
        }
    }
}

criterion_group!(benches, mask, utf8);
criterion_main!(benches);

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
