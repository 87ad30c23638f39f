//! The server with a thread per connection.

mod common;

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use common::{PATIENCE, REQUEST, Raw, Serving, close_payload, echo, in_thread, masked};
use ws_blocking::{Accept, CloseCode, Config, OverLimit, Server, connect};

#[test]
fn stopping_closes_every_connection_with_1001() {
    let server = Serving::echo(Config::default());
    let mut clients: Vec<_> = (0..5).map(|_| connect(&server.url()).unwrap()).collect();
    for ws in &mut clients {
        ws.send("there?").unwrap();
        ws.recv().unwrap();
    }
    let ending = in_thread(move || server.end());
    for ws in &mut clients {
        assert_eq!(ws.recv().unwrap(), None);
        let ending = ws.ending().unwrap();
        assert!(ending.is_clean());
        assert_eq!(ending.code(), CloseCode::GOING_AWAY);
    }
    ending();
}

#[test]
fn stopping_without_connections_ends_at_once() {
    let server = Serving::echo(Config::default());
    let again = server.stop.clone();
    in_thread(move || server.end())();
    again.stop();
}

#[test]
fn stopping_before_serving_serves_nobody() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    server.stop_handle().stop();
    in_thread(move || server.serve(|_| panic!("a connection")))().unwrap();
}

#[test]
fn a_server_that_is_dropped_gives_its_port_back() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let (address, stop) = (server.local_addr().unwrap(), server.stop_handle());
    drop(server);
    Server::bind(address).unwrap();
    stop.stop();
}

#[test]
fn peers_that_do_not_answer_do_not_hold_a_stopping_server() {
    let mut config = Config::default();
    // They don't end by themselves.
    config.timeouts.close = None;
    // It passes in any case; the Close must leave before, however slow the machine.
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .config(config)
        .stop_timeout(Duration::from_secs(2));
    let server = Serving::start(server, |incoming| drop(echo(incoming)));
    let mut open = Raw::connect(server.address);
    open.write(REQUEST);
    open.read_head();
    open.write(masked(0x81, b"x"));
    open.expect(b"\x81\x01x");
    // Another that is still in its handshake.
    let mut halfway = Raw::connect(server.address);
    halfway.write("GET / ");
    in_thread(move || server.end())();
    open.expect_close(1001);
    open.expect_eof();
    // Whether it was accepted before the stop or not: it gets nothing, and ends.
    assert!(!matches!(std::io::Read::read(&mut halfway.stream, &mut [0]), Ok(1..)));
}

#[test]
fn peers_that_read_nothing_do_not_hold_a_stopping_server() {
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .stop_timeout(Duration::from_millis(50));
    let (sender, stuck) = mpsc::channel();
    let server = Serving::start(server, move |incoming| {
        let mut ws = incoming.accept(Accept::new()).unwrap();
        sender.send(()).unwrap();
        while ws.send(vec![0; 1 << 20]).is_ok() {}
    });
    let mut raw = Raw::connect(server.address);
    raw.write(REQUEST);
    raw.read_head();
    stuck.recv().unwrap();
    in_thread(move || server.end())();
}

#[test]
fn beyond_the_limit_clients_wait_for_their_turn() {
    let server = Server::bind("127.0.0.1:0").unwrap().max_connections(1);
    let server = Serving::start(server, |incoming| drop(echo(incoming)));
    let mut first = connect(&server.url()).unwrap();
    let mut second = TcpStream::connect(server.address).unwrap();
    second.write_all(REQUEST.as_bytes()).unwrap();
    // While the first one is served, the second gets no answer.
    second.set_nonblocking(true).unwrap();
    for _ in 0..100 {
        first.send("mine").unwrap();
        assert_eq!(first.recv().unwrap(), Some("mine".into()));
        let error = std::io::Read::read(&mut second, &mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }
    first.close(CloseCode::NORMAL, "").unwrap();
    second.set_nonblocking(false).unwrap();
    let mut second = Raw { stream: second };
    assert!(second.read_head().starts_with("HTTP/1.1 101 "));
    second.write(masked(0x88, &close_payload(1000, "")));
    second.expect_close(1000);
}

#[test]
fn a_full_server_can_be_stopped() {
    let server = Server::bind("127.0.0.1:0").unwrap().max_connections(1);
    let server = Serving::start(server, |incoming| drop(echo(incoming)));
    let mut ws = connect(&server.url()).unwrap();
    let ending = in_thread(move || server.end());
    assert_eq!(ws.recv().unwrap(), None);
    ending();
}

#[test]
fn a_handler_that_panics_ends_its_own_connection_only() {
    let server = Server::bind("127.0.0.1:0").unwrap().max_connections(2);
    let server = Serving::start(server, |incoming| {
        assert_ne!(incoming.request().path(), "/panic", "as the test wants it");
        drop(echo(incoming));
    });
    let mut other = connect(&server.url()).unwrap();
    for _ in 0..5 {
        assert!(connect(&format!("{}panic", server.url())).is_err());
    }
    other.send("still here").unwrap();
    assert_eq!(other.recv().unwrap(), Some("still here".into()));
}

#[test]
fn a_deadline_of_its_own_is_the_only_one_of_a_shutdown() {
    let (tell, told) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let server = Server::bind("127.0.0.1:0").unwrap().stop_timeout(1000 * PATIENCE);
    let running = server
        .start(move |_incoming| {
            tell.send(()).unwrap();
            let _ = released.lock().unwrap().recv();
        })
        .unwrap();
    let mut raw = Raw::connect(running.local_addr().unwrap());
    raw.write(REQUEST);
    told.recv_timeout(PATIENCE).unwrap();
    // The handler does not return, whatever happens to its connection.
    let ending = in_thread(move || running.shutdown_within(Duration::from_millis(10)));
    assert_eq!(ending(), 1);
    drop(release);
}

#[test]
fn who_is_being_refused_does_not_hold_a_stopping_server() {
    let server = Server::bind("127.0.0.1:0").unwrap().max_connections(1);
    let mut config = Config::default();
    config.handshake.timeout = 1000 * PATIENCE;
    let server = server.over_limit(OverLimit::Refuse).config(config);
    let running = server
        .stop_timeout(1000 * PATIENCE)
        .start(|incoming| drop(echo(incoming)))
        .unwrap();
    let mut inside = connect(&format!("ws://{}/", running.local_addr().unwrap())).unwrap();
    // It says nothing, so nobody can be answered.
    let mut outside = Raw::connect(running.local_addr().unwrap());
    outside.write("GET / ");
    let mut refused = Raw::connect(running.local_addr().unwrap());
    refused.write(REQUEST);
    assert!(refused.read_head().starts_with("HTTP/1.1 503 "));
    drop(refused);
    let ending = in_thread(move || running.shutdown());
    assert_eq!(inside.recv().unwrap(), None);
    assert_eq!(ending(), 0);
    assert!(!matches!(std::io::Read::read(&mut outside.stream, &mut [0]), Ok(1..)));
}

#[test]
fn a_port_that_is_taken_says_so() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let error = Server::bind(server.local_addr().unwrap()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}
