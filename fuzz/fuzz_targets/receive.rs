//! The same bytes give the same events however they are cut, in both roles and both ways of delivery; nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws_proto::{Config, Connection, Delivery, Input};

/// The events as text, with neighbouring chunks joined: where they are cut depends on the reads.
fn events(bytes: &[u8], piece: usize, client: bool, delivery: Delivery) -> (String, Vec<u8>) {
    let mut config = Config::default();
    config.delivery = delivery;
    let mut conn = if client {
        Connection::client(config, || [1, 2, 3, 4])
    } else {
        Connection::server(config)
    };
    let (mut seen, mut out, mut chunks) = (String::new(), Vec::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        loop {
            let event = conn.next_event(&mut input);
            conn.poll_transmit(&mut out);
            match event {
                Ok(Some(ws_proto::Event::Chunk(part, data))) => {
                    chunks.extend_from_slice(&data);
                    if part.last {
                        seen += &format!("{:?} {chunks:x?}\n", part.kind);
                        chunks.clear();
                    }
                }
                Ok(Some(ws_proto::Event::Text(text))) => seen += &format!("Text {:x?}\n", text.as_bytes()),
                Ok(Some(ws_proto::Event::Binary(bytes))) => seen += &format!("Binary {:x?}\n", &*bytes),
                Ok(Some(event)) => seen += &format!("{event:?}\n"),
                Ok(None) => break,
                Err(error) => return (format!("{seen}{error}"), out),
            }
        }
        assert!(input.is_empty());
    }
    (seen, out)
}

fuzz_target!(|bytes: &[u8]| {
    for client in [false, true] {
        let whole = events(bytes, usize::MAX, client, Delivery::Messages);
        for piece in [1, 7, 64] {
            assert_eq!(events(bytes, piece, client, Delivery::Messages), whole);
            assert_eq!(events(bytes, piece, client, Delivery::Chunks), whole);
        }
    }
});
