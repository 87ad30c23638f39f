//! The hooks of a client: their order, and that each comes as often as promised, whatever way a connection ends.

mod common;

use std::cell::RefCell;
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use common::{BINARY, CLOSE, PING, PONG, Peer, REQUEST, TEXT, close, config, frame, until, until_some};
use ws_mio::{
    Accept, Agreed, Client, CloseCode, CloseFrame, Config, Context, Error, Http, Payload, Request, Response, Server,
    Start, State,
};

type Log = Rc<RefCell<Vec<String>>>;

/// Writes down every hook, and closes in the one that it is told.
struct Diarist {
    log: Log,
    closes_in: &'static str,
    refuses_in: &'static str,
    has_closed: bool,
}

impl Diarist {
    fn note(&mut self, context: &mut Context<'_>, hook: &'static str, what: &str) {
        let separator = if what.is_empty() { "" } else { " " };
        self.log.borrow_mut().push(format!("{hook}{separator}{what}"));
        if self.closes_in == hook {
            let opening = context.state() == State::Opening;
            let result = context.close(CloseCode::new(4000), hook);
            let too_late =
                std::mem::replace(&mut self.has_closed, true) || matches!(hook, "closing" | "error" | "close");
            assert_eq!(result.is_err(), opening || too_late, "{hook}");
        }
    }
}

impl Client for Diarist {
    fn setup(&mut self, context: &mut Context<'_>) {
        self.note(context, "setup", "");
    }

    fn accept(&mut self, context: &mut Context<'_>) -> bool {
        assert!(!context.clients_contain_me());
        self.note(context, "accept", "");
        self.refuses_in != "accept"
    }

    fn start(&mut self, context: &mut Context<'_>, request: &Request) -> Start {
        assert!(!context.clients_contain_me());
        assert!(context.send("too early").is_err());
        self.note(context, "start", request.path());
        match self.refuses_in {
            "start" => Start::Refuse(Response::new(401).with_body("who are you?")),
            "protocol" => Start::Accept(Accept::new().protocol("not offered")),
            _ => Start::accept(),
        }
    }

    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        assert!(context.clients_contain_me());
        self.note(context, "open", "");
    }

    fn recv_text(&mut self, context: &mut Context<'_>, text: &str) {
        self.note(context, "recv_text", text);
    }

    fn recv_binary(&mut self, context: &mut Context<'_>, bytes: &[u8]) {
        self.note(context, "recv_binary", &format!("{bytes:?}"));
    }

    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        if message.as_bytes() == b"timer" {
            context.set_timer(Duration::ZERO, 7);
        }
        self.note(context, "recv", "");
    }

    fn ping(&mut self, context: &mut Context<'_>, payload: &[u8]) {
        self.note(context, "ping", &String::from_utf8_lossy(payload));
    }

    fn pong(&mut self, context: &mut Context<'_>, payload: &[u8]) {
        self.note(context, "pong", &String::from_utf8_lossy(payload));
    }

    fn timer(&mut self, context: &mut Context<'_>, token: u64) {
        self.note(context, "timer", &token.to_string());
    }

    fn closing(&mut self, context: &mut Context<'_>, frame: &CloseFrame) {
        self.note(context, "closing", frame.reason());
    }

    fn error(&mut self, context: &mut Context<'_>, error: Error) {
        self.note(context, "error", &error.to_string());
    }

    fn close(&mut self, context: &mut Context<'_>, status: CloseCode, reason: &str) {
        assert!(!context.clients_contain_me());
        self.note(context, "close", format!("{} {reason}", status.as_u16()).trim());
    }
}

trait Listed {
    fn clients_contain_me(&mut self) -> bool;
}

impl Listed for Context<'_> {
    fn clients_contain_me(&mut self) -> bool {
        let id = self.id();
        self.clients().contains(id)
    }
}

