//! Ways to listen, and several loops on one port.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use common::{Peer, REQUEST, TEXT, config, frame};
use ws_mio::{Agreed, Client, Context, Http, Listen, Options, Payload, Server, Workers};

struct Echo;

impl Client for Echo {
    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        context.send(message).unwrap();
    }
}

#[test]
fn an_open_listener_is_taken_over_with_those_who_wait_at_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = Peer::connect(listener.local_addr().unwrap());
    let mut server = Server::new(config()).unwrap();
    let id = server
        .listen_with(Listen::open(listener), Http::clients(|| Echo))
        .unwrap();
    echoes(&mut server, &mut peer);
    let address = server.clients().listener_address(id).unwrap().ip().unwrap();
    server.stop_listening(id);
    assert!(TcpStream::connect(address).is_err());
    echoes_more(&mut server, &mut peer);
    drop(peer);
    server.run().unwrap();
}

#[test]
#[cfg(unix)]
fn unix_sockets_are_served() {
    use std::os::unix::net::UnixStream;

    let path = std::env::temp_dir().join(format!("ws-mio-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    for _ in 0..2 {
        // The second time, the file of the first one is in the way, and nobody listens there.
        let mut server = Server::new(config()).unwrap();
        server.admit({
            let path = path.clone();
            move |arrival| arrival.at.path() == Some(&path) && arrival.peer.ip().is_none()
        });
        server.listen_with(Listen::unix(&path), Http::clients(|| Echo)).unwrap();
        let mut other = Server::new(config()).unwrap();
        let taken = other.listen_with(Listen::unix(&path), Http::clients(|| Echo));
        assert!(taken.is_err(), "somebody listens there");
        let mut peer = UnixStream::connect(&path).unwrap();
        peer.set_nonblocking(true).unwrap();
        peer.write_all(&[REQUEST.as_bytes(), &frame(TEXT, b"hello")].concat())
            .unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"\x81\x05hello") {
            server.turn(Some(Duration::from_millis(2))).unwrap();
            let mut bytes = [0; 1000];
            if let Ok(count) = peer.read(&mut bytes) {
                got.extend(&bytes[..count]);
            }
        }
        // An end that is flushed, half-closed and awaited, as over TCP.
        peer.write_all(&frame(0x88, b"")).unwrap();
        while !server.clients().is_empty() {
            server.turn(Some(Duration::from_millis(2))).unwrap();
        }
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
#[cfg(unix)]
fn a_unix_socket_that_is_busy_is_not_taken_over() {
    let path = std::env::temp_dir().join(format!("ws-mio-{}-busy.sock", std::process::id()));
    let mut server = Server::new(config()).unwrap();
    let busy = Listen::unix(&path).backlog(0);
    server.listen_with(busy, Http::clients(|| Echo)).unwrap();
    // Until nobody else can even wait at it.
    let mut waiting = Vec::new();
    let full = loop {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        match socket.connect(&socket2::SockAddr::unix(&path).unwrap()) {
            Ok(()) => waiting.push(socket),
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), std::io::ErrorKind::WouldBlock);
    let mut other = Server::new(config()).unwrap();
    assert!(other.listen_with(Listen::unix(&path), Http::clients(|| Echo)).is_err());
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_loop_can_be_run_as_long_as_somebody_wants() {
    let mut server = Server::new(config()).unwrap();
    server.listen("127.0.0.1:0", Http::clients(|| Echo)).unwrap();
    let mut rounds = 0;
    let handle = server.handle();
    server
        .run_while(|_| {
            rounds += 1;
            // Something has to wake it, or it would wait for ever.
            handle.run(|_| ()).unwrap();
            rounds < 5
        })
        .unwrap();
    assert_eq!(rounds, 5);
}

#[test]
#[cfg(unix)]
fn a_loop_can_be_nested_in_another_poll() {
    use std::os::fd::AsRawFd;

    let mut server = Server::new(config()).unwrap();
    let address = server.listen("127.0.0.1:0", Http::clients(|| Echo)).unwrap();
    let mut poll = mio::Poll::new().unwrap();
    let mut events = mio::Events::with_capacity(8);
    let fd = server.as_raw_fd();
    poll.registry()
        .register(&mut mio::unix::SourceFd(&fd), mio::Token(0), mio::Interest::READABLE)
        .unwrap();
    let mut peer = Peer::connect(address);
    peer.send(&[REQUEST.as_bytes(), &frame(TEXT, b"hello")].concat());
    while !peer.got.ends_with(b"\x81\x05hello") {
        poll.poll(&mut events, server.patience()).unwrap();
        server.turn(Some(Duration::ZERO)).unwrap();
        peer.receive();
    }
}

/// Subscribes to the news, and publishes what comes.
struct News;

impl Client for News {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        context.subscribe("news");
        context.send("subscribed").unwrap();
    }

    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        context.publish("news", message);
    }
}

#[test]
fn publishing_reaches_the_subscribers_of_all_loops() {
    let workers = Workers::start(3, "127.0.0.1:0", config(), |server, listen| {
        let mut options = Options::default();
        options.stop_deadline = Duration::ZERO;
        server.set_options(options);
        server.listen_with(listen, Http::clients(|| News)).map(drop)
    })
    .unwrap();
    assert_eq!(workers.handles().len(), 3);
    // Enough for every loop to get some, but for one chance in a billion.
    let mut peers: Vec<TcpStream> = (0..60)
        .map(|_| {
            let mut peer = TcpStream::connect(workers.address()).unwrap();
            peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            peer.write_all(REQUEST.as_bytes()).unwrap();
            read_until(&mut peer, b"subscribed");
            peer
        })
        .collect();
    peers[0].write_all(&frame(TEXT, b"to all")).unwrap();
    for peer in &mut peers[1..] {
        read_until(peer, b"\x81\x06to all");
    }
    let counts = workers.handles().iter().map(|handle| {
        let (tell, told) = std::sync::mpsc::channel();
        handle
            .run(move |server| tell.send(server.clients().len()).unwrap())
            .unwrap();
        told.recv().unwrap()
    });
    let counts: Vec<usize> = counts.collect();
    assert!(counts.iter().sum::<usize>() == 60, "{counts:?}");
    if cfg!(target_os = "linux") {
        assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
    }
    workers.stop();
    workers.wait().unwrap();
}

#[test]
fn who_was_stopped_does_not_listen_again() {
    let mut server = Server::new(config()).unwrap();
    let address = server.listen("127.0.0.1:0", Http::clients(|| Echo)).unwrap();
    let mut peer = Peer::connect(address);
    echoes(&mut server, &mut peer);
    server.handle().stop_within(Duration::from_secs(600));
    // Its Close is not answered yet.
    server.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(server.connections(), 1);
    assert!(server.listen("127.0.0.1:0", Http::clients(|| Echo)).is_err());
}

#[test]
fn a_worker_that_panics_takes_the_others_with_it() {
    struct Panicking;
    impl Client for Panicking {
        fn recv(&mut self, _context: &mut Context<'_>, _message: Payload<'_>) {
            std::panic::resume_unwind(Box::new("as expected"));
        }
    }
    let workers = Workers::start(3, "127.0.0.1:0", config(), |server, listen| {
        server.listen_with(listen, Http::clients(|| Panicking)).map(drop)
    })
    .unwrap();
    let mut peer = TcpStream::connect(workers.address()).unwrap();
    peer.write_all(&[REQUEST.as_bytes(), &frame(TEXT, b"")].concat())
        .unwrap();
    assert_eq!(workers.wait().unwrap_err().to_string(), "a worker panicked");
}

#[test]
fn a_worker_that_cannot_be_set_up_fails_all() {
    let failed = Workers::start(2, "127.0.0.1:0", config(), |_, _| Err(std::io::Error::other("no")));
    assert_eq!(failed.unwrap_err().to_string(), "no");
}

fn read_until(peer: &mut TcpStream, end: &[u8]) {
    let mut got = Vec::new();
    while !got.ends_with(end) {
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        got.extend(byte);
    }
}

fn echoes(server: &mut Server, peer: &mut Peer) {
    peer.send(REQUEST.as_bytes());
    echoes_more(server, peer);
}

fn echoes_more(server: &mut Server, peer: &mut Peer) {
    peer.send(&frame(TEXT, b"hello"));
    peer.got.clear();
    while !peer.got.ends_with(b"\x81\x05hello") {
        server.turn(Some(Duration::from_millis(2))).unwrap();
        peer.receive();
    }
}
