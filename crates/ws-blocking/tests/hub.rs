//! Servers that know their connections: callbacks, the inbox, sending to many.

mod common;

use std::io::Read;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, REQUEST, Raw, in_thread};
use ws_blocking::hub::{Event, Hub, PeerId, WhenFull};
use ws_blocking::{Accept, CloseCode, Config, Error, Message, Response, Server, WebSocket, connect, raw};

/// Handlers have time to return, however slow the machine.
fn server() -> Server {
    Server::bind("127.0.0.1:0").unwrap().stop_timeout(PATIENCE)
}

fn client(hub: &Hub) -> WebSocket {
    connect(&format!("ws://{}/", hub.running().local_addr().unwrap())).unwrap()
}

fn next(hub: &Hub) -> Event {
    hub.next_event(Some(PATIENCE)).expect("an event")
}

#[test]
fn callbacks_are_called_and_the_end_exactly_once() {
    for how in ["close", "drop", "fault", "panic", "disconnect"] {
        let (tell, told) = mpsc::channel();
        let (tell_message, tell_end) = (tell.clone(), tell.clone());
        let hub = server()
            .hub()
            .on_connect(move |peer| tell.send(format!("+ {}", peer.id())).unwrap())
            .on_receive(move |peer, message| {
                assert_ne!(message, "panic".into(), "as the test wants it");
                peer.send(message).unwrap();
                tell_message.send("message".to_owned()).unwrap();
            })
            .on_disconnect(move |peer| tell_end.send(format!("- {}", peer.id())).unwrap())
            .start()
            .unwrap();
        let mut ws = client(&hub);
        ws.send("x").unwrap();
        assert_eq!(ws.recv().unwrap(), Some("x".into()));
        let peer = hub.peers().remove(0);
        match how {
            "close" => ws.close(CloseCode::NORMAL, "").unwrap(),
            "panic" => ws.send("panic").unwrap(),
            "fault" => ws.send(vec![0; 2 << 20]).unwrap(),
            "disconnect" => {
                assert!(hub.disconnect(peer.id()));
                assert_eq!(ws.recv().unwrap(), None);
            }
            _ => {}
        }
        drop(ws);
        let id = peer.id();
        for expected in [format!("+ {id}"), "message".to_owned(), format!("- {id}")] {
            assert_eq!(told.recv_timeout(PATIENCE).unwrap(), expected, "{how}");
        }
        assert!(hub.peers().is_empty());
        assert!(peer.send("late").is_err());
        assert_eq!(hub.shutdown(), 0);
        assert!(told.recv().is_err(), "nothing else: {how}");
    }
}

#[test]
fn the_inbox_tells_everything_in_order() {
    let hub = server().hub().start().unwrap();
    assert!(hub.next_event(Some(Duration::from_millis(5))).is_none());
    let mut ws = client(&hub);
    let Event::Connected(peer) = next(&hub) else {
        panic!("somebody came")
    };
    ws.send("one").unwrap();
    let Event::Received(received) = next(&hub) else {
        panic!("a message came")
    };
    assert_eq!((received.peer.id(), received.message), (peer.id(), "one".into()));
    assert_eq!(hub.peer(peer.id()), Some(peer.clone()));
    let address = peer.address().unwrap();
    assert_eq!(hub.peer_at(address), Some(peer.clone()));
    received.peer.send("two").unwrap();
    assert_eq!(ws.recv().unwrap(), Some("two".into()));
    assert!(hub.disconnect_at(address));
    assert_eq!(ws.recv().unwrap(), None);
    assert!(matches!(next(&hub), Event::Disconnected(gone) if gone == peer));
    assert!(!hub.disconnect_at(address));
    assert!(!hub.has_errors());
    assert!(hub.next_event(Some(Duration::from_millis(5))).is_none());
}

