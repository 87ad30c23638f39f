//! Offers and answers of extensions: nothing panics, and what a server agrees on with whatever offer can be put to work,
//! and is understood by a client that made such an offer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws_proto::deflate::{Agreement, Deflate};
use ws_proto::extension::Extensions;
use ws_proto::{Config, Connection};

fuzz_target!(|bytes: &[u8]| {
    let lines = || bytes.split(|&byte| byte == b'\n');
    let mut narrow = Deflate::dedicated();
    narrow.peer_window_bits = 10;
    for settings in [Deflate::shared(), Deflate::dedicated(), narrow] {
        let extensions = Extensions::from(settings);
        if let Ok(agreed) = extensions.accept(lines()) {
            Connection::server(Config::default()).extend(&agreed);
            // Our answer reads as what we have agreed on.
            let answer = agreed.to_string();
            let again = Extensions::from(Deflate::dedicated())
                .accept([answer.as_bytes()])
                .unwrap();
            assert_eq!(agreed.is_empty(), again.is_empty());
            assert_eq!(agreed.is_empty(), Agreement::of(&agreed).is_none());
        }
        if let Ok(agreed) = extensions.confirm(lines()) {
            Connection::client(Config::default(), || [1, 2, 3, 4]).extend(&agreed);
            assert_eq!(agreed.is_empty(), Agreement::of(&agreed).is_none());
        }
    }
});
