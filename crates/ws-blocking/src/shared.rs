//! What the thread of a connection and its [`Handle`](crate::Handle)s share.
//!
//! The connection's own thread holds the writer's lock while it writes, which may take long. Who wants to close
//! from elsewhere never waits for that: the wish is put down, and whoever holds the lock fulfils it when it is done.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use ws_proto::{CloseFrame, Reply};

use crate::writer::Writer;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) stream: Arc<TcpStream>,
    writer: Mutex<Writer>,
    wish: Mutex<Wish>,
}

/// A Close that another thread asked for.
#[derive(Debug, Default)]
struct Wish {
    /// Still to be handed to the writer, and how long writing it may take.
    unsent: Option<(CloseFrame, Option<Duration>)>,
    /// Still to be told to the receiver.
    untold: Option<CloseFrame>,
    /// There is one wish per connection.
    made: bool,
}

impl Shared {
    pub(crate) fn new(stream: Arc<TcpStream>, writer: Writer) -> Self {
        Self {
            stream,
            writer: Mutex::new(writer),
            wish: Mutex::default(),
        }
    }

    /// Does something with the writer alone.
    pub(crate) fn with_writer<T>(&self, work: impl FnOnce(&mut Writer, &TcpStream) -> T) -> T {
        let result = work(&mut lock(&self.writer), &self.stream);
        self.fulfil_wish();
        result
    }

    /// Asks for a Close, and writes it unless another thread is writing: then that thread does.
    pub(crate) fn ask_to_close(&self, frame: CloseFrame, patience: Option<Duration>) {
        self.wish_to_close(frame, patience);
        self.fulfil_wish();
    }

    /// Only puts the wish down.
    pub(crate) fn wish_to_close(&self, frame: CloseFrame, patience: Option<Duration>) {
        let mut wish = lock(&self.wish);
        if !wish.made {
            *wish = Wish {
                unsent: Some((frame, patience)),
                untold: Some(frame),
                made: true,
            };
        }
    }

    /// The Close that another thread asked for; once. It is with the writer before its lock can be had again, so that
    /// both halves of the connection know of it.
    pub(crate) fn take_untold_close(&self) -> Option<CloseFrame> {
        let frame = lock(&self.wish).untold.take()?;
        self.fulfil_wish();
        Some(frame)
    }

    /// Ends the transport at once.
    pub(crate) fn shutdown(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Both)
    }

    /// Called after the writer's lock was let go and after a wish was made, so one of the two sees the other.
    fn fulfil_wish(&self) {
        while lock(&self.wish).unsent.is_some() {
            let mut writer = match self.writer.try_lock() {
                Ok(writer) => writer,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            let Some((frame, patience)) = lock(&self.wish).unsent.take() else {
                return;
            };
            writer.sender.reply(Reply::Close(frame));
            // The reading side meets the same failure and reports it.
            let _ = writer.flush_within(&self.stream, patience);
        }
    }
}

/// A thread that panicked between two system calls left nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
