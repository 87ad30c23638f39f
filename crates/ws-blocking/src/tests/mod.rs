//! Tests that look inside.

mod bounds;
mod coalescing;
mod handles;
mod migration;
mod turns;

use std::net::{TcpListener, TcpStream};

use ws_proto::{Config, Role};

use crate::WebSocket;

/// A raw peer, and a server's connection that has read `leftover` already.
pub(crate) fn pair(config: Config, leftover: &[u8]) -> (TcpStream, WebSocket) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    (
        peer,
        WebSocket::from_raw(stream, Role::Server, config, leftover).unwrap(),
    )
}
