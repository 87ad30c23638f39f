//! The opening handshake over real sockets.

mod common;
#[cfg(feature = "tls")]
#[path = "common/pairs.rs"]
mod pairs;

use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, REQUEST, Raw, Serving, in_thread, masked, unmasked};
use ws_blocking::{
    Accept, Config, Connect, Error, HandshakeError, Message, OriginPolicy, Response, Server, accept, accept_with,
    connect,
};

#[test]
fn frames_behind_the_request_are_not_lost() {
    let server = Serving::echo(Config::default());
    let mut raw = Raw::connect(server.address);
    raw.write([REQUEST.as_bytes(), &masked(0x81, b"early"), &masked(0x82, b"bird")].concat());
    assert!(raw.read_head().starts_with("HTTP/1.1 101 "));
    raw.expect(b"\x81\x05early\x82\x04bird");
}

/// The session takes in more of them at once than there is room for, and then the socket has nothing more to say.
#[cfg(feature = "tls")]
#[test]
fn frames_behind_an_answer_in_tls_are_not_lost() {
    use std::io::Read;
    use ws_blocking::tls::rustls::{ServerConnection, StreamOwned};

    const FRAMES: usize = 25;
    let (server, client) = pairs::tls::configs();
    let (near, far) = pairs::tcp();
    let serving = thread::spawn(move || {
        let mut tls = StreamOwned::new(ServerConnection::new(server).unwrap(), near);
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            tls.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        let answer = accept_answer(&String::from_utf8(request).unwrap(), "");
        tls.conn.writer().write_all(answer.as_bytes()).unwrap();
        for _ in 0..FRAMES {
            let frame = unmasked(0x82, &[7; 1024]);
            tls.conn.writer().write_all(&frame).unwrap();
        }
        // All in one write.
        let mut out = Vec::new();
        while tls.conn.wants_write() {
            tls.conn.write_tls(&mut out).unwrap();
        }
        tls.sock.write_all(&out).unwrap();
        tls
    });
    let connect = Connect::new("wss://localhost/").unwrap().tls(client);
    let (mut ws, _) = connect.connect_over(far).unwrap();
    let _still_open = serving.join().unwrap();
    for _ in 0..FRAMES {
        assert_eq!(ws.recv_timeout(PATIENCE).unwrap(), Some(Message::binary(vec![7; 1024])));
    }
}

#[test]
fn frames_behind_the_answer_are_not_lost() {
    let (address, server) = raw_server(|mut raw| {
        let request = raw.read_head();
        let mut answer = accept_answer(&request, "").into_bytes();
        answer.extend_from_slice(&unmasked(0x81, b"early"));
        raw.write(answer);
        raw
    });
    let mut ws = connect(&address).unwrap();
    assert_eq!(ws.recv().unwrap(), Some("early".into()));
    server();
}

#[test]
fn both_sides_agree_on_a_subprotocol_and_see_headers() {
    let server = Serving::start(Server::bind("127.0.0.1:0").unwrap(), |incoming| {
        let request = incoming.request();
        assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
        assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["v1", "v2"]);
        assert_eq!(request.header("Authorization"), Some("Basic dXNlcjpwYXNz"));
        assert_eq!(request.header("X-Question"), Some("why"));
        assert!(incoming.peer_addr().unwrap().ip().is_loopback());
        let accept = Accept::new().protocol("v2").header("X-Answer", "because").unwrap();
        let mut ws = incoming.accept(accept).unwrap();
        assert_eq!(ws.protocol(), Some("v2"));
        ws.send("done").unwrap();
        while let Ok(Some(_)) = ws.recv() {}
    });
    let url = format!("ws://user:pass@{}/chat?room=1", server.address);
    let connect = Connect::new(&url)
        .unwrap()
        .protocol("v1")
        .unwrap()
        .protocol("v2")
        .unwrap();
    let (mut ws, answer) = connect
        .header("X-Question", "why")
        .unwrap()
        .connect_with_answer()
        .unwrap();
    assert_eq!(ws.protocol(), Some("v2"));
    assert_eq!(answer.response.header("x-answer"), Some("because"));
    assert_eq!(ws.recv().unwrap(), Some("done".into()));
}

#[test]
fn a_refusal_reaches_the_client_whole() {
    let server = Serving::start(Server::bind("127.0.0.1:0").unwrap(), |incoming| {
        let response = Response::new(403).with_header("X-Why", "because").unwrap();
        incoming.reject(response.with_body("not you")).unwrap();
    });
    let Err(Error::Refused(response)) = connect(&server.url()) else {
        panic!("not refused")
    };
    assert_eq!((response.status(), response.body()), (403, &b"not you"[..]));
    assert_eq!(response.header("x-why"), Some("because"));
}

#[test]
fn a_redirect_is_a_refusal_too() {
    let (address, server) = raw_server(|mut raw| {
        raw.read_head();
        raw.write("HTTP/1.1 302 Found\r\nLocation: ws://elsewhere/\r\n\r\nuntil the end");
        raw.stream.shutdown(Shutdown::Write).unwrap();
        raw
    });
    let Err(Error::Refused(response)) = connect(&address) else {
        panic!("not refused")
    };
    assert_eq!(
        (response.status(), response.header("location")),
        (302, Some("ws://elsewhere/"))
    );
    assert_eq!(response.body(), b"until the end");
    server();
}

