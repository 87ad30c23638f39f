//! Plain bytes, with the same server and client.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::PATIENCE;
use ws_blocking::hub::{Event, Hub};
use ws_blocking::raw::{self, Server};
use ws_blocking::{Bytes, Error, OverLimit};

fn start() -> Hub<raw::Bytes> {
    Server::bind("127.0.0.1:0").unwrap().hub().start().unwrap()
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
    let server = Server::bind("127.0.0.1:0").unwrap().recv_buffer(3);
    let running = server
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
