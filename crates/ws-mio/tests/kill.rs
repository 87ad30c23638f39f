//! Connections that are killed at every byte, in every way, leave the server serving and its tables empty.

mod common;

use std::net::Shutdown;
use std::time::Duration;

use common::{BINARY, CLOSE, Peer, REQUEST, TEXT, close, config, frame};
use ws_mio::{Agreed, Client, Context, Http, Payload, Server};

/// Uses all the tables there are.
struct Resident;

impl Client for Resident {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        let id = context.id();
        context.subscribe("everything");
        context.clients().name(id, &id.to_string()).unwrap();
        context.set_timer(Duration::from_secs(3600), 1);
        context.send_others("somebody came");
    }

    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        let _ = context.send(message);
        context.publish("everything", message);
    }
}

/// How a connection is killed.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// By the end of the peer's direction.
    End,
    /// By closing the socket; with unread answers that is a reset.
    Drop,
    /// By a reset, whatever was read.
    Reset,
}

#[test]
fn at_every_byte_of_the_handshake_and_of_frames() {
    let life = [
        REQUEST.as_bytes(),
        &frame(TEXT, b"Hello"),
        &frame(0x01, b"cut"),
        &frame(0x80, b" up"),
        &frame(BINARY, &[7; 200]),
        &frame(CLOSE, &close(1000, "bye")),
    ]
    .concat();
    let mut server = Server::new(config()).unwrap();
    let address = server.listen("127.0.0.1:0", Http::clients(|| Resident)).unwrap();
    // Two at a time, so that each has somebody to write to.
    let mut before = Peer::connect(address);
    for death in [Death::End, Death::Drop, Death::Reset] {
        for cut in 0..=life.len() {
            let mut peer = Peer::connect(address);
            peer.send(&life[..cut]);
            server.turn(Some(Duration::ZERO)).unwrap();
            server.turn(Some(Duration::ZERO)).unwrap();
            kill(&mut before, death);
            server.turn(Some(Duration::ZERO)).unwrap();
            before = peer;
        }
    }
    drop(before);
    empty(&mut server);
    serves(&mut server, address);
}

/// What the peer has not read turns its end into a reset, in the middle of what was written.
#[test]
fn at_every_byte_of_what_the_peer_reads() {
    let said = [
        REQUEST.as_bytes(),
        &frame(TEXT, b"Hello"),
        &frame(BINARY, &[7; 200]),
        &frame(CLOSE, &close(1000, "bye")),
    ]
    .concat();
    let mut server = Server::new(config()).unwrap();
    let address = server.listen("127.0.0.1:0", Http::clients(|| Resident)).unwrap();
    let answer = 7 + 204 + 4;
    let begun = std::time::Instant::now();
    for death in [Death::End, Death::Drop, Death::Reset] {
        let mut count = 0;
        loop {
            let mut peer = Peer::connect(address);
            peer.send(&said);
            let mut read = vec![0; count];
            let mut so_far = 0;
            while so_far < count {
                assert!(begun.elapsed() < Duration::from_secs(120), "{so_far} of {count}");
                server.turn(Some(Duration::from_millis(1))).unwrap();
                so_far += std::io::Read::read(&mut peer.stream, &mut read[so_far..]).unwrap_or(0);
            }
            server.turn(Some(Duration::ZERO)).unwrap();
            kill(&mut peer, death);
            drop(peer);
            empty(&mut server);
            let head = read.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if head.is_some_and(|head| count == head + 4 + answer) {
                break;
            }
            count += 1;
        }
    }
    serves(&mut server, address);
}

#[test]
fn at_every_stage_of_a_large_write() {
    const STEPS: usize = 40;
    let mut server = Server::new(config()).unwrap();
    let address = server.listen("127.0.0.1:0", Http::clients(|| Resident)).unwrap();
    for death in [Death::End, Death::Drop, Death::Reset] {
        for step in 0..STEPS {
            let mut peer = Peer::connect(address);
            peer.send(REQUEST.as_bytes());
            while server.clients().is_empty() {
                server.turn(None).unwrap();
            }
            let id = server.clients().iter().next().unwrap();
            // Far more than the sockets hold.
            let large = vec![b'x'; 8 << 20];
            let sent = server.with(id, |_: &mut Resident, context| context.send(&large));
            assert_eq!(sent, Some(Ok(())));
            for _ in 0..step {
                let mut some = vec![0; 100_000];
                let _ = std::io::Read::read(&mut peer.stream, &mut some);
                server.turn(Some(Duration::ZERO)).unwrap();
            }
            kill(&mut peer, death);
            drop(peer);
            empty(&mut server);
        }
    }
    serves(&mut server, address);
}

fn kill(peer: &mut Peer, death: Death) {
    match death {
        Death::End => {
            // It may be gone already.
            let _ = peer.stream.shutdown(Shutdown::Write);
        }
        Death::Drop => {}
        Death::Reset => {
            let socket = socket2::SockRef::from(&peer.stream);
            socket.set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
}

fn empty(server: &mut Server) {
    let begun = std::time::Instant::now();
    while server.connections() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{server:?}");
        server.turn(Some(Duration::from_millis(5))).unwrap();
    }
    let clients = server.clients();
    assert_eq!((clients.len(), clients.iter().count()), (0, 0));
    assert_eq!((clients.topics().count(), clients.subscribers("everything")), (0, 0));
    assert_eq!(clients.find("0.0"), None);
}

fn serves(server: &mut Server, address: std::net::SocketAddr) {
    let mut peer = Peer::connect(address);
    peer.send(&[REQUEST.as_bytes(), &frame(TEXT, b"still there?")].concat());
    while !peer.got.ends_with(b"still there?") {
        server.turn(Some(Duration::from_millis(2))).unwrap();
        peer.receive();
    }
}
