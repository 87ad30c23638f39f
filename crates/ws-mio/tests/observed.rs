//! Wrappers around clients.

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use common::{BINARY, CLOSE, Peer, REQUEST, TEXT, close, config, frame, until};
use ws_mio::{Client, Context, Counted, Happening, Http, Limited, Observed, Payload, Server};

/// Notes what comes, in all the ways there are.
struct Notes(Rc<RefCell<Vec<String>>>);

impl Client for Notes {
    fn recv_text(&mut self, _context: &mut Context<'_>, text: &str) {
        self.0.borrow_mut().push(format!("text {text}"));
    }

    fn recv_binary(&mut self, _context: &mut Context<'_>, bytes: &[u8]) {
        self.0.borrow_mut().push(format!("binary {bytes:?}"));
    }

    fn recv(&mut self, _context: &mut Context<'_>, _message: Payload<'_>) {
        self.0.borrow_mut().push("recv".into());
    }
}

#[test]
fn observers_see_what_comes_before_the_client_and_can_keep_it_from_it() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let notes = Rc::new(RefCell::new(Vec::new()));
    let (for_observer, for_client) = (Rc::clone(&seen), Rc::clone(&notes));
    let counted = Counted::new();
    let for_counting = counted.clone();
    let service = Http::clients(move || {
        let seen = Rc::clone(&for_observer);
        let observer = move |_: &mut Context<'_>, what: &Happening<'_>| {
            seen.borrow_mut().push(format!("{what:?}"));
            !matches!(what, Happening::Recv(Payload::Text("secret")))
        };
        let inner = Observed::new(for_counting.clone(), Notes(Rc::clone(&for_client)));
        Observed::new(observer, inner)
    });
    let mut server = Server::new(config()).unwrap();
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let mut peer = Peer::connect(address);
    let frames = [
        frame(TEXT, b"hi"),
        frame(TEXT, b"secret"),
        frame(BINARY, &[1]),
        frame(CLOSE, &close(1000, "")),
    ];
    peer.send(&[REQUEST.as_bytes(), &frames.concat()].concat());
    until(&mut server, |_| {
        seen.borrow().last().is_some_and(|what| what.starts_with("close"))
    });
    let expected = [
        "setup",
        "accept",
        "start /chat",
        "open",
        "text of 2 bytes",
        "text of 6 bytes",
        "binary of 1 bytes",
    ];
    assert_eq!(seen.borrow()[..7], expected);
    assert_eq!(seen.borrow().len(), 9, "closing and close: {seen:?}");
    assert_eq!(*notes.borrow(), ["text hi", "recv", "binary [1]", "recv"]);
    assert_eq!((counted.messages(), counted.bytes()), (2, 3));
    assert_eq!((counted.opened(), counted.open(), counted.failed()), (1, 0, 0));
}

#[test]
fn who_sends_too_much_is_closed() {
    let notes = Rc::new(RefCell::new(Vec::new()));
    let for_client = Rc::clone(&notes);
    let service = Http::clients(move || {
        let limited = Limited::new(3, Duration::from_secs(3600));
        Observed::new(limited, Notes(Rc::clone(&for_client)))
    });
    let mut server = Server::new(config()).unwrap();
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let mut peer = Peer::connect(address);
    peer.send(&[REQUEST.as_bytes(), &frame(TEXT, b"x").repeat(5)].concat());
    until(&mut server, |_| {
        peer.receive();
        peer.got.ends_with(b"too many messages")
    });
    assert_eq!(notes.borrow().iter().filter(|note| *note == "recv").count(), 3);
}
