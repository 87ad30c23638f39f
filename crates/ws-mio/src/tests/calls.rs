//! How many system calls a turn takes, counted.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::{LARGEST_READ, READS, WRITES};
use crate::{Agreed, Client, Config, Context, Http, Message, Payload, Server};

struct Echo;

impl Client for Echo {
    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        context.send(message).unwrap();
    }
}

#[test]
fn answers_to_what_came_in_one_read_leave_in_one_write() {
    let (mut server, mut peer) = open(Echo);
    // Messages, and a ping between them.
    let frames = [
        b"\x81\x85\0\0\0\0Hello".repeat(500),
        b"\x89\x80\0\0\0\0".to_vec(),
        b"\x81\x80\0\0\0\0".repeat(500),
    ];
    peer.write_all(&frames.concat()).unwrap();
    let calls = counted(|| server.turn(None).unwrap());
    assert_eq!(calls, (1, 1), "one read, one write");
    let mut answers = vec![0; 500 * 7 + 2 + 500 * 2];
    peer.read_exact(&mut answers).unwrap();
    assert!(
        answers.ends_with(
            b"\x8a\x00"
                .iter()
                .chain(b"\x81\x00".repeat(500).iter())
                .copied()
                .collect::<Vec<_>>()
                .as_slice()
        )
    );
}

#[test]
fn a_large_answer_leaves_with_the_small_ones_before_it_in_one_write() {
    struct Large;
    impl Client for Large {
        fn recv(&mut self, context: &mut Context<'_>, _message: Payload<'_>) {
            context.send("small").unwrap();
            context.send(&[1; 40_000]).unwrap();
            context.send_message(&Message::binary(vec![2; 5000])).unwrap();
        }
    }
    let (mut server, mut peer) = open(Large);
    peer.write_all(b"\x81\x80\0\0\0\0").unwrap();
    let (_, writes) = counted(|| server.turn(None).unwrap());
    assert_eq!(
        writes, 2,
        "one up to the large payload, which is not copied, and one for what comes behind"
    );
    let mut answers = vec![0; 7 + 4 + 40_000 + 4 + 5000];
    peer.read_exact(&mut answers).unwrap();
    assert_eq!(answers[..7], *b"\x81\x05small");
    assert_eq!(answers[7..11], *b"\x82\x7e\x9c\x40");
    assert!(answers[11..40_011] == [1; 40_000]);
    assert_eq!(answers[40_011..40_015], *b"\x82\x7e\x13\x88");
    assert!(answers[40_015..] == [2; 5000]);
}

/// The receive buffer is filled once, then it's others' turn; no event tells of what was left, and it is not forgotten.
#[test]
fn a_busy_peer_gets_one_bounded_turn_after_another() {
    let (mut server, mut peer) = open(Echo);
    let messages = 16_000;
    peer.write_all(&b"\x81\x80\0\0\0\0".repeat(messages)).unwrap();
    assert_eq!(counted(|| server.turn(None).unwrap()), (1, 1));
    assert_eq!(counted(|| server.turn(None).unwrap()), (1, 1));
    let mut answers = vec![0; messages * 2];
    peer.read_exact(&mut answers).unwrap();
}

#[test]
fn a_large_message_is_read_into_its_own_buffer() {
    let (mut server, mut peer) = open(Echo);
    let payload = vec![0; 1 << 20];
    let sender = thread::spawn(move || {
        peer.write_all(&[&b"\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0"[..], &payload].concat())
            .unwrap();
        peer.read_exact(&mut vec![0; 10 + (1 << 20)]).unwrap();
    });
    LARGEST_READ.set(0);
    while server.connections() > 0 {
        server.turn(None).unwrap();
    }
    sender.join().unwrap();
    assert!(LARGEST_READ.get() > 64 * 1024, "{}", LARGEST_READ.get());
}

/// Messages of several peers that are taken a piece each in turn are all in memory at once.
#[test]
fn a_large_message_that_has_come_is_not_left_for_others_after_each_read() {
    let (mut server, mut peer) = open(Echo);
    // A message that does not end here.
    peer.write_all(b"\x82\xff\0\0\0\0\0\xff\0\0\0\0\0\0").unwrap();
    peer.set_nonblocking(true).unwrap();
    let much = vec![0; 400_000];
    let mut most = 0;
    // How much a turn finds is the system's affair: among several, one finds as much as it may take.
    for _ in 0..100 {
        let _ = peer.write(&much);
        let (reads, _) = counted(|| server.turn(Some(Duration::ZERO)).unwrap());
        most = most.max(reads);
    }
    // A call of `turn` comes by twice. The bound is 32 KiB here: one read past the shared buffer, were it counted in full,
    // and two at most, as a read counts for half of it at least.
    assert!((3..=4).contains(&most), "{most}");
}

