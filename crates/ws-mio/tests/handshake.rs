//! Requests and answers: pages, refusals, subprotocols, what a client makes of other servers.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::Duration;

use common::{Diary, Note, Peer, REQUEST, Recorder, World, config};
use ws_mio::{Accept, Answer, ClientRequest, Error, HandshakeError, Http, Response, Server, Start};

#[test]
fn a_plain_request_gets_a_page_on_the_same_port() {
    let mut config = config();
    config.timeouts.linger = Some(Duration::from_secs(60));
    let mut world = World::new(config, Recorder::new);
    let mut peer = Peer::connect(world.address);
    peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let head = world.head(&mut peer);
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("Content-Length: 6\r\n"),
        "{head}"
    );
    assert_eq!(world.rest(&mut peer), b"a page");
    assert_eq!(
        world.server.connections(),
        1,
        "a socket closed now could reset the answer away"
    );
    drop(peer);
    world.until(|world| (world.server.connections() == 0).then_some(()));
}

#[test]
fn a_handshake_that_is_none_gets_the_reason() {
    let mut world = World::new(config(), Recorder::new);
    let cases = [
        (REQUEST.replace("Version: 13", "Version: 12"), "HTTP/1.1 426 "),
        (
            REQUEST.replace("Host: localhost", "Host: localhost\r\nOrigin: http://elsewhere"),
            "HTTP/1.1 403 ",
        ),
        (REQUEST.replace("Sec-WebSocket-Key", "X-Key"), "HTTP/1.1 400 "),
        ("no HTTP at all\r\n\r\n".into(), "HTTP/1.1 400 "),
    ];
    for (request, answer) in cases {
        let mut peer = Peer::connect(world.address);
        // More behind it than is read at once must not reset the answer away.
        peer.send(&[request.as_bytes(), &[b'x'; 100_000]].concat());
        let head = world.head(&mut peer);
        assert!(head.starts_with(answer), "{request}: {head}");
        assert!(!world.rest(&mut peer).is_empty(), "the reason is in the body");
    }
    assert!(world.diary.borrow().is_empty(), "no handler was made");
}

#[test]
fn the_factory_sees_the_request_and_decides() {
    let mut server = Server::new(config()).unwrap();
    let served = Diary::default();
    let notes = served.clone();
    let address = server
        .listen(
            "127.0.0.1:0",
            Http::new(move |request, arrival| {
                assert!(arrival.peer.ip().unwrap().ip().is_loopback());
                if request.path() != "/chat" {
                    return Answer::page(Response::new(404).with_body("no such room"));
                }
                Answer::client(Recorder::new(&notes).on_start(|request| {
                    let accept = Accept::new().choose_protocol(&["v2", "v1"]);
                    Start::Accept(accept.header("X-Room", request.query().unwrap()).unwrap())
                }))
            }),
        )
        .unwrap();
    let diary = Diary::default();
    let request = ClientRequest::new(&format!("ws://{address}/chat?room=1")).unwrap();
    let request = request.protocol("v1").unwrap().protocol("v2").unwrap();
    server.connect_with(request, Recorder::new(&diary)).unwrap();
    server
        .connect(&format!("ws://{address}/other"), Recorder::new(&diary))
        .unwrap();
    let mut world = World {
        server,
        address,
        diary: served,
    };
    world.until(|_| (diary.borrow().len() == 3).then_some(()));
    let notes = diary.borrow();
    let agreed = notes
        .iter()
        .find_map(|note| {
            if let Note::Open(agreed) = note {
                Some(agreed)
            } else {
                None
            }
        })
        .unwrap();
    assert_eq!(agreed.protocol.as_deref(), Some("v2"));
    assert_eq!(agreed.response.as_ref().unwrap().header("x-room"), Some("room=1"));
    let refused = notes.iter().find_map(|note| {
        if let Note::Fail(Error::Refused(refused)) = note {
            Some(refused)
        } else {
            None
        }
    });
    let refused = refused.unwrap();
    assert_eq!((refused.status(), refused.body()), (404, &b"no such room"[..]));
    world.until_noted(|note| {
        if let Note::Open(agreed) = note {
            agreed.protocol.clone()
        } else {
            None
        }
    });
}

