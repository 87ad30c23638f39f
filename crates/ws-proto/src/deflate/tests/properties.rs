//! Whatever is sent arrives: any settings, any order, any split.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::connected;
use crate::deflate::Deflate;
use crate::tests::peers::Seen;
use crate::{Compression, Config, DataKind, Delivery};

/// One message: how it is made up and how it is sent.
#[derive(Clone, Debug)]
struct Sent {
    data: Vec<u8>,
    /// Where it is cut into fragments; none for a whole message.
    cuts: Vec<usize>,
    compression: Compression,
}

fn settings() -> impl Strategy<Value = Deflate> {
    (
        any::<bool>(),
        9..=15_u8,
        9..=15_u8,
        0..=9_u8,
        1..=9_u8,
        any::<[bool; 2]>(),
        0..300_usize,
    )
        .prop_map(
            |(is_shared, window_bits, peer_window_bits, level, mem_level, takeover, threshold)| {
                let base = if is_shared {
                    Deflate::shared()
                } else {
                    Deflate::dedicated()
                };
                Deflate {
                    window_bits,
                    peer_window_bits,
                    level,
                    mem_level,
                    context_takeover: takeover[0],
                    peer_context_takeover: takeover[1],
                    threshold,
                    ..base
                }
            },
        )
}

/// Bytes with repetitions near and far, or with none.
fn data() -> impl Strategy<Value = Vec<u8>> {
    let alphabet = prop_oneof![Just(2_u8), Just(40), Just(255)];
    (alphabet, 0..6000_usize, any::<u64>()).prop_map(|(alphabet, len, seed)| {
        let mut state = seed | 1;
        let step = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            b'0'.wrapping_add((state >> 33) as u8 % alphabet)
        };
        (0..len).map(step).collect()
    })
}

fn sent() -> impl Strategy<Value = Sent> {
    let compression = prop_oneof![
        Just(Compression::Auto),
        Just(Compression::Always),
        Just(Compression::Never)
    ];
    (
        data(),
        proptest::collection::vec(any::<proptest::sample::Index>(), 0..4),
        compression,
    )
        .prop_map(|(data, cuts, compression)| {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(data.len() + 1)).collect();
            cuts.sort_unstable();
            Sent {
                data,
                cuts,
                compression,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_sent_arrives(
        (client, server) in (settings(), settings()),
        messages in proptest::collection::vec(sent(), 1..6),
        read in 1..5000_usize,
        chunks in any::<bool>(),
    ) {
        let mut config = Config::default();
        config.delivery = if chunks { Delivery::Chunks } else { Delivery::Messages };
        let (mut from, mut to) = connected(&config, &client, &server);
        // The client sends first, then the server: the roles differ in masks and parameters.
        for _ in 0..2 {
            for sent in &messages {
                send(&mut from, sent);
                let bytes = from.take_out();
                for piece in bytes.chunks(read) {
                    to.feed(piece);
                }
                let got: Vec<u8> = to.take_seen().into_iter().flat_map(|seen| match seen {
                    Seen::Binary(data) | Seen::Chunk { data, .. } => data,
                    other => panic!("{other:?}"),
                }).collect();
                prop_assert_eq!(&got, &sent.data);
            }
            core::mem::swap(&mut from, &mut to);
        }
    }
}

fn send(from: &mut crate::tests::peers::Peer, sent: &Sent) {
    let sender = from.conn.sender();
    if sent.cuts.is_empty() {
        return sender
            .message_with(&sent.data, sent.compression, &mut from.out)
            .unwrap();
    }
    let mut start = 0;
    for &cut in &sent.cuts {
        let piece = &sent.data[start..cut];
        sender
            .fragment_with(DataKind::Binary, false, piece, sent.compression, &mut from.out)
            .unwrap();
        start = cut;
    }
    sender
        .fragment(DataKind::Binary, true, &sent.data[start..], &mut from.out)
        .unwrap();
}
