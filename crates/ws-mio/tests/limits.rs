//! What a peer can make us hold or do is bounded.

mod common;

use std::cell::Cell;
use std::time::Duration;

use common::{BINARY, CLOSE, Note, PING, PONG, Peer, Recorder, TEXT, World, config, frame};
use ws_mio::{ConnectionError, ProtocolError, SendError};

#[test]
fn a_declared_length_over_the_limit_is_refused_before_any_of_it_comes() {
    let mut config = config();
    config.limits.max_frame = 100;
    config.limits.max_message = 100;
    let mut world = World::new(config, Recorder::echo);
    let mut peer = world.peer();
    peer.send(&frame(BINARY, &[1; 100]));
    assert_eq!(world.frame(&mut peer), (BINARY, vec![1; 100]));
    peer.send(&frame(BINARY, &[1; 101])[..8]);
    let (first, payload) = world.frame(&mut peer);
    assert_eq!((first, &payload[..2]), (CLOSE, &1009_u16.to_be_bytes()[..]));
    assert_eq!(
        world.until_closed().error,
        Some(ConnectionError::Protocol(ProtocolError::FrameTooBig))
    );
    assert!(world.rest(&mut peer).is_empty());
}

#[test]
fn a_message_over_the_limit_in_small_fragments_is_refused() {
    let mut config = config();
    config.limits.max_message = 100;
    let mut world = World::new(config, Recorder::echo);
    let mut peer = world.peer();
    peer.send(&[frame(0x02, &[1; 60]), frame(0x00, &[1; 60])].concat());
    let (first, payload) = world.frame(&mut peer);
    assert_eq!((first, &payload[..2]), (CLOSE, &1009_u16.to_be_bytes()[..]));
}

/// A peer that sends and never reads: at some point nothing more is read from it, no message is lost, and nothing
/// grows. When it reads, all answers are there.
#[test]
fn a_peer_that_never_reads_is_not_read_from() {
    thread_local! { static MOST: Cell<usize> = const { Cell::new(0) }; }
    let mut world = World::new(config(), |diary| {
        let _ = diary;
        Recorder::quiet().on_message(|context, message| {
            context
                .send(message)
                .expect("one answer for each message always finds room");
            MOST.set(MOST.get().max(context.queued()));
        })
    });
    let mut peer = world.peer();
    let message = frame(BINARY, &[5; 1000]);
    let bytes = message.repeat(100);
    let (mut sent, mut idle_rounds) = (0, 0);
    // The sockets' own buffers fill up first; then neither side gets any further.
    while idle_rounds < 50 {
        let count = peer.try_send(&bytes[sent % bytes.len()..]);
        sent += count;
        idle_rounds = if count == 0 { idle_rounds + 1 } else { 0 };
        world.server.turn(Some(Duration::from_millis(1))).unwrap();
    }
    assert!(MOST.get() >= HIGH_WATER, "the queue was never full: {}", MOST.get());
    assert!(
        MOST.get() < HIGH_WATER + 2 * message.len(),
        "{} bytes were queued",
        MOST.get()
    );
    let whole = sent / message.len();
    for _ in 0..whole {
        assert_eq!(world.frame(&mut peer), (BINARY, vec![5; 1000]));
    }
}

#[test]
fn a_handler_that_sends_too_much_is_told_and_told_again_when_it_can_go_on() {
    let mut world = World::new(config(), |diary| {
        Recorder::new(diary)
            .on_message(
                |context, _| {
                    while context.send(&[1; 10_000]) != Err(SendError::QueueFull) {}
                },
            )
            .on_drained(|context| context.send("go on").unwrap())
    });
    let mut peer = world.peer();
    peer.send(&frame(TEXT, b"go"));
    world.until_noted(|note| matches!(note, Note::Text(_)).then_some(()));
    assert!(!world.diary.borrow().iter().any(|note| matches!(note, Note::Drained)));
    while world.frame(&mut peer) != (TEXT, b"go on".to_vec()) {}
    assert_eq!(
        world
            .diary
            .borrow()
            .iter()
            .filter(|note| matches!(note, Note::Drained))
            .count(),
        1
    );
}

