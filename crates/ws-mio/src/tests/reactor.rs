//! The loop from inside: timers of connections that are gone, and the addresses of a name.

use std::cell::Cell;
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;

use super::*;
use crate::Agreed;

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
        most = most.max(reactor.timers.len());
    }
    assert!(most < 1500, "{most} timers");
}

/// Closes as soon as it is open, and remembers how it went.
struct Once(Rc<Cell<&'static str>>);

impl Handler for Once {
    fn on_open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        self.0.set("open");
        context.close(ws_proto::CloseCode::NORMAL, "").unwrap();
    }

    fn on_fail(&mut self, _error: Error) {
        self.0.set("failed");
    }
}

#[test]
fn an_address_that_refuses_is_followed_by_the_next() {
    let (mut reactor, address, outcome) = server();
    let dead = unused_address();
    reactor
        .dial(request(), vec![dead, dead, address], Once(outcome.clone()))
        .unwrap();
    run_until(&mut reactor, &outcome, "open");
    reactor
        .dial(request(), vec![dead, dead], Once(outcome.clone()))
        .unwrap();
    run_until(&mut reactor, &outcome, "failed");
}

/// Each address gets its share of the time; the last one gets what is left.
#[test]
fn an_address_that_is_silent_is_followed_by_the_next() {
    let (mut reactor, address, outcome) = server();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = vec![silent.local_addr().unwrap(), address];
    let id = reactor.dial(request(), addresses, Once(outcome.clone())).unwrap();
    let client = reactor.clients.get_mut(id).unwrap();
    let share = client.deadline().unwrap();
    let now = reactor.shared.clock.now();
    assert!(share > now && share < now + reactor.shared.config.handshake.timeout * 2 / 3);
    // As if no event had come until then.
    let fate = client.tick(id, share, &mut reactor.shared);
    reactor.attend(id, fate);
    run_until(&mut reactor, &outcome, "open");
}

fn server() -> (Reactor<Once>, SocketAddr, Rc<Cell<&'static str>>) {
    let mut reactor = Reactor::new(Config::default()).unwrap();
    let address = reactor
        .listen("127.0.0.1:0", |_, _| Decision::accept(Once(Rc::default())))
        .unwrap();
    (reactor, address, Rc::default())
}

fn run_until(reactor: &mut Reactor<Once>, outcome: &Cell<&'static str>, expected: &str) {
    while outcome.get() != expected {
        reactor.turn(None).unwrap();
    }
}

fn request() -> ClientRequest {
    ClientRequest::new("ws://localhost/").unwrap()
}

fn unused_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
