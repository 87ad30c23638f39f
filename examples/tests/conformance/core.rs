//! The cases against the bare core: no sockets, and a clock that only the cases move.

use std::time::Duration;

use ws_proto::handshake::{Accept, ClientHandshake, ClientRequest, HandshakeConfig, ServerHandshake};
use ws_proto::{Connection, Event, Input, Instant, Role, Transport};

use crate::cases::Case;
use crate::handshakes::{self, Outcome};
use crate::script::{Link, run};

/// An echo on a bare connection.
struct Core {
    conn: Connection,
    out: Vec<u8>,
    now: Instant,
    ended: bool,
    /// How many bytes one read brings.
    read: usize,
}

impl Core {
    fn new(case: &Case, read: usize) -> Self {
        let mut config = ws_proto::Config::default();
        (case.configure)(&mut config);
        let mut conn = match case.role {
            Role::Server => Connection::server(config),
            Role::Client => Connection::client(config, || [0x12, 0x34, 0x56, 0x78]),
        };
        let now = Instant::from_millis(1);
        conn.handle_timeout(now).unwrap();
        Self {
            conn,
            out: Vec::new(),
            now,
            ended: false,
            read,
        }
    }

    fn receive(&mut self, bytes: &mut [u8]) {
        let mut input = Input::new(bytes);
        while let Ok(Some(event)) = self.conn.next_event(&mut input) {
            // After a Close of ours there is nothing to answer any more.
            let _ = match event {
                Event::Text(text) => self.conn.sender().message(&*text, &mut self.out),
                Event::Binary(bytes) => self.conn.sender().message(&*bytes, &mut self.out),
                _ => Ok(()),
            };
            self.conn.poll_transmit(&mut self.out);
        }
        self.conn.poll_transmit(&mut self.out);
        self.look();
    }

    fn look(&mut self) {
        self.ended |= matches!(self.conn.transport(), Transport::FlushThenClose | Transport::Drop);
    }
}

impl Link for Core {
    fn send(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(self.read) {
            self.receive(&mut piece.to_vec());
        }
    }

    fn end(&mut self) {
        let _ = self.conn.handle_eof();
        self.conn.poll_transmit(&mut self.out);
        self.look();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.conn.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let _ = self.conn.handle_timeout(self.now);
            self.conn.poll_transmit(&mut self.out);
            self.look();
        }
        self.now = end;
    }

    /// Everything that will come is there already; nothing more means the end.
    fn receive_more(&mut self, bytes: &mut Vec<u8>) -> bool {
        assert!(
            !self.out.is_empty() || self.ended,
            "the implementation sends nothing, and goes on"
        );
        bytes.append(&mut self.out);
        !bytes.is_empty()
    }
}

#[test]
fn the_core_with_whole_reads() {
    run(|case| Core::new(case, usize::MAX));
}

#[test]
fn the_core_byte_by_byte() {
    run(|case| Core::new(case, 1));
}

#[test]
fn the_core_with_odd_reads() {
    run(|case| Core::new(case, 1009));
}

#[test]
fn requests() {
    for case in handshakes::requests() {
        let answer = core_answer(&case.request);
        handshakes::check_answer(&case, &answer);
    }
}

/// What a server on the bare core answers.
fn core_answer(request: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
    let outcome = match handshake.receive(request) {
        Ok(Some((request, _))) => request.accept(&Accept::new(), &mut out).map(|_| ()),
        Ok(None) => panic!("the request is complete"),
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        error.response().write(&mut out);
    }
    out
}

#[test]
fn responses() {
    for case in handshakes::responses() {
        let request = ClientRequest::new("ws://server.example/").unwrap();
        let mut sent = Vec::new();
        let mut handshake = ClientHandshake::new(&request, [7; 16], &HandshakeConfig::default(), &mut sent);
        let answer = handshakes::answer(&case, &sent);
        let outcome = match handshake.receive(&answer) {
            Ok(None) => handshake.handle_eof(),
            Ok(Some((outcome, _))) => Ok(Some(outcome)),
            Err(error) => Err(error),
        };
        let outcome = match outcome {
            Ok(Some(ws_proto::handshake::Outcome::Accepted(_))) => Outcome::Open,
            Ok(Some(ws_proto::handshake::Outcome::Refused(response))) => Outcome::Refused(response.status()),
            Ok(_) | Err(_) => Outcome::Error,
        };
        assert_eq!(outcome, case.outcome, "{}", case.name);
    }
}
