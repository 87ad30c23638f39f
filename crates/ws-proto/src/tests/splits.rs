//! The same bytes give the same events, however they are cut; and no bytes at all make the core panic or spin.

use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::peers::{Peer, Seen, masked};
use crate::{Config, DataKind, Delivery};

/// Something a peer may send.
#[derive(Clone, Debug)]
enum Sent {
    Text(String),
    Binary(Vec<u8>),
    /// A text in these parts, with a ping between them.
    Parts(Vec<Vec<u8>>),
    Ping(Vec<u8>),
    Close,
    /// Whatever: most likely an error.
    Raw(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        4 => ".{0,40}".prop_map(Sent::Text),
        4 => proptest::collection::vec(any::<u8>(), 0..300).prop_map(Sent::Binary),
        4 => proptest::collection::vec(proptest::collection::vec(0x20_u8..0x7f, 0..20), 1..5).prop_map(Sent::Parts),
        2 => proptest::collection::vec(any::<u8>(), 0..=125).prop_map(Sent::Ping),
        1 => Just(Sent::Close),
        1 => proptest::collection::vec(any::<u8>(), 1..20).prop_map(Sent::Raw),
    ]
}

fn wire(script: &[Sent]) -> Vec<u8> {
    let mut wire = Vec::new();
    for sent in script {
        match sent {
            Sent::Text(text) => wire.extend(masked(0x81, text.as_bytes())),
            Sent::Binary(bytes) => wire.extend(masked(0x82, bytes)),
            Sent::Parts(parts) => {
                for (at, part) in parts.iter().enumerate() {
                    let fin = if at + 1 == parts.len() { 0x80 } else { 0 };
                    wire.extend(masked(fin | u8::from(at == 0), part));
                    if fin == 0 {
                        wire.extend(masked(0x89, b"between"));
                    }
                }
            }
            Sent::Ping(payload) => wire.extend(masked(0x89, payload)),
            Sent::Close => wire.extend(masked(0x88, b"\x03\xe8bye")),
            Sent::Raw(bytes) => wire.extend(bytes),
        }
    }
    wire
}

fn run(wire: &[u8], cuts: &[usize], config: Config) -> (Vec<Seen>, Vec<u8>) {
    run_as(wire, cuts, Peer::server(config))
}

fn run_as(wire: &[u8], cuts: &[usize], mut server: Peer) -> (Vec<Seen>, Vec<u8>) {
    let mut from = 0;
    for &cut in cuts.iter().chain([&wire.len()]) {
        server.feed(&wire[from..cut]);
        from = cut;
        if let Some(Seen::Error(_)) = server.seen.last() {
            break;
        }
    }
    (server.take_seen(), server.take_out())
}

/// Joins neighbouring chunks of a message, which depend on the cuts.
fn joined(seen: Vec<Seen>) -> Vec<Seen> {
    let mut out: Vec<Seen> = Vec::new();
    let mut data = Vec::new();
    for seen in seen {
        match seen {
            Seen::Chunk { data: bytes, last, .. } => {
                data.extend(bytes);
                if last {
                    out.push(Seen::Binary(core::mem::take(&mut data)));
                }
            }
            // A message that is never finished leaves no trace, as in whole delivery.
            other => out.push(other),
        }
    }
    out
}

fn cuts(len: usize) -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0..=len, 0..8).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_split_gives_the_same_events(
        (wire, cuts) in proptest::collection::vec(sent(), 0..8)
            .prop_map(|script| wire(&script))
            .prop_flat_map(|wire| { let len = wire.len(); (Just(wire), cuts(len)) })
    ) {
        let whole = run(&wire, &[], Config::default());
        prop_assert_eq!(&run(&wire, &cuts, Config::default()), &whole);
        let each: Vec<usize> = (0..wire.len()).collect();
        prop_assert_eq!(&run(&wire, &each, Config::default()), &whole);
        let mut keeping = Peer::server(Config::default());
        keeping.keeps = true;
        prop_assert_eq!(&run_as(&wire, &cuts, keeping), &whole);

        let mut config = Config::default();
        config.delivery = Delivery::Chunks;
        let chunks = run(&wire, &[], config.clone());
        prop_assert_eq!(joined(run(&wire, &cuts, config.clone()).0), joined(chunks.0.clone()));
        prop_assert_eq!(joined(run(&wire, &each, config).0), joined(chunks.0));
    }

    #[test]
    fn what_one_side_sends_the_other_receives(
        messages in proptest::collection::vec((".{0,200}", proptest::collection::vec(any::<u8>(), 0..70_000)), 0..4),
        part in 1_usize..5000,
    ) {
        let mut client = Peer::client(Config::default());
        let mut server = Peer::server(Config::default());
        let mut expected = Vec::new();
        for (text, bytes) in &messages {
            for peer in [&mut client, &mut server] {
                peer.conn.sender().message(text, &mut peer.out).unwrap();
                let mut parts = bytes.chunks(part).peekable();
                while let Some(part) = parts.next() {
                    let last = parts.peek().is_none();
                    peer.conn.sender().fragment(DataKind::Binary, last, part, &mut peer.out).unwrap();
                }
            }
            expected.push(Seen::Text(text.clone()));
            if !bytes.is_empty() {
                expected.push(Seen::Binary(bytes.clone()));
            }
        }
        client.exchange(&mut server);
        prop_assert_eq!(&server.take_seen(), &expected);
        prop_assert_eq!(&client.take_seen(), &expected);
    }

    /// `feed` asserts that every call takes bytes or gives an event.
    #[test]
    fn no_bytes_panic_or_spin(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
        for mut peer in [Peer::server(Config::default()), Peer::client(Config::default())] {
            let cut = cut.min(bytes.len());
            peer.feed(&bytes[..cut]);
            peer.feed(&bytes[cut..]);
            let _ = peer.conn.handle_eof();
            let _ = peer.conn.transport();
        }
    }
}
