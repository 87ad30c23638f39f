//! ws-frame: masking beside a plain copy, UTF-8 beside the standard library, headers.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ws_frame::utf8::{Validator, validate};
use ws_frame::{FrameHeader, HeaderDecoder, MaskKey, OpCode, Rsv};

fn mask(c: &mut Criterion) {
    let mut group = c.benchmark_group("mask");
    for len in [20, 125, 512, 1024, 4096, 16 << 10, 64 << 10, 1 << 20] {
        // A payload lies behind a header, and so at no particular alignment.
        let mut room = vec![0x5Au8; len + 6];
        let data = &mut room[6..];
        let source = data.to_vec();
        let mut out = Vec::with_capacity(len);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_with_input(BenchmarkId::new("in_place", len), &len, |b, _| {
            b.iter(|| black_box(KEY).apply(black_box(&mut *data)));
        });
        group.bench_with_input(BenchmarkId::new("append", len), &len, |b, _| {
            b.iter(|| {
                out.clear();
                black_box(KEY).append_masked(black_box(&source), black_box(&mut out));
            });
        });
        group.bench_with_input(BenchmarkId::new("memcpy", len), &len, |b, _| {
            b.iter(|| black_box(&mut *data).copy_from_slice(black_box(&source)));
        });
    }
    group.finish();
}

fn utf8(c: &mut Criterion) {
    let mut group = c.benchmark_group("utf8");
    for (name, unit) in [("ascii", "plain text "), ("cjk", "中文字符")] {
        for len in [20, 125, 1024, 64 << 10] {
            let text = unit.repeat(len / unit.len() + 1);
            let text = &text.as_bytes()[..len - len % unit.len()];
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_with_input(BenchmarkId::new(format!("{name}/validate"), len), text, |b, text| {
                b.iter(|| validate(black_box(text)).is_ok());
            });
            group.bench_with_input(BenchmarkId::new(format!("{name}/push"), len), text, |b, text| {
                b.iter(|| Validator::default().push(black_box(text)).is_ok());
            });
            group.bench_with_input(BenchmarkId::new(format!("{name}/std"), len), text, |b, text| {
                b.iter(|| std::str::from_utf8(black_box(text)).is_ok());
            });
        }
    }
    group.finish();
}

fn header(c: &mut Criterion) {
    let mut group = c.benchmark_group("header");
    for len in [20, 1000, 100_000] {
        let header = FrameHeader {
            fin: true,
            rsv: Rsv::NONE,
            opcode: OpCode::Binary,
            mask: Some(KEY),
            payload_len: len,
        };
        let wire = header.encode().expect("a legal header");
        group.bench_with_input(BenchmarkId::new("parse", len), &wire, |b, wire| {
            b.iter(|| FrameHeader::parse(black_box(wire)));
        });
        group.bench_with_input(BenchmarkId::new("decode", len), &wire, |b, wire| {
            let mut decoder = HeaderDecoder::default();
            b.iter(|| decoder.decode(&mut black_box(wire.as_slice())));
        });
        group.bench_with_input(BenchmarkId::new("encode", len), &header, |b, header| {
            b.iter(|| black_box(header).encode());
        });
    }
    group.finish();
}

criterion_group!(benches, mask, utf8, header);
criterion_main!(benches);

const KEY: MaskKey = MaskKey::new([0x37, 0xfa, 0x21, 0x3d]);
