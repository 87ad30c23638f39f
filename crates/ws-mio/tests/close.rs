//! Ends of every kind: who closed, with what, and what the handler and the wire are told.

mod common;

use std::cell::Cell;
use std::net::Shutdown;
use std::time::Duration;

use common::{CLOSE, Diary, Note, PING, Peer, Recorder, TEXT, World, close, config, frame};
use ws_mio::{ClientId, CloseCode, ConnectionError, Options, ProtocolError, SendError, Side, Timeout};

#[test]
fn the_peers_close_is_answered_and_the_transport_ended_by_the_server() {
    let mut world = World::new(config(), Recorder::new);
    let mut peer = world.peer();
    peer.send(&frame(CLOSE, &close(4001, "had enough")));
    assert_eq!(world.frame(&mut peer), (CLOSE, close(4001, "")));
    assert!(world.rest(&mut peer).is_empty());
    let ending = world.until_closed();
    assert!(ending.is_clean());
    assert_eq!(
        (ending.code().as_u16(), ending.reason(), ending.first),
        (4001, "had enough", Some(Side::Peer))
    );
    drop(peer);
    until_gone(&mut world);
}

#[test]
fn our_close_carries_its_code_and_reason() {
    let mut world = World::new(config(), |diary| {
        Recorder::new(diary).on_message(|context, _| {
            // The second time, for a message after our Close, is too late.
            let _ = context.close(CloseCode::new(4002), "that's all");
            assert_eq!(context.send("late"), Err(SendError::Closed));
        })
    });
    let mut peer = world.peer();
    peer.send(&frame(TEXT, b"go"));
    assert_eq!(world.frame(&mut peer), (CLOSE, close(4002, "that's all")));
    // Until the peer's Close comes, its messages do.
    peer.send(&frame(TEXT, b"one more"));
    world.until_noted(|note| matches!(note, Note::Text(text) if text == "one more").then_some(()));
    assert!(!world.diary.borrow().iter().any(|note| matches!(note, Note::Close(_))));
    peer.send(&frame(CLOSE, &close(4002, "")));
    assert!(world.rest(&mut peer).is_empty());
    let ending = world.until_closed();
    assert!(ending.is_clean());
    assert_eq!(ending.first, Some(Side::Local));
}

#[test]
fn what_has_ended_cannot_be_used_from_outside_while_the_transport_lasts() {
    thread_local! { static OPENED: Cell<Option<ClientId>> = const { Cell::new(None) }; }
    let mut world = World::new(config(), |diary| {
        Recorder::new(diary).on_open(|context| OPENED.set(Some(context.id())))
    });
    let mut peer = world.peer();
    let id = OPENED.get().unwrap();
    assert!(world.server.with(id, |_: &mut Recorder, _| ()).is_some());
    peer.send(&frame(CLOSE, &close(1000, "")));
    world.until_closed();
    assert_eq!(world.server.connections(), 1);
    assert!(world.server.with(id, |_: &mut Recorder, _| ()).is_none());
}

#[test]
fn an_end_without_a_close_is_told_as_such_after_what_came_before() {
    let mut world = World::new(config(), Recorder::echo);
    let mut peer = world.peer();
    peer.send(&frame(TEXT, b"last words"));
    peer.stream.shutdown(Shutdown::Write).unwrap();
    let ending = world.until_closed();
    assert_eq!(ending.error, Some(ConnectionError::Disconnected));
    assert_eq!(ending.code(), CloseCode::ABNORMAL);
    // The answer still leaves: only the peer's direction has ended.
    assert_eq!(world.rest(&mut peer), b"\x81\x0alast words");
    until_gone(&mut world);
    order(&world, "Text, Close, Dropped");
}

#[test]
fn a_reset_does_not_lose_what_came_before() {
    let mut world = World::new(config(), Recorder::echo);
    let mut peer = world.peer();
    // Unread data in the peer's socket turns its end into a reset, which meets the second of our writes.
    peer.send(&frame(TEXT, b"first"));
    world.until_noted(|note| matches!(note, Note::Text(_)).then_some(()));
    peer.send(&frame(TEXT, b"second"));
    drop(peer);
    until_gone(&mut world);
    order(&world, "Text, Text, Close, Dropped");
}

#[test]
fn after_a_protocol_error_the_reason_is_on_the_wire_and_not_reset_away() {
    let mut world = World::new(config(), Recorder::new);
    let mut peer = world.peer();
    // An unmasked frame, and a good deal of data behind it that nobody will look at.
    peer.send(b"\x81\x02no");
    peer.send(&[0; 100_000]);
    let (first, payload) = world.frame(&mut peer);
    assert_eq!((first, &payload[..2]), (CLOSE, &1002_u16.to_be_bytes()[..]));
    assert!(world.rest(&mut peer).is_empty(), "our direction ends, without a reset");
    let ending = world.until_closed();
    assert_eq!(ending.error, Some(ConnectionError::Protocol(ProtocolError::Unmasked)));
    drop(peer);
    until_gone(&mut world);
    order(&world, "Close, Dropped");
}

#[test]
fn a_peer_that_does_not_answer_our_close_is_given_up() {
    let mut config = config();
    config.timeouts.close = Some(SOON);
    let mut world = World::new(config, |diary| {
        Recorder::new(diary).on_message(|context, _| context.close(CloseCode::NORMAL, "").unwrap())
    });
    let mut peer = world.peer();
    peer.send(&frame(TEXT, b"go"));
    let ending = world.until_closed();
    assert_eq!(ending.error, Some(ConnectionError::Timeout(Timeout::Close)));
    assert_eq!(world.rest(&mut peer), [&[CLOSE, 2][..], &close(1000, "")].concat());
    until_gone(&mut world);
}

