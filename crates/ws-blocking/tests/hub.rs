//! Servers that know their connections: callbacks, the inbox, sending to many.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, Raw, in_thread};
use ws_blocking::hub::{Event, Hub, WhenFull};
use ws_blocking::{Accept, CloseCode, Config, Error, Response, Server, WebSocket, connect};

fn server() -> Server {
    Server::bind("127.0.0.1:0").unwrap()
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
    assert_eq!(in_thread(move || hub.shutdown_within(Duration::from_millis(500)))(), 0);
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
    config.timeouts.ping_timeout = Some(Duration::from_secs(1));
    let hub = server().config(config).hub().start().unwrap();
    let deaf = client(&hub);
    while hub.peers().is_empty() {
        thread::yield_now();
    }
    let mut good = client(&hub);
    while hub.peers().len() < 2 {
        thread::yield_now();
    }
    let big = vec![7; 900_000];
    let reading = in_thread(move || {
        let mut count = 0;
        while count < 40 {
            count += usize::from(good.recv().unwrap().is_some());
        }
        good
    });
    let mut reached = 0;
    for _ in 0..40 {
        reached += hub.send_all(big.clone());
    }
    reading();
    // The one that does not read is given up at some time.
    assert!((40..80).contains(&reached));
    drop(deaf);
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
    assert_eq!(hub.shutdown(), 0);
    assert_eq!(ws.recv().unwrap(), None);
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