/// Pings of a peer that never reads its pongs take the place of one another.
#[test]
fn a_flood_of_pings_is_bounded() {
    thread_local! { static MOST: Cell<usize> = const { Cell::new(0) }; }
    let mut world = World::new(config(), |_| {
        Recorder::quiet().on_ping(|context| MOST.set(MOST.get().max(context.queued())))
    });
    let mut peer = world.peer();
    let flood = frame(PING, &[7; 125]).repeat(1000);
    let (mut sent, mut idle_rounds) = (0, 0);
    // The peer gets stuck only if we stop reading, and until then each ping is answered: so it ends when our queue
    // and the sockets are full.
    while idle_rounds < 50 {
        let count = peer.try_send(&flood[sent % flood.len()..]);
        sent += count;
        idle_rounds = if count == 0 { idle_rounds + 1 } else { 0 };
        world.server.turn(Some(Duration::from_millis(1))).unwrap();
    }
    assert!(
        MOST.get() < HIGH_WATER + flood.len() / 1000,
        "{} bytes of pongs were queued",
        MOST.get()
    );
    assert_eq!(world.frame(&mut peer), (PONG, vec![7; 125]));
}

/// One peer that keeps sending doesn't keep another one waiting.
#[test]
fn a_busy_peer_leaves_room_for_others() {
    thread_local! { static BUSY: Cell<usize> = const { Cell::new(0) }; }
    let mut world = World::new(config(), |diary| {
        Recorder::new(diary).on_message(|_, message| {
            BUSY.set(BUSY.get() + message.as_bytes().len());
        })
    });
    let (mut busy, mut other) = (world.peer(), world.peer());
    world.until(|world| (world.server.connections() == 2).then_some(()));
    let flood = frame(BINARY, &[0; 1 << 16]).repeat(64);
    let sent = busy.try_send(&flood);
    assert!(sent > 2 * TURN, "the socket took only {sent} bytes");
    other.send(&frame(TEXT, b"me too"));
    world.server.turn(None).unwrap();
    assert!(
        BUSY.get() <= TURN + (1 << 16),
        "{} bytes were read in one turn",
        BUSY.get()
    );
    world.until_noted(|note| matches!(note, Note::Text(_)).then_some(()));
    assert!(BUSY.get() < sent / 2, "the other one came last");
    // And nothing that was left for later is forgotten, though no event tells of it.
    world.until(|_| (BUSY.get() + (1 << 16) > sent - 64 * 14).then_some(()));
}

#[test]
fn a_request_that_is_too_long_or_too_slow_is_refused() {
    let mut long = config();
    long.handshake.max_head_bytes = 1000;
    let mut world = World::new(long, Recorder::new);
    let mut peer = Peer::connect(world.address);
    peer.send(b"GET / HTTP/1.1\r\nX: ");
    peer.send(&[b'x'; 2000]);
    assert!(world.head(&mut peer).starts_with("HTTP/1.1 431 "));
    world.rest(&mut peer);

    let mut slow = config();
    slow.handshake.timeout = Duration::from_millis(30);
    let mut world = World::new(slow, Recorder::new);
    let mut peer = Peer::connect(world.address);
    peer.send(b"GET / HTT");
    assert!(world.head(&mut peer).starts_with("HTTP/1.1 408 "));
    world.rest(&mut peer);
    drop(peer);
    world.until(|world| (world.server.connections() == 0).then_some(()));
    assert!(world.diary.borrow().is_empty(), "no handler was made");
}

/// The default of `output_high_water`.
const HIGH_WATER: usize = 64 * 1024;

/// What one connection may read in a turn.
const TURN: usize = 256 * 1024;
