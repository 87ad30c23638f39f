//! Plain bytes, with the same server and client.

mod common;
#[cfg(feature = "tls")]
#[path = "common/pairs.rs"]
mod pairs;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::PATIENCE;
use ws_blocking::hub::{Event, Hub};
use ws_blocking::raw::{self, Server};
use ws_blocking::{Bytes, Error, OverLimit};

/// Handlers have time to return, however slow the machine.
fn server() -> Server {
    Server::bind("127.0.0.1:0").unwrap().stop_timeout(PATIENCE)
}

fn start() -> Hub<raw::Bytes> {
    server().hub().start().unwrap()
}

#[test]
fn bytes_go_both_ways_whatever_their_number() {
    let hub = start();
    let client = raw::connect(hub.running().local_addr().unwrap()).unwrap();
    // Exactly what one read holds among them.
    for len in [1, 2047, 2048, 2049, 4096, 100_000] {
        client.send(vec![7; len]).unwrap();
        let mut came = 0;
        while came < len {
            if let Some(Event::Received(received)) = hub.next_event(Some(PATIENCE)) {
                assert!(received.message.len() <= raw::DEFAULT_RECV_BUFFER);
                came += received.message.len();
                received.peer.send(received.message).unwrap();
            }
        }
        let mut back = 0;
        while back < len {
            back += client.recv_timeout(PATIENCE).unwrap().unwrap().len();
        }
        assert_eq!((came, back), (len, len));
    }
}

#[test]
fn an_orderly_end_is_noticed_at_once() {
    let hub = start();
    let client = raw::connect(hub.running().local_addr().unwrap()).unwrap();
    assert!(matches!(hub.next_event(Some(PATIENCE)), Some(Event::Connected(_))));
    client.disconnect();
    assert!(matches!(hub.next_event(Some(PATIENCE)), Some(Event::Disconnected(_))));
    assert!(hub.peers().is_empty());
    assert!(!hub.has_errors());
    client.reconnect().unwrap();
    let Some(Event::Connected(peer)) = hub.next_event(Some(PATIENCE)) else {
        panic!("it came back")
    };
    assert!(hub.disconnect(peer.id()));
    assert_eq!(client.recv().unwrap(), None);
    assert!(client.status().disconnected);
    assert!(peer.send("late").is_err());
}

