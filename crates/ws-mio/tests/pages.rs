//! Plain HTTP answers: they arrive whole, whatever else the peer does.

mod common;

use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use common::{Peer, config};
use ws_mio::{Answer, Http, Response, Server};

/// As simple clients do that have nothing more to say.
#[test]
fn a_peer_that_has_ended_its_direction_gets_the_whole_answer() {
    let (mut server, address) = server();
    let mut peer = Peer::connect(address);
    peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    peer.stream.shutdown(Shutdown::Write).unwrap();
    while server.connections() == 0 {
        server.turn(None).unwrap();
    }
    // More than the sockets hold is to be written, so the end is read meanwhile.
    for _ in 0..10 {
        server.turn(Some(Duration::ZERO)).unwrap();
    }
    while !peer.ended {
        peer.receive();
        server.turn(Some(Duration::from_millis(1))).unwrap();
    }
    assert!(peer.got.ends_with(b"the end"), "{} bytes came", peer.got.len());
    assert_eq!(server.connections(), 0);
}

/// A server of one long page.
fn server() -> (Server, SocketAddr) {
    let mut page = vec![b'x'; 32 << 20];
    page.extend(b"the end");
    let mut config = config();
    // A queue that counts as full would keep the peer's end unread.
    config.limits.output_high_water = usize::MAX;
    // A peer that is kept waiting for a turn has not gone away.
    config.timeouts.linger = Some(Duration::from_secs(60));
    let mut server = Server::new(config).unwrap();
    let address = server
        .listen(
            "127.0.0.1:0",
            Http::new(move |_, _| Answer::page(Response::new(200).with_body(page.clone()))),
        )
        .unwrap();
    (server, address)
}
