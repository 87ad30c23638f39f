//! A transport that always has input and takes all output.

use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The same bytes again and again.
#[derive(Debug)]
pub struct Transport {
    wire: Vec<u8>,
    at: usize,
}

impl Transport {
    pub fn new(wire: &[u8]) -> Self {
        Self {
            wire: wire.to_vec(),
            at: 0,
        }
    }

    /// As one read of a socket: 64 KiB at most.
    pub fn read_some(&mut self, out: &mut [u8]) -> usize {
        self.read_buf(out)
    }

    /// The same, into memory that need not be initialised.
    pub fn read_buf(&mut self, mut out: impl BufMut) -> usize {
        let rest = &self.wire[self.at..];
        let count = rest.len().min(out.remaining_mut()).min(WINDOW);
        out.put_slice(&rest[..count]);
        self.at = (self.at + count) % self.wire.len().max(1);
        count
    }
}

/// A client's frames of one kind, as many as fill a read, or one.
pub fn frames(text: bool, size: usize) -> Vec<u8> {
    let frame = frame(text, size);
    frame.repeat(WINDOW.div_ceil(frame.len()))
}

/// A client's frame.
pub fn frame(text: bool, size: usize) -> Vec<u8> {
    let mut frame = vec![if text { 0x81 } else { 0x82 }];
    match size {
        0..126 => frame.push(0x80 | size as u8),
        126..0x1_0000 => {
            frame.push(0xFE);
            frame.extend((size as u16).to_be_bytes());
        }
        _ => {
            frame.push(0xFF);
            frame.extend((size as u64).to_be_bytes());
        }
    }
    let key = [0x37, 0xFA, 0x21, 0x3D];
    frame.extend(key);
    frame.extend((0..size).map(|i| b'a' ^ key[i % 4]));
    frame
}

impl Read for Transport {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.read_some(out))
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Transport {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // What is not initialised is not initialised twice.
        self.read_buf(out);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What one read brings.
pub const WINDOW: usize = 64 << 10;
