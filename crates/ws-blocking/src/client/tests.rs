//! The client from inside: waits between attempts, and who has the reader.

use super::*;
use crate::{Accept, Incoming, Server};

#[test]
fn waits_double_up_to_the_longest_and_differ_by_a_half() {
    let policy = Reconnect::default();
    for (attempt, millis) in [(0, 500), (1, 1000), (5, 16_000), (6, 30_000), (100, 30_000)] {
        assert_eq!(policy.wait(attempt, 255), Duration::from_millis(millis));
        assert_eq!(policy.wait(attempt, 0), Duration::from_millis(millis / 2));
    }
}

#[test]
fn who_has_received_by_hand_leaves_it_to_the_reader_in_the_background() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let echo = |incoming: Incoming| {
        let mut ws = incoming.accept(Accept::new()).unwrap();
        while let Ok(Some(message)) = ws.recv() {
            ws.send(message).unwrap();
        }
    };
    let server = server.start(echo).unwrap();
    let client = Client::builder(Connect::new(&format!("ws://{address}/")).unwrap());
    let client = client.connect().unwrap();
    assert!(matches!(client.next_event(None), Some(Event::Connected(_))));
    // Who comes first, the reader to its wait or the message, is not said: mostly the reader.
    for _ in 0..100 {
        thread::scope(|scope| {
            let by_hand = scope.spawn(|| client.recv());
            while client.shared.lock().reader.is_some() {
                thread::yield_now();
            }
            client.start_reader().unwrap();
            client.send("by hand").unwrap();
            assert_eq!(by_hand.join().unwrap().unwrap(), Some("by hand".into()));
        });
        client.send("by itself").unwrap();
        let event = client.next_event(Some(Duration::from_secs(60)));
        assert!(matches!(event, Some(Event::Received(received)) if received.message == "by itself".into()));
        client.stop_reader();
    }
    client.shutdown();
    server.shutdown();
}
