//! Broadcast: one connection says something, all of them hear it, then the next.

use std::time::Instant;

use peers::epoll::{Epoll, Interest};

use crate::usage::Usage;
use crate::{Plan, WARM_UP, client};

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
    let (mut waits, mut usage) = (Vec::new(), None);
    let mut until = Instant::now() + WARM_UP;
    loop {
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
        waits.push(began.elapsed());
        if Instant::now() < until {
            continue;
        }
        match usage.take() {
            None => {
                usage = Some(Usage::of(plan.pid));
                waits.clear();
                until = Instant::now() + plan.time;
            }
            Some(usage) => return usage.print((waits.len() * plan.connections) as u64, &mut waits),
        }
    }
}

/// For one read.
const BUFFER: usize = 64 << 10;
