//! Tests of the handshake, one file per behaviour, and what they share.

mod accept;
mod answer;
mod body;
mod limits;
mod origin;
mod properties;
mod refusal;
mod request;
mod url;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{ClientHandshake, ClientRequest, HandshakeConfig, HandshakeError, Outcome, Request, ServerHandshake};

/// The header lines of a good request, one of each.
const GOOD: [&str; 5] = [
    "Host: server.example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];
/// The nonce behind the key of RFC 6455 section 1.3.
const NONCE: [u8; 16] = *b"the sample nonce";
/// The header lines of a good answer to it.
const GOOD_ANSWER: [&str; 3] = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
];

/// A head from its start line and its header lines.
fn head<'a>(start: &str, lines: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut text = String::from(start);
    for line in lines {
        text.push_str("\r\n");
        text.push_str(line);
    }
    text.push_str("\r\n\r\n");
    text.into_bytes()
}

/// The good request for `/` with more header lines behind.
fn good_with(lines: &[&str]) -> Vec<u8> {
    head("GET / HTTP/1.1", GOOD.iter().chain(lines).copied())
}

/// The good request with the line of `name` left out, and more lines behind.
fn good_without(name: &str, lines: &[&str]) -> Vec<u8> {
    let kept = GOOD.iter().filter(|line| !line.starts_with(name));
    head("GET / HTTP/1.1", kept.chain(lines).copied())
}

/// Gives a whole request to a server.
fn receive_with(config: &HandshakeConfig, bytes: &[u8]) -> Result<Request, HandshakeError> {
    let received = ServerHandshake::new(config).receive(bytes)?;
    let (request, used) = received.expect("the request should be complete");
    assert_eq!(used, bytes.len());
    Ok(request)
}

fn receive(bytes: &[u8]) -> Result<Request, HandshakeError> {
    receive_with(&HandshakeConfig::default(), bytes)
}

/// What a server says to this request.
fn check(bytes: &[u8]) -> Result<(), HandshakeError> {
    receive(bytes)?.check()
}

/// A client with the known nonce that asks for this.
fn client_of(request: &ClientRequest) -> ClientHandshake {
    ClientHandshake::new(request, NONCE, &HandshakeConfig::default(), &mut Vec::new())
}

fn client() -> ClientHandshake {
    client_of(&ClientRequest::new("ws://server.example.com/").unwrap())
}

/// Gives a whole answer to a client.
fn answer(bytes: &[u8]) -> Result<Outcome, HandshakeError> {
    let received = client().receive(bytes)?;
    let (outcome, used) = received.expect("the answer should be complete");
    assert_eq!(used, bytes.len());
    Ok(outcome)
}

/// The bytes as text, for comparing what was written.
fn text(bytes: &[u8]) -> String {
    core::str::from_utf8(bytes).expect("heads are text").to_string()
}
