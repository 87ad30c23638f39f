//! Any protocol: several on one port, side by side on others, changed in mid-life, and on the way out.

mod common;

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read};
use std::rc::Rc;
use std::time::Duration;

use common::{Peer, REQUEST, TEXT, config, frame, until};
use ws_mio::{
    Agreed, Answer, Client, Context, Detect, Error, Http, Io, Lines, Link, Next, Payload, Prepared, Protocol, Ready,
    Response, Server, Speaker, Talk, each,
};

/// Says to all what its peer says.
struct Chat;

impl Client for Chat {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        context.subscribe("room");
    }

    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        context.publish("room", message);
    }
}

/// The same, in lines.
struct LineChat(Rc<RefCell<Vec<String>>>);

impl Talk for LineChat {
    fn greet(&mut self, speaker: &mut Speaker<'_>) {
        speaker.subscribe("room");
        speaker.say("220 welcome");
    }

    fn hear(&mut self, speaker: &mut Speaker<'_>, line: &str) {
        match line {
            "QUIT" => {
                speaker.say("221 bye");
                speaker.end();
            }
            "TIMER" => drop(speaker.set_timer(Duration::from_millis(1), 9)),
            _ => drop(speaker.publish("room", line)),
        }
    }

    fn timer(&mut self, speaker: &mut Speaker<'_>, token: u64) {
        speaker.say(&format!("timer {token}"));
    }

    fn part(&mut self, _link: &mut Link<'_>) {
        self.0.borrow_mut().push("part".into());
    }
}

/// Returns every byte; after `!` it becomes another mirror, whose every byte comes back twice.
struct Mirror {
    times: usize,
}

impl Protocol for Mirror {
    fn accept(&mut self, io: &mut Io<'_>) -> Next {
        io.write(format!("mirror {}:", self.times).as_bytes());
        Next::Stay
    }

    fn ready(&mut self, io: &mut Io<'_>, _why: Ready) -> Next {
        let mut becomes = false;
        let times = self.times;
        while !becomes
            && io.has_room()
            && io.read(|io, bytes| {
                let end = bytes.iter().position(|&byte| byte == b'!');
                let mirrored = &bytes[..end.unwrap_or(bytes.len())];
                (0..times).for_each(|_| io.write(mirrored));
                becomes = end.is_some();
                mirrored.len() + usize::from(becomes)
            })
        {}
        match becomes {
            true => Next::Become(Box::new(Self { times: times + 1 })),
            false if io.has_ended() => Next::Finish,
            false => Next::Stay,
        }
    }
}

#[test]
fn several_protocols_share_a_port() {
    let parted = Rc::default();
    // Of those that are to be told by what they say, none may pass for silent.
    let (mut server, address) = everything(&parted, Duration::from_secs(2));
    let mut web = Peer::connect(address);
    let mut page = Peer::connect(address);
    let mut raw = Peer::connect(address);
    let mut silent = Peer::connect(address);
    let mut other = Peer::connect(address);
    page.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    raw.send(b"RAW hello");
    other.send(b"\x00\x01\x02");
    // In pieces as small as can be.
    for byte in REQUEST.as_bytes() {
        web.send(&[*byte]);
        server.turn(Some(Duration::ZERO)).unwrap();
    }
    gets(&mut server, &mut web, b"HTTP/1.1 101 ");
    gets(&mut server, &mut page, b"a page");
    gets(&mut server, &mut raw, b"mirror 1:RAW hello");
    gets(&mut server, &mut silent, b"220 welcome\r\n");
    gets(&mut server, &mut other, b"");
    until(&mut server, |_| {
        other.receive();
        other.ended
    });
    // They are one company.
    web.got.clear();
    silent.got.clear();
    web.send(&frame(TEXT, b"from the web"));
    gets(&mut server, &mut silent, b"from the web\r\n");
    silent.send(b"from ");
    server.turn(Some(Duration::ZERO)).unwrap();
    silent.send(b"a line\r\nTIMER\nQUIT\r\n");
    gets(&mut server, &mut web, b"\x81\x0bfrom a line");
    gets(&mut server, &mut silent, b"221 bye\r\n");
    until(&mut server, |_| {
        silent.receive();
        silent.ended
    });
    assert_eq!(*parted.borrow(), ["part"]);
    assert_eq!(server.clients().subscribers("room"), 1);
}

