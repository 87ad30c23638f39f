//! permessage-deflate, from negotiation to bombs.

mod chunks;
mod hostile;
mod memory;
mod negotiation;
mod properties;
mod sending;
mod vectors;

use alloc::string::String;
use alloc::vec::Vec;

use crate::deflate::Deflate;
use crate::extension::{Agreed, Extensions};
use crate::tests::peers::{MASK, Peer};
use crate::{Config, Connection};

/// What a client and a server of these settings agree on.
fn agree(client: &Deflate, server: &Deflate) -> Agreed {
    let offer = Extensions::from(client.clone()).offer();
    Extensions::from(server.clone()).accept([offer.as_bytes()]).unwrap()
}

/// A client and a server that have agreed, each with its own settings.
fn connected(config: &Config, client: &Deflate, server: &Deflate) -> (Peer, Peer) {
    let at_server = agree(client, server);
    assert!(!at_server.is_empty());
    let answer = alloc::format!("{at_server}");
    let at_client = Extensions::from(client.clone()).confirm([answer.as_bytes()]).unwrap();
    let mut peers = (Peer::client(config.clone()), Peer::server(config.clone()));
    peers.0.conn.extend(&at_client);
    peers.1.conn.extend(&at_server);
    peers
}

/// A server that has agreed with a client of the same settings.
fn server(config: Config, settings: &Deflate) -> Peer {
    let mut peer = Peer::server(config);
    peer.conn.extend(&agree(settings, settings));
    peer
}

/// A client's connection that agreed on the same as `server` for these settings.
fn client(settings: &Deflate) -> Connection {
    let mut conn = Connection::client(Config::default(), || MASK);
    conn.extend(&agree(settings, settings));
    conn
}

/// Some JSON, as many APIs send it.
fn json(len: usize) -> String {
    let mut text = String::new();
    let mut number = 0_u32;
    while text.len() < len {
        number = number.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let (id, score) = (number >> 20, number % 977);
        text += &alloc::format!(
            "{{\"id\":{id},\"name\":\"user{}\",\"score\":{score},\"tags\":[\"a\",\"b\"]}},",
            id % 7
        );
    }
    text.truncate(len);
    text
}

/// Bytes that no compressor makes shorter.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}
