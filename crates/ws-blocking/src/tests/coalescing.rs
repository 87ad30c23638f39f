//! How many system calls output takes.

use std::io::{Read, Write};

use ws_proto::Config;

use super::pair;
use crate::{Message, WebSocket};

#[test]
fn answers_to_one_read_leave_in_one_write() {
    let (mut peer, mut ws) = pair(Config::default(), &text_frames(16));
    for _ in 0..16 {
        let message = ws.recv().unwrap().unwrap();
        assert_eq!(writes(&ws), 0, "nothing leaves while input is unread");
        ws.feed(message).unwrap();
    }
    // The seventeenth comes in a read of its own, for which the answers to the others must have left.
    let answers = std::thread::spawn(move || {
        let mut answers = [0; 16 * 4];
        peer.read_exact(&mut answers).unwrap();
        peer.write_all(&text_frames(1)).unwrap();
        (peer, answers)
    });
    assert_eq!(ws.recv().unwrap(), Some(Message::text("ok")));
    let (_peer, answers) = answers.join().unwrap();
    assert_eq!(answers.to_vec(), b"\x81\x02ok".repeat(16));
    assert_eq!(writes(&ws), 1);
}

#[test]
fn pongs_to_one_read_leave_in_one_write() {
    let mut input = b"\x89\x82\0\0\0\0hi".repeat(100);
    input.extend_from_slice(&text_frames(1));
    let (mut peer, mut ws) = pair(Config::default(), &input);
    assert!(ws.recv().unwrap().is_some());
    ws.flush().unwrap();
    assert_eq!(writes(&ws), 1);
    let mut pongs = [0; 4 * 100];
    peer.read_exact(&mut pongs).unwrap();
    assert_eq!(pongs.to_vec(), b"\x8a\x02hi".repeat(100));
}

#[test]
fn send_writes_at_once() {
    let (_peer, mut ws) = pair(Config::default(), &text_frames(2));
    for sent in 1..=2 {
        let message = ws.recv().unwrap().unwrap();
        ws.send(message).unwrap();
        assert_eq!(writes(&ws), sent);
    }
}

#[test]
fn input_is_buffered_until_it_is_taken() {
    let (_peer, mut ws) = pair(Config::default(), &text_frames(2));
    ws.recv().unwrap();
    assert!(ws.has_buffered_input());
    ws.recv().unwrap();
    assert!(!ws.has_buffered_input());
}

#[test]
fn feeding_writes_at_the_high_water_mark() {
    let mut config = Config::default();
    config.limits.output_high_water = 1000;
    let (_peer, mut ws) = pair(config, &[]);
    for _ in 0..11 {
        ws.feed(vec![0; 98]).unwrap();
    }
    assert_eq!(writes(&ws), 1, "ten messages of 100 bytes fill the queue");
}

#[test]
fn a_large_payload_leaves_with_its_header() {
    let (mut peer, mut ws) = pair(Config::default(), &[]);
    ws.send(vec![7; 8192]).unwrap();
    assert_eq!(writes(&ws), 1);
    let mut frame = [0; 4 + 8192];
    peer.read_exact(&mut frame).unwrap();
    assert_eq!(frame[..4], [0x82, 126, 0x20, 0]);
    assert!(frame[4..].iter().all(|&byte| byte == 7));
}

fn writes(ws: &WebSocket) -> usize {
    ws.shared().writes()
}

/// Masked with zero.
fn text_frames(count: usize) -> Vec<u8> {
    b"\x81\x82\0\0\0\0ok".repeat(count)
}