#[test]
fn a_page_is_served_on_the_same_port() {
    let server = Serving::start(Server::bind("127.0.0.1:0").unwrap(), |incoming| {
        assert!(!incoming.request().is_upgrade());
        let page = Response::new(200).with_header("Content-Type", "text/html").unwrap();
        incoming.reject(page.with_body("<h1>Hello</h1>")).unwrap();
    });
    let mut raw = Raw::connect(server.address);
    raw.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let page = String::from_utf8(raw.read_to_end()).unwrap();
    assert!(
        page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("\r\n\r\n<h1>Hello</h1>"),
        "{page}"
    );
}

#[test]
fn a_plain_request_is_told_to_upgrade() {
    let server = Serving::echo(Config::default());
    let mut raw = Raw::connect(server.address);
    raw.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(raw.read_to_end().starts_with(b"HTTP/1.1 426 "));
}

#[test]
fn pages_of_other_origins_are_refused_unless_allowed() {
    let request = REQUEST.replace("\r\n\r\n", "\r\nOrigin: http://elsewhere.example\r\n\r\n");
    for (policy, status) in [(OriginPolicy::SameOrigin, "403"), (OriginPolicy::Any, "101")] {
        let mut config = Config::default();
        config.handshake.origin = policy;
        let server = Serving::echo(config);
        let mut raw = Raw::connect(server.address);
        raw.write(&request);
        assert!(raw.read_head().starts_with(&format!("HTTP/1.1 {status} ")));
    }
}

#[test]
fn the_answer_to_a_bad_request_is_not_lost_to_a_reset() {
    let server = Serving::echo(Config::default());
    let mut raw = Raw::connect(server.address);
    // More than a read takes, so that input is unread when the answer is written.
    raw.write([&b"GET / HTTP/1.1\nHost: localhost\r\n\r\n"[..], &[b'x'; 200_000]].concat());
    raw.stream.shutdown(Shutdown::Write).unwrap();
    assert!(raw.read_to_end().starts_with(b"HTTP/1.1 400 "));
}

#[test]
fn a_client_that_says_nothing_is_sent_away() {
    let mut config = Config::default();
    config.handshake.timeout = Duration::from_millis(50);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut raw = Raw::connect(listener.local_addr().unwrap());
    let accepting = in_thread(move || accept_with(listener.accept().unwrap().0, config).unwrap_err());
    raw.write("GET / HTTP/1.1\r\n");
    assert!(raw.read_to_end().starts_with(b"HTTP/1.1 408 "));
    drop(raw);
    let error = accepting();
    assert!(matches!(error, Error::Handshake(HandshakeError::TimedOut)), "{error:?}");
}

#[test]
fn a_client_that_trickles_is_sent_away() {
    let mut config = Config::default();
    config.handshake.timeout = Duration::from_millis(50);
    config.timeouts.linger = Some(Duration::from_millis(1));
    config.handshake.max_head_bytes = 1 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut raw = Raw::connect(listener.local_addr().unwrap());
    let accepting = in_thread(move || accept_with(listener.accept().unwrap().0, config).map(drop));
    raw.write("GET / HTTP/1.1\r\nX: ");
    // Every byte comes in time, the whole does not. Without a deadline over all of it, the limit on the head ends this.
    while raw.stream.write_all(b"x").is_ok() {
        thread::yield_now();
    }
    let error = accepting().unwrap_err();
    assert!(matches!(error, Error::Handshake(HandshakeError::TimedOut)), "{error:?}");
}

#[test]
fn a_client_that_goes_away_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut raw = Raw::connect(listener.local_addr().unwrap());
    raw.write("GET / HT");
    drop(raw);
    let error = accept(listener.accept().unwrap().0).unwrap_err();
    assert!(
        matches!(error, Error::Handshake(HandshakeError::UnexpectedEof)),
        "{error:?}"
    );
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let (address, server) = raw_server(|mut raw| {
        raw.read_head();
        raw.expect_eof();
        raw
    });
    let mut config = Config::default();
    config.handshake.timeout = Duration::from_millis(50);
    let error = Connect::new(&address).unwrap().config(config).connect().unwrap_err();
    assert!(matches!(error, Error::Handshake(HandshakeError::TimedOut)), "{error:?}");
    server();
}

#[test]
fn a_wrong_answer_is_not_trusted() {
    let (address, server) = raw_server(|mut raw| {
        let request = raw.read_head();
        raw.write(accept_answer(&request, "Sec-WebSocket-Protocol: unasked\r\n"));
        raw
    });
    let error = connect(&address).unwrap_err();
    assert!(
        matches!(error, Error::Handshake(HandshakeError::UnofferedProtocol)),
        "{error:?}"
    );
    server();
}

#[test]
fn nobody_there_is_an_io_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(connect(&url), Err(Error::Io(_))));
}

#[test]
fn all_addresses_of_a_name_are_tried() {
    // The name may stand for ::1 first; only 127.0.0.1 answers.
    let server = Serving::echo(Config::default());
    let mut ws = connect(&format!("ws://localhost:{}/", server.address.port())).unwrap();
    ws.send("found").unwrap();
    assert_eq!(ws.recv().unwrap(), Some(Message::text("found")));
}

#[test]
fn bad_urls_are_refused() {
    for url in ["http://localhost/", "ws://", "ws://localhost/#part", "localhost"] {
        assert!(
            matches!(connect(url), Err(Error::Handshake(HandshakeError::Url(_)))),
            "{url}"
        );
    }
}

/// A server played by hand; gives its URL.
fn raw_server(play: impl FnOnce(Raw) -> Raw + Send + 'static) -> (String, impl FnOnce() -> Raw) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let thread = in_thread(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        play(Raw { stream })
    });
    (url, thread)
}

/// The 101 answer to a request.
fn accept_answer(request: &str, more: &str) -> String {
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .unwrap();
    let accept = ws_proto::handshake::accept_key(key);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    )
}
