//! The read buffer of one connection.

use std::fmt;
use std::io;

/// Bytes that were read and not yet taken.
///
/// The thread of a connection owns it for as long as the connection lives: beside the thread's stack it is small.
pub(crate) struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl ReadBuffer {
    /// A buffer that holds `unread` already.
    pub(crate) fn new(unread: &[u8]) -> Self {
        let mut bytes = vec![0; unread.len().max(READ_SIZE)];
        bytes[..unread.len()].copy_from_slice(unread);
        Self {
            bytes,
            start: 0,
            end: unread.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn unread(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    /// All but the last `left` unread bytes have been taken.
    pub(crate) fn keep(&mut self, left: usize) {
        self.start = self.end - left;
    }

    /// Reads once; what is unread must have been taken.
    pub(crate) fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        self.start = 0;
        self.end = 0;
        self.end = read(&mut self.bytes)?;
        Ok(self.end)
    }

    /// How much one read can bring.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

/// Shows how much is held, not what.
impl fmt::Debug for ReadBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadBuffer")
            .field("unread", &(self.end - self.start))
            .finish_non_exhaustive()
    }
}

/// Room for hundreds of small messages per system call, or for one of 16 KiB with its header; of larger ones, all but
/// the beginning is read past this buffer.
const READ_SIZE: usize = 17 * 1024;
