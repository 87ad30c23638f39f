//! Going through proxies.
#![cfg(feature = "proxy")]

mod common;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use common::Serving;
use ws_blocking::{Config, Connect, Error, Proxy, ProxyError};

/// A proxy that reads so many bytes, or an HTTP head, answers, and connects to the target whatever it was asked for.
fn proxy(exchange: &[(&'static [u8], &'static [u8])], target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let exchange = exchange.to_vec();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        for (asked, answer) in exchange {
            let mut came = vec![0; asked.len()];
            client.read_exact(&mut came).unwrap();
            assert_eq!(came, asked);
            client.write_all(answer).unwrap();
        }
        let mut server = TcpStream::connect(target).unwrap();
        let (mut client_in, mut server_out) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let there = thread::spawn(move || io::copy(&mut client_in, &mut server_out));
        let _ = io::copy(&mut server, &mut client);
        let _ = there.join();
    });
    address
}

const CONNECT: &[u8] = b"CONNECT target:80 HTTP/1.1\r\nHost: target:80\r\nProxy-Authorization: Basic bWU6cHc=\r\n\r\n";

#[test]
fn http_and_socks_proxies_lead_to_the_target() {
    let server = Serving::echo(Config::default());
    let http = proxy(&[(CONNECT, b"HTTP/1.1 200 OK\r\n\r\n")], server.address);
    let socks = proxy(
        &[
            (b"\x05\x02\0\x02", b"\x05\x02"),
            (b"\x01\x02me\x02pw", b"\x01\0"),
            (b"\x05\x01\0\x03\x06target\0\x50", b"\x05\0\0\x01\0\0\0\0\0\0"),
        ],
        server.address,
    );
    for url in [format!("http://me:pw@{http}"), format!("socks5://me:pw@{socks}")] {
        let connect = Connect::new("ws://target/").unwrap().proxy(Proxy::parse(&url).unwrap());
        let mut ws = connect.connect().unwrap();
        ws.send("through").unwrap();
        assert_eq!(ws.recv().unwrap(), Some("through".into()));
    }
}

#[test]
fn what_a_proxy_refuses_is_said() {
    let nowhere = "127.0.0.1:1".parse().unwrap();
    let address = proxy(&[(CONNECT, b"HTTP/1.1 403 No\r\n\r\n")], nowhere);
    let connect = Connect::new("ws://target/").unwrap();
    let connect = connect.proxy(Proxy::parse(&format!("me:pw@{address}")).unwrap());
    assert!(matches!(connect.connect(), Err(Error::Proxy(ProxyError::Refused(403)))));
}

#[test]
fn a_proxy_that_does_not_answer_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = Config::default();
    config.handshake.timeout = std::time::Duration::from_millis(50);
    let proxy = Proxy::parse(&listener.local_addr().unwrap().to_string()).unwrap();
    let connect = Connect::new("ws://target/").unwrap().config(config).proxy(proxy);
    assert!(matches!(
        connect.connect(),
        Err(Error::Handshake(ws_blocking::HandshakeError::TimedOut))
    ));
}
