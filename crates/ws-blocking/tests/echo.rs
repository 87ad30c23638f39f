//! Messages there and back.

mod common;

use std::io::Read;
use std::thread;

use common::{Raw, Serving, echo};
use ws_blocking::{Bytes, CloseCode, Config, Connect, Message, Prepared, Server, connect};

#[test]
fn text_and_binary_of_all_sizes_come_back() {
    let server = Serving::echo(Config::default());
    let mut ws = connect(&server.url()).unwrap();
    for len in [0, 1, 125, 126, 4095, 4096, 16_383, 65_535, 65_536, 1_000_000] {
        let text = Message::text("x".repeat(len));
        ws.send(text.clone()).unwrap();
        assert_eq!(ws.recv().unwrap(), Some(text));
        let binary = Message::binary((0..len).map(|i| i as u8).collect::<Vec<_>>());
        ws.send(binary.clone()).unwrap();
        assert_eq!(ws.recv().unwrap(), Some(binary));
    }
    ws.close(CloseCode::NORMAL, "").unwrap();
}

#[test]
fn a_message_of_16_mib_goes_both_ways() {
    let mut config = Config::default();
    config.limits.max_message = 16 << 20;
    config.limits.max_frame = 16 << 20;
    let server = Serving::echo(config.clone());
    let mut ws = Connect::new(&server.url()).unwrap().config(config).connect().unwrap();
    let message = Message::binary((0..16_u32 << 20).map(|i| (i * 7 % 251) as u8).collect::<Vec<_>>());
    ws.send(message.clone()).unwrap();
    assert!(ws.recv().unwrap() == Some(message));
    ws.close(CloseCode::NORMAL, "").unwrap();
}

#[test]
fn many_messages_keep_their_order() {
    let server = Serving::echo(Config::default());
    let mut ws = connect(&server.url()).unwrap();
    for i in 0..1000 {
        ws.feed(format!("message {i}")).unwrap();
    }
    for i in 0..1000 {
        assert_eq!(ws.recv().unwrap(), Some(format!("message {i}").into()));
    }
}

#[test]
fn clients_are_served_side_by_side() {
    let server = Serving::echo(Config::default());
    let mut clients: Vec<_> = (0..20).map(|_| connect(&server.url()).unwrap()).collect();
    thread::scope(|scope| {
        for (i, ws) in clients.iter_mut().enumerate() {
            scope.spawn(move || {
                ws.send(format!("from {i}")).unwrap();
                assert_eq!(ws.recv().unwrap(), Some(format!("from {i}").into()));
            });
        }
    });
}

#[test]
fn ipv6_works() {
    let server = Server::bind("[::1]:0").unwrap();
    let server = Serving::start(server, |incoming| drop(echo(incoming)));
    let mut ws = connect(&server.url()).unwrap();
    assert!(server.url().contains("[::1]"));
    ws.send("six").unwrap();
    assert_eq!(ws.recv().unwrap(), Some("six".into()));
}

#[test]
fn a_prepared_message_goes_to_many() {
    let prepared = Prepared::new("to all");
    for _ in 0..2 {
        let (mut raw, mut ws) = Raw::to_server(Config::default());
        ws.feed_prepared(&prepared).unwrap();
        ws.flush().unwrap();
        raw.expect(b"\x81\x06to all");
    }
}

#[test]
fn clients_mask_with_fresh_keys() {
    let (mut raw, mut ws) = Raw::to_client(Config::default());
    let mut keys = Vec::new();
    for _ in 0..16 {
        ws.send(Bytes::from_static(&[0; 8])).unwrap();
        let mut frame = [0; 2 + 4 + 8];
        raw.stream.read_exact(&mut frame).unwrap();
        assert_eq!(frame[..2], [0x82, 0x80 | 8]);
        let key = <[u8; 4]>::try_from(&frame[2..6]).unwrap();
        assert_eq!(frame[6..], [key, key].concat());
        keys.push(key);
    }
    keys.sort_unstable();
    keys.dedup();
    assert!(keys.len() > 1, "sixteen times the same key");
}

#[cfg(not(feature = "tls"))]
#[test]
fn tls_is_refused_by_name() {
    assert!(matches!(
        connect("wss://localhost/"),
        Err(ws_blocking::Error::TlsUnsupported)
    ));
}