#[test]
fn a_whole_life() {
    let (mut server, mut peer, log) = world(config(), "", "");
    open(&mut server, &mut peer);
    let frames = [
        frame(TEXT, b"hi"),
        frame(BINARY, &[7]),
        frame(PING, b"there?"),
        frame(PONG, b"here"),
        frame(TEXT, b"timer"),
    ];
    peer.send(&frames.concat());
    until(&mut server, |_| log.borrow().iter().any(|hook| hook == "timer 7"));
    peer.send(&frame(CLOSE, &close(4001, "bye")));
    drop(peer);
    gone(&mut server);
    let expected = [
        "setup",
        "accept",
        "start /chat",
        "open",
        "recv_text hi",
        "recv",
        "recv_binary [7]",
        "recv",
        "ping there?",
        "pong here",
        "recv_text timer",
        "recv",
        "timer 7",
        "closing bye",
        "close 4001 bye",
    ];
    assert_eq!(*log.borrow(), expected);
}

#[test]
fn closing_inside_of_each_hook_is_told_once() {
    let hooks = [
        "setup",
        "accept",
        "start",
        "open",
        "recv_text",
        "recv_binary",
        "recv",
        "ping",
        "pong",
        "timer",
        "closing",
        "close",
    ];
    for hook in hooks {
        let (mut server, mut peer, log) = world(config(), hook, "");
        open(&mut server, &mut peer);
        let frames = [
            frame(TEXT, b"timer"),
            frame(BINARY, &[7]),
            frame(PING, b""),
            frame(PONG, b""),
        ];
        peer.send(&frames.concat());
        if hook == "timer" {
            until(&mut server, |_| log.borrow().iter().any(|hook| hook == "timer 7"));
        }
        peer.send(&frame(CLOSE, &close(1000, "")));
        let ended_by_us = !matches!(hook, "setup" | "accept" | "start" | "closing" | "close");
        let code: u16 = if ended_by_us { 4000 } else { 1000 };
        until(&mut server, |_| {
            peer.receive();
            peer.got.windows(3).any(|bytes| bytes[0] == CLOSE && bytes[1] >= 2) && peer.ended
        });
        let at = peer.got.iter().position(|&byte| byte == CLOSE).unwrap();
        assert_eq!(peer.got[at + 2..at + 4], code.to_be_bytes(), "{hook}");
        drop(peer);
        gone(&mut server);
        ended_once(&log, "close 1000");
    }
}

/// How a connection is ended.
type End = fn(&mut Server, &mut Peer);

