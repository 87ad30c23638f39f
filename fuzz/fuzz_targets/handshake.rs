//! Requests and answers: nothing panics, any split gives the same result.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws_proto::handshake::{Accept, ClientHandshake, ClientRequest, HandshakeConfig, ServerHandshake, Url};

/// What a server makes of a request that comes in pieces, as text.
fn serve(bytes: &[u8], piece: usize) -> String {
    let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
    let mut taken = 0;
    for piece in bytes.chunks(piece) {
        match handshake.receive(piece) {
            Ok(None) => taken += piece.len(),
            Ok(Some((request, used))) => {
                let mut out = Vec::new();
                let accepted = request.accept(&Accept::new(), &mut out);
                return format!("{} {accepted:?} {out:x?}", taken + used);
            }
            Err(error) => return error.to_string(),
        }
    }
    "more".into()
}

/// What a client makes of an answer that comes in pieces, as text.
fn connect(bytes: &[u8], piece: usize) -> String {
    let request = ClientRequest::new("ws://test/").unwrap();
    let mut handshake = ClientHandshake::new(&request, [0; 16], &HandshakeConfig::default(), &mut Vec::new());
    let mut taken = 0;
    for piece in bytes.chunks(piece) {
        match handshake.receive(piece) {
            Ok(None) => taken += piece.len(),
            Ok(Some((outcome, used))) => return format!("{} {outcome:?}", taken + used),
            Err(error) => return error.to_string(),
        }
    }
    match handshake.handle_eof() {
        Ok(outcome) => format!("end {outcome:?}"),
        Err(error) => error.to_string(),
    }
}

fuzz_target!(|bytes: &[u8]| {
    for piece in [1, 13] {
        assert_eq!(serve(bytes, piece), serve(bytes, usize::MAX));
        assert_eq!(connect(bytes, piece), connect(bytes, usize::MAX));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Url::parse(text);
    }
});
