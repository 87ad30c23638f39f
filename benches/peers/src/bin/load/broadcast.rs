//! Broadcast: one connection says something, all of them hear it, then the next.

use std::time::Instant;

use peers::epoll::{Epoll, Interest};

use crate::usage::{Run, Usage};
use crate::{Plan, client};

pub(crate) fn run(plan: &Plan) {
    let (said, heard) = client::frames(plan.size);
    let mut epoll = Epoll::new();
    let mut streams = Vec::new();
    for token in 0..plan.connections {
        let stream = client::open(&plan.address);
        stream.set_nonblocking(true).expect("a socket");
        epoll.add(&stream, token, Interest::Read);
        streams.push((stream, 0));
    }

    let mut buffer = vec![0; BUFFER];
    let mut run = Run::begin(plan, Usage::of);
    while !run.is_over() {
        let began = Instant::now();
        assert_eq!(client::write(&streams[0].0, &said), 0, "a message fits");
        let mut missing = plan.connections;
        while missing > 0 {
            for token in epoll.wait() {
                let (stream, received) = &mut streams[token];
                *received += client::read(stream, &heard[*received..], &mut buffer);
                if *received == heard.len() {
                    *received = 0;
                    missing -= 1;
                }
            }
        }
        run.note(plan.connections, began.elapsed());
    }
}

/// For one read.
const BUFFER: usize = 64 << 10;
