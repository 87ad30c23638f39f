//! The loop from inside: timers of connections that are gone, and the addresses of a name.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::thread;

use super::*;
use crate::{Agreed, Response};

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

/// Sends much to whoever connects.
struct Much;

impl Handler for Much {
    fn on_open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        context.send(&vec![1; MUCH]).unwrap();
    }
}

const MUCH: usize = 32 << 20;

#[test]
fn a_socket_is_watched_for_room_only_while_something_waits() {
    let mut reactor = Reactor::new(Config::default()).unwrap();
    let address = reactor.listen("127.0.0.1:0", |_, _| Decision::accept(Much)).unwrap();
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(REQUEST).unwrap();
    while !state(&mut reactor).is_some_and(|(watched, _)| watched) {
        reactor.turn(None).unwrap();
    }
    let reader = thread::spawn(move || {
        let mut left = MUCH;
        let mut buffer = vec![0; 1 << 16];
        while left > 0 {
            left = left.saturating_sub(peer.read(&mut buffer).unwrap());
        }
        peer
    });
    while state(&mut reactor).unwrap().0 {
        reactor.turn(None).unwrap();
    }
    assert_eq!(
        state(&mut reactor),
        Some((false, false)),
        "neither watched nor holding a queue"
    );
    drop(reader);
}

/// A peer that takes in a long message can't answer the ping behind it, and lives all the same.
#[test]
fn a_peer_that_reads_slowly_is_not_given_up() {
    for reads in [true, false] {
        let mut reactor = Reactor::new(Config::default()).unwrap();
        let address = reactor.listen("127.0.0.1:0", |_, _| Decision::accept(Much)).unwrap();
        let mut peer = TcpStream::connect(address).unwrap();
        peer.write_all(REQUEST).unwrap();
        while !state(&mut reactor).is_some_and(|(watched, _)| watched) {
            reactor.turn(None).unwrap();
        }
        let id = reactor.clients.at(0).unwrap().0;
        // The ping falls due, and then the wait for its answer, as if no event had come until then.
        for _ in 0..2 {
            let client = reactor.clients.get_mut(id).unwrap();
            let due = client.deadline().unwrap();
            let fate = client.tick(id, due, &mut reactor.shared);
            reactor.attend(id, fate);
            let mut left = if reads { MUCH / 4 } else { 0 };
            let mut buffer = vec![0; 1 << 16];
            // More than sockets hold, less than all: some of it comes out of the queue.
            while left > 0 {
                left = left.saturating_sub(peer.read(&mut buffer).unwrap());
                reactor.turn(Some(Duration::ZERO)).unwrap();
            }
        }
        let client = reactor.clients.get_mut(id).unwrap();
        let due = client.deadline().unwrap();
        let fate = client.tick(id, due, &mut reactor.shared);
        reactor.attend(id, fate);
        let open = reactor.with(id, |_, context| context.ending().is_none());
        assert_eq!(open == Some(true), reads, "a peer that reads: {reads}");
    }
}

/// A page takes longer than `linger` to arrive over a slow line.
#[test]
fn an_answer_is_waited_for_while_the_peer_takes_of_it() {
    let mut reactor = Reactor::new(Config::default()).unwrap();
    let page = Response::new(200).with_body(vec![b'x'; MUCH]);
    let address = reactor
        .listen("127.0.0.1:0", move |_, _| Decision::<Nothing>::reject(page.clone()))
        .unwrap();
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    while !reactor.clients.at(0).is_some_and(|(_, client)| client.flow.watched) {
        reactor.turn(None).unwrap();
    }
    let deadline = |reactor: &mut Reactor<Nothing>| {
        let (_, client) = reactor.clients.at(0).expect("given up while taking what came");
        client.deadline().unwrap()
    };
    let before = deadline(&mut reactor);
    let mut buffer = vec![0; 1 << 20];
    while deadline(&mut reactor) == before {
        assert!(peer.read(&mut buffer).unwrap() > 0);
        reactor.turn(Some(Duration::from_millis(1))).unwrap();
    }
    assert!(deadline(&mut reactor) > before);
}

/// Whether the only connection's socket is watched for room, and whether it holds a queue.
fn state(reactor: &mut Reactor<Much>) -> Option<(bool, bool)> {
    let (_, client) = reactor.clients.at(0)?;
    Some((client.flow.watched, client.holds_backlog()))
}

/// The limit on file descriptors is a process's, so the test proper runs in one of its own.
#[test]
#[cfg(unix)]
fn accepting_rests_while_there_are_no_descriptors() {
    let itself = std::env::current_exe().unwrap();
    let test = "reactor::tests::rests_with_a_full_house";
    let script = format!("ulimit -n {DESCRIPTORS} && exec \"$0\" --ignored --exact {test}");
    let output = std::process::Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg(itself)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

#[test]
#[ignore = "run by the test above, with few file descriptors"]
fn rests_with_a_full_house() {
    let mut reactor = Reactor::new(Config::default()).unwrap();
    let address = reactor.listen("127.0.0.1:0", |_, _| Decision::accept(Nothing)).unwrap();
    let inside = TcpStream::connect(address).unwrap();
    reactor.turn(None).unwrap();
    assert_eq!(reactor.connections(), 1);
    let mut outside = Vec::new();
    while let Ok(stream) = TcpStream::connect(address) {
        outside.push(stream);
    }
    reactor.turn(None).unwrap();
    assert!(reactor.accept_again.is_some(), "it would be tried again and again");
    assert_ne!(reactor.patience(None), Some(Duration::ZERO));
    // Somebody leaves: that ends the rest.
    let id = reactor.clients.at(0).unwrap().0;
    drop(inside);
    reactor.remove(id);
    assert!(reactor.accept_again.is_none());
}

#[cfg(unix)]
const DESCRIPTORS: usize = 40;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

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