#[test]
fn what_was_sent_before_a_disconnect_arrives() {
    let (tell, told) = mpsc::channel();
    let hub = Server::bind("127.0.0.1:0")
        .unwrap()
        .hub()
        .on_receive(|peer, message: Bytes| {
            peer.send(message).unwrap();
            peer.disconnect();
        })
        .on_disconnect(move |peer| tell.send(peer.id()).unwrap())
        .start()
        .unwrap();
    for _ in 0..20 {
        let client = raw::connect(hub.running().local_addr().unwrap()).unwrap();
        client.send("once").unwrap();
        assert_eq!(client.recv().unwrap().as_deref(), Some(&b"once"[..]));
        assert_eq!(client.recv().unwrap(), None);
        told.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn what_was_sent_before_a_close_arrives_although_the_other_side_still_sends() {
    for by_disconnect in [false, true] {
        let (tell, told) = mpsc::channel();
        let server = Server::bind("127.0.0.1:0").unwrap();
        // Waits to be read for the most part, since sockets buffer less.
        let answer = vec![7; ANSWER];
        if by_disconnect {
            let hub = server
                .hub()
                .on_receive(move |peer, _| {
                    peer.send(answer.clone()).unwrap();
                    peer.disconnect();
                })
                .on_disconnect(move |_| tell.send(Ok(None)).unwrap())
                .start()
                .unwrap();
            read_all_and_go_on_sending(hub.running().local_addr().unwrap());
            assert_eq!(told.recv_timeout(PATIENCE).unwrap().unwrap(), None);
            assert!(!hub.has_errors());
        } else {
            let running = server
                .start(move |mut reader, writer| {
                    reader.recv().unwrap().unwrap();
                    writer.send(answer.clone()).unwrap();
                    writer.close();
                    tell.send(reader.recv()).unwrap();
                })
                .unwrap();
            read_all_and_go_on_sending(running.local_addr().unwrap());
            // What came after the close is not shown any more, and the end is told.
            assert_eq!(told.recv_timeout(PATIENCE).unwrap().unwrap(), None);
        }
    }
}

/// Something has always crossed what comes.
fn read_all_and_go_on_sending(address: SocketAddr) {
    let mut peer = TcpStream::connect(address).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.write_all(b"?").unwrap();
    let (mut piece, mut came) = (vec![0; 64 * 1024], 0);
    loop {
        match peer.read(&mut piece).unwrap() {
            0 => break,
            count => came += count,
        }
        peer.write_all(b"and more").unwrap();
    }
    assert_eq!(came, ANSWER);
}

const ANSWER: usize = 8 << 20;

#[test]
fn a_reader_that_waits_is_told_of_a_close_although_the_other_side_stays() {
    let hub = start();
    let address = hub.running().local_addr().unwrap();
    let mut peer = TcpStream::connect(address).unwrap();
    let Some(Event::Connected(here)) = hub.next_event(Some(PATIENCE)) else {
        panic!("it came")
    };
    here.disconnect();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    assert!(matches!(hub.next_event(Some(PATIENCE)), Some(Event::Disconnected(_))));
    assert!(!hub.has_errors());
}

/// Nobody would do its handshake.
#[cfg(feature = "tls")]
#[test]
fn a_server_that_speaks_tls_is_not_made_one_of_plain_bytes() {
    let tls_server = || {
        let (tls, _) = pairs::tls::configs();
        Server::from(ws_blocking::Server::bind("127.0.0.1:0").unwrap().tls(tls))
    };
    for error in [
        tls_server().start(|_, _| {}).unwrap_err(),
        tls_server().hub().start().unwrap_err(),
    ] {
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[test]
fn beyond_the_limit_connections_end() {
    let server = Server::bind("127.0.0.1:0").unwrap().max_connections(1);
    let hub = server.over_limit(OverLimit::Refuse).hub().start().unwrap();
    let address = hub.running().local_addr().unwrap();
    let inside = raw::connect(address).unwrap();
    assert!(matches!(hub.next_event(Some(PATIENCE)), Some(Event::Connected(_))));
    let mut outside = TcpStream::connect(address).unwrap();
    outside.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(!matches!(outside.read(&mut [0]), Ok(1..)));
    inside.send("still here").unwrap();
    assert!(matches!(hub.next_event(Some(PATIENCE)), Some(Event::Received(_))));
}

#[test]
fn a_reader_in_the_background_fills_the_inbox() {
    let hub = start();
    let client = raw::connect(hub.running().local_addr().unwrap()).unwrap();
    client.start_reader().unwrap();
    let Some(Event::Connected(peer)) = hub.next_event(Some(PATIENCE)) else {
        panic!("it came")
    };
    peer.send("news").unwrap();
    while !client.has_data() {
        thread::yield_now();
    }
    assert_eq!(client.take_received()[0].message, "news");
    assert!(!client.has_data());
    client.stop_reader();
    assert!(matches!(
        client.recv_timeout(Duration::from_millis(5)),
        Err(Error::NothingYet)
    ));
    assert_eq!(hub.shutdown(), 0);
    assert_eq!(client.recv().unwrap(), None);
}

#[test]
fn a_handler_owns_the_connection_and_ends_it() {
    let (tell, told) = mpsc::channel();
    let running = server()
        .recv_buffer(3)
        .start(move |mut reader, writer| {
            writer.send("first").unwrap();
            let mut pieces = Vec::new();
            while let Some(piece) = reader.recv_timeout(PATIENCE).unwrap() {
                pieces.push(piece);
            }
            tell.send((writer.peer_addr().unwrap(), pieces)).unwrap();
            writer.close();
            assert!(writer.send("late").is_err());
        })
        .unwrap();
    let mut stream = TcpStream::connect(running.local_addr().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_exact(&mut [0; 5]).unwrap();
    stream.write_all(b"seconds").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let (address, pieces) = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(address, stream.local_addr().unwrap());
    assert_eq!(pieces.concat(), b"seconds");
    assert!(pieces.iter().all(|piece| piece.len() <= 3));
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert_eq!(running.shutdown(), 0);
}
