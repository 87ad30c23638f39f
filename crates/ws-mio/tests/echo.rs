//! Messages there and back.

mod common;

use common::{BINARY, CLOSE, Diary, Note, Peer, Recorder, TEXT, World, close, config, frame};
use ws_mio::{CloseCode, Config, Delivery, Http, Server, Side};

#[test]
fn messages_come_back() {
    let mut world = World::new(config(), Recorder::echo);
    let mut peer = world.peer();
    peer.send(&frame(TEXT, b"Hello"));
    assert_eq!(world.frame(&mut peer), (TEXT, b"Hello".to_vec()));
    peer.send(&frame(BINARY, &[7; 70_000]));
    assert_eq!(world.frame(&mut peer), (BINARY, vec![7; 70_000]));
}

#[test]
fn a_message_in_fragments_and_single_bytes_comes_back_whole() {
    let mut world = World::new(config(), Recorder::echo);
    let mut peer = world.peer();
    for byte in [frame(0x01, b"Hel"), frame(0x00, b""), frame(0x80, b"lo")].concat() {
        peer.send(&[byte]);
        world.server.turn(None).unwrap();
    }
    assert_eq!(world.frame(&mut peer), (TEXT, b"Hello".to_vec()));
}

#[test]
fn frames_behind_the_request_are_not_lost() {
    let mut world = World::new(config(), Recorder::echo);
    let mut peer =
        world.peer_with(&[frame(TEXT, b"one"), frame(TEXT, b"two"), frame(CLOSE, &close(1000, ""))].concat());
    assert_eq!(world.frame(&mut peer), (TEXT, b"one".to_vec()));
    assert_eq!(world.frame(&mut peer), (TEXT, b"two".to_vec()));
    assert_eq!(world.frame(&mut peer), (CLOSE, close(1000, "")));
    assert!(world.rest(&mut peer).is_empty());
}

#[test]
fn a_large_message_comes_back_through_a_slow_peer() {
    const LEN: usize = 16 * 1024 * 1024;
    let mut config = config();
    config.limits.max_frame = LEN as u64;
    config.limits.max_message = LEN as u64;
    let mut world = World::new(config, Recorder::echo);
    let mut peer = world.peer();
    let payload: Vec<u8> = (0..LEN).map(|at| (at % 251) as u8).collect();
    let bytes = frame(BINARY, &payload);
    let mut sent = 0;
    while sent < bytes.len() {
        sent += peer.try_send(&bytes[sent..]);
        world.server.turn(Some(std::time::Duration::ZERO)).unwrap();
    }
    let (first, echo) = world.frame(&mut peer);
    assert_eq!(first, BINARY);
    assert!(echo == payload);
    // The connection is in order afterwards.
    peer.send(&frame(TEXT, b"next"));
    assert_eq!(world.frame(&mut peer), (TEXT, b"next".to_vec()));
}

#[test]
fn our_own_client_talks_to_our_own_server() {
    const LEN: usize = 3 * 1024 * 1024;
    let mut config = config();
    config.limits.max_frame = LEN as u64;
    config.limits.max_message = LEN as u64;
    let mut world = World::new(config, Recorder::echo);
    let diary = Diary::default();
    let client = Recorder::new(&diary)
        .on_open(|context| {
            context.send("Hello").unwrap();
            context.send(&vec![9; LEN]).unwrap();
        })
        .on_message(|context, message| {
            if message.as_bytes().len() == LEN {
                context.close(CloseCode::NORMAL, "bye").unwrap();
            }
        });
    let url = world.url();
    world.server.connect(&url, client).unwrap();
    world.until(|world| (world.server.connections() == 0 && !diary.borrow().is_empty()).then_some(()));
    let diary = diary.borrow();
    let [
        Note::Open(agreed),
        Note::Text(text),
        Note::Binary(bytes),
        Note::Close(ending),
        Note::Dropped,
    ] = &diary[..]
    else {
        panic!("{diary:?}")
    };
    assert_eq!(agreed.response.as_ref().unwrap().status(), 101);
    assert_eq!(text, "Hello");
    assert!(*bytes == vec![9; LEN]);
    assert!(ending.is_clean());
    assert_eq!(ending.first, Some(Side::Local));
    assert_eq!(ending.code(), CloseCode::NORMAL);
    let served = world.diary.borrow();
    let Some(Note::Close(ending)) = served.iter().find(|note| matches!(note, Note::Close(_))) else {
        panic!()
    };
    assert_eq!(
        (ending.code(), ending.reason(), ending.first),
        (CloseCode::NORMAL, "bye", Some(Side::Peer))
    );
}

