//! Reading and writing in two threads.

mod common;
#[path = "common/pairs.rs"]
mod pairs;

use std::io::Read;
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, Raw, close_payload, in_thread, masked};
use pairs::{KINDS, pair};
use ws_blocking::{CloseCode, Config, Error, Message, SendError, WebSocket};

/// More than sockets buffer, so that a peer that does not read stops who writes.
const LARGE: usize = 32 << 20;

#[test]
fn both_directions_carry_at_once_and_pings_go_through() {
    for &kind in KINDS {
        let (near, far) = pair(kind, Config::default());
        let (near, far) = (near.split(), far.split());
        let closer = near.1.clone();
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            for ((mut reader, writer), seed) in [(near, 1), (far, 2)] {
                let (pinger, tell, tell_pings) = (writer.clone(), tell.clone(), tell.clone());
                scope.spawn(move || {
                    for number in 0..MESSAGES {
                        writer.send(message(seed, number)).unwrap();
                    }
                });
                scope.spawn(move || {
                    for _ in 0..20 {
                        pinger.measure_round_trip(PATIENCE).unwrap();
                    }
                    tell_pings.send(()).unwrap();
                });
                scope.spawn(move || {
                    for number in 0..MESSAGES {
                        assert!(reader.recv().unwrap() == Some(message(3 - seed, number)));
                    }
                    tell.send(()).unwrap();
                    assert_eq!(reader.recv().unwrap(), None);
                    assert!(reader.ending().unwrap().is_clean());
                });
            }
            // Everything sent has come, and all pings are answered.
            for _ in 0..4 {
                told.recv_timeout(PATIENCE).unwrap();
            }
            closer.close(CloseCode::NORMAL, "").unwrap();
        });
    }
}

/// Of all sizes; the bytes depend on who sends it and when.
fn message(seed: u32, number: u32) -> Message {
    let len = (number * 7919 % 60_000) as usize;
    Message::binary(vec![(seed * 31 + number) as u8; len])
}

const MESSAGES: u32 = 400;

#[test]
fn peers_that_both_write_first_do_not_stop_each_other() {
    for &kind in KINDS {
        let mut config = Config::default();
        config.limits.max_message = LARGE as u64;
        config.limits.max_frame = LARGE as u64;
        let (near, far) = pair(kind, config);
        // A reader that is dropped ends the connection.
        let all = &Barrier::new(2);
        thread::scope(|scope| {
            for ws in [near, far] {
                let (mut reader, writer) = ws.split();
                scope.spawn(move || writer.send(vec![7; LARGE]).unwrap());
                scope.spawn(move || {
                    let message = reader.recv().unwrap().unwrap();
                    assert_eq!(message.len(), LARGE);
                    all.wait();
                });
            }
        });
    }
}

#[test]
fn two_that_write_and_do_not_read_are_given_up_both() {
    for &kind in KINDS {
        let mut config = Config::default();
        config.timeouts.ping_timeout = Some(Duration::from_millis(100));
        let (near, far) = pair(kind, config);
        let sending = [near, far].map(|ws| {
            in_thread(move || {
                let (reader, writer) = ws.split();
                let result = writer.send(vec![0; LARGE]);
                (result, reader)
            })
        });
        for sending in sending {
            // The first to give up ends the transport for the other one.
            let (result, mut reader) = sending();
            assert!(matches!(result, Err(Error::Io(_))), "{result:?}");
            assert!(reader.recv().is_err());
        }
    }
}

#[test]
fn while_a_writer_waits_the_reader_goes_on_and_its_reply_leaves_first() {
    let (mut raw, ws) = Raw::to_server(Config::default());
    let (mut reader, writer) = ws.split();
    let other = writer.clone();
    let first = in_thread(move || writer.send(vec![1; LARGE]));
    raw.expect([0x82, 127, 0, 0, 0, 0, 2, 0, 0, 0, 1]);
    // The first can't be out before it is read, so this one waits behind it.
    let second = in_thread(move || other.send("second"));
    for number in 0..100 {
        raw.write([masked(0x89, &[number]), masked(0x81, b"still there?")].concat());
        assert_eq!(reader.recv().unwrap(), Some("still there?".into()));
        if number == 0 {
            let mut quarter = vec![0; LARGE / 4];
            raw.stream.read_exact(&mut quarter).unwrap();
        }
    }
    // The reader waits, so nobody but the writer can write its reply.
    let reading = in_thread(move || reader.recv());
    let mut rest = vec![0; LARGE - LARGE / 4 - 1];
    raw.stream.read_exact(&mut rest).unwrap();
    assert!(rest.iter().all(|&byte| byte == 1));
    for number in 0..100 {
        raw.expect([0x8a, 1, number]);
    }
    raw.expect(b"\x81\x06second");
    first().unwrap();
    second().unwrap();
    raw.write(masked(0x81, b"done"));
    assert_eq!(reading().unwrap(), Some("done".into()));
}

