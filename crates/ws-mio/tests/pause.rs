//! Reading that is paused: from the next message on, and only as long as the connection is open.

mod common;

use std::time::Duration;

use common::{CLOSE, Note, Peer, Recorder, TEXT, World, close, config, frame};
use ws_mio::{Answer, Client, CloseCode, Context, Http, Lines, Options, Server, Side, Speaker, Talk, each};

fn pausing(world: &mut World) -> Peer {
    let mut peer = world.peer();
    peer.send(&[frame(TEXT, b"one"), frame(TEXT, b"two")].concat());
    world.until_noted(|note| matches!(note, Note::Text(_)).then_some(()));
    peer
}

fn texts(world: &World) -> usize {
    let diary = world.diary.borrow();
    diary.iter().filter(|note| matches!(note, Note::Text(_))).count()
}

fn world() -> World {
    World::new(config(), |diary| {
        Recorder::new(diary).on_message(|context, _| context.pause())
    })
}

#[test]
fn a_pause_begins_at_once_and_what_was_read_already_waits() {
    let mut world = world();
    let mut peer = pausing(&mut world);
    peer.send(&frame(TEXT, b"three"));
    for _ in 0..5 {
        world.server.turn(Some(Duration::ZERO)).unwrap();
        assert_eq!(texts(&world), 1);
    }
    assert_ne!(world.server.patience(), Some(Duration::ZERO), "it costs nothing");
    let id = world.server.clients().iter().next().unwrap();
    for count in [2, 3] {
        world.server.with(id, |_: &mut Recorder, context| context.resume());
        world.until(|world| (texts(world) == count).then_some(()));
    }
}

#[test]
fn closing_ends_the_pause_so_that_the_peers_close_is_found() {
    let mut world = world();
    let mut peer = pausing(&mut world);
    let id = world.server.clients().iter().next().unwrap();
    world
        .server
        .with(id, |_: &mut Recorder, context| context.close(CloseCode::NORMAL, ""));
    assert_eq!(world.frame(&mut peer), (CLOSE, close(1000, "")));
    peer.send(&frame(CLOSE, &close(1000, "")));
    let ending = world.until_closed();
    assert!(ending.is_clean() && ending.first == Some(Side::Local), "{ending:?}");
    assert!(world.rest(&mut peer).is_empty());
}

/// The wish to close is taken in by the turn for which the peer's bytes are the event: no other event tells of them.
#[test]
fn somebody_elses_wish_to_close_ends_the_pause_in_whatever_turn_it_comes() {
    let mut config = config();
    // A deadline that passes would look after it.
    config.handshake.timeout = Duration::from_secs(600);
    config.timeouts.close = Some(Duration::from_secs(600));
    let mut world = World::new(config, |diary| {
        Recorder::new(diary).on_message(|context, _| context.pause())
    });
    let mut peer = pausing(&mut world);
    let id = world.server.clients().iter().next().unwrap();
    world.server.turn(Some(Duration::ZERO)).unwrap();
    peer.send(&frame(CLOSE, &close(1000, "")));
    world.server.clients().close(id, CloseCode::new(4000), "kicked");
    let ending = world.until_closed();
    assert!(ending.is_clean(), "{ending:?}");
    assert_eq!(texts(&world), 2, "what was said before");
}

#[test]
fn a_server_that_stops_gets_the_closes_of_those_that_are_paused() {
    let mut world = world();
    let mut options = Options::default();
    options.stop_deadline = Duration::from_secs(600);
    world.server.set_options(options);
    let mut peer = pausing(&mut world);
    world.server.handle().stop();
    assert_eq!(world.frame(&mut peer), (CLOSE, close(1001, "")));
    peer.send(&frame(CLOSE, &close(1001, "")));
    assert!(world.until_closed().is_clean());
}

/// Does not look any more, and says goodbye.
struct Tired;

impl Talk for Tired {
    fn hear(&mut self, speaker: &mut Speaker<'_>, _line: &str) {
        speaker.pause();
        speaker.say("good night");
        speaker.end();
    }
}

/// Refuses, and has paused before.
struct Refusing;

impl Client for Refusing {
    fn accept(&mut self, context: &mut Context<'_>) -> bool {
        context.pause();
        false
    }
}

#[test]
fn a_conversation_that_ends_while_it_is_paused_is_not_reset() {
    let mut config = config();
    config.timeouts.linger = Some(Duration::from_secs(600));
    let mut server = Server::new(config).unwrap();
    let lines = server.listen("127.0.0.1:0", each(|| Lines::new(Tired))).unwrap();
    let http = server
        .listen("127.0.0.1:0", Http::new(|_, _| Answer::client(Refusing)))
        .unwrap();
    let cases = [
        (lines, &b"one\r\n"[..], &b"good night\r\n"[..]),
        (http, common::REQUEST.as_bytes(), b"HTTP/1.1 403 "),
    ];
    for (address, said, answer) in cases {
        let mut peer = Peer::connect(address);
        peer.send(&[said, &[b'x'; 300_000]].concat());
        let begun = std::time::Instant::now();
        while !peer.ended {
            assert!(begun.elapsed() < Duration::from_secs(60));
            server.turn(Some(Duration::from_millis(2))).unwrap();
            peer.receive();
        }
        assert!(peer.got.starts_with(answer));
        drop(peer);
        while server.connections() > 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "only the deadline ends it");
            server.turn(Some(Duration::from_millis(2))).unwrap();
        }
    }
}
