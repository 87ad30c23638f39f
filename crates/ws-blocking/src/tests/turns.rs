//! Threads that wait for one another.

use std::io::Read;
use std::thread;

use ws_proto::{CloseCode, Config, DataKind};

use super::pair;

#[test]
fn who_waits_for_a_message_that_is_given_up_goes_on() {
    let (mut peer, ws) = pair(Config::default(), &[]);
    let (reader, writer) = ws.split();
    let message = writer.send_writer(DataKind::Text).unwrap();
    let other = writer.clone();
    let sending = thread::spawn(move || other.send("next"));
    while writer.shared.waiting() == 0 {
        thread::yield_now();
    }
    // Nothing of it has left.
    drop(message);
    let mut came = [0; 6];
    peer.read_exact(&mut came).unwrap();
    assert_eq!(&came, b"\x81\x04next");
    sending.join().unwrap().unwrap();
    drop(reader);
}

#[test]
fn who_waits_to_queue_hears_of_a_close_and_of_the_end() {
    for closes in [true, false] {
        let (_peer, ws) = pair(Config::default(), &[]);
        let (reader, writer) = ws.split();
        let message = writer.send_writer(DataKind::Text).unwrap();
        let other = writer.clone();
        let sending = thread::spawn(move || other.send("too late"));
        while writer.shared.waiting() == 0 {
            thread::yield_now();
        }
        if closes {
            writer.shared.close(CloseCode::NORMAL, "").unwrap();
        } else {
            drop(reader);
        }
        assert!(sending.join().unwrap().is_err());
        drop(message);
    }
}
