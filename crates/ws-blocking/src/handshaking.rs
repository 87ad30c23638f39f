//! Reading and writing before a connection is open, by one deadline.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::input::ReadBuffer;
use crate::line::{Inflow, Line};

/// A transport before its connection is open.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) line: Arc<Line>,
    pub(crate) inflow: Inflow,
    pub(crate) buffer: ReadBuffer,
}

impl Opening {
    pub(crate) fn new(line: Arc<Line>) -> Self {
        Self {
            line,
            inflow: Inflow::default(),
            buffer: ReadBuffer::new(&[]),
        }
    }

    /// Reads once. Fails with [`TimedOut`](io::ErrorKind::TimedOut) when the deadline passes.
    pub(crate) fn read(&mut self, deadline: Deadline) -> io::Result<usize> {
        let Self { line, inflow, buffer } = self;
        buffer.fill(|into| line.read_by(inflow, into, deadline))
    }

    /// Writes everything. Fails with [`TimedOut`](io::ErrorKind::TimedOut) when the deadline passes.
    pub(crate) fn write(&self, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        self.line.write_by(bytes, deadline)
    }

    /// Writes the last answer and ends the transport so that the peer gets to read it: a socket dropped with input
    /// unread is reset, and a reset overtakes what is under way.
    pub(crate) fn dismiss(&mut self, answer: &[u8], deadline: Deadline, linger: Duration) -> io::Result<()> {
        self.write(answer, deadline)?;
        self.line.end_sending()?;
        let linger = Deadline::after(Some(linger));
        // Whatever goes wrong from here on, the answer is out. A peer that goes on sending is not read for longer, either.
        while !linger.has_passed() && matches!(self.read(linger), Ok(1..)) {}
        Ok(())
    }
}
