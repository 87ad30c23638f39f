//! Compression, agreed on and at work in both directions.
#![cfg(feature = "deflate")]

use std::thread;

use ws_blocking::deflate::{Agreement, Deflate};
use ws_blocking::{Accept, CloseCode, Config, Connect, Message, Server};

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

/// Neither side takes a frame that is not compressed.
const MAX_FRAME: usize = 1000;

fn config() -> Config {
    let mut config = Config::default();
    config.limits.max_frame = MAX_FRAME as u64;
    config.handshake.extensions.push(Deflate::dedicated());
    config
}