#[test]
fn a_line_protocol_has_timers_and_a_bound() {
    let parted = Rc::default();
    let (mut server, address) = everything(&parted, Duration::from_millis(50));
    let mut peer = Peer::connect(address);
    gets(&mut server, &mut peer, b"220 welcome\r\n");
    peer.send(b"TIMER\r\n");
    gets(&mut server, &mut peer, b"timer 9\r\n");
    peer.send(&[b'x'; 9000]);
    until(&mut server, |_| {
        peer.receive();
        peer.ended
    });
    assert_eq!(*parted.borrow(), ["part"]);
}

/// Has much for itself for every line.
struct Gossip(Rc<RefCell<usize>>);

impl Talk for Gossip {
    fn hear(&mut self, speaker: &mut Speaker<'_>, line: &str) {
        *self.0.borrow_mut() += 1;
        let id = speaker.id();
        let message = Prepared::new(line);
        (0..1000).for_each(|_| speaker.clients().send_prepared(id, &message));
    }

    fn pass_on(&mut self, _speaker: &mut Speaker<'_>, _message: Payload<'_>) {}
}

/// Deliveries that wait take memory, so there is an end to them in each round.
#[test]
fn lines_that_lead_to_much_are_taken_in_over_several_rounds() {
    let heard = Rc::new(RefCell::new(0));
    let for_lines = Rc::clone(&heard);
    let mut server = Server::new(config()).unwrap();
    let service = each(move || Lines::new(Gossip(Rc::clone(&for_lines))));
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let mut peer = Peer::connect(address);
    peer.send(&b"\n".repeat(1500));
    until(&mut server, |_| *heard.borrow() > 0);
    assert!(*heard.borrow() < 1100, "{} lines in one round", heard.borrow());
    until(&mut server, |_| *heard.borrow() == 1500);
}

#[test]
fn who_says_nothing_for_long_is_parted_from() {
    let parted = Rc::default();
    let for_lines = Rc::clone(&parted);
    let mut server = Server::new(config()).unwrap();
    let service = each(move || Lines::new(LineChat(Rc::clone(&for_lines))).idle(Duration::from_millis(50)));
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let (mut silent, mut deaf) = (Peer::connect(address), Peer::connect(address));
    // The other one goes on speaking, and never listens: at some point nothing more is taken from it.
    while parted.borrow().len() < 2 {
        let _ = std::io::Write::write(&mut deaf.stream, &b"TIMER\r\n".repeat(1000));
        server.turn(Some(Duration::from_millis(2))).unwrap();
        silent.receive();
    }
    assert_eq!(silent.got, b"220 welcome\r\n");
}

#[test]
fn a_beginning_that_does_not_go_on_is_given_up() {
    let mut config = config();
    config.handshake.timeout = Duration::from_millis(20);
    let mut server = Server::new(config).unwrap();
    let service = Detect::new().http(Http::new(|_, _| Answer::page(Response::new(200))));
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let mut peers = [Peer::connect(address), Peer::connect(address)];
    peers[0].send(b"GE");
    for peer in &mut peers {
        until(&mut server, |_| match peer.stream.read(&mut [0]) {
            Ok(count) => {
                assert_eq!(count, 0);
                true
            }
            // A late server gives it up with "GE" unread, which resets the connection.
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        });
    }
    until(&mut server, |server| server.connections() == 0);
}

#[test]
fn a_protocol_is_changed_in_mid_life_without_losing_a_byte() {
    let mut server = Server::new(config()).unwrap();
    let address = server.listen("127.0.0.1:0", each(|| Mirror { times: 1 })).unwrap();
    let mut peer = Peer::connect(address);
    peer.send(b"ab!cd!ef");
    gets(&mut server, &mut peer, b"mirror 1:abmirror 2:cdcdmirror 3:efefef");
    peer.stream.shutdown(std::net::Shutdown::Write).unwrap();
    until(&mut server, |_| {
        peer.receive();
        peer.ended
    });
    until(&mut server, |server| server.connections() == 0);
}

/// Takes so many bytes, and leaves the others.
struct Picky(usize);

impl Protocol for Picky {
    fn ready(&mut self, io: &mut Io<'_>, _why: Ready) -> Next {
        while self.0 > 0
            && io.read(|_, bytes| {
                let taken = bytes.len().min(self.0);
                self.0 -= taken;
                taken
            })
        {}
        // And looks once more, in vain.
        io.read(|_, _| 0);
        Next::Stay
    }
}