#[test]
fn nothing_is_lost_between_two_calls() {
    let hub = server().hub().inbox(16, WhenFull::Wait).start().unwrap();
    thread::scope(|scope| {
        for client_number in 0..4 {
            let mut ws = client(&hub);
            scope.spawn(move || {
                for number in 0..250 {
                    ws.send(format!("{client_number} {number}")).unwrap();
                }
                ws.close(CloseCode::NORMAL, "").unwrap();
            });
        }
        let mut seen = [0; 4];
        while seen.iter().sum::<u32>() < 1000 {
            let received = hub.take_received();
            assert!(received.len() <= 16);
            for received in received {
                let text = received.message.as_text().unwrap().to_owned();
                let (client, number) = text.split_once(' ').unwrap();
                let seen = &mut seen[client.parse::<usize>().unwrap()];
                assert_eq!(number.parse(), Ok(*seen));
                *seen += 1;
            }
            thread::yield_now();
        }
        assert!(!hub.has_data());
    });
    assert_eq!(hub.dropped(), 0);
}

#[test]
fn a_full_inbox_may_drop_the_oldest() {
    let hub = server().hub().inbox(3, WhenFull::DropOldest).start().unwrap();
    let mut ws = client(&hub);
    for number in 0..10 {
        ws.send(number.to_string()).unwrap();
    }
    ws.measure_round_trip(PATIENCE).unwrap();
    let left: Vec<_> = hub
        .take_received()
        .into_iter()
        .map(|received| received.message)
        .collect();
    assert_eq!(left, ["7".into(), "8".into(), "9".into()]);
    assert_eq!(hub.dropped(), 7);
}

#[test]
fn a_full_inbox_does_not_hold_a_stopping_hub() {
    let hub = server()
        .stop_timeout(1000 * PATIENCE)
        .hub()
        .inbox(1, WhenFull::Wait)
        .start()
        .unwrap();
    let mut ws = client(&hub);
    for _ in 0..10 {
        ws.send("more").unwrap();
    }
    while !hub.has_data() {
        thread::yield_now();
    }
    // It answers the Close, so that nothing but the inbox could hold the hub.
    let receiving = in_thread(move || ws.recv().unwrap());
    assert_eq!(in_thread(move || hub.shutdown_within(PATIENCE))(), 0);
    assert_eq!(receiving(), None);
}

#[test]
fn errors_are_kept_until_they_are_taken() {
    let hub = server().hub().start().unwrap();
    let mut raw = Raw::connect(hub.running().local_addr().unwrap());
    raw.write("nonsense\r\n\r\n");
    raw.read_to_end();
    drop(raw);
    let event = hub.next_event(Some(PATIENCE)).unwrap();
    let Event::Error(record) = event else {
        panic!("{event:?}")
    };
    assert!(matches!(*record.error, Error::Handshake(_)));
    assert!(record.peer.is_none());
    assert!(hub.has_errors());
    assert_eq!(hub.errors().len(), 1);
    // Each is kept, however soon it follows.
    for _ in 0..300 {
        let mut raw = Raw::connect(hub.running().local_addr().unwrap());
        raw.write("nonsense\r\n\r\n");
        raw.read_to_end();
        drop(raw);
        assert!(matches!(hub.next_event(Some(PATIENCE)), Some(Event::Error(_))));
    }
    assert_eq!(hub.take_errors().len(), 256);
    assert_eq!(hub.dropped_errors(), 301 - 256);
    assert!(!hub.has_errors());
}

/// Strangers must not be able to hide who is there.
#[test]
fn failures_do_not_push_out_who_came() {
    let hub = server().hub().start().unwrap();
    let _ws = client(&hub);
    while hub.peers().is_empty() {
        thread::yield_now();
    }
    for _ in 0..1100 {
        let mut raw = Raw::connect(hub.running().local_addr().unwrap());
        raw.write("nonsense\r\n\r\n");
        raw.read_to_end();
    }
    assert!(matches!(next(&hub), Event::Connected(_)));
    assert!(matches!(next(&hub), Event::Error(_)));
}

