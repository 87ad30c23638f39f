//! Clients among one another: lists, names, topics, timers, what happens to those who are behind.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use common::{CLOSE, Peer, REQUEST, TEXT, close, config, frame, until, until_some};
use ws_mio::{
    Agreed, Backpressure, Client, ClientId, CloseCode, Config, Context, Http, Options, Payload, Server, State, TimerId,
    pair_up,
};

type Log = Rc<RefCell<Vec<String>>>;

/// Does what its peer tells it to.
struct Member {
    log: Log,
    timer: Option<TimerId>,
}

impl Client for Member {
    fn accept(&mut self, context: &mut Context<'_>) -> bool {
        context.send_all("somebody comes", &[]);
        true
    }

    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        self.log.borrow_mut().push(format!("open {}", context.clients().len()));
    }

    fn recv_text(&mut self, context: &mut Context<'_>, text: &str) {
        let id = context.id();
        let (order, what) = text.split_once(' ').unwrap_or((text, ""));
        match order {
            "all" => context.send_all(what, &[]),
            "others" => context.send_others(what),
            "join" => assert!(context.subscribe(what)),
            "leave" => assert!(context.unsubscribe(what)),
            "tell" => {
                let count = context.publish("news", what);
                self.log.borrow_mut().push(format!("told {count}"));
            }
            "name" => {
                let result = context.clients().name(id, what);
                self.log.borrow_mut().push(format!("{}", result.is_ok()));
            }
            "to" => {
                let other = context.clients().find(what);
                if let Some(other) = other {
                    context.clients().send(other, "direct");
                }
            }
            "kick" => {
                let other = context.clients().find(what).unwrap();
                context.clients().close(other, CloseCode::POLICY_VIOLATION, "out");
            }
            "timer" => {
                context.set_timer(Duration::from_millis(2), 1);
                self.timer = Some(context.set_timer(Duration::from_millis(1), 2));
            }
            "cancel" => assert!(context.cancel_timer(self.timer.unwrap())),
            "pause" => context.pause(),
            _ => panic!("{order}"),
        }
    }

    fn timer(&mut self, context: &mut Context<'_>, token: u64) {
        self.log.borrow_mut().push(format!("timer {token}"));
        context.resume();
        context.send("timer").unwrap();
    }

    fn dropped(&mut self, _context: &mut Context<'_>, _message: Payload<'_>) {
        self.log.borrow_mut().push("dropped".into());
    }

    fn drain(&mut self, context: &mut Context<'_>) {
        self.log.borrow_mut().push("drain".into());
        let _ = context.send("drained");
    }

    fn close(&mut self, context: &mut Context<'_>, status: CloseCode, _reason: &str) {
        context.send_all("somebody leaves", &[]);
        self.log.borrow_mut().push(format!("close {}", status.as_u16()));
    }
}

#[test]
fn who_comes_is_in_no_list_until_it_is_open() {
    let (mut server, mut peers, log) = company(2, config());
    // The first heard of the second, and the second of nobody.
    assert_eq!(heard(&mut server, &mut peers[0]), "somebody comes");
    assert_eq!(*log.borrow(), ["open 1", "open 2"]);
    peers[0].send(&frame(TEXT, b"all hello"));
    assert_eq!(heard(&mut server, &mut peers[0]), "hello");
    assert_eq!(heard(&mut server, &mut peers[1]), "hello", "and nothing before it");
    peers[0].send(&frame(TEXT, b"others just you"));
    assert_eq!(heard(&mut server, &mut peers[1]), "just you");
    peers[1].send(&frame(CLOSE, &close(1000, "")));
    assert_eq!(
        heard(&mut server, &mut peers[0]),
        "somebody leaves",
        "and not its own words"
    );
    assert_eq!(server.clients().len(), 1);
}

