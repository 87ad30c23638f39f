//! Reading and writing before a connection is open, by one deadline.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::deadline::{Deadline, is_timeout};
use crate::input::ReadBuffer;

/// Reads once. Fails with [`TimedOut`](io::ErrorKind::TimedOut) when the deadline passes.
pub(crate) fn read(stream: &TcpStream, buffer: &mut ReadBuffer, deadline: Deadline) -> io::Result<usize> {
    loop {
        stream.set_read_timeout(deadline.left()?)?;
        match buffer.fill(stream) {
            Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Writes everything. Fails with [`TimedOut`](io::ErrorKind::TimedOut) when the deadline passes.
pub(crate) fn write(mut stream: &TcpStream, mut bytes: &[u8], deadline: Deadline) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.set_write_timeout(deadline.left()?)?;
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes the last answer and ends the transport so that the peer gets to read it: a socket dropped with input unread
/// is reset, and a reset overtakes what is under way.
pub(crate) fn dismiss(stream: &TcpStream, answer: &[u8], deadline: Deadline, linger: Duration) -> io::Result<()> {
    write(stream, answer, deadline)?;
    stream.shutdown(Shutdown::Write)?;
    // Whatever goes wrong from here on, the answer is out.
    let _ = discard(stream, Deadline::after(Some(linger)));
    Ok(())
}

fn discard(mut stream: &TcpStream, deadline: Deadline) -> io::Result<()> {
    let mut scratch = [0; DISCARD_SIZE];
    loop {
        stream.set_read_timeout(deadline.left()?)?;
        if stream.read(&mut scratch)? == 0 {
            return Ok(());
        }
    }
}

/// What is thrown away at a time.
const DISCARD_SIZE: usize = 4096;
