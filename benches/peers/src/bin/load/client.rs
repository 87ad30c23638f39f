//! Connections, and frames made beforehand.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use peers::REQUEST;

/// Opens a connection: the TCP one, and the handshake.
pub(crate) fn open(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.write_all(REQUEST).expect("a server that reads");
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a response");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream
}

/// The frame of a binary message as a client sends it, and as a server does.
pub(crate) fn frames(size: usize) -> (Vec<u8>, Vec<u8>) {
    let payload: Vec<u8> = (0..size).map(|i| (i % PATTERN) as u8).collect();
    let mut echo = vec![0x82];
    match size {
        0..126 => echo.push(size as u8),
        126..0x1_0000 => {
            echo.push(126);
            echo.extend((size as u16).to_be_bytes());
        }
        _ => {
            echo.push(127);
            echo.extend((size as u64).to_be_bytes());
        }
    }
    let mut sent = echo.clone();
    sent[1] |= 0x80;
    sent.extend(KEY);
    sent.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    echo.extend(payload);
    (sent, echo)
}

/// What is left of `bytes` when the stream has taken what it takes.
pub(crate) fn write(mut stream: &TcpStream, bytes: &[u8]) -> usize {
    match stream.write(bytes) {
        Ok(written) => bytes.len() - written,
        Err(e) if e.kind() == ErrorKind::WouldBlock => bytes.len(),
        Err(e) => panic!("writing: {e}"),
    }
}

/// Reads what is there, at most what is still expected, and checks it.
pub(crate) fn read(mut stream: &TcpStream, expected: &[u8], buffer: &mut [u8]) -> usize {
    match stream.read(buffer) {
        Ok(0) => panic!("the server ended a connection"),
        Ok(count) => {
            assert!(expected.starts_with(&buffer[..count]), "not an echo");
            count
        }
        Err(e) if e.kind() == ErrorKind::WouldBlock => 0,
        Err(e) => panic!("reading: {e}"),
    }
}

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// No multiple of any block, so that nothing displaced passes for an echo.
const PATTERN: usize = 251;

/// For any single answer.
const PATIENCE: Duration = Duration::from_secs(60);
