//! A client in the hands of servers that mean harm.

use std::cell::RefCell;
use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use crate::attacker::Attacker;
use crate::child::CALL;
use crate::process::{LOOK, PATIENCE, Process};
use crate::shells::{BYE, Setup, Shell};

/// A server that a client should not have called.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// How the client is set up.
    pub(crate) setup: fn(&mut Setup),
    /// How many bytes of heap it may cost the client, at any time.
    pub(crate) heap: usize,
    pub(crate) attack: fn(&Trap) -> Expected,
}

/// How the client's account of what happened begins: "closed", "refused 404", or "failed: " and why.
pub(crate) type Expected = &'static str;

/// Where the client connects to.
#[derive(Debug)]
pub(crate) struct Trap {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
    /// Connections that the client must have let go of before this end does.
    kept: RefCell<Vec<Attacker>>,
}

/// Lets a fresh client call the server, and looks at what is left of it.
pub(crate) fn run(shell: Shell, case: &Case) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut setup = Setup::default();
    (case.setup)(&mut setup);
    let trap = Trap {
        listener,
        address,
        kept: RefCell::default(),
    };
    let mut process = Process::start(CALL, shell, case.name, None);
    for _ in 0..3 {
        trap.serves(&mut process);
    }
    let before = process.reading().and(setup.pooled);
    process.limit_heap(case.heap);
    process.tell(&trap.url());
    let expected = (case.attack)(&trap);
    let told = process.line();
    assert!(told.starts_with(expected), "{told:?} in place of {expected:?}");
    process.settle(before);
    trap.kept.borrow_mut().clear();
    trap.serves(&mut process);
    process.settle(before);
}

impl Trap {
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// The client's connection, without an answer to its request, which is given.
    pub(crate) fn accept(&self) -> (Attacker, String) {
        self.listener.set_nonblocking(true).expect("a listener");
        let deadline = Instant::now() + PATIENCE;
        let socket = loop {
            match self.listener.accept() {
                Ok((socket, _)) => break socket,
                Err(_) => assert!(Instant::now() < deadline, "the client does not connect"),
            }
            std::thread::sleep(LOOK);
        };
        socket.set_nonblocking(false).expect("a socket");
        let mut server = Attacker::on(socket, None);
        let request = server.head();
        (server, request)
    }

    /// The client's connection, with the handshake done.
    pub(crate) fn open(&self) -> Attacker {
        self.open_with("")
    }

    /// The client's connection, with more in the answer.
    pub(crate) fn open_with(&self, headers: &str) -> Attacker {
        let (mut server, request) = self.accept();
        server
            .write(right_answer(&request, headers).as_bytes())
            .expect("an answer is read");
        server
    }

    /// Leaves the connection as it is until the client has let go of it.
    pub(crate) fn keep(&self, server: Attacker) {
        self.kept.borrow_mut().push(server);
    }

    /// A good server is served by the client.
    fn serves(&self, process: &mut Process) {
        process.tell(&self.url());
        let mut server = self.open();
        server.send(0x81, b"Hello");
        assert_eq!(server.data(), b"Hello");
        server.send(0x81, BYE.as_bytes());
        assert_eq!(server.close(), Some(1000));
        server.send(0x88, b"\x03\xe8");
        drop(server);
        assert_eq!(process.line(), "closed");
    }
}

/// The right answer to a request, with more headers.
pub(crate) fn right_answer(request: &str, headers: &str) -> String {
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .expect("a request has a key");
    let accept = ws_proto::handshake::accept_key(key);
    format!("{SWITCHING}Sec-WebSocket-Accept: {accept}\r\n{headers}\r\n")
}

pub(crate) const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
