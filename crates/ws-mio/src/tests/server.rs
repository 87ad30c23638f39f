//! The loop from inside: alarms of connections that are gone, the addresses of a name, waiting peers.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::thread;

use super::*;
use crate::asking::Asking;
use crate::{Agreed, Answer, ClientRequest, CloseCode, Error, Http, Listen, Response, Serve, State};

struct Nothing;

impl Client for Nothing {}

/// Each of these connections leaves the deadline of its handshake behind, seconds before it passes.
#[test]
fn peers_that_come_and_go_leave_no_pile_of_alarms() {
    let (mut server, address) = serving(Http::clients(|| Nothing));
    let mut most = 0;
    for _ in 0..3000 {
        drop(TcpStream::connect(address).unwrap());
        server.turn(None).unwrap();
        while server.connections() > 0 {
            server.turn(None).unwrap();
        }
        most = most.max(server.shared.alarms.len());
    }
    assert!(most < 1500, "{most} alarms");
}

/// Sets a timer, and writes down which go off.
struct Ticking(u64, Rc<Cell<u64>>);

impl Client for Ticking {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        context.set_timer(Duration::from_secs(10_000), self.0);
    }

    fn timer(&mut self, _context: &mut Context<'_>, token: u64) {
        assert_eq!(token, self.0, "somebody else's");
        self.1.set(self.1.get() + 1);
    }
}

#[test]
fn timers_of_who_is_gone_do_not_go_off_for_who_has_its_place() {
    let ticks = Rc::new(Cell::new(0));
    let for_clients = Rc::clone(&ticks);
    let mut made = 0;
    let service = Http::clients(move || {
        made += 1;
        Ticking(made, Rc::clone(&for_clients))
    });
    // The jumps, beside which the time of the test itself is nothing, are not to make pings due.
    let mut config = Config::default();
    config.timeouts.ping_interval = None;
    let (mut server, address) = serving_with(config, service);
    for _ in 0..2 {
        let mut peer = TcpStream::connect(address).unwrap();
        peer.write_all(REQUEST).unwrap();
        while server.clients().is_empty() {
            server.turn(None).unwrap();
        }
        assert_eq!(server.all()[0].place(), 0);
        server.shared.clock.ahead += Duration::from_secs(9000);
        server.turn(Some(Duration::ZERO)).unwrap();
        peer.shutdown(std::net::Shutdown::Both).unwrap();
        while server.connections() > 0 {
            server.turn(None).unwrap();
        }
    }
    assert_eq!(ticks.get(), 0);
    server.shared.clock.ahead += Duration::from_secs(9000);
    server.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(ticks.get(), 0);
    assert_eq!(server.shared.clients.timers.next(), None);
}

/// Closes as soon as it is open, and remembers how it went.
struct Once(Rc<Cell<&'static str>>);

impl Client for Once {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        self.0.set("open");
        context.close(CloseCode::NORMAL, "").unwrap();
    }

    fn error(&mut self, context: &mut Context<'_>, _error: Error) {
        assert_eq!(context.state(), State::Opening);
        self.0.set("failed");
    }
}

#[test]
fn an_address_that_refuses_is_followed_by_the_next() {
    let (mut server, address) = serving(Http::clients(|| Nothing));
    let dead = unused_address();
    dial_and_wait(&mut server, vec![dead, dead, address], "open");
    dial_and_wait(&mut server, vec![dead, dead], "failed");
}

/// Each address gets its share of the time; the last one gets what is left.
#[test]
fn an_address_that_is_silent_is_followed_by_the_next() {
    let (mut server, address) = serving(Http::clients(|| Nothing));
    // Its queue of one is full, so that it does not even answer.
    let silent = Listen::tcp("127.0.0.1:0").unwrap().backlog(0).bind().unwrap();
    let silent_address = silent.1.ip().unwrap();
    let mut full = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&silent_address, Duration::from_millis(100)) {
        full.push(stream);
    }
    let outcome = Rc::new(Cell::new(""));
    let once = Once(Rc::clone(&outcome));
    let addresses = vec![silent_address, address];
    server
        .dial(addresses, |until| Ok(Box::new(Asking::new(request(), once, until))))
        .unwrap();
    // As if no event had come until then.
    server.shared.clock.ahead += server.shared.config.handshake.timeout * 6 / 10;
    run_until(&mut server, &outcome, "open");
}

/// Sends much to whoever connects.
struct Much;

impl Client for Much {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        context.send(&vec![1; MUCH]).unwrap();
    }
}

const MUCH: usize = 32 << 20;

#[test]
fn a_socket_is_watched_for_room_only_while_something_waits() {
    let (mut server, mut peer) = stuck(Config::default(), Http::clients(|| Much));
    let reader = thread::spawn(move || {
        let mut left = MUCH;
        let mut buffer = vec![0; 1 << 16];
        while left > 0 {
            left = left.saturating_sub(peer.read(&mut buffer).unwrap());
        }
        peer
    });
    while state(&server).unwrap().0 {
        server.turn(None).unwrap();
    }
    assert_eq!(
        state(&server),
        Some((false, false)),
        "neither watched nor holding a queue"
    );
    drop(reader);
}