/// Ignores what comes.
struct Ignorant;

impl Protocol for Ignorant {
    fn ready(&mut self, _io: &mut Io<'_>, _why: Ready) -> Next {
        Next::Stay
    }
}

#[test]
fn input_that_nobody_wants_costs_no_time() {
    for is_picky in [true, false] {
        let mut server = Server::new(config()).unwrap();
        let service = move |_: &ws_mio::Arrival| -> Box<dyn Protocol> {
            match is_picky {
                true => Box::new(Picky(3)),
                false => Box::new(Ignorant),
            }
        };
        let address = server.listen("127.0.0.1:0", service).unwrap();
        let mut peer = Peer::connect(address);
        until(&mut server, |server| server.connections() == 1);
        peer.send(b"hello");
        until(&mut server, |server| {
            server.turn(Some(Duration::ZERO)).unwrap();
            server.patience() != Some(Duration::ZERO)
        });
        for _ in 0..5 {
            server.turn(Some(Duration::ZERO)).unwrap();
            assert_ne!(server.patience(), Some(Duration::ZERO));
        }
    }
}

/// Takes half of what there is, and looks for more at the same time; asks for nothing, too.
struct Greedy {
    got: Rc<RefCell<Vec<u8>>>,
    ended: Rc<Cell<bool>>,
}

impl Protocol for Greedy {
    fn ready(&mut self, io: &mut Io<'_>, _why: Ready) -> Next {
        assert_eq!(io.read_into(&mut []), 0);
        while io.read(|io, bytes| {
            assert!(!io.read(|_, more| more.len()));
            assert_eq!(io.read_into(&mut [0; 100]), 0);
            let half = bytes.len().div_ceil(2);
            self.got.borrow_mut().extend(&bytes[..half]);
            half
        }) {}
        self.ended.set(io.has_ended());
        Next::Stay
    }
}

#[test]
fn reading_into_nothing_or_within_a_read_is_neither_an_end_nor_a_loss() {
    let (got, ended) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(false)));
    let for_service = (Rc::clone(&got), Rc::clone(&ended));
    let service = each(move || Greedy {
        got: Rc::clone(&for_service.0),
        ended: Rc::clone(&for_service.1),
    });
    let mut server = Server::new(config()).unwrap();
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let mut peer = Peer::connect(address);
    let all: Vec<u8> = (0..100_000).map(|at| (at % 251) as u8).collect();
    peer.send(&all);
    until(&mut server, |_| got.borrow().len() >= all.len());
    assert!(*got.borrow() == all && !ended.get());
    drop(peer);
    until(&mut server, |_| ended.get());
}

#[test]
fn a_protocol_that_changes_in_a_circle_is_ended() {
    struct Circle;
    impl Protocol for Circle {
        fn accept(&mut self, _io: &mut Io<'_>) -> Next {
            Next::Become(Box::new(Self))
        }

        fn ready(&mut self, _io: &mut Io<'_>, _why: Ready) -> Next {
            Next::Stay
        }
    }
    let mut server = Server::new(config()).unwrap();
    let address = server.listen("127.0.0.1:0", each(|| Circle)).unwrap();
    let mut peer = Peer::connect(address);
    until(&mut server, |_| {
        peer.receive();
        peer.ended
    });
}

#[test]
fn whoever_finishes_is_closed_once_however_late() {
    /// Becomes another like itself so many times, and finishes.
    struct Late(usize, Rc<RefCell<usize>>);
    impl Protocol for Late {
        fn accept(&mut self, _io: &mut Io<'_>) -> Next {
            match self.0.checked_sub(1) {
                Some(left) => Next::Become(Box::new(Self(left, Rc::clone(&self.1)))),
                None => Next::Finish,
            }
        }

        fn ready(&mut self, _io: &mut Io<'_>, _why: Ready) -> Next {
            Next::Stay
        }

        fn close(&mut self, _io: &mut Io<'_>, _why: Option<Error>) {
            *self.1.borrow_mut() += 1;
        }
    }
    for changes in 0..20 {
        let closes = Rc::new(RefCell::new(0));
        let for_clients = Rc::clone(&closes);
        let mut server = Server::new(config()).unwrap();
        let service = each(move || Late(changes, Rc::clone(&for_clients)));
        let address = server.listen("127.0.0.1:0", service).unwrap();
        let mut peer = Peer::connect(address);
        until(&mut server, |_| {
            peer.receive();
            peer.ended
        });
        drop(peer);
        until(&mut server, |server| server.connections() == 0);
        assert_eq!(*closes.borrow(), 1, "{changes} changes");
    }
}

