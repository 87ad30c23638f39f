//! What the server says through the `log` facade, if that feature is on.

#[cfg(feature = "log")]
mod facade {
    use crate::{Address, ClientId};

    pub(crate) fn listening(at: &Address) {
        log::info!("listening on {at}");
    }

    pub(crate) fn came(id: ClientId, peer: &Address, at: &Address) {
        log::debug!("{id} came from {peer} to {at}");
    }

    pub(crate) fn went(id: ClientId) {
        log::debug!("{id} went");
    }

    pub(crate) fn exhausted() {
        log::warn!("accepting rests: the process has run out of something, file descriptors most likely");
    }

    pub(crate) fn stopping(connections: usize) {
        log::info!("stopping, with {connections} connections");
    }
}

#[cfg(not(feature = "log"))]
mod facade {
    use crate::{Address, ClientId};

    pub(crate) fn listening(_at: &Address) {}

    pub(crate) fn came(_id: ClientId, _peer: &Address, _at: &Address) {}

    pub(crate) fn went(_id: ClientId) {}

    pub(crate) fn exhausted() {}

    pub(crate) fn stopping(_connections: usize) {}
}

pub(crate) use self::facade::{came, exhausted, listening, stopping, went};
