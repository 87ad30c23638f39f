//! A handle and the connection's own thread at the same moment.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use ws_proto::Config;

use super::pair;
use crate::CloseCode;

#[test]
fn a_wish_to_close_that_is_met_halfway_ends_the_transport_all_the_same() {
    let (mut peer, mut ws) = pair(Config::default(), &[]);
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    peer.write_all(b"\x88\x82\0\0\0\0\x03\xe8").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    // As if the other thread were interrupted before it came to write.
    ws.shared().close(CloseCode::new(4001), "").unwrap();
    assert_eq!(ws.recv().unwrap(), None);
    let mut came = Vec::new();
    peer.read_to_end(&mut came).unwrap();
    assert_eq!(came, b"\x88\x02\x0f\xa1");
    assert!(ws.ending().unwrap().is_clean());
}
