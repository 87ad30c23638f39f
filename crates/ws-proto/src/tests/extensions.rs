//! The extension seam: negotiation of several, composition, misuse.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::peers::{Peer, Seen, last_close_code, masked};
use crate::extension::{
    AnswerError, Codec, DecodeError, Decoder, Encoder, Extension, Extensions, Parameters, Progress,
};
use crate::handshake::{
    Accept, ClientHandshake, ClientRequest, HandshakeConfig, HandshakeError, Outcome, ServerHandshake,
};
use crate::{
    Compression, Config, CustomKind, DataKind, Delivery, OpCode, Payload, ProtocolError, Role, Rsv, SendError,
};

/// Doubles every byte, and adds a mark at the end: what came through it cannot be taken for anything else.
#[derive(Clone, Debug)]
struct Doubling {
    name: &'static str,
    bits: Rsv,
    mark: u8,
}

const FIRST: Doubling = Doubling {
    name: "x-first",
    bits: Rsv::RSV2,
    mark: b'1',
};

const SECOND: Doubling = Doubling {
    name: "x-second",
    bits: Rsv::RSV3,
    mark: b'2',
};

impl Extension for Doubling {
    fn name(&self) -> &str {
        self.name
    }

    fn bits(&self) -> Rsv {
        self.bits
    }

    fn offer(&self) -> Parameters {
        Parameters::new().with_value("mark", core::str::from_utf8(&[self.mark]).unwrap())
    }

    fn accept(&self, offer: &Parameters) -> Option<Parameters> {
        (*offer == self.offer()).then(Parameters::new)
    }

    fn confirm(&self, answer: &Parameters) -> bool {
        answer.is_empty()
    }

    fn start(&self, _: Role, _: &Parameters) -> Codec {
        Codec {
            encoder: Box::new(self.clone()),
            decoder: Box::new(Halving {
                mark: self.mark,
                pending: None,
                is_marked: false,
            }),
        }
    }
}

impl Encoder for Doubling {
    /// Only text, so that some messages go through one extension alone.
    fn begin(&mut self, kind: DataKind, _: Compression) -> Rsv {
        if kind == DataKind::Text || self.mark == b'1' {
            self.bits
        } else {
            Rsv::NONE
        }
    }

    fn encode(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>) {
        out.extend(piece.iter().flat_map(|&byte| [byte, byte]));
        if last {
            out.push(self.mark);
        }
    }
}

struct Halving {
    mark: u8,
    pending: Option<u8>,
    is_marked: bool,
}

impl Decoder for Halving {
    fn begin(&mut self, _: Rsv, _: DataKind) -> Result<(), DecodeError> {
        self.pending = None;
        self.is_marked = false;
        Ok(())
    }

    fn decode(&mut self, input: &[u8], last: bool, output: &mut [u8]) -> Result<Progress, DecodeError> {
        let mut progress = Progress::default();
        for &byte in input {
            if self.pending == Some(byte) && progress.written < output.len() {
                output[progress.written] = byte;
                progress.written += 1;
                self.pending = None;
            } else if self.pending.is_none() {
                self.pending = Some(byte);
            } else if progress.written == output.len() {
                return Ok(progress);
            } else {
                return Err(DecodeError::Malformed);
            }
            progress.read += 1;
        }
        progress.done = true;
        if last && self.pending != Some(self.mark) {
            return Err(DecodeError::Malformed);
        }
        Ok(progress)
    }
}

fn both() -> Extensions {
    let mut extensions = Extensions::from(FIRST);
    extensions.push(SECOND);
    extensions
}

#[test]
fn a_handshake_agrees_and_tells_both_sides_the_same() {
    let mut config = HandshakeConfig::default();
    config.extensions = both();
    let request = ClientRequest::new("ws://example.com/").unwrap();
    let mut wire = Vec::new();
    let mut client = ClientHandshake::new(&request, [1; 16], &config, &mut wire);
    let offer = b"Sec-WebSocket-Extensions: x-first; mark=1, x-second; mark=2\r\n";
    assert!(wire.windows(offer.len()).any(|line| line == offer));
    let (request, _) = ServerHandshake::new(&config).receive(&wire).unwrap().unwrap();
    let mut answer = Vec::new();
    let accepted = request.accept(&Accept::new(), &mut answer).unwrap();
    assert_eq!(accepted.extensions.to_string(), "x-first, x-second");
    let outcome = client.receive(&answer).unwrap().unwrap().0;
    let Outcome::Accepted(at_client) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(at_client.extensions, accepted.extensions);

    // For this connection alone.
    let mut answer = Vec::new();
    let none = request
        .accept(&Accept::new().extensions(Extensions::new()), &mut answer)
        .unwrap();
    assert!(none.extensions.is_empty());
    assert!(!answer.windows(10).any(|part| part == b"Extensions"));
    let one = request
        .accept(&Accept::new().extensions(SECOND.into()), &mut answer)
        .unwrap();
    assert_eq!(one.extensions.to_string(), "x-second");
}

