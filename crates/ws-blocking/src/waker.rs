//! How to wake up a thread that waits for a socket.

use std::io::{self, Read, Write};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags};

use crate::socket::retry;

/// Wakes up a thread that polls it along with something else, now or as soon as it comes there.
#[derive(Debug)]
pub(crate) struct Waker {
    sender: Channel,
    receiver: Channel,
}

#[cfg(unix)]
type Channel = UnixStream;
#[cfg(not(unix))]
type Channel = std::net::TcpStream;

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        #[cfg(unix)]
        let (sender, receiver) = UnixStream::pair()?;
        #[cfg(not(unix))]
        let (sender, receiver) = {
            let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
            let sender = std::net::TcpStream::connect(listener.local_addr()?)?;
            (sender, listener.accept()?.0)
        };
        sender.set_nonblocking(true)?;
        receiver.set_nonblocking(true)?;
        Ok(Self { sender, receiver })
    }

    pub(crate) fn wake(&self) {
        // If there is no room for a byte, there are enough to wake up for.
        let _ = retry(|| (&self.sender).write(&[1]));
    }

    /// Becomes ready when it is woken.
    pub(crate) fn poll_fd(&self) -> PollFd<'_> {
        PollFd::new(&self.receiver, PollFlags::IN)
    }

    /// Makes it wait again.
    pub(crate) fn drain(&self) {
        let mut bytes = [0; 16];
        while let Ok(16) = retry(|| (&self.receiver).read(&mut bytes)) {}
    }
}

/// Ends a call that receives, without an effect on the connection; from [`Reader::interrupter`](crate::Reader::interrupter).
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Interrupter(Arc<Interrupt>);

#[derive(Debug)]
struct Interrupt {
    waker: Waker,
    raised: AtomicBool,
}

impl Interrupter {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(Interrupt {
            waker: Waker::new()?,
            raised: AtomicBool::new(false),
        })))
    }

    /// Makes the thread that waits to receive, or else the next one that would have to, return with
    /// [`Error::NothingYet`](crate::Error::NothingYet).
    pub fn interrupt(&self) {
        self.0.raised.store(true, Ordering::SeqCst);
        self.0.waker.wake();
    }

    /// Without a system call.
    pub(crate) fn is_raised(&self) -> bool {
        self.0.raised.load(Ordering::SeqCst)
    }

    pub(crate) fn poll_fd(&self) -> PollFd<'_> {
        self.0.waker.poll_fd()
    }

    /// Whether it was raised, once.
    pub(crate) fn take(&self) -> bool {
        self.0.waker.drain();
        self.0.raised.swap(false, Ordering::SeqCst)
    }
}
