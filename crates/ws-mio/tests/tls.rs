//! TLS: both roles, one port for both, and what goes wrong.
#![cfg(feature = "tls")]

mod common;

use std::cell::RefCell;
use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use common::{Peer, REQUEST, TEXT, config, frame, until};
use ws_mio::tls::rustls::{ClientConfig, ServerConfig};
use ws_mio::{
    Agreed, Answer, Arrival, Client, CloseCode, Context, Detect, Error, Http, Io, Next, Payload, Protocol, Ready,
    Response, Serve, Server, Tls, tls,
};

struct Echo;

impl Client for Echo {
    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        context.send(message).unwrap();
    }
}

const LEN: usize = 900_000;

/// Sends a small message and a large one, and closes when both are back.
struct Asker {
    log: Rc<RefCell<Vec<String>>>,
}

impl Client for Asker {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        context.send("small").unwrap();
        context.send(&large()).unwrap();
    }

    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        match message {
            Payload::Text(text) => self.log.borrow_mut().push(text.into()),
            message => {
                assert!(message.as_bytes() == large());
                self.log.borrow_mut().push("large".into());
                context.close(CloseCode::NORMAL, "").unwrap();
            }
        }
    }

    fn error(&mut self, _context: &mut Context<'_>, error: Error) {
        self.log.borrow_mut().push(error.to_string());
    }

    fn close(&mut self, _context: &mut Context<'_>, status: CloseCode, _reason: &str) {
        self.log.borrow_mut().push(status.as_u16().to_string());
    }
}

#[test]
fn both_roles_and_one_port_for_plain_and_secure() {
    let (server_config, client_config) = certificates();
    let mut server = Server::new(config()).unwrap();
    server.set_client_tls(client_config);
    let service = || {
        Http::new(|request, _| match request.is_upgrade() {
            true => Answer::client(Echo),
            false => Answer::page(Response::new(200).with_body("a page")),
        })
    };
    let both = Detect::new()
        .prefix(&[22], Tls::new(Arc::clone(&server_config), service()))
        .http(service());
    let both = server.listen("127.0.0.1:0", both).unwrap();
    let secure = server
        .listen("127.0.0.1:0", Tls::new(server_config, service()))
        .unwrap();
    for url in [
        format!("wss://localhost:{}/", secure.port()),
        format!("wss://localhost:{}/", both.port()),
        format!("ws://localhost:{}/", both.port()),
    ] {
        let log = Rc::default();
        server.connect(&url, Asker { log: Rc::clone(&log) }).unwrap();
        until(&mut server, |_| log.borrow().len() >= 3);
        assert_eq!(*log.borrow(), ["small", "large", "1000"], "{url}");
        until(&mut server, |server| server.connections() == 0);
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_told() {
    let (server_config, _) = certificates();
    let (_, others) = certificates();
    let mut server = Server::new(config()).unwrap();
    server.set_client_tls(others);
    let service = Tls::new(server_config, Http::clients(|| Echo));
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let log = Rc::default();
    let url = format!("wss://localhost:{}/", address.port());
    server.connect(&url, Asker { log: Rc::clone(&log) }).unwrap();
    until(&mut server, |_| log.borrow().len() >= 2);
    assert!(log.borrow()[0].contains("certificate"), "{log:?}");
    assert_eq!(log.borrow()[1], "1006");
    until(&mut server, |server| server.connections() == 0);
}

#[test]
fn plain_bytes_at_a_secure_port_end_the_connection() {
    let (server_config, _) = certificates();
    let mut server = Server::new(config()).unwrap();
    let service = Tls::new(server_config, Http::clients(|| Echo));
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let mut peer = Peer::connect(address);
    peer.send(REQUEST.as_bytes());
    until(&mut server, |_| {
        peer.receive();
        peer.ended
    });
    assert_eq!(server.connections(), 0);
    assert_eq!(peer.got.first(), Some(&21), "an alert");
}

#[test]
fn a_tls_handshake_that_does_not_go_on_falls_under_the_deadline() {
    let mut config = config();
    config.handshake.timeout = Duration::from_millis(20);
    let (server_config, _) = certificates();
    let mut server = Server::new(config).unwrap();
    let service = Tls::new(server_config, Http::clients(|| Echo));
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let mut peer = Peer::connect(address);
    peer.send(&[22, 3, 1]);
    until(&mut server, |_| {
        peer.receive();
        peer.ended
    });
}

#[test]
fn many_small_messages_keep_their_order_through_full_sockets() {
    const COUNT: usize = 20_000;
    /// Counts what comes, and asks for the end.
    struct Counter(Rc<RefCell<usize>>);
    impl Client for Counter {
        fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
            context.send("go").unwrap();
        }

        fn recv_text(&mut self, context: &mut Context<'_>, text: &str) {
            let mut next = self.0.borrow_mut();
            assert_eq!(text, format!("{} {}", *next, "x".repeat(100)));
            *next += 1;
            if *next == COUNT {
                context.close(CloseCode::NORMAL, "").unwrap();
            }
        }
    }
    /// Sends all there is, as fast as it goes.
    struct Source(usize);
    impl Source {
        fn go_on(&mut self, context: &mut Context<'_>) {
            while self.0 < COUNT && context.send(&format!("{} {}", self.0, "x".repeat(100))).is_ok() {
                self.0 += 1;
            }
        }
    }
    impl Client for Source {
        fn recv(&mut self, context: &mut Context<'_>, _message: Payload<'_>) {
            self.go_on(context);
        }

        fn drain(&mut self, context: &mut Context<'_>) {
            self.go_on(context);
        }
    }
    let (server_config, client_config) = certificates();
    let mut server = Server::new(config()).unwrap();
    server.set_client_tls(client_config);
    let service = Tls::new(server_config, Http::clients(|| Source(0)));
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let count = Rc::new(RefCell::new(0));
    let url = format!("wss://localhost:{}/", address.port());
    server.connect(&url, Counter(Rc::clone(&count))).unwrap();
    until(&mut server, |server| {
        *count.borrow() == COUNT && server.connections() == 0
    });
}

/// Records of TLS, cut after every byte that the peer says, and a message behind them.
#[test]
fn connections_are_killed_at_every_byte_of_the_handshake() {
    let (server_config, client_config) = certificates();
    let mut server = Server::new(config()).unwrap();
    let service = Tls::new(server_config, Http::clients(|| Echo));
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let mut limit = 0;
    // The whole conversation is less than a KiB; beyond it, the limit is never met.
    while say_up_to(&mut server, address, &client_config, limit) {
        limit += 1;
        until(&mut server, |server| server.connections() == 0);
    }
    assert!(limit > 400, "{limit}");
}

/// Says so many bytes of a conversation in TLS, and then goes. Returns whether that was before its end.
fn say_up_to(server: &mut Server, address: std::net::SocketAddr, config: &Arc<ClientConfig>, limit: usize) -> bool {
    let mut peer = Peer::connect(address);
    let name = "localhost".try_into().unwrap();
    let mut session = rustls::ClientConnection::new(Arc::clone(config), name).unwrap();
    let said = [REQUEST.as_bytes(), &frame(TEXT, b"hello")].concat();
    session.writer().write_all(&said).unwrap();
    let (mut left, mut got) = (limit, Vec::new());
    loop {
        let mut records = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut records).unwrap();
        }
        let may = records.len().min(left);
        // Each piece apart from the next.
        for piece in records[..may].chunks(100) {
            peer.send(piece);
            server.turn(Some(Duration::ZERO)).unwrap();
        }
        left -= may;
        if may < records.len() {
            return true;
        }
        server.turn(Some(Duration::from_millis(1))).unwrap();
        peer.receive();
        let mut bytes = &std::mem::take(&mut peer.got)[..];
        while !bytes.is_empty() {
            session.read_tls(&mut bytes).unwrap();
            session.process_new_packets().unwrap();
        }
        let _ = session.reader().read_to_end(&mut got);
        if got.ends_with(b"\x81\x05hello") {
            return false;
        }
    }
}

