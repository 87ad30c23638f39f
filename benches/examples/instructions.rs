//! The core's hot paths, each by its name and so often, for callgrind to count: see `cargo xtask bench instructions`.
//!
//! Without arguments it lists the names. What runs once is not to be seen in the difference of two runs.

use std::env;
use std::hint::black_box;

use ws_frame::utf8::validate;
use ws_frame::{FrameHeader, MaskKey};
use ws_proto::handshake::{Accept, ClientHandshake, ClientRequest, HandshakeConfig, ServerHandshake};
use ws_proto::{Config, Connection, Event, Input, Payload, Prepared};

/// A name, and what to do how often.
type Path = (&'static str, fn(u64));

fn main() {
    let mut args = env::args().skip(1);
    let Some(name) = args.next() else {
        return PATHS.iter().for_each(|(name, _)| println!("{name}"));
    };
    let times = args.next().and_then(|times| times.parse().ok()).expect("how often");
    let (_, path) = PATHS.iter().find(|(known, _)| *known == name).expect("a known name");
    path(times);
}

const PATHS: [Path; 23] = [
    ("header/parse", |times| {
        let header = header();
        repeat(times, || FrameHeader::parse(black_box(&header)));
    }),
    ("mask/20", |times| mask(times, 20)),
    ("mask/1024", |times| mask(times, 1024)),
    ("mask/65536", |times| mask(times, 64 << 10)),
    ("utf8/ascii/1024", |times| utf8(times, "a")),
    ("utf8/cjk/1024", |times| utf8(times, "中")),
    ("receive/server/binary/20", |times| receive(times, &binary(20))),
    ("receive/server/text/20", |times| receive(times, &text(20))),
    ("receive/server/text/1024", |times| receive(times, &text(1024))),
    ("receive/server/binary/16384", |times| receive(times, &binary(16 << 10))),
    ("receive/server/cut/1024", |times| {
        receive_cut(times, &binary(1024), 700)
    }),
    ("receive/server/byte by byte/20", |times| {
        receive_cut(times, &binary(20), 1)
    }),
    ("receive/server/two fragments/20", |times| {
        receive(times, &fragments(20))
    }),
    ("receive/server/ping", |times| receive(times, &masked(0x89, b"ping"))),
    ("receive/client/binary/20", |times| {
        receive_as(times, client(), &unmasked(0x82, &[0; 20]))
    }),
    ("receive/client/text/1024", |times| {
        receive_as(times, client(), &unmasked(0x81, &[b'a'; 1024]))
    }),
    ("send/server/20", |times| send(times, server(), 20)),
    ("send/server/1024", |times| send(times, server(), 1024)),
    ("send/client/20", |times| send(times, client(), 20)),
    ("send/client/1024", |times| send(times, client(), 1024)),
    ("send/prepared/20", |times| {
        let (prepared, mut connection, mut out) = (Prepared::new("a message to everybody"), server(), Vec::new());
        repeat(times, || {
            out.clear();
            connection.sender().prepared(black_box(&prepared), &mut out)
        });
    }),
    ("echo/20", |times| echo(times, server(), &binary(20))),
    ("handshake", handshake),
];

fn repeat<T>(times: u64, mut action: impl FnMut() -> T) {
    for _ in 0..times {
        black_box(action());
    }
}

fn mask(times: u64, len: usize) {
    let mut room = vec![0; len + 6];
    repeat(times, || KEY.apply(black_box(&mut room[6..])));
}

fn utf8(times: u64, unit: &str) {
    let text = unit.repeat(1024 / unit.len());
    repeat(times, || validate(black_box(text.as_bytes())).is_ok());
}

fn receive(times: u64, frame: &[u8]) {
    receive_as(times, server(), frame);
}

/// One event a time: the input stays as it is, since its key is zero.
fn receive_as(times: u64, mut connection: Connection, frame: &[u8]) {
    let (mut read, mut out) = (frame.to_vec(), Vec::new());
    repeat(times, || {
        drain(&mut connection, black_box(&mut read));
        out.clear();
        connection.poll_transmit(&mut out)
    });
}

fn receive_cut(times: u64, frame: &[u8], at: usize) {
    let (mut read, mut connection) = (frame.to_vec(), server());
    repeat(times, || {
        read.chunks_mut(at)
            .for_each(|piece| drain(&mut connection, black_box(piece)))
    });
}

fn drain(connection: &mut Connection, read: &mut [u8]) {
    let mut input = Input::new(read);
    while let Some(event) = connection.next_event(&mut input).expect("good frames") {
        black_box(&event);
    }
}

fn send(times: u64, mut connection: Connection, len: usize) {
    let (payload, mut out) = (vec![b'a'; len], Vec::new());
    repeat(times, || {
        out.clear();
        connection.sender().message(black_box(&payload), &mut out)
    });
}

fn echo(times: u64, mut connection: Connection, frame: &[u8]) {
    let (mut read, mut out) = (frame.to_vec(), Vec::new());
    repeat(times, || {
        out.clear();
        let mut input = Input::new(black_box(&mut read));
        while let Some(event) = connection.next_event(&mut input).expect("good frames") {
            let payload = match &event {
                Event::Binary(bytes) => Payload::Binary(bytes),
                Event::Text(text) => Payload::Text(text),
                _ => continue,
            };
            connection
                .sender()
                .message(payload, &mut out)
                .expect("an open connection sends");
            connection.poll_transmit(&mut out);
        }
    });
}

/// A server's side of one, and the connection it leads to.
fn handshake(times: u64) {
    let (config, mut request, mut out) = (HandshakeConfig::default(), Vec::new(), Vec::new());
    ClientHandshake::new(&ClientRequest::new(URL).expect("a URL"), [7; 16], &config, &mut request);
    repeat(times, || {
        out.clear();
        let received = ServerHandshake::new(&config).receive(black_box(&request));
        let (request, _) = received.expect("a good request").expect("a whole one");
        request.accept(&Accept::new(), &mut out).expect("an upgrade");
        server()
    });
}

fn server() -> Connection {
    Connection::server(Config::default())
}

fn client() -> Connection {
    Connection::client(Config::default(), || [0; 4])
}

fn header() -> Vec<u8> {
    binary(1024)[..8].to_vec()
}

fn binary(len: usize) -> Vec<u8> {
    masked(0x82, &vec![b'a'; len])
}

fn text(len: usize) -> Vec<u8> {
    masked(0x81, &vec![b'a'; len])
}

fn fragments(len: usize) -> Vec<u8> {
    let half = vec![b'a'; len / 2];
    [masked(0x02, &half), masked(0x80, &half)].concat()
}

/// As a client sends it, with a key of zeros: the work is the same, and the bytes can be received again.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    frame.extend(length(payload.len()));
    frame[1] |= 0x80;
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    frame.extend(length(payload.len()));
    frame.extend(payload);
    frame
}

fn length(len: usize) -> Vec<u8> {
    match len {
        0..126 => vec![len as u8],
        _ => [&[126], (len as u16).to_be_bytes().as_slice()].concat(),
    }
}

const KEY: MaskKey = MaskKey::new([0x37, 0xfa, 0x21, 0x3d]);

const URL: &str = "ws://localhost/chat";
