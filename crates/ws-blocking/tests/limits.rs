//! Many clients through few places; by itself, since it counts the threads and descriptors of the process.

#![cfg(target_os = "linux")]

mod common;
#[path = "common/proc.rs"]
mod proc;

use std::collections::HashSet;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use proc::{threads_and_descriptors, wait_for, wait_for_threads_and_descriptors};
use socket2::SockRef;
use ws_blocking::{CloseCode, Connect, Error, OverLimit, Server, Threads, WebSocket};

#[test]
fn no_thread_and_no_descriptor_is_left_of_a_thousand_clients() {
    let count_threads = || threads_and_descriptors().0;
    let at_first = count_threads();
    // The first use of anything may open descriptors for good.
    thousand_through_five(OverLimit::Pause, Threads::PerConnection, 20);
    // Its threads have been joined, and may be counted a moment longer.
    wait_for(count_threads, at_first);
    for (policy, threads) in [
        (OverLimit::Pause, Threads::PerConnection),
        (OverLimit::Refuse, Threads::PerConnection),
        (OverLimit::Pause, Threads::Pool(5)),
        (OverLimit::Refuse, Threads::Pool(5)),
    ] {
        let before = threads_and_descriptors();
        thousand_through_five(policy, threads, 1000);
        wait_for_threads_and_descriptors(before);
    }
}

fn thousand_through_five(policy: OverLimit, threads: Threads, clients: usize) {
    let inside = Arc::new(AtomicUsize::new(0));
    let (arrived, left) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let messages = Arc::new(Mutex::new(HashSet::new()));
    let hub = Server::bind("127.0.0.1:0")
        .unwrap()
        .max_connections(5)
        .over_limit(policy)
        .threads(threads)
        .hub()
        .on_connect({
            let (inside, arrived) = (Arc::clone(&inside), Arc::clone(&arrived));
            move |_| {
                assert!(inside.fetch_add(1, Ordering::SeqCst) < 5);
                arrived.fetch_add(1, Ordering::SeqCst);
            }
        })
        .on_receive({
            let messages = Arc::clone(&messages);
            move |peer, message| {
                assert!(messages.lock().unwrap().insert(message.as_text().unwrap().to_owned()));
                peer.send(message).unwrap();
            }
        })
        .on_disconnect({
            let (inside, left) = (Arc::clone(&inside), Arc::clone(&left));
            move |_| {
                inside.fetch_sub(1, Ordering::SeqCst);
                left.fetch_add(1, Ordering::SeqCst);
            }
        })
        .start()
        .unwrap();
    let address = hub.running().local_addr().unwrap();
    let quiet = threads_and_descriptors();
    thread::scope(|scope| {
        for first in 0..CLIENTS_AT_A_TIME {
            scope.spawn(move || {
                for number in (first..clients).step_by(CLIENTS_AT_A_TIME) {
                    come_and_go(address, number);
                }
            });
        }
    });
    // Who comes last has been waited for, so all before have been accepted, the silent ones too.
    come_and_go(address, clients.next_multiple_of(WAYS) + PROPER);
    let talking = (0..clients).filter(|number| number % WAYS != SILENT).count() + 1;
    // While it goes on serving, nothing is left of them either. A connection's place is free after its descriptor.
    wait_for(|| hub.running().connections(), 0);
    wait_for_threads_and_descriptors(quiet);
    assert!(hub.peers().is_empty());
    assert_eq!(arrived.load(Ordering::SeqCst), talking);
    assert_eq!(left.load(Ordering::SeqCst), talking);
    assert_eq!(messages.lock().unwrap().len(), talking);
    assert_eq!(hub.shutdown(), 0);
}

/// Says one thing, hears it, and goes in one of the ways there are. Who is turned away comes again.
fn come_and_go(address: SocketAddr, number: usize) {
    if number % WAYS == SILENT {
        return drop(TcpStream::connect(address).unwrap());
    }
    let (mut ws, stream) = loop {
        match enter(address) {
            Ok(entered) => break entered,
            // Beyond those who are told, they are dropped without a word.
            Err(Error::Refused(_) | Error::Io(_) | Error::Handshake(_)) => {}
            Err(error) => panic!("{error}"),
        }
    };
    let message = number.to_string();
    ws.send(message.as_str()).unwrap();
    assert_eq!(ws.recv().unwrap(), Some(message.into()));
    match number % WAYS {
        PROPER => ws.close(CloseCode::NORMAL, "").unwrap(),
        RESET => SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap(),
        _ => {}
    }
}

fn enter(address: SocketAddr) -> Result<(WebSocket, TcpStream), Error> {
    let stream = TcpStream::connect(address)?;
    let kept = stream.try_clone()?;
    let (ws, _) = Connect::new(&format!("ws://{address}/"))?.connect_over(stream)?;
    Ok((ws, kept))
}

const CLIENTS_AT_A_TIME: usize = 20;

/// How a client goes: without having asked for anything, by a Close, by a reset, or by the mere end of its stream.
const WAYS: usize = 4;
const SILENT: usize = 0;
const PROPER: usize = 1;
const RESET: usize = 2;