/// Speaks in clear until it is asked to go over to TLS.
struct Clear {
    service: Tls<Http>,
    arrival: Arrival,
}

impl Protocol for Clear {
    fn ready(&mut self, io: &mut Io<'_>, _why: Ready) -> Next {
        let mut is_asked = false;
        while !is_asked
            && io.read(|_, bytes| {
                is_asked = bytes.starts_with(b"STARTTLS\r\n");
                if is_asked { 10 } else { 0 }
            })
        {}
        if !is_asked {
            return Next::Stay;
        }
        io.write(b"220 go ahead\r\n");
        Next::Become(self.service.serve(&self.arrival))
    }
}

#[test]
fn a_protocol_goes_over_to_tls_in_mid_life() {
    let (server_config, client_config) = certificates();
    let mut server = Server::new(config()).unwrap();
    let service = move |arrival: &Arrival| -> Box<dyn Protocol> {
        Box::new(Clear {
            service: Tls::new(Arc::clone(&server_config), Http::clients(|| Echo)),
            arrival: arrival.clone(),
        })
    };
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let handle = server.handle();
    let peer = std::thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(b"STARTTLS\r\n").unwrap();
        let mut answer = [0; 14];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"220 go ahead\r\n");
        let session = rustls::ClientConnection::new(client_config, "localhost".try_into().unwrap()).unwrap();
        let mut secure = rustls::StreamOwned::new(session, stream);
        secure
            .write_all(&[REQUEST.as_bytes(), &frame(TEXT, b"hello")].concat())
            .unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"\x81\x05hello") {
            let mut byte = [0];
            secure.read_exact(&mut byte).unwrap();
            got.extend(byte);
        }
        handle.stop_within(Duration::ZERO);
    });
    server.run().unwrap();
    peer.join().unwrap();
}

fn large() -> Vec<u8> {
    (0..LEN).map(|at| (at % 251) as u8).collect()
}

/// A server's configuration, and one that trusts it.
fn certificates() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let server = tls::server_config(certificate.as_bytes(), key.as_bytes()).unwrap();
    (server, tls::trusting(certificate.as_bytes()).unwrap())
}

#[test]
fn plain_requests_still_work_beside_it() {
    let (server_config, _) = certificates();
    let mut server = Server::new(config()).unwrap();
    let both = Detect::new()
        .prefix(&[22], Tls::new(server_config, Http::clients(|| Echo)))
        .http(Http::clients(|| Echo));
    let address = server.listen("127.0.0.1:0", both).unwrap();
    let mut peer = Peer::connect(address);
    peer.send(&[REQUEST.as_bytes(), &frame(TEXT, b"hello")].concat());
    until(&mut server, |_| {
        peer.receive();
        peer.got.ends_with(b"\x81\x05hello")
    });
}