#[test]
fn a_peer_that_keeps_the_transport_open_is_given_up() {
    let mut config = config();
    config.timeouts.linger = Some(SOON);
    let mut world = World::new(config, Recorder::new);
    let mut peer = world.peer();
    peer.send(&frame(CLOSE, &close(1000, "")));
    // The peer stays: only the deadline can end this.
    until_gone(&mut world);
    order(&world, "Close, Dropped");
}

#[test]
fn a_silent_peer_is_pinged_and_then_given_up() {
    let mut config = config();
    config.timeouts.ping_interval = Some(SOON);
    config.timeouts.ping_timeout = Some(SOON);
    let mut world = World::new(config, Recorder::new);
    let mut peer = world.peer();
    assert_eq!(world.frame(&mut peer).0, PING);
    let ending = world.until_closed();
    assert_eq!(ending.error, Some(ConnectionError::Timeout(Timeout::Ping)));
    let (first, payload) = world.frame(&mut peer);
    assert_eq!((first, &payload[..2]), (CLOSE, &1011_u16.to_be_bytes()[..]));
    assert!(world.rest(&mut peer).is_empty());
}

#[test]
fn a_peer_that_answers_pings_stays() {
    let mut config = config();
    config.timeouts.ping_interval = Some(SOON);
    config.timeouts.ping_timeout = Some(Duration::from_secs(60));
    let mut world = World::new(config, |diary| {
        Recorder::new(diary).on_message(|context, _| assert!(context.round_trip().is_some()))
    });
    let mut peer = world.peer();
    for _ in 0..3 {
        let (first, payload) = world.frame(&mut peer);
        assert_eq!(first, PING);
        peer.send(&frame(common::PONG, &payload));
    }
    world.frame(&mut peer);
    peer.send(&frame(TEXT, b"still here"));
    world.until_noted(|note| matches!(note, Note::Text(_)).then_some(()));
}

#[test]
fn idle_connections_and_unfinished_messages_have_their_deadlines() {
    let mut idle = config();
    idle.timeouts.idle = Some(SOON);
    let mut assembly = config();
    assembly.timeouts.assembly = Some(SOON);
    let cases = [
        (idle, &b""[..], 1001_u16, Timeout::Idle),
        (assembly, b"\x01\x81\0\0\0\0a", 1008, Timeout::Assembly),
    ];
    for (config, sent, code, timeout) in cases {
        let mut world = World::new(config, Recorder::new);
        let mut peer = world.peer();
        peer.send(sent);
        let (first, payload) = world.frame(&mut peer);
        assert_eq!((first, &payload[..2]), (CLOSE, &code.to_be_bytes()[..]));
        assert_eq!(world.until_closed().error, Some(ConnectionError::Timeout(timeout)));
    }
}

#[test]
fn stopping_tells_everybody_and_ends_the_run() {
    let mut world = World::new(config(), Recorder::new);
    world.server.set_options(stopping_within(Duration::from_secs(600)));
    let mut peers = [world.peer(), world.peer()];
    let diary = Diary::default();
    let url = world.url();
    world.server.connect(&url, Recorder::new(&diary)).unwrap();
    let stop = world.server.handle();
    std::thread::spawn(move || stop.stop()).join().unwrap();
    for peer in &mut peers {
        assert_eq!(world.frame(peer), (CLOSE, close(1001, "")));
        peer.send(&frame(CLOSE, &close(1001, "")));
    }
    drop(peers);
    world.server.run().unwrap();
    assert_eq!(world.server.connections(), 0);
    assert!(
        matches!(diary.borrow()[..], [Note::Fail(ws_mio::Error::Stopped), Note::Dropped]),
        "{diary:?}"
    );
    assert!(
        std::net::TcpStream::connect(world.address).is_err(),
        "nobody listens any more"
    );
    assert!(matches!(
        world.server.connect(&url, Recorder::new(&diary)),
        Err(ws_mio::Error::Stopped)
    ));
}

#[test]
fn stopping_does_not_wait_for_peers_for_ever() {
    let mut world = World::new(config(), |diary| {
        Recorder::new(diary).on_message(|context, _| context.handle().stop())
    });
    world.server.set_options(stopping_within(SOON));
    let mut deaf = world.peer();
    deaf.send(&frame(TEXT, b"stop"));
    let _half_open = Peer::connect(world.address);
    world.server.run().unwrap();
    order(&world, "Text, Close, Dropped");
    assert!(!world.until_closed().is_clean());
}

#[test]
fn with_automatic_closes_off_the_handler_answers() {
    let mut config = config();
    config.replies.close = false;
    let mut world = World::new(config, |diary| {
        Recorder::new(diary).on_close(|context| context.close(CloseCode::new(4003), "by hand").unwrap())
    });
    let mut peer = world.peer();
    peer.send(&frame(CLOSE, &close(1000, "")));
    assert_eq!(world.frame(&mut peer), (CLOSE, close(4003, "by hand")));
    assert!(world.rest(&mut peer).is_empty());
}

fn stopping_within(deadline: Duration) -> Options {
    let mut options = Options::default();
    options.stop_deadline = deadline;
    options
}

fn until_gone(world: &mut World) {
    world.until(|world| (world.server.connections() == 0).then_some(()));
}

/// What the handler was told after its opening, by kind.
#[track_caller]
fn order(world: &World, expected: &str) {
    let kinds: Vec<String> = world.diary.borrow()[1..]
        .iter()
        .map(|note| {
            let debug = format!("{note:?}");
            debug.split('(').next().unwrap().to_owned()
        })
        .collect();
    assert_eq!(kinds.join(", "), expected);
}

/// A deadline that passes during the test.
const SOON: Duration = Duration::from_millis(30);
