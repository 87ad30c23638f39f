//! A client that connects again.

mod common;

use std::net::{SocketAddr, TcpListener};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, Serving, echo, in_thread};
use ws_blocking::client::{Client, Reconnect};
use ws_blocking::hub::{Event, WhenFull};
use ws_blocking::{Accept, CloseCode, Config, Connect, Error, Message, SendError, Server, accept};

fn builder(address: SocketAddr) -> ws_blocking::client::Builder {
    Client::builder(Connect::new(&format!("ws://{address}/")).unwrap())
}

fn next(client: &Client) -> Event {
    client.next_event(Some(PATIENCE)).expect("an event")
}

#[test]
fn without_a_reader_one_receives_by_hand() {
    let server = Serving::echo(Config::default());
    let client = builder(server.address).connect().unwrap();
    assert_eq!(client.target(), server.url());
    let status = client.status();
    assert!(status.ever_connected && status.connected && !status.disconnected && !status.reading);
    client.send("one").unwrap();
    assert_eq!(client.recv().unwrap(), Some("one".into()));
    assert!(matches!(
        client.recv_timeout(Duration::from_millis(5)),
        Err(Error::NothingYet)
    ));
    client.disconnect();
    let status = client.status();
    assert!(status.ever_connected && !status.connected && status.disconnected);
    assert!(matches!(client.send("late"), Err(Error::Send(SendError::Closed))));
    client.reconnect().unwrap();
    client.send("two").unwrap();
    assert_eq!(client.recv().unwrap(), Some("two".into()));
    let mut events = Vec::new();
    while let Some(event) = client.next_event(Some(Duration::ZERO)) {
        events.push(event);
    }
    assert!(matches!(
        events[..],
        [Event::Connected(_), Event::Disconnected(_), Event::Connected(_)]
    ));
}

#[test]
fn the_reader_survives_reconnecting_and_can_be_stopped() {
    let server = Serving::echo(Config::default());
    let client = builder(server.address).connect().unwrap();
    client.start_reader().unwrap();
    client.start_reader().unwrap();
    assert!(client.status().reading);
    for round in 0..5 {
        let message = Message::from(format!("{round}"));
        client.send(message.clone()).unwrap();
        loop {
            match next(&client) {
                Event::Received(received) => break assert_eq!(received.message, message),
                Event::Connected(_) | Event::Disconnected(_) => {}
                other => panic!("{other:?}"),
            }
        }
        client.reconnect().unwrap();
    }
    // It waits in the connection, which stays.
    client.stop_reader();
    assert!(!client.status().reading && client.status().connected);
    client.send("by hand").unwrap();
    assert_eq!(client.recv().unwrap(), Some("by hand".into()));
    client.start_reader().unwrap();
    client.send("by itself").unwrap();
    loop {
        if let Event::Received(received) = next(&client) {
            break assert_eq!(received.message, "by itself".into());
        }
    }
}

#[test]
fn it_connects_again_by_itself_until_it_is_told_to_end() {
    let (tell, told) = mpsc::channel();
    // Handlers have time to return, however slow the machine.
    let server = Server::bind("127.0.0.1:0").unwrap().stop_timeout(PATIENCE);
    let running = server
        .start(move |incoming| {
            let mut ws = incoming.accept(Accept::new()).unwrap();
            tell.send(()).unwrap();
            // Sometimes properly, sometimes not.
            if matches!(ws.recv(), Ok(Some(message)) if message == "close".into()) {
                let _ = ws.close(CloseCode::GOING_AWAY, "");
            }
        })
        .unwrap();
    let mut policy = Reconnect::default();
    policy.first = Duration::from_millis(2);
    let client = builder(running.local_addr().unwrap())
        .reconnect(policy)
        .connect()
        .unwrap();
    client.start_reader().unwrap();
    for how in ["close", "drop", "close", "drop"] {
        told.recv_timeout(PATIENCE).unwrap();
        while client.send(how).is_err() {}
        while !matches!(next(&client), Event::Disconnected(_)) {}
    }
    told.recv_timeout(PATIENCE).unwrap();
    in_thread(move || client.shutdown())();
    assert_eq!(running.shutdown(), 0);
    assert!(told.recv().is_err(), "it does not come back");
}