#[test]
fn every_way_to_end_is_told_once() {
    let mut idle = config();
    idle.timeouts.idle = Some(Duration::from_millis(20));
    let mut unanswered = config();
    unanswered.timeouts.close = Some(Duration::from_millis(20));
    let cases: [(Config, &'static str, End, &str); 6] = [
        (config(), "", |_, peer| peer.send(b"\x81\x02no"), "error"),
        (
            config(),
            "",
            |_, peer| peer.stream.shutdown(Shutdown::Write).unwrap(),
            "error",
        ),
        (config(), "", |server, peer| reset(server, peer), "error"),
        (idle, "", |_, _| (), "error"),
        (unanswered, "open", |_, _| (), "error"),
        (
            config(),
            "",
            |server, _| server.handle().stop_within(Duration::from_millis(20)),
            "error",
        ),
    ];
    for (at, (config, closes_in, end, last_but_one)) in cases.into_iter().enumerate() {
        let (mut server, mut peer, log) = world(config, closes_in, "");
        open(&mut server, &mut peer);
        end(&mut server, &mut peer);
        until(&mut server, |_| {
            log.borrow().iter().any(|hook| hook.starts_with("close "))
        });
        drop(peer);
        gone(&mut server);
        ended_once(&log, "close 1006");
        let log = log.borrow();
        assert!(log[log.len() - 2].starts_with(last_but_one), "case {at}: {log:?}");
    }
}

#[test]
fn whoever_refuses_is_closed_and_was_never_open() {
    let cases = [
        ("accept", "HTTP/1.1 403 ", &["setup", "accept", "close 1006"][..]),
        (
            "start",
            "HTTP/1.1 401 ",
            &["setup", "accept", "start /chat", "close 1006"],
        ),
    ];
    for (refuses_in, answer, expected) in cases {
        let (mut server, mut peer, log) = world(config(), "", refuses_in);
        peer.send(REQUEST.as_bytes());
        until(&mut server, |_| {
            peer.receive();
            peer.ended
        });
        assert!(peer.got.starts_with(answer.as_bytes()));
        assert_eq!(*log.borrow(), expected);
        assert!(server.clients().is_empty());
        drop(peer);
        gone(&mut server);
        assert_eq!(*log.borrow(), expected);
    }
}

#[test]
fn an_answer_that_cannot_be_given_is_an_error() {
    let (mut server, mut peer, log) = world(config(), "", "protocol");
    peer.send(REQUEST.as_bytes());
    until(&mut server, |_| {
        peer.receive();
        peer.ended
    });
    assert!(peer.got.starts_with(b"HTTP/1.1 500 "));
    drop(peer);
    gone(&mut server);
    ended_once(&log, "close 1006");
    assert!(log.borrow()[3].starts_with("error"), "{log:?}");
}

/// A client that hands over to a diarist, or to one like itself.
struct Lobby {
    log: Log,
    goes_in_circles: bool,
}

impl Client for Lobby {
    fn start(&mut self, _context: &mut Context<'_>, _request: &Request) -> Start {
        let log = Rc::clone(&self.log);
        self.log.borrow_mut().push("lobby".into());
        if self.goes_in_circles {
            return Start::other(Self {
                log,
                goes_in_circles: true,
            });
        }
        Start::other(diarist(&log, "", ""))
    }

    fn close(&mut self, _context: &mut Context<'_>, _status: CloseCode, _reason: &str) {
        self.log.borrow_mut().push("lobby closes".into());
    }
}

#[test]
fn a_client_can_hand_over_to_another() {
    for goes_in_circles in [false, true] {
        let log = Log::default();
        let for_clients = Rc::clone(&log);
        let service = Http::clients(move || Lobby {
            log: Rc::clone(&for_clients),
            goes_in_circles,
        });
        let mut server = Server::new(config()).unwrap();
        let address = server.listen("127.0.0.1:0", service).unwrap();
        let mut peer = Peer::connect(address);
        peer.send(&[REQUEST.as_bytes(), &frame(CLOSE, b"")].concat());
        until(&mut server, |_| {
            peer.receive();
            peer.ended
        });
        drop(peer);
        gone(&mut server);
        let log = log.borrow();
        if goes_in_circles {
            assert_eq!(log.iter().filter(|note| *note == "lobby").count(), 9, "{log:?}");
            assert_eq!(log.last().unwrap(), "lobby closes");
        } else {
            let expected = [
                "lobby",
                "setup",
                "accept",
                "start /chat",
                "open",
                "closing",
                "close 1005",
            ];
            assert_eq!(*log, expected);
        }
    }
}

#[test]
fn a_connection_that_cannot_be_opened_is_told_once() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let log = Log::default();
    let mut server = Server::new(config()).unwrap();
    server
        .connect(&format!("ws://{unused}/"), diarist(&log, "", ""))
        .unwrap();
    server.run().unwrap();
    let log = log.borrow();
    assert_eq!(log.len(), 3, "{log:?}");
    assert_eq!((log[0].as_str(), log[2].as_str()), ("setup", "close 1006"));
    assert!(log[1].starts_with("error could not connect"));
}

#[test]
fn a_server_that_stops_while_a_connection_opens_tells_it() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let log = Log::default();
    let mut server = Server::new(config()).unwrap();
    let url = format!("ws://{}/", silent.local_addr().unwrap());
    server.connect(&url, diarist(&log, "", "")).unwrap();
    until(&mut server, |_| !log.borrow().is_empty());
    server.handle().stop();
    server.run().unwrap();
    let stopped = "error the server was stopped before the connection was open";
    assert_eq!(*log.borrow(), ["setup", stopped, "close 1006"]);
}