#[test]
fn a_reply_is_written_by_a_writer_that_was_busy_when_it_came() {
    // Nothing else wakes the reader up.
    let mut config = Config::default();
    config.timeouts.ping_interval = None;
    config.timeouts.close = None;
    let (mut raw, ws) = Raw::to_server(config);
    let (mut reader, writer) = ws.split();
    let sending = in_thread(move || writer.send(vec![1; LARGE]));
    raw.expect([0x82, 127, 0, 0, 0, 0, 2, 0, 0, 0]);
    raw.write([masked(0x89, b"hi"), masked(0x81, b"x")].concat());
    assert_eq!(reader.recv().unwrap(), Some("x".into()));
    let reading = in_thread(move || reader.recv());
    let mut rest = vec![0; LARGE];
    raw.stream.read_exact(&mut rest).unwrap();
    raw.expect(b"\x8a\x02hi");
    sending().unwrap();
    raw.write(masked(0x81, b"y"));
    assert_eq!(reading().unwrap(), Some("y".into()));
}

#[test]
fn a_close_is_written_by_a_writer_that_was_busy_when_it_was_asked_for() {
    // Nothing else would write it: nobody reads, and no deadline comes.
    let mut config = Config::default();
    config.timeouts.ping_interval = None;
    config.timeouts.close = None;
    let (mut raw, ws) = Raw::to_server(config);
    let (mut reader, writer) = ws.split();
    let handle = writer.handle();
    let sending = in_thread(move || writer.send(vec![1; LARGE]));
    raw.expect([0x82, 127, 0, 0, 0, 0, 2, 0, 0, 0]);
    handle.close(CloseCode::NORMAL, "").unwrap();
    let mut rest = vec![0; LARGE];
    raw.stream.read_exact(&mut rest).unwrap();
    raw.expect_close(1000);
    sending().unwrap();
    raw.write(masked(0x88, &close_payload(1000, "")));
    assert_eq!(reader.recv().unwrap(), None);
    raw.expect_eof();
}

#[test]
fn a_reader_whose_replies_find_no_room_goes_on_reading_and_sends_them_later() {
    // Nothing else wakes it up, and the peer takes its time.
    let mut config = Config::default();
    config.timeouts.ping_interval = None;
    config.timeouts.ping_timeout = None;
    config.timeouts.close = None;
    let (mut raw, ws) = Raw::to_server(config);
    let (mut reader, _writer) = ws.split();
    // Answered, that is more than sockets buffer.
    let mut pings = masked(0x89, &[7; 125]).repeat(LARGE / 125);
    pings.extend_from_slice(&masked(0x89, &[9; 125]));
    pings.extend_from_slice(&masked(0x81, b"behind them"));
    let sending = in_thread(move || {
        raw.write(pings);
        raw
    });
    assert_eq!(reader.recv().unwrap(), Some("behind them".into()));
    let mut raw = sending();
    let reading = in_thread(move || reader.recv());
    // Whole ones, and the last of them.
    let mut pong = [0; 127];
    while pong[2] != 9 {
        raw.stream.read_exact(&mut pong).unwrap();
        assert_eq!(pong[..2], [0x8a, 125]);
        assert!(pong[2..].iter().all(|&byte| byte == pong[2]));
    }
    raw.write(masked(0x81, b"done"));
    assert_eq!(reading().unwrap(), Some("done".into()));
}

/// The pong is all that could wake up who waits for it.
#[test]
fn a_writer_measures_the_round_trip_while_nothing_else_happens() {
    let (near, mut far) = pair(KINDS[0], Config::default());
    let (mut reader, writer) = near.split();
    let reading = in_thread(move || reader.recv());
    let answering = in_thread(move || far.recv());
    let measuring = in_thread(move || {
        writer.measure_round_trip(1000 * PATIENCE).unwrap();
        writer.close(CloseCode::NORMAL, "").unwrap();
    });
    measuring();
    assert_eq!(reading().unwrap(), None);
    assert_eq!(answering().unwrap(), None);
}

#[test]
fn the_reader_answers_while_nobody_writes_and_closes() {
    let (mut raw, ws) = Raw::to_server(Config::default());
    let (mut reader, writer) = ws.split();
    drop(writer);
    let reading = in_thread(move || reader.recv().map(|message| (message, *reader.ending().unwrap())));
    raw.write(masked(0x89, b"hi"));
    raw.expect(b"\x8a\x02hi");
    raw.write(masked(0x88, &close_payload(1000, "")));
    raw.expect_close(1000);
    raw.expect_eof();
    drop(raw);
    let (message, ending) = reading().unwrap();
    assert_eq!(message, None);
    assert!(ending.is_clean());
}

