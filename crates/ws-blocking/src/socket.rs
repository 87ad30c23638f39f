//! Sockets: TCP and unix ones alike, never blocking by themselves, and the one way to wait for them.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::deadline::Deadline;
use crate::{Interrupter, TcpOptions};

/// A connected stream socket: from a [`TcpStream`], or from a `UnixStream`.
///
/// Whoever makes one gives the socket away: it is set not to block, and waited for by `poll`, so that reading and
/// writing in two threads never wait for each other. Clones of the descriptor become like it.
pub struct Stream(Kind);

enum Kind {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

impl Interest {
    pub(crate) const READABLE: Self = Self {
        readable: true,
        writable: false,
    };
    pub(crate) const WRITABLE: Self = Self {
        readable: false,
        writable: true,
    };
}

impl Stream {
    /// Makes the socket ready for use.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Tcp(stream) => stream.set_nonblocking(true),
            #[cfg(unix)]
            Kind::Unix(stream) => stream.set_nonblocking(true),
        }
    }

    /// Sets options; a unix socket has none.
    pub(crate) fn apply(&self, options: &TcpOptions) -> io::Result<()> {
        match &self.0 {
            Kind::Tcp(stream) => options.apply(stream),
            #[cfg(unix)]
            Kind::Unix(_) => Ok(()),
        }
    }

    /// Reads what is there; fails with [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is.
    pub(crate) fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        retry(|| match &self.0 {
            Kind::Tcp(stream) => (&*stream).read(into),
            #[cfg(unix)]
            Kind::Unix(stream) => (&*stream).read(into),
        })
    }

    /// Writes what there is room for; fails with [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        retry(|| match &self.0 {
            Kind::Tcp(stream) => (&*stream).write(bytes),
            #[cfg(unix)]
            Kind::Unix(stream) => (&*stream).write(bytes),
        })
    }

    /// As [`write`](Self::write), several pieces at once.
    pub(crate) fn write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        retry(|| match &self.0 {
            Kind::Tcp(stream) => (&*stream).write_vectored(pieces),
            #[cfg(unix)]
            Kind::Unix(stream) => (&*stream).write_vectored(pieces),
        })
    }

    /// Waits until something can be done or the deadline passes; `false` then. An end or a failure of the socket counts
    /// as ready: the next read or write tells.
    pub(crate) fn wait(&self, interest: Interest, deadline: Deadline) -> io::Result<bool> {
        wait_for(&mut [self.poll_fd(interest)], deadline)
    }

    /// As [`wait`](Self::wait), or until it is interrupted.
    pub(crate) fn wait_or(
        &self,
        interest: Interest,
        deadline: Deadline,
        interrupter: &Interrupter,
    ) -> io::Result<bool> {
        wait_for(&mut [self.poll_fd(interest), interrupter.poll_fd()], deadline)
    }

    fn poll_fd(&self, interest: Interest) -> PollFd<'_> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, interest.readable);
        flags.set(PollFlags::OUT, interest.writable);
        match &self.0 {
            Kind::Tcp(stream) => PollFd::new(stream, flags),
            #[cfg(unix)]
            Kind::Unix(stream) => PollFd::new(stream, flags),
        }
    }

    /// Ends a direction or both; whoever waits in another thread wakes up.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match &self.0 {
            Kind::Tcp(stream) => stream.shutdown(how),
            #[cfg(unix)]
            Kind::Unix(stream) => stream.shutdown(how),
        }
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Kind::Tcp(stream) => stream.peer_addr(),
            #[cfg(unix)]
            Kind::Unix(_) => Err(no_address()),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self(Kind::Tcp(stream))
    }
}

#[cfg(unix)]
impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self(Kind::Unix(stream))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Tcp(stream) => stream.fmt(f),
            #[cfg(unix)]
            Kind::Unix(stream) => stream.fmt(f),
        }
    }
}

/// Waits until one of them is ready or the deadline passes; `false` then.
pub(crate) fn wait_for(sockets: &mut [PollFd<'_>], deadline: Deadline) -> io::Result<bool> {
    loop {
        let left = match deadline.left() {
            Ok(left) => left,
            // Whatever is ready already is so although there is no time left.
            Err(_) => Some(Duration::ZERO),
        };
        // What is out of range for the system is as good as for ever.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(sockets, timeout.as_ref()) {
            Ok(0) if left.is_none() => {}
            Ok(0) if left == Some(Duration::ZERO) => return Ok(false),
            // Systems may wake up a little early.
            Ok(0) => {}
            Ok(_) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether nothing could be read or written just now.
pub(crate) fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

pub(crate) fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(unix)]
fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "a unix socket has no IP address")
}
