//! What an idle connection costs in memory.

use std::mem::size_of;

use crate::Client;
use mio::net::TcpStream;

use crate::server::Slot;
use crate::websocket::WebSocket;

struct Nothing;

impl Client for Nothing {}

/// Ten thousand idle connections are ten thousand of these, and no buffers: a field added here is paid by all.
#[test]
fn an_idle_connection_is_small() {
    // What the socket has for mio's own checks, it has in debug builds only.
    let checks = (size_of::<TcpStream>() - size_of::<u32>()).next_multiple_of(8);
    // Its place, its seat in the roster, its box; and an alarm in a heap that may have doubled just before.
    let place = size_of::<Option<Slot>>() - checks + 8;
    let alarm = 2 * size_of::<u64>();
    let all = place + size_of::<WebSocket<Nothing>>() + alarm;
    assert!(all <= 256, "{place} + {} + {alarm}", size_of::<WebSocket<Nothing>>());
}
