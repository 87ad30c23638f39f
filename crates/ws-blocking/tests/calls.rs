//! The other ways to receive, to send, and to measure.

mod common;
#[path = "common/pairs.rs"]
mod pairs;

use std::io::{Read, Write};
use std::time::Duration;

use common::{PATIENCE, Raw, in_thread, masked};
use pairs::{KINDS, pair};
use ws_blocking::{Config, ConnectionError, DataKind, Error, ProtocolError};

#[test]
fn waiting_for_a_message_can_be_limited() {
    for &kind in KINDS {
        let (mut near, mut far) = pair(kind, Config::default());
        assert!(matches!(near.try_recv(), Err(Error::NothingYet)));
        assert!(matches!(
            near.recv_timeout(Duration::from_millis(5)),
            Err(Error::NothingYet)
        ));
        far.send("one").unwrap();
        far.send("two").unwrap();
        assert_eq!(near.recv_timeout(PATIENCE).unwrap(), Some("one".into()));
        assert_eq!(near.recv_timeout(PATIENCE).unwrap(), Some("two".into()));
        assert!(matches!(near.try_recv(), Err(Error::NothingYet)));
    }
}

#[test]
fn a_message_that_has_come_in_part_is_not_lost_to_a_limit() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    let frame = masked(0x81, b"in two");
    raw.write(&frame[..8]);
    assert!(matches!(
        ws.recv_timeout(Duration::from_millis(20)),
        Err(Error::NothingYet)
    ));
    raw.write(&frame[8..]);
    assert_eq!(ws.recv_timeout(PATIENCE).unwrap(), Some("in two".into()));
}

#[test]
fn messages_are_iterated_to_the_end_or_the_error() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    raw.write([masked(0x81, b"a"), masked(0x81, b"b"), masked(0x83, b"")].concat());
    let mut messages = ws.messages();
    assert_eq!(messages.next().unwrap().unwrap(), "a".into());
    assert_eq!(messages.next().unwrap().unwrap(), "b".into());
    raw.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(messages.next().unwrap().is_err());
    assert!(messages.next().is_none());
}

#[test]
fn the_round_trip_is_measured_and_messages_before_it_are_kept() {
    for &kind in KINDS {
        let (mut near, far) = pair(kind, Config::default());
        let (mut reader, writer) = far.split();
        writer.send("one").unwrap();
        writer.send("two").unwrap();
        let answering = in_thread(move || reader.recv().map(|_| ()));
        near.measure_round_trip(PATIENCE).unwrap();
        assert!(near.has_buffered_input());
        assert_eq!(near.recv().unwrap(), Some("one".into()));
        assert_eq!(near.recv().unwrap(), Some("two".into()));
        near.send("enough").unwrap();
        answering().unwrap();
    }
}

#[test]
fn a_pong_that_does_not_come_is_not_waited_for_without_end() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    let error = ws.measure_round_trip(Duration::from_millis(10)).unwrap_err();
    assert!(matches!(error, Error::NothingYet));
    // Nor is more kept meanwhile than may be.
    raw.write(masked(0x82, &[0; 1000]).repeat(100));
    let error = ws.measure_round_trip(PATIENCE).unwrap_err();
    assert!(matches!(error, Error::NothingYet));
    for _ in 0..100 {
        assert_eq!(ws.recv().unwrap().unwrap().len(), 1000);
    }
}

#[test]
fn messages_stream_in_and_out() {
    for &kind in KINDS {
        let (mut near, mut far) = pair(kind, Config::default());
        let text = "grüße ".repeat(100_000);
        let sent = text.clone();
        let sending = in_thread(move || {
            let mut message = near.send_writer(DataKind::Text)?;
            // Cut anywhere.
            for piece in sent.as_bytes().chunks(7919) {
                message.write_all(piece).unwrap();
            }
            message.finish()?;
            near.send("the next").map(|()| near)
        });
        let mut message = far.recv_reader().unwrap().unwrap();
        assert_eq!(message.kind(), DataKind::Text);
        let mut came = String::new();
        message.read_to_string(&mut came).unwrap();
        assert!(came == text);
        assert_eq!(far.recv().unwrap(), Some("the next".into()));
        sending().unwrap();
    }
}

#[test]
fn reading_leaves_what_it_has_no_room_for() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    raw.write(
        [
            masked(0x01, b"abc"),
            masked(0x89, b"ping"),
            masked(0x80, b"defg"),
            masked(0x82, b""),
        ]
        .concat(),
    );
    let mut message = ws.recv_reader().unwrap().unwrap();
    let mut came = Vec::new();
    let mut byte = [0; 2];
    loop {
        match message.read(&mut byte).unwrap() {
            0 => break,
            count => came.extend_from_slice(&byte[..count]),
        }
    }
    assert_eq!(came, b"abcdefg");
    let mut empty = ws.recv_reader().unwrap().unwrap();
    assert_eq!(empty.kind(), DataKind::Binary);
    assert_eq!(empty.read(&mut byte).unwrap(), 0);
    ws.flush().unwrap();
    raw.expect(b"\x8a\x04ping");
}

