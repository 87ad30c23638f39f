//! What an idle connection costs in memory.

use core::mem::size_of;

use crate::{Connection, Event, Receiver, Sender};

/// Ten thousand idle connections are ten thousand of these and no buffers: a field added here is paid by all.
#[test]
fn an_idle_connection_is_small() {
    std::eprintln!(
        "receiver {}, sender {}, connection {}, event {}",
        size_of::<Receiver>(),
        size_of::<Sender>(),
        size_of::<Connection>(),
        size_of::<Event<'_>>()
    );
    assert!(size_of::<Connection>() <= 256);
}
