//! Listening sockets.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixListener;

use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, Socket, Type};

use crate::deadline::Deadline;
use crate::socket::{wait_for, would_block};
use crate::waker::Waker;
use crate::{Stream, TcpOptions};

#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    /// Listens on the first of the addresses that can be had.
    pub(crate) fn bind(address: impl ToSocketAddrs, backlog: u32) -> io::Result<Self> {
        let mut failure = io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on");
        for address in address.to_socket_addrs()? {
            match listen(address, backlog) {
                Ok(listener) => return Ok(Self::Tcp(listener)),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    pub(crate) fn prepare(&self) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.set_nonblocking(true),
            #[cfg(unix)]
            Self::Unix(listener) => listener.set_nonblocking(true),
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr(),
            #[cfg(unix)]
            Self::Unix(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a unix socket has no IP address",
            )),
        }
    }

    /// The next client, if one waits.
    pub(crate) fn accept(&self, tcp: &TcpOptions) -> io::Result<Option<Stream>> {
        let accepted = match self {
            Self::Tcp(listener) => listener.accept().map(|(stream, _)| {
                let stream = Stream::from(stream);
                // It may have gone already, which its own thread will see.
                let _ = stream.apply(tcp);
                stream
            }),
            #[cfg(unix)]
            Self::Unix(listener) => listener.accept().map(|(stream, _)| stream.into()),
        };
        match accepted {
            Ok(stream) => Ok(Some(stream)),
            Err(error) if would_block(&error) => Ok(None),
            // The client has gone away already.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until a client may be there, or somebody wakes it up.
    pub(crate) fn wait(&self, waker: &Waker) -> io::Result<()> {
        let waking = waker.poll_fd();
        let listening = match self {
            Self::Tcp(listener) => PollFd::new(listener, PollFlags::IN),
            #[cfg(unix)]
            Self::Unix(listener) => PollFd::new(listener, PollFlags::IN),
        };
        wait_for(&mut [listening, waking], Deadline::NEVER)?;
        waker.drain();
        Ok(())
    }
}

fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // So that a server can be started again while old connections are still dying. On Windows it would mean to share
    // the port with anybody.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}
