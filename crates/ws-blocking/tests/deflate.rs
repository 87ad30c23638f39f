//! Compression, agreed on and at work in both directions.
#![cfg(feature = "deflate")]

mod common;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use common::in_thread;
use ws_blocking::deflate::{Agreement, Deflate};
use ws_blocking::{Accept, CloseCode, Config, Connect, Connection, Message, Server, WebSocket};

#[test]
fn compressed_messages_go_both_ways() {
    let server = Server::bind("127.0.0.1:0").unwrap().config(config());
    let url = format!("ws://{}/", server.local_addr().unwrap());
    let stop = server.stop_handle();
    let serving = thread::spawn(move || {
        server.serve(|incoming| {
            let mut ws = incoming.accept(Accept::new()).unwrap();
            while let Some(message) = ws.recv().unwrap() {
                ws.send(message).unwrap();
            }
        })
    });

    let connect = Connect::new(&url).unwrap().config(config());
    let (mut ws, answer) = connect.connect_with_answer().unwrap();
    assert!(Agreement::of(&answer.extensions).is_some());
    let message = Message::from("x".repeat(100 * MAX_FRAME));
    ws.send(message.clone()).unwrap();
    assert_eq!(ws.recv().unwrap(), Some(message));
    ws.close(CloseCode::NORMAL, "").unwrap();
    stop.stop();
    serving.join().unwrap().unwrap();
}

/// All of it is there with the first read, and nothing comes behind it that would wake the reader up again.
#[test]
fn what_a_small_frame_grows_to_is_read_in_pieces() {
    let server = Server::bind("127.0.0.1:0").unwrap().config(config());
    let running = server
        .start(|incoming| {
            let mut ws = incoming.accept(Accept::new()).unwrap();
            ws.send(vec![7; LARGE]).unwrap();
            assert_eq!(ws.recv().unwrap(), Some("got it".into()));
        })
        .unwrap();
    let url = format!("ws://{}/", running.local_addr().unwrap());
    let mut ws = Connect::new(&url).unwrap().config(config()).connect().unwrap();
    let reading = in_thread(move || {
        let mut message = ws.recv_reader().unwrap().unwrap();
        let mut pieces = Vec::new();
        let mut piece = [0; 999];
        loop {
            match message.read(&mut piece).unwrap() {
                0 => break,
                count => pieces.extend_from_slice(&piece[..count]),
            }
        }
        assert!(!ws.has_buffered_input());
        ws.send("got it").unwrap();
        (pieces, ws)
    });
    let (pieces, mut ws) = reading();
    assert!(pieces == vec![7; LARGE]);
    // The server's handler has heard it, and returned without a Close.
    assert!(ws.recv().is_err());
}

/// The handshake was done elsewhere, and with it the agreement.
#[test]
fn a_connection_can_bring_its_extensions() {
    let config = Arc::new(config());
    let extensions = &config.handshake.extensions;
    let accepted = extensions.accept([extensions.offer().as_bytes()]).unwrap();
    let confirmed = extensions.confirm([accepted.to_string().as_bytes()]).unwrap();
    let mut server = Connection::server(Arc::clone(&config));
    server.extend(&accepted);
    let mut client = Connection::client(Arc::clone(&config), || [1, 2, 3, 4]);
    client.extend(&confirmed);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, _) = listener.accept().unwrap();
    let mut near = WebSocket::from_connection(near, server, Arc::clone(&config), &[]).unwrap();
    let mut far = WebSocket::from_connection(far, client, config, &[]).unwrap();
    let message = Message::from("x".repeat(100 * MAX_FRAME));
    near.send(message.clone()).unwrap();
    assert_eq!(far.recv().unwrap(), Some(message.clone()));
    far.send(message.clone()).unwrap();
    assert_eq!(near.recv().unwrap(), Some(message));
}

const LARGE: usize = 100_000;

/// Neither side takes a frame that is not compressed.
const MAX_FRAME: usize = 1000;

fn config() -> Config {
    let mut config = Config::default();
    config.limits.max_frame = MAX_FRAME as u64;
    config.handshake.extensions.push(Deflate::dedicated());
    config
}
