//! What is left of connections that are gone.

use std::net::TcpStream;

use crate::{Config, Decision, Handler, Reactor};

struct Nothing;

impl Handler for Nothing {}

/// Each of these connections leaves the deadline of its handshake behind, seconds before it passes.
#[test]
fn peers_that_come_and_go_leave_no_pile_of_timers() {
    let mut reactor = Reactor::new(Config::default()).unwrap();
    let address = reactor.listen("127.0.0.1:0", |_, _| Decision::accept(Nothing)).unwrap();
    let mut most = 0;
    for _ in 0..3000 {
        drop(TcpStream::connect(address).unwrap());
        reactor.turn(None).unwrap();
        while reactor.connections() > 0 {
            reactor.turn(None).unwrap();
        }
        most = most.max(reactor.timers_held());
    }
    assert!(most < 1500, "{most} timers");
}
