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

#[test]
fn those_who_wait_for_a_full_queue_get_their_turn_in_order() {
    let mut config = Config::default();
    config.limits.output_high_water = 10;
    let (mut peer, ws) = pair(config, &[]);
    let (_reader, writer) = ws.split();
    // More than sockets buffer: it keeps the turn to write until the peer reads.
    let large = writer.clone();
    let sending = thread::spawn(move || large.send(vec![7; LARGE]));
    peer.read_exact(&mut [0; 10]).unwrap();
    writer.feed("it is full").unwrap();
    let waiting: Vec<_> = (0..WAITING)
        .map(|number| {
            let other = writer.clone();
            let waiting = thread::spawn(move || other.feed(vec![number; 8]));
            while writer.shared.waiting() <= usize::from(number) {
                assert!(!waiting.is_finished(), "it waits");
                thread::yield_now();
            }
            waiting
        })
        .collect();
    peer.read_exact(&mut vec![0; LARGE]).unwrap();
    peer.read_exact(&mut [0; 12]).unwrap();
    sending.join().unwrap().unwrap();
    for thread in waiting {
        thread.join().unwrap().unwrap();
    }
    writer.flush().unwrap();
    for number in 0..WAITING {
        let mut frame = [0; 10];
        peer.read_exact(&mut frame).unwrap();
        assert_eq!(frame[2], number);
    }
}

const LARGE: usize = 32 << 20;

const WAITING: u8 = 16;
