//! What is known about a socket between events, and reading from it.

use std::io;

use crate::socket::Socket;

/// What is known about the socket.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flow {
    /// There may be something to read: no read has told otherwise since the last event.
    pub(crate) readable: bool,
    /// There may be room to write.
    pub(crate) writable: bool,
    /// Whether more can come.
    pub(crate) end: End,
    /// Writing has failed: nobody listens.
    pub(crate) deaf: bool,
    /// We have shut down our direction.
    pub(crate) shut: bool,
    /// The socket is watched for room to write.
    pub(crate) watched: bool,
    /// Messages leave as they are given: we are the server, and no extension encodes them.
    pub(crate) is_plain: bool,
    /// A send was refused because the queue was full.
    pub(crate) refused: bool,
    /// The server will give another turn without being asked.
    pub(crate) queued: bool,
    /// How far the connection has come.
    pub(crate) stage: Stage,
    /// Nothing is read until it is resumed.
    pub(crate) paused: bool,
    /// Something was not delivered for want of room that may need no more input.
    pub(crate) held: bool,
}

/// Whether the peer has ended its direction, or the socket has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    None,
    /// That was signalled: a short read does not mean that there is nothing more.
    Signalled,
    /// The end has been read.
    Read,
}

/// How far a connection has come, as far as it matters to the loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The socket is still connecting.
    Dialling,
    #[default]
    Live,
    /// Who runs on it has been told the end.
    Told,
}

/// What an event tells about a socket.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Readiness {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) read_closed: bool,
}

impl Flow {
    pub(crate) fn note(&mut self, ready: Readiness) {
        self.readable |= (ready.readable || ready.read_closed) && self.end != End::Read;
        self.writable |= ready.writable && !self.deaf;
        if ready.read_closed {
            self.note_end();
        }
    }

    /// The end is to be read.
    pub(crate) fn note_end(&mut self) {
        if self.end != End::Read {
            self.end = End::Signalled;
            self.readable = true;
        }
    }

    /// Reads once. Zero means that there is nothing now, or, if it is still readable, that it's others' turn, or, if the
    /// end has been read, that there is nothing more.
    pub(crate) fn read(&mut self, socket: &mut Socket<'_>, into: &mut [u8]) -> usize {
        #[cfg(test)]
        crate::tests::note_read(into.len());
        let result = socket.read(into);
        self.writable |= socket.reading_makes_room() && !self.deaf;
        match result {
            Ok(count @ 1..) => {
                // An end behind a short read has been signalled, or will be.
                self.readable = count == into.len() || !socket.short_read_drains() || self.end == End::Signalled;
                return count;
            }
            // By a signal, or because TLS has read enough for nothing: there may be more.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return 0,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => self.end = End::Read,
        }
        self.readable = false;
        0
    }

    pub(crate) fn shut(&mut self, socket: &mut Socket<'_>) {
        if !self.shut {
            self.shut = true;
            socket.shut();
        }
    }
}
