//! Deadlines, on a fake clock.

use core::time::Duration;

use super::peers::{Peer, Seen, last_close_code, masked};
use crate::{CloseCode, Config, Connection, ConnectionError, Delivery, Instant, Timeout, Timeouts, Transport};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_silent_peer_is_pinged_and_then_given_up() {
    let mut server = Peer::server(Config::default());
    server.advance(SECOND * 20 - Duration::from_nanos(1)).unwrap();
    assert_eq!(server.take_out(), []);
    server.advance(Duration::from_nanos(1)).unwrap();
    assert_eq!(server.take_out(), [0x89, 4, 0, 0, 0, 1]);
    server.advance(SECOND * 20 - Duration::from_nanos(1)).unwrap();
    assert_eq!(server.take_out(), []);
    assert_eq!(
        server.advance(Duration::from_nanos(1)),
        Err(ConnectionError::Timeout(Timeout::Ping))
    );
    assert_eq!(last_close_code(&server.take_out()), Some(1011));
    assert_eq!(server.conn.transport(), Transport::FlushThenClose);
    server.advance(SECOND * 2).unwrap();
    assert_eq!(server.conn.transport(), Transport::Drop);
}

#[test]
fn two_peers_keep_each_other_alive_for_an_hour() {
    let mut server = Peer::server(Config::default());
    let mut client = Peer::client(Config::default());
    for _ in 0..3600 {
        server.advance(SECOND).unwrap();
        client.advance(SECOND).unwrap();
        client.exchange(&mut server);
    }
    let pings = server
        .take_seen()
        .iter()
        .filter(|seen| matches!(seen, Seen::Ping(_)))
        .count();
    let answered = client.take_seen().len();
    assert!(pings + answered > 100, "{pings} pings, {answered} answers");
}

#[test]
fn any_byte_counts_as_life() {
    let mut config = Config::default();
    config.timeouts.assembly = None;
    let mut server = Peer::server(config);
    // Never a pong, only the bytes of one message, more slowly than pings are due.
    for byte in &masked(0x82, &[0; 100])[..50] {
        server.advance(SECOND * 25).unwrap();
        server.feed(&[*byte]);
    }
    assert!(server.take_out().len() > 10 * 6, "it was pinged");
    assert_eq!(server.conn.transport(), Transport::KeepOpen);
}

#[test]
fn a_byte_counts_as_life_on_a_coarse_clock_too() {
    let mut server = Peer::server(Config::default());
    server.advance(SECOND * 20).unwrap();
    assert!(!server.take_out().is_empty(), "it was pinged");
    server.feed(&masked(0x81, b"data"));
    server.conn.handle_timeout(server.now).unwrap();
    assert_eq!(server.advance(SECOND * 20), Ok(()));
}

/// Whole, in fragments, in chunks, read directly: all of it is a sign of life, and data.
#[test]
fn every_way_in_counts_as_life_and_as_data() {
    let mut config = Config::default();
    config.timeouts.idle = Some(SECOND * 30);
    config.timeouts.assembly = None;
    let whole = masked(0x82, b"whole");
    let fragments = [masked(0x02, b"two "), masked(0x80, b"parts")].concat();
    for (delivery, bytes) in [
        (Delivery::Messages, &whole),
        (Delivery::Messages, &fragments),
        (Delivery::Chunks, &whole),
    ] {
        config.delivery = delivery;
        let mut server = Peer::server(config.clone());
        for _ in 0..10 {
            server.advance(SECOND * 25).unwrap();
            server.feed(bytes);
        }
        assert!(!server.take_out().is_empty(), "it was pinged");
    }
    config.delivery = Delivery::Messages;
    let mut server = Peer::server(config);
    server.feed(&masked(0x82, &[0; 100_000])[..100]);
    for _ in 0..10 {
        server.advance(SECOND * 25).unwrap();
        server.conn.direct_window().unwrap();
        assert_eq!(server.conn.handle_direct(1), Ok(None));
    }
    assert!(!server.take_out().is_empty(), "it was pinged");
}

#[test]
fn output_that_moves_on_counts_as_life() {
    let mut server = Peer::server(Config::default());
    for _ in 0..10 {
        server.advance(SECOND * 25).unwrap();
        server.conn.handle_progress();
    }
    assert!(!server.take_out().is_empty(), "it was pinged");
    assert_eq!(server.conn.transport(), Transport::KeepOpen);
    assert_eq!(
        server.advance(SECOND * 80),
        Err(ConnectionError::Timeout(Timeout::Ping))
    );
}

#[test]
fn a_pong_tells_the_round_trip() {
    let mut server = Peer::server(Config::default());
    server.advance(SECOND * 20).unwrap();
    let ping = server.take_out();
    server.now = server.now + Duration::from_millis(30);
    server.feed(&masked(0x8a, &[0, 0, 0, 9]));
    server.feed(&masked(0x8a, b""));
    server.conn.handle_timeout(server.now).unwrap();
    assert_eq!(server.conn.round_trip(), None, "not the pong to our ping");
    server.now = server.now + Duration::from_millis(12);
    server.feed(&masked(0x8a, &ping[2..]));
    assert_eq!(
        server.conn.poll_timeout(),
        Some(Instant::ZERO),
        "the pong wants its date"
    );
    server.conn.handle_timeout(server.now).unwrap();
    assert_eq!(server.conn.round_trip(), Some(Duration::from_millis(42)));
    assert_eq!(server.conn.poll_timeout(), Some(server.now + SECOND * 20));
    server.now = server.now + SECOND;
    server.feed(&masked(0x8a, &ping[2..]));
    server.conn.handle_timeout(server.now).unwrap();
    assert_eq!(
        server.conn.round_trip(),
        Some(Duration::from_millis(42)),
        "a pong twice tells nothing"
    );
}