#[test]
fn clones_send_whole_messages_in_order() {
    for &kind in KINDS {
        let (near, mut far) = pair(kind, Config::default());
        let (reader, writer) = near.split();
        thread::scope(|scope| {
            for thread in 0..8_u32 {
                let writer = writer.clone();
                scope.spawn(move || {
                    for number in 0..200 {
                        writer.send(format!("{thread} {number}")).unwrap();
                    }
                });
            }
            let mut seen = [0; 8];
            for _ in 0..8 * 200 {
                let message = far.recv().unwrap().unwrap();
                let (thread, number) = message.as_text().unwrap().split_once(' ').unwrap();
                let next = &mut seen[thread.parse::<usize>().unwrap()];
                assert_eq!(number.parse(), Ok(*next));
                *next += 1;
            }
        });
        drop(reader);
    }
}

/// That they get their turn in order is told by a test that looks inside.
#[test]
fn each_of_those_who_wait_for_a_full_queue_sends_in_its_order() {
    let mut config = Config::default();
    config.limits.output_high_water = 10;
    let (mut raw, ws) = Raw::to_server(config);
    let (_reader, writer) = ws.split();
    thread::scope(|scope| {
        for thread in 0..4_u8 {
            let writer = writer.clone();
            scope.spawn(move || {
                for number in 0..50_u8 {
                    writer.feed(vec![thread, number, 0, 0, 0, 0, 0, 0]).unwrap();
                }
                writer.flush().unwrap();
            });
        }
        let mut next = [0; 4];
        for _ in 0..4 * 50 {
            let mut frame = [0; 10];
            raw.stream.read_exact(&mut frame).unwrap();
            assert_eq!(frame[..2], [0x82, 8]);
            let next = &mut next[usize::from(frame[2])];
            assert_eq!(frame[3], *next);
            *next += 1;
        }
    });
}

#[test]
fn blocked_halves_end_when_told() {
    for &kind in KINDS {
        let (near, far) = pair(kind, Config::default());
        let (mut reader, writer) = near.split();
        let (blocked, handle) = (writer.clone(), writer.handle());
        let (tell, told) = mpsc::channel();
        let reading = in_thread(move || {
            tell.send(()).unwrap();
            reader.recv().map(|_| ())
        });
        let writing = in_thread(move || blocked.send(vec![0; LARGE]));
        told.recv().unwrap();
        handle.shutdown();
        assert!(matches!(reading().unwrap_err(), Error::Connection(_) | Error::Io(_)));
        assert!(matches!(writing().unwrap_err(), Error::Io(_) | Error::Send(_)));
        assert!(writer.send("late").is_err());
        drop(far);
    }
}

#[test]
fn without_its_reader_nothing_can_be_sent() {
    let (mut raw, ws) = Raw::to_server(Config::default());
    let (reader, writer) = ws.split();
    let blocked = writer.clone();
    let writing = in_thread(move || blocked.send(vec![0; LARGE]));
    raw.expect([0x82]);
    drop(reader);
    assert!(writing().is_err());
    assert!(writer.send("more").is_err());
    assert!(writer.send_writer(ws_blocking::DataKind::Text).is_err());
}

#[test]
fn a_writer_closes_while_the_reader_waits() {
    for &kind in KINDS {
        let (near, mut far) = pair(kind, Config::default());
        let (mut reader, writer) = near.split();
        let reading = in_thread(move || {
            let messages = reader.messages().collect::<Result<Vec<_>, _>>();
            (messages, reader)
        });
        writer.send("last").unwrap();
        writer.close(CloseCode::new(4000), "enough").unwrap();
        assert!(matches!(writer.send("late"), Err(Error::Send(SendError::Closed))));
        assert_eq!(far.recv().unwrap(), Some("last".into()));
        assert_eq!(far.recv().unwrap(), None);
        assert_eq!(far.ending().unwrap().reason(), "enough");
        let (messages, reader) = reading();
        assert_eq!(messages.unwrap(), []);
        let ws = WebSocket::reunite(reader, writer).unwrap();
        assert!(ws.ending().unwrap().is_clean());
    }
}

#[test]
fn halves_of_two_connections_do_not_join() {
    let (_raw, one) = Raw::to_server(Config::default());
    let (mut raw, two) = Raw::to_server(Config::default());
    let (one, _writer) = one.split();
    let (_reader, two) = two.split();
    let (_, two) = *WebSocket::reunite(one, two).unwrap_err();
    two.send("x").unwrap();
    raw.expect(b"\x81\x01x");
}