#[test]
fn what_is_being_connected_is_not_kept_when_the_end_is_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut policy = Reconnect::default();
    policy.first = Duration::from_millis(1);
    let client = builder(listener.local_addr().unwrap()).reconnect(policy).offline();
    client.start_reader().unwrap();
    // The attempt is under way, and its handshake is answered afterwards.
    let (stream, _) = listener.accept().unwrap();
    client.disconnect();
    let mut ws = accept(stream).unwrap().accept(Accept::new()).unwrap();
    assert!(matches!(in_thread(move || ws.recv())(), Ok(None)));
    assert!(!client.status().ever_connected && !client.has_errors());
    // By hand it is connected all the same, and then by itself, until the end.
    let connecting = in_thread(move || client.reconnect().map(|()| client));
    let (stream, _) = listener.accept().unwrap();
    let ws = accept(stream).unwrap().accept(Accept::new()).unwrap();
    let client = connecting().unwrap();
    drop(ws);
    let (stream, _) = listener.accept().unwrap();
    let ending = in_thread(move || client.shutdown());
    let mut ws = accept(stream).unwrap().accept(Accept::new()).unwrap();
    assert!(matches!(in_thread(move || ws.recv())(), Ok(None)));
    ending();
}

#[test]
fn it_gives_up_after_so_many_attempts() {
    // Nobody listens there any more.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(builder(address).connect(), Err(Error::Io(_))));
    let mut policy = Reconnect::default();
    policy.first = Duration::from_millis(1);
    policy.attempts = Some(3);
    let client = builder(address).reconnect(policy).offline();
    client.start_reader().unwrap();
    for _ in 0..3 {
        assert!(matches!(next(&client), Event::Error(_)));
    }
    assert!(client.next_event(Some(Duration::from_millis(50))).is_none());
    assert_eq!(client.take_errors().len(), 3);
    assert!(!client.status().ever_connected);
}

#[test]
fn an_orderly_end_is_noticed_and_told_once() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let running = server.start(|incoming| drop(echo(incoming))).unwrap();
    let (tell, told) = mpsc::channel();
    let client = builder(running.local_addr().unwrap())
        .on_disconnect(move |_| tell.send(()).unwrap())
        .connect()
        .unwrap();
    client.start_reader().unwrap();
    running.shutdown();
    told.recv_timeout(PATIENCE).unwrap();
    while client.status().connected {
        thread::yield_now();
    }
    assert!(client.status().disconnected);
    drop(client);
    assert!(told.recv().is_err());
}

#[test]
fn a_callback_that_panics_does_not_hold_the_end() {
    let server = Serving::echo(Config::default());
    let client = builder(server.address)
        .on_receive(|_, _| panic!("as the test wants it"))
        .connect()
        .unwrap();
    client.start_reader().unwrap();
    client.send("x").unwrap();
    in_thread(move || client.shutdown())();
}

#[test]
fn a_second_panic_at_the_end_is_survived_and_the_reader_starts_again() {
    let server = Serving::echo(Config::default());
    let (tell, told) = mpsc::channel();
    let client = builder(server.address)
        .on_receive({
            let tell = tell.clone();
            move |_, message| {
                assert_ne!(message, "panic".into(), "as the test wants it");
                tell.send("received").unwrap();
            }
        })
        .on_disconnect(move |_| {
            tell.send("ended").unwrap();
            assert!(!thread::panicking());
        })
        .connect()
        .unwrap();
    client.start_reader().unwrap();
    client.send("panic").unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "ended");
    while client.status().reading {
        thread::yield_now();
    }
    client.reconnect().unwrap();
    client.start_reader().unwrap();
    client.send("fine").unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "received");
    in_thread(move || client.shutdown())();
}

#[test]
fn also_when_it_has_just_connected_and_its_end_is_told() {
    let server = Serving::echo(Config::default());
    let (tell, told) = mpsc::channel();
    let slot = Arc::new(Mutex::new(None::<Client>));
    let mut policy = Reconnect::default();
    policy.first = Duration::from_millis(1);
    let client = builder(server.address)
        .on_connect({
            let slot = Arc::clone(&slot);
            move |_| drop(slot.lock().unwrap().take())
        })
        .on_disconnect(move |_| tell.send(()).unwrap())
        .reconnect(policy)
        .offline();
    let mut place = slot.lock().unwrap();
    client.start_reader().unwrap();
    *place = Some(client);
    drop(place);
    told.recv_timeout(PATIENCE).unwrap();
    assert!(told.recv_timeout(PATIENCE).is_err());
}