#[test]
fn topics_reach_their_subscribers_but_not_the_sender() {
    let (mut server, mut peers, log) = company(3, config());
    let changes = Rc::new(RefCell::new(Vec::new()));
    let for_hook = Rc::clone(&changes);
    server.on_topic(move |clients, topic, is_there| {
        for_hook
            .borrow_mut()
            .push((topic.to_owned(), is_there, clients.subscribers(topic)));
    });
    hush(&mut server, &mut peers);
    for peer in &mut peers[..2] {
        peer.send(&frame(TEXT, b"join news"));
    }
    until(&mut server, |server| server.clients().subscribers("news") == 2);
    peers[0].send(
        &[
            frame(TEXT, b"tell one"),
            frame(TEXT, b"tell two"),
            frame(TEXT, b"all end"),
        ]
        .concat(),
    );
    assert_eq!(heard(&mut server, &mut peers[0]), "end");
    for expected in ["one", "two", "end"] {
        assert_eq!(heard(&mut server, &mut peers[1]), expected);
    }
    assert_eq!(heard(&mut server, &mut peers[2]), "end");
    assert!(log.borrow().iter().filter(|note| *note == "told 2").count() == 2);
    assert_eq!(server.clients().topics().collect::<Vec<_>>(), ["news"]);
    peers[0].send(&frame(TEXT, b"leave news"));
    until(&mut server, |server| server.clients().subscribers("news") == 1);
    // Who goes, leaves its topics.
    drop(peers.remove(1));
    until(&mut server, |server| server.clients().subscribers("news") == 0);
    server.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(
        *changes.borrow(),
        [("news".to_owned(), true, 2), ("news".to_owned(), false, 0)]
    );
    assert_eq!(server.clients().publish("news", "nobody", &[]), 0);
}

#[test]
fn the_last_subscriber_is_told_of_even_if_it_was_the_last_connection() {
    let (mut server, mut peers, _) = company(1, config());
    let changes = Rc::new(RefCell::new(Vec::new()));
    let for_hook = Rc::clone(&changes);
    server.on_topic(move |_, topic, is_there| for_hook.borrow_mut().push((topic.to_owned(), is_there)));
    peers[0].send(&frame(TEXT, b"join news"));
    until(&mut server, |server| server.clients().subscribers("news") == 1);
    server.handle().stop_within(Duration::ZERO);
    server.run().unwrap();
    assert_eq!(
        *changes.borrow(),
        [("news".to_owned(), true), ("news".to_owned(), false)]
    );
}

/// A program with a loop of its own waits as long as the server says.
#[test]
fn topics_that_change_behind_a_round_or_in_the_hook_are_told_without_an_event() {
    let (mut server, mut peers, _) = company(1, config());
    hush(&mut server, &mut peers);
    let id = server.clients().iter().next().unwrap();
    let changes = Rc::new(RefCell::new(Vec::new()));
    let for_hook = Rc::clone(&changes);
    server.on_topic(move |clients, topic, _| {
        for_hook.borrow_mut().push(topic.to_owned());
        if topic == "news" {
            clients.subscribe(id, "weather");
        }
    });
    assert_ne!(server.patience(), Some(Duration::ZERO));
    server.clients().subscribe(id, "news");
    for told in [&["news"][..], &["news", "weather"]] {
        assert_eq!(server.patience(), Some(Duration::ZERO));
        server.turn(None).unwrap();
        assert_eq!(*changes.borrow(), told);
    }
    assert_ne!(server.patience(), Some(Duration::ZERO));
}

