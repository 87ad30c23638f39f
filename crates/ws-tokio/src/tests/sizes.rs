//! What a connection costs while nothing happens.

use std::mem::size_of;

use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::WebSocket;
use crate::line::Link;

/// 0.8 KiB: the value itself, which lies in its task, what it shares, with the counts of an `Arc`, and its timer. That
/// leaves room for the allocator's rounding within 1 KiB. There is no other allocation of an idle connection.
#[test]
fn an_idle_connection_is_under_one_kibibyte() {
    let owned = size_of::<WebSocket<TcpStream>>();
    let shared = size_of::<Link<TcpStream>>() + 2 * size_of::<usize>();
    let timer = size_of::<Sleep>();
    assert!(owned + shared + timer <= 836, "{owned} + {shared} + {timer}");
}
