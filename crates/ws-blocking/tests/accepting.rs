//! Who is let in, and when.

mod common;
#[path = "common/pairs.rs"]
mod pairs;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, mpsc};
use std::thread;

use common::{PATIENCE, REQUEST, Raw, echo, in_thread};
use ws_blocking::{
    Accepting, CloseCode, Config, Connect, Error, OverLimit, Role, Running, Server, Threads, WebSocket, connect,
};

/// Handlers have time to return, however slow the machine.
fn server() -> Server {
    Server::bind("127.0.0.1:0").unwrap().stop_timeout(PATIENCE)
}

fn url(running: &Running) -> String {
    format!("ws://{}/", running.local_addr().unwrap())
}

#[test]
fn nothing_is_accepted_before_the_start() {
    let server = server();
    let mut early = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    early.write_all(REQUEST.as_bytes()).unwrap();
    early.set_nonblocking(true).unwrap();
    assert_eq!(early.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    early.set_nonblocking(false).unwrap();
    let running = server.start(|incoming| drop(echo(incoming))).unwrap();
    assert!(Raw { stream: early }.read_head().starts_with("HTTP/1.1 101 "));
    assert_eq!(running.accepting(), Accepting::Running);
}

#[test]
fn a_paused_server_lets_nobody_in_and_keeps_who_is_in() {
    let running = server().start(|incoming| drop(echo(incoming))).unwrap();
    let mut inside = connect(&url(&running)).unwrap();
    running.pause();
    assert_eq!(running.accepting(), Accepting::Paused);
    let mut outside = TcpStream::connect(running.local_addr().unwrap()).unwrap();
    outside.write_all(REQUEST.as_bytes()).unwrap();
    for _ in 0..100 {
        inside.send("still here").unwrap();
        assert_eq!(inside.recv().unwrap(), Some("still here".into()));
    }
    assert_eq!(running.connections(), 1);
    running.resume();
    assert!(Raw { stream: outside }.read_head().starts_with("HTTP/1.1 101 "));
}

#[test]
fn the_accepting_thread_ends_and_starts_again() {
    let running = server().start(|incoming| drop(echo(incoming))).unwrap();
    let mut inside = connect(&url(&running)).unwrap();
    running.stop_accepting();
    assert_eq!(running.accepting(), Accepting::Stopped);
    running.resume();
    assert_eq!(running.accepting(), Accepting::Stopped);
    inside.send("still here").unwrap();
    assert_eq!(inside.recv().unwrap(), Some("still here".into()));
    running.restart_accepting().unwrap();
    assert_eq!(
        running.restart_accepting().unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    connect(&url(&running)).unwrap().close(CloseCode::NORMAL, "").unwrap();
}

/// Whoever asks for what while another does: nothing is undone, and nobody waits for a thread that goes on.
#[test]
fn accepting_is_stopped_and_paused_by_several_at_a_time() {
    let running = Arc::new(server().start(|incoming| drop(echo(incoming))).unwrap());
    // In ten goes, for each of which a slow machine has as much time.
    for _ in 0..10 {
        let stopping: Vec<_> = (0..2)
            .map(|_| {
                let running = Arc::clone(&running);
                in_thread(move || {
                    for _ in 0..ROUNDS {
                        running.stop_accepting();
                        if let Err(error) = running.restart_accepting() {
                            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "the other one did");
                        }
                    }
                })
            })
            .collect();
        let pausing = {
            let running = Arc::clone(&running);
            in_thread(move || {
                for _ in 0..100 * ROUNDS {
                    running.pause();
                    running.resume();
                }
            })
        };
        stopping.into_iter().for_each(|stopping| stopping());
        pausing();
    }
    assert_eq!(running.accepting(), Accepting::Running);
    let mut ws = connect(&url(&running)).unwrap();
    ws.send("still there").unwrap();
    assert_eq!(ws.recv().unwrap(), Some("still there".into()));
    let running = Arc::into_inner(running).unwrap();
    drop(ws);
    assert_eq!(running.shutdown(), 0);
}

const ROUNDS: usize = 1_000;

#[test]
fn beyond_the_limit_clients_are_refused() {
    let server = server().max_connections(2).over_limit(OverLimit::Refuse);
    let running = server.start(|incoming| drop(echo(incoming))).unwrap();
    let mut inside = connect(&url(&running)).unwrap();
    let _other = connect(&url(&running)).unwrap();
    for _ in 0..5 {
        match connect(&url(&running)) {
            Err(Error::Refused(response)) => assert_eq!(response.status(), 503),
            other => panic!("{other:?}"),
        }
    }
    inside.close(CloseCode::NORMAL, "").unwrap();
    // Its handler returns when it has seen the end.
    while connect(&url(&running)).is_err() {}
}

#[test]
fn a_thousand_clients_come_and_go_through_five_places() {
    for (policy, threads) in [
        (OverLimit::Pause, Threads::PerConnection),
        (OverLimit::Refuse, Threads::PerConnection),
        (OverLimit::Pause, Threads::Pool(5)),
    ] {
        let (tell, told) = mpsc::channel();
        let server = server().max_connections(5).over_limit(policy).threads(threads);
        let running = server
            .start(move |incoming| {
                tell.send(1).unwrap();
                drop(echo(incoming));
                tell.send(-1).unwrap();
            })
            .unwrap();
        let url = url(&running);
        thread::scope(|scope| {
            for client in 0..20 {
                let url = &url;
                scope.spawn(move || {
                    for number in 0..50 {
                        let mut ws = loop {
                            match connect(url) {
                                Ok(ws) => break ws,
                                Err(Error::Refused(_)) if policy == OverLimit::Refuse => {}
                                // Beyond those that are refused one by one.
                                Err(Error::Io(_) | Error::Handshake(_)) if policy == OverLimit::Refuse => {}
                                Err(error) => panic!("{error}"),
                            }
                        };
                        ws.send(format!("{client} {number}")).unwrap();
                        assert_eq!(ws.recv().unwrap(), Some(format!("{client} {number}").into()));
                        // Half of them go without a word.
                        if number % 2 == 0 {
                            ws.close(CloseCode::NORMAL, "").unwrap();
                        }
                    }
                });
            }
        });
        assert_eq!(running.shutdown(), 0);
        let (mut inside, mut served) = (0, 0);
        for step in told {
            inside += step;
            served += i32::from(step > 0);
            assert!((0..=5).contains(&inside));
        }
        assert_eq!((inside, served), (0, 1000));
    }
}

#[cfg(unix)]
#[test]
fn unix_sockets_are_served() {
    use std::os::unix::net::{UnixListener, UnixStream};

    let path = std::env::temp_dir().join(format!("ws-blocking-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let server = Server::from_unix_listener(listener).unwrap().stop_timeout(PATIENCE);
    let running = server.start(|incoming| drop(echo(incoming))).unwrap();
    let stream = UnixStream::connect(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let (mut ws, _) = Connect::new("ws://localhost/").unwrap().connect_over(stream).unwrap();
    ws.send("by file").unwrap();
    assert_eq!(ws.recv().unwrap(), Some("by file".into()));
    ws.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(running.shutdown(), 0);
}

#[cfg(feature = "tls")]
#[test]
fn tls_is_served_and_strangers_to_it_are_not() {
    let (server_tls, client_tls) = pairs::tls::configs();
    let server = server().tls(server_tls);
    let running = server.start(|incoming| drop(echo(incoming))).unwrap();
    let port = running.local_addr().unwrap().port();
    let mut plain = Raw::connect(running.local_addr().unwrap());
    plain.write(REQUEST);
    // An alert, and no HTTP.
    assert!(!plain.read_to_end().starts_with(b"HTTP"));
    let connect = Connect::new(&format!("wss://localhost:{port}/")).unwrap();
    // Nobody has vouched for this certificate.
    assert!(matches!(connect.clone().connect(), Err(Error::Io(_))));
    let mut ws = connect.tls(client_tls).connect().unwrap();
    ws.send("secret").unwrap();
    assert_eq!(ws.recv().unwrap(), Some("secret".into()));
    ws.close(CloseCode::NORMAL, "").unwrap();
}

/// Whatever lies over it: what belongs together is gathered here, so the system need not.
#[test]
fn sockets_send_at_once() {
    let (near, _far) = pairs::tcp();
    let kept = near.try_clone().unwrap();
    let _ws = WebSocket::from_raw(near, Role::Server, Config::default(), &[]).unwrap();
    assert!(kept.nodelay().unwrap());
    #[cfg(feature = "tls")]
    {
        let (server_tls, _) = pairs::tls::configs();
        let (near, far) = pairs::tcp();
        let kept = near.try_clone().unwrap();
        drop(far);
        assert!(ws_blocking::accept_tls(near, server_tls, Config::default()).is_err());
        assert!(kept.nodelay().unwrap());
    }
}

#[test]
fn a_server_serves_for_as_long_as_a_closure_runs() {
    let address = server()
        .during(
            |incoming| drop(echo(incoming)),
            |running| {
                let mut ws = connect(&url(running)).unwrap();
                ws.send("inside").unwrap();
                assert_eq!(ws.recv().unwrap(), Some("inside".into()));
                running.local_addr().unwrap()
            },
        )
        .unwrap();
    assert!(TcpStream::connect_timeout(&address, PATIENCE).is_err());
}

#[test]
fn threads_have_names() {
    let (tell, told) = mpsc::channel();
    let server = server().thread_name("mine").stack_size(256 * 1024);
    let running = server
        .start(move |_| tell.send(thread::current().name().map(str::to_owned)).unwrap())
        .unwrap();
    assert!(connect(&url(&running)).is_err());
    assert_eq!(told.recv_timeout(PATIENCE).unwrap().as_deref(), Some("mine"));
}