#[test]
fn frames_behind_the_servers_answer_are_not_lost() {
    let (mut server, diary) = client(|mut stream, key| {
        let accept = ws_proto::handshake::accept_key(&key);
        let head = format!(
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream
            .write_all(&[head.as_bytes(), b"\x81\x05Hello\x88\x02\x03\xe8"].concat())
            .unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    server.run().unwrap();
    let diary = diary.borrow();
    let [Note::Open(_), Note::Text(text), Note::Close(ending), Note::Dropped] = &diary[..] else {
        panic!("{diary:?}")
    };
    assert_eq!(text, "Hello");
    assert!(ending.is_clean());
}

#[test]
fn an_answer_without_a_length_ends_with_the_transport() {
    let (mut server, diary) = client(|mut stream, _| {
        stream
            .write_all(b"HTTP/1.1 401 Unauthorized\r\n\r\nwho are you?")
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
    });
    server.run().unwrap();
    let diary = diary.borrow();
    let [Note::Fail(Error::Refused(response)), Note::Dropped] = &diary[..] else {
        panic!("{diary:?}")
    };
    assert_eq!((response.status(), response.body()), (401, &b"who are you?"[..]));
}

#[test]
fn a_forged_answer_and_a_sudden_end_are_failures() {
    let (mut server, diary) = client(|mut stream, _| {
        let head = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
    });
    server.run().unwrap();
    assert!(
        matches!(
            diary.borrow()[..],
            [Note::Fail(Error::Handshake(HandshakeError::InvalidAnswer(_))), _]
        ),
        "{diary:?}"
    );

    let (mut server, diary) = client(|mut stream, _| stream.write_all(b"HTTP/1.1 101 X").unwrap());
    server.run().unwrap();
    assert!(
        matches!(
            diary.borrow()[..],
            [Note::Fail(Error::Handshake(HandshakeError::UnexpectedEof)), _]
        ),
        "{diary:?}"
    );
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config();
    config.handshake.timeout = Duration::from_millis(30);
    let mut server = Server::new(config).unwrap();
    let diary = Diary::default();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    server.connect(&url, Recorder::new(&diary)).unwrap();
    server.run().unwrap();
    assert!(
        matches!(
            diary.borrow()[..],
            [Note::Fail(Error::Handshake(HandshakeError::TimedOut)), _]
        ),
        "{diary:?}"
    );
}

#[test]
fn nobody_listening_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    drop(listener);
    let mut server = Server::new(config()).unwrap();
    let diary = Diary::default();
    server.connect(&url, Recorder::new(&diary)).unwrap();
    server.run().unwrap();
    let diary = diary.borrow();
    let [Note::Fail(Error::Io(error)), Note::Dropped] = &diary[..] else {
        panic!("{diary:?}")
    };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn urls_that_cannot_work_are_refused_at_once() {
    let mut server = Server::new(config()).unwrap();
    let diary = Diary::default();
    if cfg!(not(feature = "tls")) {
        let result = server.connect("wss://127.0.0.1/", Recorder::new(&diary));
        assert!(matches!(result, Err(Error::TlsUnsupported)), "{result:?}");
    }
    let result = server.connect("http://127.0.0.1/", Recorder::new(&diary));
    assert!(matches!(result, Err(Error::Handshake(_))), "{result:?}");
    assert!(server.is_done());
}

/// A client whose server, in a thread of its own, does this with the connection and the key it was sent.
fn client(serve: impl FnOnce(std::net::TcpStream, String) + Send + 'static) -> (Server, Diary) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let key = head
            .split_once("Sec-WebSocket-Key: ")
            .unwrap()
            .1
            .split_once("\r\n")
            .unwrap()
            .0
            .to_owned();
        serve(stream, key);
    });
    let mut server = Server::new(config()).unwrap();
    let diary = Diary::default();
    server.connect(&url, Recorder::new(&diary)).unwrap();
    (server, diary)
}