#[test]
fn a_malformed_offer_is_refused_whether_there_are_extensions_or_not() {
    for extensions in [Extensions::new(), both()] {
        let mut config = HandshakeConfig::default();
        config.extensions = extensions;
        let head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: a b\r\n\r\n";
        let (request, _) = ServerHandshake::new(&config).receive(head.as_bytes()).unwrap().unwrap();
        let error = request.check().unwrap_err();
        assert_eq!(error, HandshakeError::InvalidHeader("Sec-WebSocket-Extensions"));
        assert_eq!(error.status(), Some(400));
        assert_eq!(request.accept(&Accept::new(), &mut Vec::new()).unwrap_err(), error);
    }
}

#[test]
fn offers_over_several_lines_are_one_list() {
    let agreed = both()
        .accept([&b"x-second; mark=2"[..], b"x-first; mark=9", b"x-first; mark=1"])
        .unwrap();
    assert_eq!(agreed.to_string(), "x-second, x-first", "in the client's order");
}

#[test]
fn two_that_share_a_bit_are_not_agreed_on() {
    let mut extensions = both();
    extensions.push(Doubling {
        name: "x-third",
        ..SECOND
    });
    let agreed = extensions.accept([&b"x-third; mark=2, x-second; mark=2"[..]]).unwrap();
    assert_eq!(agreed.to_string(), "x-third");
    assert_eq!(
        extensions.confirm([&b"x-third, x-second"[..]]),
        Err(AnswerError::Invalid)
    );
    assert_eq!(
        extensions.confirm([&b"x-first, x-first"[..]]),
        Err(AnswerError::Invalid)
    );
    assert_eq!(extensions.confirm([&b"x-fourth"[..]]), Err(AnswerError::Unoffered));
}

/// The header is read once, from front to back: a megabyte of nonsense takes no longer than a megabyte of sense.
#[test]
fn a_long_header_is_linear_work() {
    for pattern in ["a;b=\"c\\\\\\", "a;", ",", "a;b=\"\\\"\",", " ;=,", "x-first;mark=1;"] {
        let line = pattern.repeat((1 << 20) / pattern.len());
        let _ = both().accept([line.as_bytes()]);
        let _ = both().confirm([line.as_bytes()]);
    }
}

fn connected(config: &Config) -> (Peer, Peer) {
    let agreed = both().accept([&b"x-first; mark=1, x-second; mark=2"[..]]).unwrap();
    let (mut client, mut server) = (Peer::client(config.clone()), Peer::server(config.clone()));
    client.conn.extend(&agreed);
    server.conn.extend(&agreed);
    (client, server)
}

#[test]
fn two_compose_in_the_order_of_the_answer() {
    let (mut client, mut server) = connected(&Config::default());
    server.conn.sender().message("ab", &mut server.out).unwrap();
    assert_eq!(server.out, b"\xb1\x0baaaabbbb112");
    client.exchange(&mut server);
    assert_eq!(client.take_seen(), [Seen::text("ab")]);
    server.conn.sender().message(b"ab", &mut server.out).unwrap();
    assert_eq!(server.out, b"\xa2\x05aabb1", "by one of them only");
    client.exchange(&mut server);
    assert_eq!(client.take_seen(), [Seen::Binary(b"ab".to_vec())]);
}

/// Beside another extension, each still chooses by the whole message.
#[cfg(feature = "deflate")]
#[test]
fn a_threshold_holds_in_company() {
    let mut extensions = Extensions::from(crate::deflate::Deflate::shared());
    extensions.push(FIRST);
    let agreed = extensions
        .accept([&b"permessage-deflate, x-first; mark=1"[..]])
        .unwrap();
    let text = "all the same ".repeat(100);
    for (message, bits) in [("short", 0x20), (&*text, 0x60)] {
        let (mut client, mut server) = (Peer::client(Config::default()), Peer::server(Config::default()));
        client.conn.extend(&agreed);
        server.conn.extend(&agreed);
        server.conn.sender().message(message, &mut server.out).unwrap();
        assert_eq!(server.out[0] & 0x70, bits);
        client.exchange(&mut server);
        assert_eq!(client.take_seen(), [Seen::text(message)]);
    }
}

