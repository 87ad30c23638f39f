//! The way out: writing a queue to a socket, and large payloads past the queue.

use std::io::{self, IoSlice};

use ws_proto::{Bytes, Outbox};

use crate::flow::Flow;
use crate::socket::Socket;

/// Writes what is queued, as far as the socket takes it.
pub(crate) fn flush(socket: &mut Socket<'_>, flow: &mut Flow, out: &mut Outbox) {
    if flow.writable && socket.holds_back() {
        match socket.push() {
            Ok(is_done) => flow.writable = is_done,
            Err(error) => note(flow, 0, &Err(error)),
        }
    }
    while flow.writable && !out.is_empty() {
        let (offered, result) = if out.is_contiguous() {
            let bytes = out.first();
            (bytes.len(), write(socket, bytes))
        } else {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let used = out.slices(&mut slices);
            (total(&slices[..used]), write_vectored(socket, &slices[..used]))
        };
        note(flow, offered, &result);
        match result {
            Ok(written) => out.advance(written),
            Err(_) => out.clear(),
        }
    }
    if flow.deaf {
        out.clear();
    }
}

/// Writes what is queued and behind it two more pieces, in one call. Copies to the queue only what the socket does
/// not take.
pub(crate) fn write_through(socket: &mut Socket<'_>, flow: &mut Flow, out: &mut Outbox, header: &[u8], payload: &[u8]) {
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    let used = out.slices(&mut slices[..MAX_SLICES - 2]);
    let queued = total(&slices[..used]);
    if !flow.writable || queued < out.len() {
        return append(out, header, payload);
    }
    slices[used] = IoSlice::new(header);
    slices[used + 1] = IoSlice::new(payload);
    let slices = &slices[..used + 2];
    let result = write_vectored(socket, slices);
    note(flow, total(slices), &result);
    // After an error nothing can be sent any more.
    let Ok(written) = result else { return out.clear() };
    out.advance(written.min(queued));
    let written = written - written.min(queued);
    let of_header = written.min(header.len());
    append(out, &header[of_header..], &payload[written - of_header..]);
}

fn append(out: &mut Outbox, header: &[u8], payload: &[u8]) {
    out.buffer().extend_from_slice(header);
    out.share(Bytes::copy_from_slice(payload));
}

/// Remembers what a write tells about the socket.
fn note(flow: &mut Flow, offered: usize, result: &io::Result<usize>) {
    match result {
        // A stream socket that takes less than it was offered is full: asking again would only tell the same.
        Ok(written) => flow.writable = *written == offered,
        // What the peer sent before it went away can still be read, and the end comes behind it.
        Err(_) => {
            flow.deaf = true;
            flow.writable = false;
            flow.note_end();
        }
    }
}

fn write(socket: &mut Socket<'_>, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(test)]
    crate::tests::WRITES.set(crate::tests::WRITES.get() + 1);
    or_blocked(|| socket.write(bytes))
}

fn write_vectored(socket: &mut Socket<'_>, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    #[cfg(test)]
    crate::tests::WRITES.set(crate::tests::WRITES.get() + 1);
    or_blocked(|| socket.write_vectored(slices))
}

/// Tries until not interrupted; a socket that would block has taken nothing.
fn or_blocked(mut write: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match write() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            result => return result,
        }
    }
}

fn total(slices: &[IoSlice<'_>]) -> usize {
    slices.iter().map(|slice| slice.len()).sum()
}

/// Pieces in one vectored write: beyond a few, the pieces (shared payloads, 4 KiB each at least) outweigh the call.
const MAX_SLICES: usize = 16;
