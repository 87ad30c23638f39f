//! What runs on a connection.

use std::any::Any;
use std::fmt;

use crate::{Error, Io};

/// What runs on a connection: all that the server knows about it.
///
/// The server calls [`accept`](Self::accept) once, then [`ready`](Self::ready) whenever something has happened, and
/// [`close`](Self::close) once, last. All input and output goes through the [`Io`], which lasts for the call.
///
/// ```
/// use ws_mio::{Io, Next, Protocol, Ready};
///
/// /// Returns every byte (RFC 862).
/// struct Mirror;
///
/// impl Protocol for Mirror {
///     fn ready(&mut self, io: &mut Io<'_>, _why: Ready) -> Next {
///         while io.has_room() && io.read(|io, bytes| { io.write(bytes); bytes.len() }) {}
///         if io.has_ended() { Next::Finish } else { Next::Stay }
///     }
/// }
/// ```
///
/// A protocol that is replaced by another one ([`Next::Become`]) is dropped without `close`: the connection goes on.
pub trait Protocol {
    /// The connection is there, or the protocol before this one has handed it over. What came already, and what comes,
    /// is told by [`ready`](Self::ready).
    fn accept(&mut self, io: &mut Io<'_>) -> Next {
        let _ = io;
        Next::Stay
    }

    /// Something has happened; `why` says what. What this call writes leaves in one go at its end, or earlier if it is
    /// much.
    fn ready(&mut self, io: &mut Io<'_>, why: Ready) -> Next;

    /// The connection ends: nothing can be read or written any more. With the reason, if it is a failure that did not come
    /// through [`ready`](Self::ready).
    fn close(&mut self, io: &mut Io<'_>, why: Option<Error>) {
        let _ = (io, why);
    }

    /// The protocol as a value that [`Server::with`](crate::Server::with) can look into. Hidden, since it is of use to this
    /// crate's own protocol only; here, since a `dyn Protocol` can't be cast to `dyn Any` before Rust 1.86.
    #[doc(hidden)]
    fn as_any(&mut self) -> Option<&mut dyn Any> {
        None
    }
}

/// Why a protocol is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ready {
    /// The socket: there is something to read ([`Io::read`]), its end ([`Io::has_ended`]), or room again.
    Io,
    /// There is mail: see [`Io::next_post`].
    Mail,
    /// The time has come that was asked for with [`Io::wake_at`].
    Time,
    /// A timer went off that was set with [`Link::set_timer`](crate::Link::set_timer), with its token.
    Timer(u64),
    /// The connection has reached the age of [`Options::lifetime`](crate::Options::lifetime): say goodbye, and end soon.
    Old,
    /// The server is being stopped: say goodbye, and end soon.
    Stop,
}

/// What becomes of a connection after a call.
#[non_exhaustive]
pub enum Next {
    /// It goes on.
    Stay,
    /// Another protocol takes over, with the bytes that have not been taken.
    Become(Box<dyn Protocol>),
    /// What is queued is written, then the connection is ended without cutting off the last bytes: the sending direction
    /// is shut down, and what still comes is dropped until the peer ends as well, for the time of
    /// [`Timeouts::linger`](crate::Timeouts::linger).
    Finish,
    /// It is dropped at once.
    Drop,
    /// It has failed: as [`Drop`](Self::Drop), and [`Protocol::close`] is given the reason.
    Fail(Error),
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stay => f.write_str("Stay"),
            Self::Become(_) => f.write_str("Become"),
            Self::Finish => f.write_str("Finish"),
            Self::Drop => f.write_str("Drop"),
            Self::Fail(error) => f.debug_tuple("Fail").field(error).finish(),
        }
    }
}