#[test]
fn long_messages_and_pieces_compose_too() {
    for delivery in [Delivery::Messages, Delivery::Chunks] {
        let mut config = Config::default();
        config.delivery = delivery;
        let (mut client, mut server) = connected(&config);
        let text: alloc::string::String = (0..30_000).map(|at: u32| char::from(b'a' + (at % 26) as u8)).collect();
        let sender = client.conn.sender();
        sender.message(&text, &mut client.out).unwrap();
        for (at, piece) in text.as_bytes().chunks(777).enumerate() {
            let last = (at + 1) * 777 >= text.len();
            sender.fragment(DataKind::Text, last, piece, &mut client.out).unwrap();
        }
        for piece in client.take_out().chunks(1000) {
            server.feed(piece);
        }
        let got: Vec<u8> = server
            .take_seen()
            .into_iter()
            .flat_map(|seen| match seen {
                Seen::Text(text) => text.into_bytes(),
                Seen::Chunk { data, .. } => data,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(got == text.repeat(2).as_bytes());
    }
}

/// What the one has still to give is not the other's end.
#[test]
fn the_end_passes_from_one_to_the_other() {
    let (mut client, mut server) = connected(&Config::default());
    // In a single read, and of a length at which the first waits for a second byte when the second's output is full.
    let text = "a".repeat(30_000);
    client.conn.sender().message(&text, &mut client.out).unwrap();
    server.feed(&client.take_out());
    assert_eq!(server.take_seen(), [Seen::text(&text)]);
}

#[test]
#[should_panic(expected = "a token")]
fn a_name_that_is_no_token_is_not_taken() {
    let _ = Extensions::from(Doubling {
        name: "two words",
        ..FIRST
    });
}

#[test]
fn what_a_decoder_refuses_ends_the_connection() {
    for cut in [
        masked(0xa2, b"aab"),
        masked(0xa2, b"aa9"),
        masked(0xb1, b"aaaa12"),
        masked(0xb1, b""),
    ] {
        let (_, mut server) = connected(&Config::default());
        server.feed(&cut);
        let error = ProtocolError::Extension(DecodeError::Malformed);
        assert_eq!(server.take_seen(), [Seen::Error(error.into())]);
        assert_eq!(last_close_code(&server.out), Some(1007));
    }
}

/// An extension that decodes as a function says, given how much input and how much room there is.
struct Decoding<F>(F);

impl<F> core::fmt::Debug for Decoding<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Decoding")
    }
}

impl<F: Fn(&[u8], &mut [u8]) -> Progress + Clone + Send + Sync + 'static> Extension for Decoding<F> {
    fn name(&self) -> &str {
        "x-decoding"
    }
    fn bits(&self) -> Rsv {
        Rsv::RSV1
    }
    fn offer(&self) -> Parameters {
        Parameters::new()
    }
    fn accept(&self, _: &Parameters) -> Option<Parameters> {
        Some(Parameters::new())
    }
    fn confirm(&self, _: &Parameters) -> bool {
        true
    }
    fn start(&self, _: Role, _: &Parameters) -> Codec {
        Codec {
            encoder: Box::new(FIRST),
            decoder: Box::new(Self(self.0.clone())),
        }
    }
}

impl<F: Fn(&[u8], &mut [u8]) -> Progress + Send + Sync> Decoder for Decoding<F> {
    fn begin(&mut self, _: Rsv, _: DataKind) -> Result<(), DecodeError> {
        Ok(())
    }
    fn decode(&mut self, input: &[u8], _: bool, output: &mut [u8]) -> Result<Progress, DecodeError> {
        Ok((self.0)(input, output))
    }
}

/// A server whose one extension decodes like this.
fn decoding(config: &Config, decode: impl Fn(&[u8], &mut [u8]) -> Progress + Clone + Send + Sync + 'static) -> Peer {
    let mut peer = Peer::server(config.clone());
    let agreed = Extensions::from(Decoding(decode)).accept([&b"x-decoding"[..]]).unwrap();
    peer.conn.extend(&agreed);
    peer
}