#[test]
fn of_those_who_come_and_go_unseen_nothing_is_told_once_there_are_too_many() {
    let server = raw::Server::bind_with_backlog("127.0.0.1:0", 1024).unwrap();
    let hub = server.hub().start().unwrap();
    let running = hub.running();
    let address = running.local_addr().unwrap();
    let stay = || {
        let stream = TcpStream::connect(address).unwrap();
        let near = stream.local_addr().unwrap();
        while hub.peer_at(near).is_none() {
            thread::yield_now();
        }
        (stream, hub.peer_at(near).unwrap())
    };
    let (_stream, first) = stay();
    for _ in 0..COME_AND_GO {
        drop(TcpStream::connect(address).unwrap());
    }
    // Who came before it has been let in before it.
    let (_stream, last) = stay();
    while running.connections() > 2 {
        thread::yield_now();
    }
    let mut there = Vec::new();
    let mut told = 0;
    while let Some(event) = hub.next_event(Some(Duration::ZERO)) {
        told += 1;
        match event {
            Event::Connected(peer) => there.push(peer),
            Event::Disconnected(peer) => {
                let before = there.len();
                there.retain(|other| *other != peer);
                assert_eq!(there.len(), before - 1, "who goes has come");
            }
            event => panic!("{event:?}"),
        }
    }
    assert_eq!(there, [first, last]);
    assert!(told <= 1100, "{told} are more than are kept");
    assert_eq!(told + hub.dropped_events(), 2 + 2 * COME_AND_GO);
}

const COME_AND_GO: u64 = 600;

#[test]
fn of_ends_alone_the_last_are_told() {
    let hub = raw::Server::bind("127.0.0.1:0").unwrap().hub();
    let hub = hub.on_connect(|_| {}).start().unwrap();
    for _ in 0..2 * COME_AND_GO {
        let mut stream = TcpStream::connect(hub.running().local_addr().unwrap()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // So that one goes before the next one comes.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    while hub.running().connections() > 0 {
        thread::yield_now();
    }
    let told = std::iter::from_fn(|| hub.next_event(Some(Duration::ZERO))).count() as u64;
    assert_eq!(told + hub.dropped_events(), 2 * COME_AND_GO);
    assert!(told < 2 * COME_AND_GO, "they don't pile up");
}

#[test]
fn messages_go_to_all_or_to_all_but_some() {
    let hub = server().hub().start().unwrap();
    let mut clients: Vec<_> = (0..4).map(|_| client(&hub)).collect();
    while hub.peers().len() < 4 {
        thread::yield_now();
    }
    let peers = hub.peers();
    assert_eq!(hub.send_all("all"), 4);
    assert_eq!(hub.send_all_except("but one", &[peers[1].id()]), 3);
    assert_eq!(hub.send_all("again"), 4);
    for (number, ws) in clients.iter_mut().enumerate() {
        assert_eq!(ws.recv().unwrap(), Some("all".into()));
        if number != 1 {
            assert_eq!(ws.recv().unwrap(), Some("but one".into()));
        }
        assert_eq!(ws.recv().unwrap(), Some("again".into()));
    }
}

#[test]
fn one_that_does_not_read_does_not_keep_a_message_from_the_others() {
    let mut config = Config::default();
    // It is not given up.
    config.timeouts.ping_timeout = None;
    config.timeouts.ping_interval = None;
    config.limits.output_high_water = 10;
    let hub = Arc::new(server().config(config).hub().start().unwrap());
    let mut deaf = Raw::connect(hub.running().local_addr().unwrap());
    deaf.write(REQUEST);
    deaf.read_head();
    while hub.peers().is_empty() {
        thread::yield_now();
    }
    let mut good = client(&hub);
    while hub.peers().len() < 2 {
        thread::yield_now();
    }
    let good_id = hub.peers()[1].id();
    let sending = |message: Message, except: Vec<PeerId>| {
        let hub = Arc::clone(&hub);
        in_thread(move || hub.send_all_except(message, &except))
    };
    // More than sockets buffer, so that whoever writes to the deaf one waits.
    let filling = sending(vec![7; 32 << 20].into(), vec![good_id]);
    deaf.expect([0x82]);
    // The second and the third find its queue full.
    let messages = ["one, to fill it", "two", "three"];
    let waiting: Vec<_> = messages
        .into_iter()
        .map(|message| {
            let waiting = sending(message.into(), Vec::new());
            assert_eq!(good.recv_timeout(PATIENCE).unwrap(), Some(message.into()));
            waiting
        })
        .collect();
    drop(deaf);
    filling();
    assert_eq!(waiting.into_iter().map(|waiting| waiting()).min(), Some(1));
}

#[test]
fn strangers_can_be_turned_away() {
    let counted = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&counted);
    let hub = server()
        .hub()
        .authorize(|request| match request.path() {
            "/open" => Ok(Accept::new()),
            _ => Err(Response::new(401).into()),
        })
        .on_connect(move |_| {
            counting.fetch_add(1, Ordering::SeqCst);
        })
        .start()
        .unwrap();
    let address = hub.running().local_addr().unwrap();
    assert!(matches!(
        connect(&format!("ws://{address}/closed")),
        Err(Error::Refused(response)) if response.status() == 401
    ));
    let mut ws = connect(&format!("ws://{address}/open")).unwrap();
    ws.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(hub.shutdown(), 0);
    assert_eq!(counted.load(Ordering::SeqCst), 1);
}