#[test]
fn a_connection_that_is_not_open_yet_can_be_called_off() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let log = Log::default();
    let mut server = Server::new(config()).unwrap();
    let url = format!("ws://{}/", silent.local_addr().unwrap());
    for turns in [0, 5] {
        let id = server.connect(&url, diarist(&log, "", "")).unwrap();
        // It dials, and after some turns it asks.
        for _ in 0..turns {
            server.turn(Some(Duration::from_millis(1))).unwrap();
        }
        server.clients().send(id, "too early");
        server.clients().close(id, CloseCode::NORMAL, "");
        server.run().unwrap();
        let log = std::mem::take(&mut *log.borrow_mut());
        assert!(log[1].starts_with("error could not connect"), "{log:?}");
        assert_eq!([&*log[0], &*log[2]], ["setup", "close 1006"]);
        assert_eq!(log.len(), 3);
    }
    // A peer that has asked for nothing yet.
    let (mut server, mut peer, _) = world(config(), "", "");
    let ids = Rc::new(RefCell::new(Vec::new()));
    let for_check = Rc::clone(&ids);
    server.admit(move |arrival| {
        for_check.borrow_mut().push(arrival.id);
        true
    });
    until(&mut server, |server| server.connections() == 1);
    let id = ids.borrow()[0];
    server.clients().close(id, CloseCode::NORMAL, "");
    until(&mut server, |_| {
        peer.receive();
        peer.ended
    });
}

/// Sets a timer before it is open.
struct Early(Log);

impl Client for Early {
    fn setup(&mut self, context: &mut Context<'_>) {
        context.set_timer(Duration::from_millis(1), 3);
    }

    fn timer(&mut self, context: &mut Context<'_>, token: u64) {
        let state = context.state();
        self.0.borrow_mut().push(format!("{token} {state:?}"));
    }
}

#[test]
fn timers_go_off_while_a_connection_opens() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let log = Log::default();
    let mut server = Server::new(config()).unwrap();
    let url = format!("ws://{}/", silent.local_addr().unwrap());
    server.connect(&url, Early(Rc::clone(&log))).unwrap();
    until(&mut server, |_| !log.borrow().is_empty());
    assert_eq!(*log.borrow(), ["3 Opening"]);
}

/// Has the peer's end be a reset: it leaves something unread behind.
fn reset(server: &mut Server, peer: &mut Peer) {
    let id = server.clients().iter().next().unwrap();
    server.clients().send(id, "never read");
    server.turn(Some(Duration::from_millis(1))).unwrap();
    let gone = Peer::connect(peer.stream.peer_addr().unwrap());
    *peer = gone;
}

fn diarist(log: &Log, closes_in: &'static str, refuses_in: &'static str) -> Diarist {
    Diarist {
        log: Rc::clone(log),
        closes_in,
        refuses_in,
        has_closed: false,
    }
}

fn world(config: Config, closes_in: &'static str, refuses_in: &'static str) -> (Server, Peer, Log) {
    let log = Log::default();
    let for_clients = Rc::clone(&log);
    let mut server = Server::new(config).unwrap();
    let service = Http::clients(move || diarist(&for_clients, closes_in, refuses_in));
    let address = server.listen("127.0.0.1:0", service).unwrap();
    (server, Peer::connect(address), log)
}

fn open(server: &mut Server, peer: &mut Peer) {
    peer.send(REQUEST.as_bytes());
    let id = until_some(server, |_| {
        peer.receive();
        peer.got.windows(4).position(|window| window == b"\r\n\r\n")
    });
    peer.got.drain(..id + 4);
}

fn gone(server: &mut Server) {
    until(server, |server| {
        server.connections() == 0 || server.clients().is_empty() && has_only_strangers(server)
    });
}

/// Whether what is left has not asked for anything: the stand-in of a peer that was reset.
fn has_only_strangers(server: &Server) -> bool {
    server.connections() <= 1
}

fn ended_once(log: &Log, last: &str) {
    let log = log.borrow();
    assert!(log.last().unwrap().starts_with(last), "{log:?}");
    assert_eq!(
        log.iter().filter(|hook| hook.starts_with("close ")).count(),
        1,
        "{log:?}"
    );
    assert!(
        log.iter().filter(|hook| hook.starts_with("error")).count() <= 1,
        "{log:?}"
    );
    assert_eq!(log.iter().filter(|hook| *hook == "setup").count(), 1, "{log:?}");
}