#[test]
fn an_end_that_is_signalled_with_the_last_data_is_read() {
    let (mut server, mut peer) = open(Echo);
    peer.write_all(b"\x81\x80\0\0\0\0").unwrap();
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    let (reads, _) = counted(|| server.turn(None).unwrap());
    assert_eq!(reads, 2, "the data, and the end");
    assert_eq!(server.connections(), 0);
}

/// Their peer could have the loop to itself for as long as it sends.
#[test]
#[cfg(feature = "tls")]
fn tls_records_that_bring_nothing_are_read_in_bounded_turns() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let config = crate::tls::server_config(certificate.as_bytes(), key.as_bytes()).unwrap();
    let mut server = Server::new(Config::default()).unwrap();
    let service = crate::Tls::new(config, Http::clients(|| Echo));
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let mut peer = TcpStream::connect(address).unwrap();
    // The beginning of a ClientHello of 64 KiB, in three records.
    let mut hello = vec![0; 3 << 14];
    hello[..4].copy_from_slice(&[1, 0, 0xff, 0xff]);
    let records: Vec<_> = hello
        .chunks(1 << 14)
        .flat_map(|part| [&[22, 3, 1, 0x40, 0], part].concat())
        .collect();
    peer.write_all(&records).unwrap();
    let left = |server: &Server| {
        let mut buffer = [0; 1 << 16];
        let result = server.any_slot().unwrap().wire.stream.peek(&mut buffer);
        result.unwrap_or(0)
    };
    let reads = READS.get();
    while READS.get() == reads {
        server.turn(None).unwrap();
    }
    assert!(left(&server) > 0, "all of it in one turn");
    // No event tells of the rest.
    while left(&server) > 0 {
        assert_eq!(server.patience(), Some(Duration::ZERO));
        server.turn(None).unwrap();
    }
    assert_eq!(server.connections(), 1);
}

/// A server with one open connection, and its peer, both with nothing left to read.
fn open<C: Client + 'static>(client: C) -> (Server, TcpStream) {
    let mut config = Config::default();
    config.limits.output_high_water = 1 << 20;
    config.limits.max_message = 1 << 24;
    config.limits.max_frame = 1 << 24;
    let mut server = Server::new(config).unwrap();
    let mut client = Some(client);
    let service = Http::clients(move || client.take().unwrap());
    let address = server.listen("127.0.0.1:0", service).unwrap();
    let peer = shake_hands(&mut server, address);
    (server, peer)
}

/// How many reads and writes something takes.
fn counted(act: impl FnOnce()) -> (usize, usize) {
    let before = (READS.get(), WRITES.get());
    act();
    (READS.get() - before.0, WRITES.get() - before.1)
}

/// The limit on file descriptors is a process's, so the test proper runs in one of its own.
#[test]
#[cfg(unix)]
fn many_publications_to_many_subscribers_cost_one_write_each() {
    let itself = std::env::current_exe().unwrap();
    let test = "tests::calls::publishes_to_a_thousand";
    let script = format!("ulimit -n 2200 && exec \"$0\" --ignored --exact {test}");
    let mut command = std::process::Command::new("sh");
    let output = command.arg("-c").arg(script).arg(itself).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

/// Subscribes, and publishes what comes.
struct Reader;

impl Client for Reader {
    fn open(&mut self, context: &mut Context<'_>, _agreed: &Agreed) {
        context.subscribe("news");
    }

    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        context.publish("news", message);
    }
}

#[test]
#[ignore = "run by the test above, with enough file descriptors"]
fn publishes_to_a_thousand() {
    const READERS: usize = 1000;
    const MESSAGES: usize = 100;
    let mut server = Server::new(Config::default()).unwrap();
    let address = server.listen("127.0.0.1:0", Http::clients(|| Reader)).unwrap();
    let mut peers: Vec<_> = (0..=READERS).map(|_| shake_hands(&mut server, address)).collect();
    let messages = b"\x81\x85\0\0\0\0Hello".repeat(MESSAGES);
    let mut publisher = peers.pop().unwrap();
    publisher.write_all(&messages).unwrap();
    let calls = counted(|| server.turn(None).unwrap());
    assert_eq!(calls, (1, READERS), "one read, and one write for each reader");
    let mut got = vec![0; MESSAGES * 7];
    for peer in &mut peers {
        peer.read_exact(&mut got).unwrap();
        assert_eq!(got, b"\x81\x05Hello".repeat(MESSAGES));
    }
}

fn shake_hands(server: &mut Server, address: SocketAddr) -> TcpStream {
    let mut peer = TcpStream::connect(address).unwrap();
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    peer.write_all(request.as_bytes()).unwrap();
    let written = WRITES.get();
    while WRITES.get() == written {
        server.turn(None).unwrap();
    }
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    peer
}