#[test]
fn names_find_clients_and_are_free_when_they_are_gone() {
    let (mut server, mut peers, log) = company(2, config());
    hush(&mut server, &mut peers);
    peers[1].send(&frame(TEXT, b"name bob"));
    until(&mut server, |server| server.clients().find("bob").is_some());
    peers[0].send(&frame(TEXT, b"name bob"));
    until(&mut server, |_| log.borrow().iter().any(|note| note == "false"));
    peers[0].send(&frame(TEXT, b"to bob"));
    assert_eq!(heard(&mut server, &mut peers[1]), "direct");
    let bob = server.clients().find("bob").unwrap();
    assert_eq!(server.clients().name_of(bob), Some("bob"));
    peers[0].send(&frame(TEXT, b"kick bob"));
    until(&mut server, |_| {
        peers[1].receive();
        peers[1].got.windows(4).any(|bytes| bytes == [CLOSE, 5, 0x03, 0xf0])
    });
    peers[1].send(&frame(CLOSE, &close(1008, "")));
    until(&mut server, |server| server.clients().find("bob").is_none());
    // The old name of a connection reaches nobody, not even who has its place now.
    assert!(!server.clients().contains(bob));
}

#[test]
fn timers_go_off_unless_they_are_cancelled() {
    let (mut server, mut peers, log) = company(1, config());
    peers[0].send(&[frame(TEXT, b"timer"), frame(TEXT, b"cancel")].concat());
    assert_eq!(heard(&mut server, &mut peers[0]), "timer");
    assert_eq!(*log.borrow(), ["open 1", "timer 1"]);
}

#[test]
fn a_paused_connection_is_not_read_until_it_is_resumed() {
    let (mut server, mut peers, log) = company(1, config());
    peers[0].send(&[frame(TEXT, b"timer"), frame(TEXT, b"cancel"), frame(TEXT, b"pause")].concat());
    server.turn(None).unwrap();
    peers[0].send(&frame(TEXT, b"all after"));
    assert_eq!(
        heard(&mut server, &mut peers[0]),
        "timer",
        "that resumes, and comes first"
    );
    assert_eq!(heard(&mut server, &mut peers[0]), "after");
    assert_eq!(log.borrow().last().unwrap(), "timer 1");
}

#[test]
fn who_is_behind_is_treated_as_the_policy_says() {
    for policy in [Backpressure::Drop, Backpressure::Close, Backpressure::Tell] {
        let (mut server, mut peers, log) = company(1, config());
        let mut options = Options::default();
        options.backpressure = policy;
        server.set_options(options);
        let id = server.clients().iter().next().unwrap();
        let big = vec![b'x'; 60_000];
        // More than the sockets hold, and what the queue takes besides.
        while server.with(id, |_: &mut Member, context| context.queued()).unwrap() < 65_536 {
            server.clients().send(id, &big);
            server.turn(Some(Duration::ZERO)).unwrap();
        }
        let before = log.borrow().len();
        server.clients().send(id, "lost");
        server.turn(Some(Duration::ZERO)).unwrap();
        server.clients().send(id, "lost too");
        server.turn(Some(Duration::ZERO)).unwrap();
        let told = log.borrow()[before..].to_vec();
        let mut ends_with = |bytes: &[u8]| {
            until(&mut server, |_| {
                peers[0].receive();
                peers[0].got.ends_with(bytes)
            });
            assert!(!peers[0].got.windows(4).any(|bytes| bytes == b"lost"));
        };
        match policy {
            Backpressure::Drop => {
                assert_eq!(told, ["dropped", "dropped"]);
                ends_with(b"xxx");
            }
            Backpressure::Close => {
                assert_eq!(told, ["dropped", "dropped"]);
                ends_with(&[&[CLOSE, 10][..], &close(1013, "too slow")].concat());
            }
            _ => {
                assert_eq!(told, [""; 0]);
                ends_with(b"drained");
                assert_eq!(log.borrow().last().unwrap(), "drain");
            }
        }
    }
}

/// Tells all who want to know, itself among them, that it is behind.
struct Behind(Rc<Cell<usize>>);

impl Client for Behind {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        context.subscribe("log");
    }

    fn recv(&mut self, context: &mut Context<'_>, _message: Payload<'_>) {
        while context.send(&[0; 60_000]).is_ok() {}
        context.clients().publish("log", "it begins", &[]);
    }

    fn dropped(&mut self, context: &mut Context<'_>, _message: Payload<'_>) {
        self.0.set(self.0.get() + 1);
        assert!(self.0.get() < 100, "others get no turn");
        context.clients().publish("log", "somebody is behind", &[]);
    }
}

