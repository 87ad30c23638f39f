//! Other threads: what they post arrives in order, and stopping is clean.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::{REQUEST, config, until};
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
    // All that waits comes before the Close, however long a slow machine takes for it.
    handle.stop_within(Duration::from_secs(60));
    // Everything up to the Close comes in whole frames, and behind it the end.
    let mut tail: Vec<u8> = Vec::new();
    loop {
        match peer.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => tail.extend(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}"),
        }
        if tail.ends_with(b"\x88\x02\x03\xe9") {
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

/// Stops its server as soon as it gets the time.
struct Stopper;

impl Client for Stopper {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        context.set_timer(Duration::ZERO, 1);
    }

    fn timer(&mut self, context: &mut Context<'_>, _token: u64) {
        context.handle().stop();
    }
}

/// Timers go off before a round waits for events, and it takes the one that was to begin the next round.
#[test]
fn stopping_in_mid_round_waits_for_no_event() {
    let mut server = Server::new(config()).unwrap();
    let address = server.listen("127.0.0.1:0", Http::clients(|| Stopper)).unwrap();
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(REQUEST.as_bytes()).unwrap();
    let handle = server.handle();
    until(&mut server, |_| handle.is_stopping());
    assert_eq!(server.patience(), Some(Duration::ZERO));
    server.turn(Some(Duration::ZERO)).unwrap();
    assert_ne!(server.patience(), Some(Duration::ZERO), "it has begun to stop");
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

#[test]
fn the_servers_own_thread_may_ask_for_much_before_it_serves() {
    let mut server = Server::new(config()).unwrap();
    let handle = server.handle();
    let (tell, told) = mpsc::channel();
    for number in 0..MORE_THAN_MAY_WAIT {
        let tell = tell.clone();
        handle.run(move |_| tell.send(number).unwrap()).unwrap();
    }
    // There is nothing else to do, and this is done.
    server.run().unwrap();
    assert!(told.try_iter().eq(0..MORE_THAN_MAY_WAIT));
}

#[test]
fn a_server_that_has_ended_refuses_and_lets_nobody_wait() {
    let mut server = Server::new(config()).unwrap();
    server.listen("127.0.0.1:0", Http::clients(|| ())).unwrap();
    let handle = server.handle();
    handle.stop();
    server.run().unwrap();
    assert_eq!(handle.run(|_| ()), Err(Gone));
    drop(server);
    assert_eq!(handle.run(|_| ()), Err(Gone));
}

#[test]
fn a_panic_in_a_hook_reaches_who_runs_the_server_and_releases_those_who_wait() {
    struct Panicking;
    impl Client for Panicking {
        fn recv(&mut self, _context: &mut Context<'_>, _message: ws_mio::Payload<'_>) {
            std::panic::resume_unwind(Box::new("as expected"));
        }
    }
    let (tell, told) = mpsc::channel();
    let server = thread::spawn(move || {
        let mut server = Server::new(config()).unwrap();
        let address = server.listen("127.0.0.1:0", Http::clients(|| Panicking)).unwrap();
        tell.send((address, server.handle())).unwrap();
        server.run().unwrap();
    });
    let (address, handle) = told.recv().unwrap();
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(&[REQUEST.as_bytes(), b"\x81\x80\0\0\0\0"].concat())
        .unwrap();
    while handle.run(|_| ()).is_ok() {}
    let why = server.join().unwrap_err();
    assert_eq!(why.downcast_ref(), Some(&"as expected"));
}

/// Opens another connection when its own has failed.
struct Persistent {
    attempts: mpsc::Sender<&'static str>,
    good: Option<String>,
}

impl Client for Persistent {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        self.attempts.send("open").unwrap();
        context.close(ws_mio::CloseCode::NORMAL, "").unwrap();
    }

    fn error(&mut self, context: &mut Context<'_>, _error: ws_mio::Error) {
        self.attempts.send("failed").unwrap();
        let attempts = self.attempts.clone();
        if let Some(url) = self.good.take() {
            let again = Self { attempts, good: None };
            let dial = move |server: &mut Server| assert!(server.connect(&url, again).is_ok());
            context.handle().run(dial).unwrap();
        }
    }
}

/// The last connection is gone when the next one is asked for.
#[test]
fn a_client_that_failed_can_dial_again_even_if_it_was_the_last() {
    let (tell, told) = mpsc::channel();
    let far = thread::spawn(move || {
        let mut server = Server::new(config()).unwrap();
        let address = server.listen("127.0.0.1:0", Http::clients(|| ())).unwrap();
        tell.send((address, server.handle())).unwrap();
        server.run().unwrap();
    });
    let (address, far_handle) = told.recv().unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut server = Server::new(config()).unwrap();
    let (attempts, told) = mpsc::channel();
    let good = Some(format!("ws://{address}/"));
    let url = format!("ws://{}/", silent.local_addr().unwrap());
    let id = server.connect(&url, Persistent { attempts, good }).unwrap();
    // Called off, it fails at the end of a round, behind what handles have asked for.
    server.clients().close(id, ws_mio::CloseCode::NORMAL, "");
    server.run().unwrap();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ["failed", "open"]);
    far_handle.stop_within(Duration::ZERO);
    far.join().unwrap();
}

/// A crowd, and more messages for it than are delivered in one round; nothing of that may be forgotten, nor come behind
/// the Close.
#[test]
fn what_leads_to_much_is_done_in_several_rounds_and_before_the_end() {
    const CROWD: usize = 17;
    let mut config = config();
    config.limits.output_high_water = usize::MAX;
    for stops in [false, true] {
        let mut server = Server::new(config.clone()).unwrap();
        let address = server.listen("127.0.0.1:0", Http::clients(|| ())).unwrap();
        let mut peers: Vec<_> = (0..CROWD)
            .map(|_| {
                let mut peer = common::Peer::connect(address);
                peer.send(REQUEST.as_bytes());
                peer
            })
            .collect();
        while server.clients().len() < CROWD {
            server.turn(None).unwrap();
        }
        let handle = server.handle();
        let post = |what: &'static [u8], count: usize| {
            let handle = handle.clone();
            thread::spawn(move || (0..count).for_each(|_| handle.send_all(what, &[]).unwrap()))
                .join()
                .unwrap();
        };
        post(b"load", MAY_WAIT);
        if stops {
            handle.stop_within(Duration::from_secs(600));
        } else {
            server.turn(None).unwrap();
            // No event tells of this one once the next round has begun with what is left.
            post(b"last", 1);
        }
        let begun = std::time::Instant::now();
        let last = if stops {
            &b"\x88\x02\x03\xe9"[..]
        } else {
            b"\x82\x04last"
        };
        for peer in &mut peers {
            while !peer.got.ends_with(last) {
                assert!(begun.elapsed() < Duration::from_secs(60), "{} bytes", peer.got.len());
                server.turn(Some(Duration::from_millis(2))).unwrap();
                peer.receive();
            }
            let head = peer.got.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
            assert_eq!(peer.got.len() - head, MAY_WAIT * 6 + last.len());
        }
    }
}

/// How many requests may wait.
const MAY_WAIT: usize = 65_536;
const MORE_THAN_MAY_WAIT: usize = MAY_WAIT + 10;

/// A server in a thread of its own, with one open connection.
fn serving() -> (thread::JoinHandle<()>, TcpStream, ClientId, Handle) {
    let (tell, told) = mpsc::channel();
    let (bound, address) = mpsc::channel();
    let server = thread::spawn(move || {
        let mut config = config();
        // Nothing may be lost here.
        config.limits.output_high_water = usize::MAX;
        config.timeouts.close = Some(Duration::from_secs(60));
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
