//! Bytes that were read and not yet taken.

use std::fmt;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use crate::pool;

/// What one read brought and nobody has taken yet. Holds a buffer only as long as there is something.
#[derive(Default)]
pub(crate) struct Unread {
    buffer: Option<Box<[u8]>>,
    start: usize,
    end: usize,
}

impl Unread {
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_none()
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        match &mut self.buffer {
            Some(buffer) => &mut buffer[self.start..self.end],
            None => &mut [],
        }
    }

    /// Drops all but the last `count` bytes.
    pub(crate) fn keep(&mut self, count: usize) {
        self.start = self.end - count;
        if count == 0 {
            if let Some(buffer) = self.buffer.take() {
                pool::put_back(buffer);
            }
        }
    }

    /// As [`keep`](Self::keep), but the buffer stays until the next call, for somebody to look at what was dropped.
    /// Returns where the bytes began.
    pub(crate) fn hold(&mut self, count: usize) -> usize {
        let start = self.start;
        self.start = self.end - count;
        start
    }

    /// A part of a buffer that is held.
    pub(crate) fn held(&self, range: Range<usize>) -> &[u8] {
        self.buffer.as_ref().map_or(&[], |buffer| &buffer[range])
    }

    /// Gives the buffer back if it was only held.
    pub(crate) fn release(&mut self) {
        self.keep(self.end - self.start);
    }

    /// Drops the first `count` bytes.
    pub(crate) fn take(&mut self, count: usize) {
        self.keep(self.end - self.start - count);
    }

    /// Reads once. Zero means the end of the stream. Only while nothing is unread.
    pub(crate) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.is_empty(), "unread bytes would be lost");
        let mut buffer = pool::take();
        let mut into = ReadBuf::new(&mut buffer);
        let count = Pin::new(io).poll_read(cx, &mut into).map_ok(|()| into.filled().len());
        match &count {
            Poll::Ready(Ok(count @ 1..)) => {
                self.buffer = Some(buffer);
                self.start = 0;
                self.end = *count;
            }
            _ => pool::put_back(buffer),
        }
        count
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.keep(0);
    }
}

impl From<Vec<u8>> for Unread {
    fn from(bytes: Vec<u8>) -> Self {
        let end = bytes.len();
        let buffer = (end > 0).then(|| bytes.into_boxed_slice());
        Self { buffer, start: 0, end }
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unread({} bytes)", self.end - self.start)
    }
}