#[test]
fn a_request_can_be_answered_by_a_protocol() {
    let mut server = Server::new(config()).unwrap();
    let service = Http::new(|_, _| Answer::protocol(Mirror { times: 1 }));
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let mut peer = Peer::connect(address);
    peer.send(b"GET /raw HTTP/1.1\r\nHost: localhost\r\n\r\nbehind it");
    gets(&mut server, &mut peer, b"mirror 1:behind it");
}

/// Connects, says something, and keeps what it hears, and how it ended.
struct Caller {
    heard: Rc<RefCell<String>>,
}

impl Protocol for Caller {
    fn accept(&mut self, io: &mut Io<'_>) -> Next {
        io.write(b"hello!");
        Next::Stay
    }

    fn ready(&mut self, io: &mut Io<'_>, _why: Ready) -> Next {
        while io.read(|_, bytes| {
            self.heard.borrow_mut().push_str(&String::from_utf8_lossy(bytes));
            bytes.len()
        }) {}
        match self.heard.borrow().ends_with("mirror 2:") {
            true => Next::Finish,
            false => Next::Stay,
        }
    }

    fn close(&mut self, _io: &mut Io<'_>, why: Option<Error>) {
        let end = why.map_or("; closed".into(), |error| format!("; {error}"));
        self.heard.borrow_mut().push_str(&end);
    }
}

#[test]
fn outgoing_connections_live_in_the_same_loop() {
    let mut server = Server::new(config()).unwrap();
    let address = server.listen("127.0.0.1:0", each(|| Mirror { times: 1 })).unwrap();
    let heard = Rc::new(RefCell::new(String::new()));
    let caller = Caller {
        heard: Rc::clone(&heard),
    };
    server.connect_to(address, caller).unwrap();
    until(&mut server, |_| heard.borrow().ends_with("; closed"));
    assert_eq!(*heard.borrow(), "mirror 1:hellomirror 2:; closed");

    let unused = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    heard.borrow_mut().clear();
    let caller = Caller {
        heard: Rc::clone(&heard),
    };
    server.connect_to(unused, caller).unwrap();
    until(&mut server, |_| !heard.borrow().is_empty());
    assert!(heard.borrow().starts_with("; could not connect"), "{heard:?}");
}

#[test]
fn who_speaks_in_lines_gets_what_is_published_and_is_parted_from_on_stopping() {
    let parted = Rc::default();
    let (mut server, address) = everything(&parted, Duration::from_millis(50));
    let mut peer = Peer::connect(address);
    gets(&mut server, &mut peer, b"220 welcome\r\n");
    assert_eq!(server.clients().publish("room", "two\nlines", &[]), 1);
    gets(&mut server, &mut peer, b"two\r\nlines\r\n");
    server.handle().stop();
    server.run().unwrap();
    assert_eq!(*parted.borrow(), ["part"]);
}

fn everything(parted: &Rc<RefCell<Vec<String>>>, silence: Duration) -> (Server, std::net::SocketAddr) {
    let mut server = Server::new(config()).unwrap();
    let http = Http::new(|request, _| match request.is_upgrade() {
        true => Answer::client(Chat),
        false => Answer::page(Response::new(200).with_body("a page")),
    });
    let parted = Rc::clone(parted);
    let service = Detect::new()
        .http(http)
        .prefix(b"RAW ", each(|| Mirror { times: 1 }))
        .silent_after(silence, each(move || Lines::new(LineChat(Rc::clone(&parted)))));
    let address = server.listen("127.0.0.1:0", service).unwrap();
    (server, address)
}

/// Turns the server until what the peer got ends with this.
fn gets(server: &mut Server, peer: &mut Peer, end: &[u8]) {
    until(server, |_| {
        peer.receive();
        peer.got.windows(end.len().max(1)).any(|bytes| bytes == end) || end.is_empty()
    });
}