/// Neither the server's nor the connections' would end it.
#[test]
fn a_hub_may_be_given_a_deadline_of_its_own_to_stop() {
    let mut config = Config::default();
    config.timeouts.close = None;
    let server = server().config(config).stop_timeout(1000 * PATIENCE);
    let hub = server.hub().start().unwrap();
    let mut silent = Raw::connect(hub.running().local_addr().unwrap());
    silent.write(REQUEST);
    silent.read_head();
    // How many are still ending is a matter of chance.
    in_thread(move || hub.shutdown_within(Duration::ZERO))();
}

#[test]
fn a_hub_that_is_told_to_stop_gives_what_is_left_and_then_nothing() {
    let hub = server().hub().start().unwrap();
    let stop = hub.running().stop_handle();
    let mut ws = client(&hub);
    assert!(matches!(next(&hub), Event::Connected(_)));
    ws.send("the last").unwrap();
    while !hub.has_data() {
        thread::yield_now();
    }
    stop.stop();
    assert!(matches!(hub.next_event(None), Some(Event::Received(_))));
    let waiting = in_thread(move || hub.next_event(None).is_none().then_some(hub));
    let hub = waiting().expect("nothing more");
    // It answers the Close, which the hub waits for.
    let receiving = in_thread(move || ws.recv().unwrap());
    assert_eq!(hub.shutdown(), 0);
    assert_eq!(receiving(), None);
}

/// As it happens when both use a mutex that the first has poisoned.
#[test]
fn a_second_panic_at_the_end_of_a_connection_ends_nothing_else() {
    let (tell, told) = mpsc::channel();
    let hub = server()
        .hub()
        .on_receive(|_, message| assert_ne!(message, "panic".into(), "as the test wants it"))
        .on_disconnect(move |peer| {
            tell.send(peer.id()).unwrap();
            panic!("as the test wants it");
        })
        .start()
        .unwrap();
    let mut other = client(&hub);
    let mut ws = client(&hub);
    ws.send("panic").unwrap();
    assert!(ws.recv().is_err());
    told.recv_timeout(PATIENCE).unwrap();
    other.send("still here").unwrap();
    other.measure_round_trip(PATIENCE).unwrap();
    assert_eq!(hub.peers().len(), 1);
}
