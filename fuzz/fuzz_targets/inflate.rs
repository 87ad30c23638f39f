//! Arbitrary compressed frames: nothing panics, no message is over the limit, and any split gives the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws_proto::deflate::Deflate;
use ws_proto::extension::Extensions;
use ws_proto::{Config, Connection, Delivery, Event, Input};

const LIMIT: usize = 100_000;

/// The messages that a client makes of the bytes, read in pieces, and whether they end in an error. Which one may
/// depend on the split: several things can be wrong with a block that is decoded at once.
fn receive(bytes: &[u8], settings: &Deflate, delivery: Delivery, piece: usize) -> (Vec<Vec<u8>>, bool) {
    let mut config = Config::default();
    config.limits.max_message = LIMIT as u64;
    config.delivery = delivery;
    let mut conn = Connection::client(config, || [1, 2, 3, 4]);
    let offer = Extensions::from(settings.clone());
    conn.extend(&offer.accept([offer.offer().as_bytes()]).unwrap());
    let mut messages = vec![Vec::new()];
    for piece in bytes.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        loop {
            match conn.next_event(&mut input) {
                Ok(Some(Event::Chunk(part, data))) => {
                    let message = messages.last_mut().unwrap();
                    message.extend_from_slice(&data);
                    assert!(message.len() <= LIMIT);
                    if part.last {
                        messages.push(Vec::new());
                    }
                }
                Ok(Some(event)) => {
                    if let Some(message) = event.into_message() {
                        assert!(message.len() <= LIMIT);
                        *messages.last_mut().unwrap() = message.as_bytes().to_vec();
                        messages.push(Vec::new());
                    }
                }
                Ok(None) => break,
                Err(_) => {
                    messages.pop();
                    return (messages, true);
                }
            }
        }
        assert!(input.is_empty());
    }
    messages.pop();
    (messages, false)
}

fuzz_target!(|bytes: &[u8]| {
    for settings in [Deflate::dedicated(), Deflate::shared()] {
        let whole = receive(bytes, &settings, Delivery::Messages, usize::MAX);
        for delivery in [Delivery::Messages, Delivery::Chunks] {
            for piece in [1, 7] {
                assert_eq!(receive(bytes, &settings, delivery, piece), whole);
            }
        }
    }
});
