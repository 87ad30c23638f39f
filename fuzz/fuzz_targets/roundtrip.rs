//! Whatever is sent compressed arrives: both roles, any windows, levels, fragments, takeover, whole or in chunks.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use ws_proto::deflate::Deflate;
use ws_proto::extension::Extensions;
use ws_proto::{Compression, Config, Connection, DataKind, Delivery, Event, Input, Prepared};

#[derive(Arbitrary, Debug)]
struct Settings {
    is_shared: bool,
    level: u8,
    window_bits: u8,
    peer_window_bits: u8,
    mem_level: u8,
    threshold: u8,
    context_takeover: bool,
    peer_context_takeover: bool,
}

impl Settings {
    fn deflate(&self) -> Deflate {
        let mut deflate = if self.is_shared {
            Deflate::shared()
        } else {
            Deflate::dedicated()
        };
        deflate.level = self.level % 10;
        deflate.window_bits = 9 + self.window_bits % 7;
        deflate.peer_window_bits = 9 + self.peer_window_bits % 7;
        deflate.mem_level = 1 + self.mem_level % 9;
        deflate.threshold = self.threshold.into();
        deflate.context_takeover = self.context_takeover;
        deflate.peer_context_takeover = self.peer_context_takeover;
        deflate
    }
}

#[derive(Arbitrary, Debug)]
struct Sent {
    data: Vec<u8>,
    /// Long messages from short inputs.
    repeat: u8,
    how: How,
    compress: u8,
}

#[derive(Arbitrary, Debug)]
enum How {
    Whole,
    Prepared,
    Fragments(u8),
}

#[derive(Arbitrary, Debug)]
struct Case {
    settings: [Settings; 2],
    in_chunks: bool,
    piece: u8,
    /// And which side sends.
    sent: Vec<(bool, Sent)>,
}

fn send(conn: &mut Connection, sent: &Sent) -> (Vec<u8>, Vec<u8>) {
    let data = sent.data.repeat(sent.repeat.into());
    let compression = [Compression::Auto, Compression::Always, Compression::Never][usize::from(sent.compress % 3)];
    let (sender, mut wire) = (conn.sender(), Vec::new());
    match sent.how {
        How::Whole => sender.message_with(&data, compression, &mut wire).unwrap(),
        How::Prepared => sender
            .prepared(&Prepared::new_with(&data, compression), &mut wire)
            .unwrap(),
        How::Fragments(len) => {
            for piece in data.chunks(usize::from(len) * 8 + 1) {
                sender
                    .fragment_with(DataKind::Binary, false, piece, compression, &mut wire)
                    .unwrap();
            }
            sender
                .fragment_with(DataKind::Binary, true, &[], compression, &mut wire)
                .unwrap();
        }
    }
    (data, wire)
}

fn receive(conn: &mut Connection, wire: &[u8], piece: usize) -> Vec<u8> {
    let mut got = Vec::new();
    for piece in wire.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        while let Some(event) = conn.next_event(&mut input).unwrap() {
            match event {
                Event::Binary(data) | Event::Chunk(_, data) => got.extend_from_slice(&data),
                event => panic!("{event:?}"),
            }
        }
    }
    got
}

fuzz_target!(|case: Case| {
    let [client, server] = case
        .settings
        .each_ref()
        .map(|settings| Extensions::from(settings.deflate()));
    let at_server = server.accept([client.offer().as_bytes()]).unwrap();
    let at_client = client.confirm([at_server.to_string().as_bytes()]).unwrap();
    let mut config = Config::default();
    config.limits.max_message = u64::MAX;
    config.limits.max_empty_fragments = u32::MAX;
    config.delivery = if case.in_chunks {
        Delivery::Chunks
    } else {
        Delivery::Messages
    };
    let mut client = Connection::client(config.clone(), || [1, 2, 3, 4]);
    let mut server = Connection::server(config);
    client.extend(&at_client);
    server.extend(&at_server);
    for (by_client, sent) in &case.sent {
        let (from, to) = if *by_client {
            (&mut client, &mut server)
        } else {
            (&mut server, &mut client)
        };
        let (data, wire) = send(from, sent);
        assert!(receive(to, &wire, usize::from(case.piece) + 1) == data);
    }
});
