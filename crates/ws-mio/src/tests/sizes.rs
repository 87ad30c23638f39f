//! What an idle connection costs in memory.

use std::mem::size_of;

use super::super::client::Client;
use crate::{ClientId, Handler};

struct Nothing;

impl Handler for Nothing {}

/// Ten thousand idle connections are ten thousand of these, and no buffers: a field added here is paid by all.
#[test]
fn an_idle_connection_is_small() {
    eprintln!("client {}", size_of::<Client<Nothing>>());
    assert!(size_of::<Client<Nothing>>() <= 232, "{}", size_of::<Client<Nothing>>());
    // One timer for each, in a heap that may have doubled just before.
    assert!(size_of::<(ws_proto::Instant, ClientId)>() <= 16);
}