#[test]
fn what_comes_of_a_dropped_message_waits_for_the_next_turn() {
    let calls = Rc::new(Cell::new(0));
    let for_clients = Rc::clone(&calls);
    let mut server = Server::new(config()).unwrap();
    let service = Http::clients(move || Behind(Rc::clone(&for_clients)));
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let mut peer = Peer::connect(address);
    peer.send(&[REQUEST.as_bytes(), &frame(TEXT, b"go")].concat());
    until(&mut server, |_| calls.get() > 0);
    for _ in 0..10 {
        calls.set(0);
        server.turn(Some(Duration::ZERO)).unwrap();
        assert!((1..=2).contains(&calls.get()), "{}", calls.get());
    }
}

#[test]
fn a_context_tells_who_and_where() {
    let (mut server, peers, _) = company(1, config());
    let id = server.clients().iter().next().unwrap();
    let told = server.with(id, |_: &mut Member, context| {
        assert_eq!(context.id(), id);
        assert_eq!(context.peer_addr().unwrap(), peers[0].stream.local_addr().unwrap());
        #[cfg(unix)]
        assert!(std::os::fd::AsRawFd::as_raw_fd(context.stream()) > 0);
        format!("{context:?}")
    });
    assert_eq!(told.unwrap(), format!("Context({id}, Open)"));
    assert_eq!(id.to_string(), "0.0");
}

#[test]
fn a_connection_has_its_time() {
    let mut server = Server::new(config()).unwrap();
    let mut options = Options::default();
    options.lifetime = Some(Duration::from_millis(20));
    server.set_options(options);
    let log = Log::default();
    let address = server.listen("127.0.0.1:0", members(&log)).unwrap();
    let mut peer = Peer::connect(address);
    peer.send(REQUEST.as_bytes());
    until(&mut server, |_| {
        peer.receive();
        peer.got.windows(2).any(|bytes| bytes == 1001_u16.to_be_bytes())
    });
}

#[test]
fn requests_are_kept_if_that_is_asked_for() {
    for keep_requests in [true, false] {
        let mut server = Server::new(config()).unwrap();
        let mut options = Options::default();
        options.keep_requests = keep_requests;
        server.set_options(options);
        let log = Log::default();
        let address = server.listen("127.0.0.1:0", members(&log)).unwrap();
        let mut peer = Peer::connect(address);
        peer.send(REQUEST.as_bytes());
        until(&mut server, |server| !server.clients().is_empty());
        let id = server.clients().iter().next().unwrap();
        let path = server.with(id, |_: &mut Member, context| {
            context.request().map(|request| request.path().to_owned())
        });
        assert_eq!(path.unwrap().as_deref(), keep_requests.then_some("/chat"));
    }
}

