//! What an idle connection costs in memory.

use core::mem::size_of;

use crate::{Connection, ConnectionError, Event, Sender};

/// Ten thousand idle connections are ten thousand of these and no buffers: a field added here is paid by all.
#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<Connection>() <= 176, "{}", size_of::<Connection>());
    assert!(size_of::<Sender>() <= 32, "{}", size_of::<Sender>());
}

/// An event is moved through every `?` of a receive loop: four words, as much as a `Cow` and a tag.
#[test]
fn an_event_is_small() {
    assert!(size_of::<Result<Option<Event<'_>>, ConnectionError>>() <= 32);
}
