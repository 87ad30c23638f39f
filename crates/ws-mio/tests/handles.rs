//! Other threads: what they post arrives in order, and stopping is clean.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::{REQUEST, config};
use ws_mio::{Agreed, Client, ClientId, Context, Gone, Handle, Http, Server};

/// Tells its name and its server's handle.
struct Receiver(mpsc::Sender<(ClientId, Handle)>);

impl Client for Receiver {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        context.subscribe("news");
        let _ = self.0.send((context.id(), context.handle().clone()));
    }
}

const THREADS: u64 = 8;
const EACH: u64 = 125_000;

#[test]
fn a_million_messages_from_eight_threads_arrive_in_order() {
    let (server, mut peer, id, handle) = serving();
    let posters: Vec<_> = (0..THREADS)
        .map(|thread| {
            let handle = handle.clone();
            thread::spawn(move || {
                for number in 0..EACH {
                    handle.send(id, &(thread << 32 | number).to_be_bytes()).unwrap();
                }
            })
        })
        .collect();
    let mut next = [0; THREADS as usize];
    let mut message = [0; 10];
    for _ in 0..THREADS * EACH {
        peer.read_exact(&mut message).unwrap();
        let word = u64::from_be_bytes(message[2..].try_into().unwrap());
        let (thread, number) = ((word >> 32) as usize, word & 0xffff_ffff);
        assert_eq!(number, next[thread], "thread {thread}");
        next[thread] += 1;
    }
    assert_eq!(next, [EACH; THREADS as usize]);
    posters.into_iter().for_each(|poster| poster.join().unwrap());
    handle.stop();
    drop(peer);
    server.join().unwrap();
}

#[test]
fn stopping_under_load_is_clean() {
    let (server, mut peer, id, handle) = serving();
    let posted = Arc::new(AtomicU64::new(0));
    let posters: Vec<_> = (0..THREADS)
        .map(|_| {
            let (handle, posted) = (handle.clone(), Arc::clone(&posted));
            thread::spawn(move || {
                while handle.send(id, "load").is_ok() && handle.publish("news", "load").is_ok() {
                    posted.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut bytes = vec![0; 1 << 16];
    while posted.load(Ordering::Relaxed) < 10_000 {
        peer.read_exact(&mut bytes[..6]).unwrap();
    }
    handle.stop_within(Duration::from_secs(5));
    // Everything up to the Close comes in whole frames, and behind it the end.
    let mut tail: Vec<u8> = Vec::new();
    loop {
        match peer.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => tail.extend(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}"),
        }
        let at = tail.len() / 6 * 6;
        if tail[..at].chunks(6).any(|frame| frame[0] == 0x88) {
            // The answer to the Close.
            let _ = peer.write_all(b"\x88\x82\0\0\0\0\x03\xe9");
        }
    }
    let frames = tail.len() / 6;
    let (loads, close) = tail.split_at(tail.len() - 4);
    assert!(loads.chunks(6).all(|frame| frame == b"\x81\x04load"), "{frames} frames");
    assert_eq!(close, b"\x88\x02\x03\xe9");
    server.join().unwrap();
    posters.into_iter().for_each(|poster| poster.join().unwrap());
    assert_eq!(handle.run(|_| ()), Err(Gone));
}

#[test]
fn closures_run_in_the_servers_thread() {
    let (server, _peer, id, handle) = serving();
    let (tell, told) = mpsc::channel();
    let of_server = server.thread().id();
    handle
        .run(move |server| {
            let contains = server.clients().contains(id);
            tell.send((thread::current().id(), contains)).unwrap();
        })
        .unwrap();
    assert_eq!(told.recv().unwrap(), (of_server, true));
    handle.stop_within(Duration::ZERO);
    server.join().unwrap();
}

/// A server in a thread of its own, with one open connection.
fn serving() -> (thread::JoinHandle<()>, TcpStream, ClientId, Handle) {
    let (tell, told) = mpsc::channel();
    let (bound, address) = mpsc::channel();
    let server = thread::spawn(move || {
        let mut config = config();
        // Nothing may be lost here.
        config.limits.output_high_water = usize::MAX;
        let mut server = Server::new(config).unwrap();
        let service = Http::clients(move || Receiver(tell.clone()));
        bound.send(server.listen("127.0.0.1:0", service).unwrap()).unwrap();
        server.run().unwrap();
    });
    let mut peer = TcpStream::connect(address.recv().unwrap()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    peer.write_all(REQUEST.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let (id, handle) = told.recv().unwrap();
    (server, peer, id, handle)
}
