//! Every hook may do anything that a context offers: nothing breaks, the end is told once, and the tables are empty behind it.

mod common;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use common::{BINARY, CLOSE, PING, PONG, Peer, REQUEST, TEXT, close, config, frame};
use ws_mio::{
    Agreed, Backpressure, Client, ClientId, CloseCode, CloseFrame, Context, DataKind, Delivery, Error, Http, Message,
    Options, Payload, Prepared, Request, Server, Start, State,
};

/// How often each hook of each client was called.
type Calls = Rc<RefCell<HashMap<(ClientId, &'static str), usize>>>;

/// Does everything in one of its hooks, the first times that it is called.
struct Meddler {
    calls: Calls,
    hook: &'static str,
    then: Then,
}

/// What it does behind all that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Nothing,
    Close,
    Stop,
}

impl Meddler {
    fn called(&mut self, context: &mut Context<'_>, hook: &'static str) {
        let id = context.id();
        let count = {
            let mut calls = self.calls.borrow_mut();
            assert!(!calls.contains_key(&(id, "close")), "{hook} behind the end");
            let count = calls.entry((id, hook)).or_default();
            *count += 1;
            *count
        };
        if hook == self.hook && count <= 3 {
            do_everything(context, self.then);
        }
    }
}

fn do_everything(context: &mut Context<'_>, then: Then) {
    let id = context.id();
    let is_opening = context.state() == State::Opening;
    let others: Vec<ClientId> = context.clients().iter().collect();
    context.pause();
    context.resume();
    context.set_delivery(Delivery::Messages);
    assert!(!is_opening || context.send("text").is_err());
    let _ = context.send("text");
    let _ = context.send_binary(&[1; 40_000]);
    let _ = context.send_message(&Message::binary(vec![2; 5000]));
    let _ = context.send_prepared(&Prepared::new("prepared"));
    let _ = context.send_fragment(DataKind::Text, false, b"in ");
    let _ = context.send_fragment(DataKind::Text, true, b"parts");
    let _ = context.ping(b"there?");
    let _ = context.pong(b"here");
    context.send_all("to all", &others);
    context.send_all("to all", &[]);
    context.send_others("to others");
    context.subscribe("a");
    context.subscribe("b");
    context.unsubscribe("a");
    context.publish("b", "to subscribers");
    context.publish_prepared("b", &Prepared::new("to subscribers"));
    let timer = context.set_timer(Duration::ZERO, 1);
    context.set_timer(Duration::ZERO, 2);
    context.set_timer(Duration::MAX, 3);
    assert!(context.cancel_timer(timer) && !context.cancel_timer(timer));
    let _ = context.clients().name(id, &id.to_string());
    let found = context.clients().find(&id.to_string());
    assert!(found == Some(id), "{found:?}");
    context.clients().send(id, "to myself");
    for other in others {
        context.clients().send(other, "to one");
        context.clients().subscribe(other, "c");
    }
    let _ = context.now();
    let _ = (context.request(), context.listener_address(), context.peer_addr());
    let _ = (context.ending(), context.round_trip(), context.stream());
    let handle = context.handle().clone();
    handle.send(id, "by handle").unwrap();
    handle.publish("b", "by handle").unwrap();
    handle
        .run(move |server| {
            server.with(id, |_: &mut Meddler, context| context.send("from outside").is_ok());
            let gone = server.connect("ws://127.0.0.1:1/", ());
            assert!(gone.is_ok() || matches!(gone, Err(Error::Stopped)));
        })
        .unwrap();
    if then == Then::Stop {
        handle.stop();
    }
    if then == Then::Close {
        context.clients().close(id, CloseCode::new(4001), "by post");
        handle.close(id, CloseCode::new(4002), "by handle").unwrap();
        let _ = context.close(CloseCode::new(4000), "at once");
        assert!(context.send("too late").is_err());
    }
}

impl Client for Meddler {
    fn setup(&mut self, context: &mut Context<'_>) {
        self.called(context, "setup");
    }

    fn accept(&mut self, context: &mut Context<'_>) -> bool {
        self.called(context, "accept");
        true
    }

    fn start(&mut self, context: &mut Context<'_>, _request: &Request) -> Start {
        self.called(context, "start");
        Start::accept()
    }

    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        self.called(context, "open");
    }

    fn recv_text(&mut self, context: &mut Context<'_>, _text: &str) {
        self.called(context, "recv_text");
    }

    fn recv_binary(&mut self, context: &mut Context<'_>, _bytes: &[u8]) {
        self.called(context, "recv_binary");
    }

    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        match message {
            Payload::Text("timer") => drop(context.set_timer(Duration::ZERO, 9)),
            // The others have something for a peer that is behind, and it is told when it has caught up.
            Payload::Text("flood") => {
                let id = context.id();
                while context.send(&[0; 60_000]).is_ok() {}
                context.clients().send(id, "dropped");
            }
            _ => {}
        }
        self.called(context, "recv");
    }

    fn ping(&mut self, context: &mut Context<'_>, _payload: &[u8]) {
        self.called(context, "ping");
    }

    fn pong(&mut self, context: &mut Context<'_>, _payload: &[u8]) {
        self.called(context, "pong");
    }

    fn drain(&mut self, context: &mut Context<'_>) {
        self.called(context, "drain");
    }

    fn dropped(&mut self, context: &mut Context<'_>, _message: Payload<'_>) {
        self.called(context, "dropped");
    }

    fn timer(&mut self, context: &mut Context<'_>, _token: u64) {
        self.called(context, "timer");
    }

    fn closing(&mut self, context: &mut Context<'_>, _frame: &CloseFrame) {
        self.called(context, "closing");
    }

    fn error(&mut self, context: &mut Context<'_>, _error: Error) {
        self.called(context, "error");
    }

    fn close(&mut self, context: &mut Context<'_>, _status: CloseCode, _reason: &str) {
        self.called(context, "close");
    }
}