#[test]
fn ipv6_and_names_are_connected_to() {
    let mut world = World::at("[::1]:0", config(), Recorder::echo);
    for host in ["[::1]", "localhost"] {
        let diary = Diary::default();
        let client = Recorder::new(&diary)
            .on_open(|context| context.send("Hello").unwrap())
            .on_message(|context, _| context.close(CloseCode::NORMAL, "").unwrap());
        let url = format!("ws://{host}:{}/", world.address.port());
        if host == "localhost" && !knows_ipv6_localhost() {
            continue;
        }
        world.server.connect(&url, client).unwrap();
        world.until(|_| {
            diary
                .borrow()
                .iter()
                .any(|note| matches!(note, Note::Dropped))
                .then_some(())
        });
        assert!(
            matches!(&diary.borrow()[1], Note::Text(text) if text == "Hello"),
            "{:?}",
            diary.borrow()
        );
    }
}

/// `localhost` may stand for 127.0.0.1 and ::1; whichever is tried first, the other one is reached too.
#[test]
fn every_address_of_a_name_is_tried() {
    let mut world = World::new(config(), Recorder::echo);
    let diary = Diary::default();
    let url = format!("ws://localhost:{}/", world.address.port());
    world.server.connect(&url, Recorder::new(&diary)).unwrap();
    world.until(|_| matches!(diary.borrow().first(), Some(Note::Open(_))).then_some(()));
}

#[test]
fn messages_of_the_applications_own_kinds_come_back() {
    let mut config = config();
    config.opcodes.register(3, "ascii").unwrap();
    let mut world = World::new(config, Recorder::echo);
    let mut peer = world.peer();
    peer.send(&frame(0x83, b"plain"));
    assert_eq!(world.frame(&mut peer), (0x83, b"plain".to_vec()));
}

#[test]
fn chunks_are_handed_out_as_they_come() {
    let mut config: Config = config();
    config.delivery = Delivery::Chunks;
    let mut world = World::new(config, Recorder::new);
    let mut peer = world.peer();
    let bytes = frame(BINARY, b"abcdef");
    peer.send(&bytes[..9]);
    world.until_noted(|note| matches!(note, Note::Chunk(data, false) if data == b"abc").then_some(()));
    peer.send(&bytes[9..]);
    world.until_noted(|note| matches!(note, Note::Chunk(data, true) if data == b"def").then_some(()));
}

#[test]
fn a_connection_can_be_used_from_outside() {
    let mut server = Server::new(config()).unwrap();
    let diary = Diary::default();
    let notes = diary.clone();
    let address = server
        .listen("127.0.0.1:0", Http::clients(move || Recorder::new(&notes)))
        .unwrap();
    let mut world = World { server, address, diary };
    let client = Diary::default();
    let url = world.url();
    let id = world.server.connect(&url, Recorder::new(&client)).unwrap();
    assert_eq!(world.server.with(id, |_: &mut Recorder, _| ()), None, "not open yet");
    world.until(|_| (!client.borrow().is_empty()).then_some(()));
    let sent = world.server.with(id, |_: &mut Recorder, context| {
        assert_eq!(context.id(), id);
        context.send("from outside")
    });
    assert_eq!(sent, Some(Ok(())));
    world.until_noted(|note| matches!(note, Note::Text(text) if text == "from outside").then_some(()));
    world
        .server
        .with(id, |_: &mut Recorder, context| context.close(CloseCode::NORMAL, ""))
        .unwrap()
        .unwrap();
    world.until(|world| (world.server.connections() == 0).then_some(()));
    let _new = Peer::connect(world.address);
    world.until(|world| (world.server.connections() == 1).then_some(()));
    assert_eq!(
        world.server.with(id, |_: &mut Recorder, _| ()),
        None,
        "its place is taken, its name is not"
    );
}

fn knows_ipv6_localhost() -> bool {
    use std::net::ToSocketAddrs;
    ("localhost", 1)
        .to_socket_addrs()
        .unwrap()
        .any(|address| address.is_ipv6())
}