/// A peer that takes in a long message can't answer the ping behind it, and lives all the same.
#[test]
fn a_peer_that_reads_slowly_is_not_given_up() {
    for reads in [true, false] {
        let (mut server, mut peer) = stuck(Config::default(), Http::clients(|| Much));
        let id = server.all()[0];
        // The ping falls due, and then the wait for its answer, as if no event had come until then.
        for _ in 0..2 {
            server.shared.clock.ahead += Duration::from_secs(40);
            server.turn(Some(Duration::ZERO)).unwrap();
            let mut left = if reads { MUCH / 4 } else { 0 };
            let mut buffer = vec![0; 1 << 16];
            // More than sockets hold, less than all: some of it comes out of the queue.
            while left > 0 {
                left = left.saturating_sub(peer.read(&mut buffer).unwrap());
                server.turn(Some(Duration::ZERO)).unwrap();
            }
        }
        server.shared.clock.ahead += Duration::from_secs(21);
        server.turn(Some(Duration::ZERO)).unwrap();
        let open = server.with(id, |_: &mut Much, context| context.state() == State::Open);
        assert_eq!(open == Some(true), reads, "a peer that reads: {reads}");
    }
}

/// A page takes longer than `linger` to arrive over a slow line.
#[test]
fn an_answer_is_waited_for_while_the_peer_takes_of_it() {
    let page = Response::new(200).with_body(vec![b'x'; MUCH]);
    let mut config = Config::default();
    // So long that only the jumps count.
    config.timeouts.linger = Some(Duration::from_secs(1000));
    let (mut server, mut peer) = stuck(config, Http::new(move |_, _| Answer::page(page.clone())));
    let mut buffer = vec![0; 1 << 20];
    for _ in 0..4 {
        let mut left = MUCH / 8;
        while left > 0 {
            let count = peer.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "given up in the middle");
            left = left.saturating_sub(count);
            server.turn(Some(Duration::from_millis(1))).unwrap();
        }
        server.shared.clock.ahead += Duration::from_secs(700);
        server.turn(Some(Duration::ZERO)).unwrap();
        assert_eq!(server.connections(), 1, "given up while taking what came");
    }
    server.shared.clock.ahead += Duration::from_secs(2000);
    server.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(server.connections(), 0, "it has taken nothing for longer than that");
}

/// The limit on file descriptors is a process's, so the test proper runs in one of its own.
#[test]
#[cfg(unix)]
fn accepting_rests_while_there_are_no_descriptors() {
    let itself = std::env::current_exe().unwrap();
    let test = "server::tests::rests_with_a_full_house";
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
    let (mut server, address) = serving(Http::clients(|| Nothing));
    let inside = TcpStream::connect(address).unwrap();
    while server.connections() < 1 {
        server.turn(None).unwrap();
    }
    let mut outside = Vec::new();
    while let Ok(stream) = TcpStream::connect(address) {
        outside.push(stream);
    }
    server.turn(None).unwrap();
    assert!(server.accept_again.is_some(), "it would be tried again and again");
    assert_ne!(server.patience(), Some(Duration::ZERO));
    // Somebody leaves: that ends the rest.
    let id = server.all()[0];
    drop(inside);
    server.remove(id);
    assert!(server.accept_again.is_none());
}

#[cfg(unix)]
const DESCRIPTORS: usize = 40;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn serving(service: impl Serve + 'static) -> (Server, SocketAddr) {
    serving_with(Config::default(), service)
}

fn serving_with(config: Config, service: impl Serve + 'static) -> (Server, SocketAddr) {
    let mut server = Server::new(config).unwrap();
    let address = server.listen("127.0.0.1:0", service).unwrap();
    (server, address)
}

/// A server and a peer that has asked for more than the sockets hold.
fn stuck(config: Config, service: impl Serve + 'static) -> (Server, TcpStream) {
    let (mut server, address) = serving_with(config, service);
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(REQUEST).unwrap();
    while !state(&server).is_some_and(|(watched, _)| watched) {
        server.turn(None).unwrap();
    }
    (server, peer)
}

/// Whether the only connection's socket is watched for room, and whether it holds a queue.
fn state(server: &Server) -> Option<(bool, bool)> {
    let slot = server.any_slot()?;
    Some((slot.wire.flow.watched, slot.wire.backlog.is_some()))
}

fn dial_and_wait(server: &mut Server, addresses: Vec<SocketAddr>, expected: &str) {
    let outcome = Rc::new(Cell::new(""));
    let once = Once(Rc::clone(&outcome));
    server
        .dial(addresses, |until| Ok(Box::new(Asking::new(request(), once, until))))
        .unwrap();
    run_until(server, &outcome, expected);
}

fn run_until(server: &mut Server, outcome: &Cell<&'static str>, expected: &str) {
    while outcome.get() != expected {
        server.turn(None).unwrap();
    }
}

fn request() -> ClientRequest {
    ClientRequest::new("ws://localhost/").unwrap()
}

fn unused_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