const HOOKS: [&str; 15] = [
    "setup",
    "accept",
    "start",
    "open",
    "recv_text",
    "recv_binary",
    "recv",
    "ping",
    "pong",
    "drain",
    "dropped",
    "timer",
    "closing",
    "error",
    "close",
];

/// How the peer ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Close,
    Drop,
    ProtocolError,
    Stop,
}

#[test]
fn every_hook_may_do_everything() {
    for hook in HOOKS {
        let mut was_called = false;
        for end in [End::Close, End::Drop, End::ProtocolError, End::Stop] {
            for then in [Then::Nothing, Then::Close, Then::Stop] {
                was_called |= live(hook, then, end, Backpressure::Drop);
                if matches!(hook, "drain" | "dropped") {
                    was_called |= live(hook, then, end, Backpressure::Close);
                    was_called |= live(hook, then, end, Backpressure::Tell);
                }
            }
        }
        assert!(was_called, "{hook} was never called");
    }
}

/// A whole life, with somebody else beside it. Returns whether the hook was called.
fn live(hook: &'static str, then: Then, end: End, policy: Backpressure) -> bool {
    let mut config = config();
    config.timeouts.close = Some(SOON);
    config.timeouts.linger = Some(SOON);
    let mut server = Server::new(config).unwrap();
    let mut options = Options::default();
    options.backpressure = policy;
    options.keep_requests = true;
    options.stop_deadline = SOON;
    server.set_options(options);
    let calls = Calls::default();
    let for_clients = Rc::clone(&calls);
    let service = Http::clients(move || Meddler {
        calls: Rc::clone(&for_clients),
        hook,
        then,
    });
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let mut peers = [Peer::connect(address), Peer::connect(address)];
    let frames = [
        frame(TEXT, b"timer"),
        frame(BINARY, &[7]),
        frame(PING, b""),
        frame(PONG, b""),
        frame(TEXT, b"flood"),
    ];
    for peer in &mut peers {
        peer.send(&[REQUEST.as_bytes(), &frames.concat()].concat());
    }
    // First nobody reads.
    turns(&mut server, 5);
    for _ in 0..20 {
        turns(&mut server, 1);
        peers.iter_mut().for_each(Peer::receive_if_any);
    }
    match end {
        End::Close => peers
            .iter_mut()
            .for_each(|peer| peer.say(&frame(CLOSE, &close(1000, "")))),
        End::ProtocolError => peers.iter_mut().for_each(|peer| peer.say(b"\x81\x02no")),
        End::Drop => {}
        End::Stop => server.handle().stop(),
    }
    if end == End::Drop {
        drop(peers);
    } else {
        turns(&mut server, 5);
        peers.iter_mut().for_each(Peer::receive_if_any);
    }
    let begun = std::time::Instant::now();
    while server.connections() > 0 {
        let what = (hook, then, end, policy);
        assert!(begun.elapsed() < Duration::from_secs(30), "{what:?}: {server:?}");
        server.turn(Some(Duration::from_millis(1))).unwrap();
    }
    // What was asked for by the last of them comes to nothing.
    turns(&mut server, 3);
    let clients = server.clients();
    assert_eq!((clients.len(), clients.topics().count()), (0, 0));
    let names = (0..4).filter(|place| clients.find(&format!("{place}.0")).is_some());
    assert_eq!(names.count(), 0);
    let calls = calls.borrow();
    for (&(id, hook), &count) in calls.iter() {
        let is_once = matches!(
            hook,
            "setup" | "accept" | "start" | "open" | "closing" | "error" | "close"
        );
        assert!(count == 1 || !is_once, "{hook} of {id}: {count} times");
        assert!(calls.contains_key(&(id, "close")), "{id} was not closed");
    }
    calls.keys().any(|(_, called)| *called == hook)
}

impl Peer {
    /// Writes what goes; the other end may be gone.
    fn say(&mut self, bytes: &[u8]) {
        let _ = std::io::Write::write(&mut self.stream, bytes);
    }

    /// Takes what has come; the other end may be gone.
    fn receive_if_any(&mut self) {
        let mut buffer = vec![0; 1 << 20];
        while matches!(std::io::Read::read(&mut self.stream, &mut buffer), Ok(1..)) {}
    }
}

fn turns(server: &mut Server, count: usize) {
    for _ in 0..count {
        server.turn(Some(Duration::from_millis(1))).unwrap();
    }
}

/// A deadline that passes during the test.
const SOON: Duration = Duration::from_millis(10);