/// A decoder that neither takes nor gives would be called for ever; one that claims more than there is, or an end before
/// the end, would make bytes out of nothing, or lose some.
#[test]
fn a_decoder_that_breaks_its_rules_ends_the_connection() {
    let stuck = |_: &[u8], _: &mut [u8]| Progress::default();
    let greedy = |input: &[u8], _: &mut [u8]| Progress {
        read: input.len() + 1,
        written: 0,
        done: true,
    };
    let generous = |input: &[u8], output: &mut [u8]| Progress {
        read: input.len(),
        written: output.len() + 1,
        done: true,
    };
    let lazy = |_: &[u8], _: &mut [u8]| Progress {
        read: 1,
        written: 0,
        done: true,
    };
    for delivery in [Delivery::Messages, Delivery::Chunks] {
        let mut config = Config::default();
        config.delivery = delivery;
        for mut peer in [
            decoding(&config, stuck),
            decoding(&config, greedy),
            decoding(&config, generous),
            decoding(&config, lazy),
        ] {
            peer.feed(&masked(0xc2, b"abc"));
            let error = ProtocolError::Extension(DecodeError::Malformed);
            assert_eq!(peer.take_seen(), [Seen::Error(error.into())]);
            assert_eq!(last_close_code(&peer.out), Some(1007));
        }
    }
}

/// What the decoder has no room for is masked again, and unmasked for the next chunk: of a long input only a bit each time.
#[test]
fn a_long_input_in_chunks_is_linear_work() {
    static OFFERED: AtomicUsize = AtomicUsize::new(0);
    let mut config = Config::default();
    config.delivery = Delivery::Chunks;
    let mut peer = decoding(&config, |input, output| {
        OFFERED.fetch_add(input.len(), Ordering::Relaxed);
        let count = input.len().min(output.len());
        output[..count].copy_from_slice(&input[..count]);
        Progress {
            read: count,
            written: count,
            done: count == input.len(),
        }
    });
    let payload: Vec<u8> = (0..1 << 20).map(|at: u32| at as u8).collect();
    peer.feed(&masked(0xc2, &payload));
    let seen = peer.take_seen();
    let data = seen.iter().flat_map(|seen| match seen {
        Seen::Chunk { data, .. } => &data[..],
        other => panic!("{other:?}"),
    });
    assert!(data.eq(&payload));
    assert!(OFFERED.load(Ordering::Relaxed) <= 2 * payload.len());
}

/// Extensions have no part in control frames, those of the application's own kinds included.
#[test]
fn control_frames_are_not_encoded() {
    let mut config = Config::default();
    let kind = config.opcodes.register(11, "control").unwrap();
    let (mut client, mut server) = connected(&config);
    server
        .conn
        .sender()
        .message(Payload::Custom(kind, b"ab"), &mut server.out)
        .unwrap();
    assert_eq!(server.out, b"\x8b\x02ab");
    client.exchange(&mut server);
    assert_eq!(client.take_seen(), [Seen::Custom(kind, b"ab".to_vec())]);
    server.feed(&masked(0xab, b"aabb1"));
    assert_eq!(server.take_seen(), [Seen::Error(ProtocolError::ReservedBits.into())]);
    assert_eq!(last_close_code(&server.out), Some(1002));
}

/// The bits of an extension are not the application's, and the other way round.
#[test]
fn extensions_and_the_application_share_no_bits() {
    let mut config = Config::default();
    config.reserved_bits = Rsv::RSV1 | Rsv::RSV2;
    let kind = config.opcodes.register(5, "five").unwrap();
    let (mut client, mut server) = connected(&config);
    let sender = client.conn.sender();
    for stolen in [Rsv::RSV2, Rsv::RSV3] {
        let refused = sender.message(Payload::Custom(kind.with_rsv(stolen), b"x"), &mut client.out);
        assert_eq!(refused, Err(SendError::ReservedBits));
    }
    let own = kind.with_rsv(Rsv::RSV1);
    sender.message(Payload::Custom(own, b"x"), &mut client.out).unwrap();
    let text = CustomKind::new(OpCode::Text, Rsv::RSV1).unwrap();
    sender
        .fragment(DataKind::Custom(text), false, b"\xff", &mut client.out)
        .unwrap();
    sender
        .fragment(DataKind::Custom(text), true, b"\xfe", &mut client.out)
        .unwrap();
    client.exchange(&mut server);
    let expected = [(own, &b"x"[..]), (text, b"\xff\xfe")].map(|(kind, bytes)| Seen::Custom(kind, bytes.to_vec()));
    assert_eq!(server.take_seen(), expected);
}