#[test]
fn there_are_no_more_connections_than_may_be() {
    let mut server = Server::new(config()).unwrap();
    let mut options = Options::default();
    options.max_connections = 2;
    server.set_options(options);
    let log = Log::default();
    let address = server.listen("127.0.0.1:0", members(&log)).unwrap();
    let peers: Vec<_> = (0..3).map(|_| Peer::connect(address)).collect();
    until(&mut server, |server| server.connections() == 2);
    server.turn(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(server.connections(), 2);
    assert_ne!(
        server.patience(),
        Some(Duration::ZERO),
        "who waits at the door costs no time"
    );
    let mut peers = peers.into_iter();
    drop(peers.next());
    let mut last = peers.next_back().unwrap();
    last.send(REQUEST.as_bytes());
    until(&mut server, |_| {
        last.receive();
        last.got.starts_with(b"HTTP/1.1 101 ")
    });
}

#[test]
fn a_check_before_all_connections_and_one_before_all_requests() {
    let log = Log::default();
    let mut server = Server::new(config()).unwrap();
    let service = members(&log).authorize(|request, _arrival| {
        let is_known = request.header("authorization") == Some("Basic Ym9iOmJvYg==");
        (!is_known).then(|| ws_mio::Response::new(401))
    });
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let mut stranger = Peer::connect(address);
    stranger.send(REQUEST.as_bytes());
    until(&mut server, |_| {
        stranger.receive();
        stranger.got.starts_with(b"HTTP/1.1 401 ")
    });
    assert!(log.borrow().is_empty(), "no client was made");
    let mut bob = Peer::connect(address);
    let line = "Host: localhost\r\nAuthorization: Basic Ym9iOmJvYg==";
    bob.send(REQUEST.replace("Host: localhost", line).as_bytes());
    until(&mut server, |_| {
        bob.receive();
        bob.got.starts_with(b"HTTP/1.1 101 ")
    });
    server.admit(|arrival| arrival.peer.ip().is_none());
    let mut last = Peer::connect(address);
    until(&mut server, |_| {
        last.receive();
        last.ended
    });
    assert!(last.got.is_empty());
}

#[test]
fn clients_are_listed_by_listener_host_and_port() {
    let mut server = Server::new(config()).unwrap();
    let log = Log::default();
    let hosts = ["127.0.0.1", "::1"];
    let addresses = server.listen_all(pair_up(&hosts, &[0, 0]), members(&log)).unwrap();
    let mut peers: Vec<_> = [0, 1, 1].iter().map(|&at| Peer::connect(addresses[at])).collect();
    for peer in &mut peers {
        peer.send(REQUEST.as_bytes());
    }
    until(&mut server, |server| server.clients().len() == 3);
    let clients = server.clients();
    assert_eq!(clients.of_host("127.0.0.1").count(), 1);
    assert_eq!(clients.of_host("::1").count(), 2);
    assert_eq!(clients.of_host("no address").count(), 0);
    assert_eq!(clients.of_port(addresses[1].port()).count(), 2);
    let one: Vec<ClientId> = clients.of_port(addresses[0].port()).collect();
    let listener = server.with(one[0], |_: &mut Member, context| {
        assert_eq!(context.state(), State::Open);
        assert_eq!(context.listener_address().unwrap().ip(), Some(addresses[0]));
        context.listener().unwrap()
    });
    assert_eq!(server.clients().of_listener(listener.unwrap()).collect::<Vec<_>>(), one);
}

fn members(log: &Log) -> Http {
    let log = Rc::clone(log);
    Http::clients(move || Member {
        log: Rc::clone(&log),
        timer: None,
    })
}

/// So many members, with their handshakes done one after the other.
fn company(size: usize, config: Config) -> (Server, Vec<Peer>, Log) {
    let mut server = Server::new(config).unwrap();
    let log = Log::default();
    let address = server.listen("127.0.0.1:0", members(&log)).unwrap();
    let mut peers = Vec::new();
    for _ in 0..size {
        let mut peer = Peer::connect(address);
        peer.send(REQUEST.as_bytes());
        let end = until_some(&mut server, |_| {
            peer.receive();
            peer.got.windows(4).position(|window| window == b"\r\n\r\n")
        });
        peer.got.drain(..end + 4);
        peers.push(peer);
    }
    (server, peers, log)
}

/// Drops what the peers have been told of each other's coming.
fn hush(server: &mut Server, peers: &mut [Peer]) {
    let count = peers.len();
    for (at, peer) in peers.iter_mut().enumerate() {
        for _ in at + 1..count {
            assert_eq!(heard(server, peer), "somebody comes");
        }
    }
}

/// The next text that a peer gets.
fn heard(server: &mut Server, peer: &mut Peer) -> String {
    until_some(server, |_| {
        peer.receive();
        let len = usize::from(*peer.got.get(1)?);
        assert!(peer.got[0] == TEXT && len < 126);
        let text = peer.got.get(2..2 + len)?.to_vec();
        peer.got.drain(..2 + len);
        Some(String::from_utf8(text).unwrap())
    })
}