#[test]
fn a_panic_when_connected_does_not_hold_the_end() {
    let server = Serving::echo(Config::default());
    let rounds = AtomicUsize::new(0);
    let client = builder(server.address)
        .on_connect(move |_| assert_eq!(rounds.fetch_add(1, Ordering::SeqCst), 0, "as the test wants it"))
        .connect()
        .unwrap();
    client.start_reader().unwrap();
    let ending = in_thread(move || {
        let again = panic::catch_unwind(AssertUnwindSafe(|| client.reconnect()));
        assert!(again.is_err());
        assert!(!client.status().connected);
        client.shutdown();
    });
    ending();
}

#[test]
fn a_reader_that_waits_for_room_can_be_stopped() {
    let server = Serving::echo(Config::default());
    let client = builder(server.address).inbox(1, WhenFull::Wait).connect().unwrap();
    client.start_reader().unwrap();
    for number in 0..10 {
        client.send(number.to_string()).unwrap();
    }
    while !client.has_data() {
        thread::yield_now();
    }
    let stopping = in_thread(move || {
        client.stop_reader();
        client
    });
    let client = stopping();
    // Nothing is lost by that.
    let mut came = client.take_received().len();
    client.start_reader().unwrap();
    while came < 10 {
        came += client.take_received().len();
        thread::yield_now();
    }
    in_thread(move || client.shutdown())();
}

#[test]
fn a_full_inbox_drops_the_oldest_and_counts() {
    let server = Serving::echo(Config::default());
    let client = builder(server.address)
        .inbox(3, WhenFull::DropOldest)
        .connect()
        .unwrap();
    client.start_reader().unwrap();
    for number in 0..10 {
        client.send(number.to_string()).unwrap();
    }
    while client.dropped() < 7 {
        thread::yield_now();
    }
    let left: Vec<_> = client
        .take_received()
        .into_iter()
        .map(|received| received.message)
        .collect();
    assert_eq!(left, ["7".into(), "8".into(), "9".into()]);
    assert_eq!((client.dropped(), client.dropped_errors()), (7, 0));
}

#[test]
fn messages_without_end_do_not_keep_the_reader_from_being_stopped() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let running = server
        .start(|incoming| {
            let mut ws = incoming.accept(Accept::new()).unwrap();
            while ws.feed("more").is_ok() {}
        })
        .unwrap();
    let (tell, told) = mpsc::channel();
    let mut config = Config::default();
    config.timeouts.close = Some(Duration::from_millis(50));
    let connect = Connect::new(&format!("ws://{}/", running.local_addr().unwrap())).unwrap();
    let client = Client::builder(connect.config(config))
        .on_receive(move |_, _| {
            let _ = tell.send(());
        })
        .connect()
        .unwrap();
    client.start_reader().unwrap();
    for _ in 0..1000 {
        told.recv_timeout(PATIENCE).unwrap();
    }
    let stopping = in_thread(move || client.stop_reader());
    stopping();
}

#[test]
fn a_client_can_end_in_its_own_callback() {
    let server = Serving::echo(Config::default());
    let (tell, told) = mpsc::channel();
    let slot = Arc::new(Mutex::new(None::<Client>));
    let tell_end = tell.clone();
    let client = builder(server.address)
        .on_disconnect(move |_| tell_end.send("ended").unwrap())
        .on_receive({
            let slot = Arc::clone(&slot);
            move |_, _| {
                drop(slot.lock().unwrap().take());
                tell.send("returned").unwrap();
            }
        })
        .connect()
        .unwrap();
    client.start_reader().unwrap();
    let mut place = slot.lock().unwrap();
    client.send("x").unwrap();
    *place = Some(client);
    drop(place);
    // The closing handshake is done behind it, and nothing goes on after that.
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "returned");
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "ended");
    assert!(told.recv_timeout(PATIENCE).is_err());
    assert_eq!(Arc::strong_count(&slot), 1);
}
