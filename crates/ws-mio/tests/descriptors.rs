//! Running out of file descriptors: those inside are served, those at the door wait, and get in when somebody leaves.
#![cfg(unix)]

mod common;

use std::env;
use std::process::Command;

use common::{Peer, REQUEST, Recorder, TEXT, World, config, frame};

/// The limit on file descriptors is a process's, so the test proper runs in one of its own.
#[test]
fn running_out_of_descriptors_is_survived() {
    let itself = env::current_exe().unwrap();
    let script = format!("ulimit -n {LIMIT} && exec \"$0\" --ignored --exact survives_a_full_house");
    let status = Command::new("sh").arg("-c").arg(script).arg(itself).status().unwrap();
    assert!(status.success());
}

#[test]
#[ignore = "run by the test above, with few file descriptors"]
fn survives_a_full_house() {
    let mut world = World::new(config(), Recorder::echo);
    let mut inside = world.peer();
    // Each connection takes two descriptors of this process; the kernel completes connections that nobody accepts.
    let mut peers = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect(world.address) {
        stream.set_nonblocking(true).unwrap();
        peers.push(Peer {
            stream,
            got: Vec::new(),
            ended: false,
        });
        peers.last_mut().unwrap().send(REQUEST.as_bytes());
    }
    assert!(peers.len() > LIMIT / 2, "{} connections", peers.len());
    for _ in 0..10 {
        inside.send(&frame(TEXT, b"still served?"));
        assert_eq!(world.frame(&mut inside).1, b"still served?");
    }
    assert!(
        world.server.connections() <= 1,
        "there was no descriptor left to accept with"
    );
    // Whoever is at the door gets in as others leave.
    let mut last = peers.pop().unwrap();
    drop(peers);
    assert!(world.head(&mut last).starts_with("HTTP/1.1 101 "));
}

const LIMIT: usize = 40;