#[test]
fn pings_go_on_for_a_peer_that_only_sends() {
    let mut config = Config::default();
    config.timeouts.ping_timeout = None;
    let mut server = Peer::server(config);
    server.advance(SECOND * 100).unwrap();
    assert_eq!(server.take_out().len(), 5 * 6, "no deadline: a ping every interval");
}

#[test]
fn idle_counts_data_only() {
    let mut config = Config::default();
    config.timeouts.idle = Some(SECOND * 60);
    let mut server = Peer::server(config);
    for _ in 0..5 {
        server.feed(&masked(0x8a, b""));
        server.advance(SECOND * 10).unwrap();
    }
    server.feed(&masked(0x81, b"data"));
    server.advance(SECOND * 9).unwrap();
    for _ in 0..5 {
        server.feed(&masked(0x8a, b""));
        server.advance(SECOND * 10).unwrap();
    }
    server.take_out();
    server.feed(&masked(0x8a, b""));
    assert_eq!(
        server.advance(SECOND * 60),
        Err(ConnectionError::Timeout(Timeout::Idle))
    );
    assert_eq!(last_close_code(&server.take_out()), Some(1001));
    assert_eq!(server.conn.transport(), Transport::HalfClose);
}

#[test]
fn a_message_has_a_deadline_though_the_peer_lives() {
    let mut server = Peer::server(Config::default());
    server.feed(&masked(0x01, b"begun"));
    assert_eq!(
        server.conn.poll_timeout(),
        Some(Instant::ZERO),
        "the start of the message wants its date"
    );
    for _ in 0..5 {
        server.feed(&masked(0x8a, b""));
        server.advance(SECOND * 10).unwrap();
    }
    server.take_out();
    server.feed(&masked(0x8a, b""));
    assert_eq!(
        server.advance(SECOND * 10),
        Err(ConnectionError::Timeout(Timeout::Assembly))
    );
    assert_eq!(last_close_code(&server.take_out()), Some(1008));
}

#[test]
fn every_message_has_its_own_deadline() {
    let mut server = Peer::server(Config::default());
    server.feed(&masked(0x01, b"first"));
    for _ in 0..10 {
        server.advance(SECOND * 19).unwrap();
        // The end of one and the start of the next in one read.
        server.feed(&[masked(0x80, b""), masked(0x01, b"next")].concat());
    }
    assert_eq!(server.take_seen().len(), 10);
}

#[test]
fn every_deadline_can_be_turned_off() {
    let mut config = Config::default();
    config.timeouts = Timeouts {
        ping_interval: None,
        ping_timeout: None,
        idle: None,
        assembly: None,
        close: None,
        linger: None,
    };
    let mut server = Peer::server(config);
    assert_eq!(server.conn.poll_timeout(), None);
    server.feed(&masked(0x01, b"begun"));
    assert_eq!(server.conn.poll_timeout(), None, "no date is wanted");
    server.advance(SECOND * 1_000_000).unwrap();
    assert_eq!(server.conn.poll_timeout(), None);
    server.feed(&masked(0x88, b""));
    server.advance(SECOND * 1_000_000).unwrap();
    assert_eq!(
        (server.conn.poll_timeout(), server.conn.transport()),
        (None, Transport::HalfClose)
    );
}

#[test]
fn the_longest_deadlines_never_come() {
    let mut config = Config::default();
    let longest = Some(Duration::MAX);
    config.timeouts = Timeouts {
        ping_interval: longest,
        ping_timeout: longest,
        idle: longest,
        assembly: longest,
        close: longest,
        linger: longest,
    };
    let mut server = Peer::server(config);
    server.feed(&masked(0x01, b"begun"));
    server.conn.handle_timeout(server.now).unwrap();
    assert_eq!(server.conn.poll_timeout(), None, "neither now nor at any time");
    server.close(CloseCode::NORMAL, "");
    server.conn.handle_timeout(server.now).unwrap();
    assert_eq!(server.conn.poll_timeout(), None);
}

#[test]
fn a_part_of_a_message_is_data() {
    let mut config = Config::default();
    config.timeouts.idle = Some(SECOND * 30);
    config.timeouts.assembly = None;
    let mut server = Peer::server(config);
    let bytes = masked(0x82, &[0; 100]);
    server.feed(&bytes[..6]);
    for byte in &bytes[6..] {
        server.feed(&[*byte]);
        server.advance(SECOND * 10).unwrap();
    }
    assert_eq!(server.take_seen(), [Seen::Binary([0; 100].into())]);
}

/// The time given at birth dates the connection; before, it is due.
#[test]
fn a_new_connection_wants_the_time() {
    let mut conn = Connection::server(Config::default());
    assert_eq!(conn.poll_timeout(), Some(Instant::ZERO));
    let now = Instant::from_millis(77);
    conn.handle_timeout(now).unwrap();
    assert_eq!(conn.poll_timeout(), Some(now + SECOND * 20));
}