#[test]
fn a_control_message_of_ones_own_between_the_parts_of_a_message_comes_behind_it() {
    let mut config = Config::default();
    config.opcodes.register(11, "time").unwrap();
    let (mut raw, mut ws) = Raw::to_server(config);
    raw.write(
        [
            masked(0x02, b"abc"),
            masked(0x8b, b"now"),
            masked(0x00, b"def"),
            masked(0x8b, b"then"),
            masked(0x80, b"gh"),
        ]
        .concat(),
    );
    let mut came = Vec::new();
    ws.recv_reader().unwrap().unwrap().read_to_end(&mut came).unwrap();
    assert_eq!(came, b"abcdefgh");
    for payload in [&b"now"[..], b"then"] {
        assert_eq!(ws.recv().unwrap().unwrap().into_bytes(), payload);
    }
}

#[test]
fn no_more_control_messages_are_kept_for_a_message_in_parts_than_may_be() {
    let mut config = Config::default();
    config.opcodes.register(11, "time").unwrap();
    config.limits.output_high_water = 1000;
    let (mut raw, mut ws) = Raw::to_server(config);
    raw.write([masked(0x02, b"abc"), masked(0x8b, &[7; 100]).repeat(100)].concat());
    raw.write([masked(0x80, b"def"), masked(0x81, b"next")].concat());
    let mut message = ws.recv_reader().unwrap().unwrap();
    let mut came = Vec::new();
    assert!(message.read_to_end(&mut came).is_err());
    assert_eq!(came, b"abc");
    // None of them is lost, and it goes on behind the message that was given up.
    for _ in 0..100 {
        assert_eq!(ws.recv().unwrap().unwrap().into_bytes(), [7; 100][..]);
    }
    assert_eq!(ws.recv().unwrap(), Some("next".into()));
}

#[test]
fn the_rest_of_a_message_that_is_not_read_is_skipped() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    raw.write(
        [
            masked(0x01, b"abc"),
            masked(0x00, b"de"),
            masked(0x80, b"fg"),
            masked(0x81, b"next"),
        ]
        .concat(),
    );
    let mut message = ws.recv_reader().unwrap().unwrap();
    message.read_exact(&mut [0; 4]).unwrap();
    assert_eq!(ws.recv().unwrap(), Some("next".into()));
    raw.write([masked(0x81, b"skipped"), masked(0x81, b"third")].concat());
    drop(ws.recv_reader().unwrap().unwrap());
    let mut third = String::new();
    ws.recv_reader().unwrap().unwrap().read_to_string(&mut third).unwrap();
    assert_eq!(third, "third");
}

#[test]
fn a_fault_inside_of_a_message_is_an_error_of_reading() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    raw.write([masked(0x01, b"abc"), masked(0x80, b"\xff")].concat());
    raw.stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut message = ws.recv_reader().unwrap().unwrap();
    let error = message.read_to_end(&mut Vec::new()).unwrap_err();
    let error = error.into_inner().unwrap().downcast::<Error>().unwrap();
    assert!(matches!(
        *error,
        Error::Connection(ConnectionError::Protocol(ProtocolError::InvalidUtf8))
    ));
}

#[test]
fn others_wait_for_a_message_in_pieces_and_pongs_do_not() {
    let (mut raw, ws) = Raw::to_server(Config::default());
    let (mut reader, writer) = ws.split();
    let other = writer.clone();
    let mut message = writer.send_writer(DataKind::Text).unwrap();
    message.write_all(b"one ").unwrap();
    message.flush().unwrap();
    raw.expect(b"\x01\x04one ");
    let sending = in_thread(move || other.send("two"));
    raw.write([masked(0x89, b"?"), masked(0x81, b"x")].concat());
    reader.recv().unwrap();
    let reading = in_thread(move || reader.recv());
    raw.expect(b"\x8a\x01?");
    message.write_all(b"message").unwrap();
    message.finish().unwrap();
    raw.expect(b"\x80\x07message\x81\x03two");
    sending().unwrap();
    raw.write(masked(0x81, b"x"));
    reading().unwrap();
}

#[test]
fn a_message_that_is_not_finished_closes() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    let mut message = ws.send_writer(DataKind::Binary).unwrap();
    message.write_all(b"half").unwrap();
    message.flush().unwrap();
    drop(message);
    raw.expect(b"\x02\x04half");
    assert_eq!(raw.expect_close(1011), "message not finished");
    assert!(ws.send("more").is_err());
}

#[test]
fn text_in_pieces_must_be_text() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    let mut message = ws.send_writer(DataKind::Text).unwrap();
    message.write_all(b"g\xc3").unwrap();
    message.flush().unwrap();
    raw.expect(b"\x01\x02g\xc3");
    assert!(matches!(
        message.finish(),
        Err(Error::Send(ws_blocking::SendError::InvalidUtf8))
    ));
    raw.expect_close(1011);
}

#[test]
fn a_piece_that_must_not_be_sent_is_not_left_out_instead() {
    let (mut raw, mut ws) = Raw::to_server(Config::default());
    let mut message = ws.send_writer(DataKind::Text).unwrap();
    message.write_all(b"good").unwrap();
    message.flush().unwrap();
    message.write_all(b"\xff").unwrap();
    for _ in 0..2 {
        assert!(message.flush().is_err());
    }
    assert!(message.finish().is_err());
    raw.expect(b"\x01\x04good");
    raw.expect_close(1011);
}
