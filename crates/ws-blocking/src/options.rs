//! Options of TCP sockets.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// Options of a TCP socket. Unix sockets have none of these.
///
/// ```
/// let mut tcp = ws_blocking::TcpOptions::default();
/// tcp.keepalive = Some(std::time::Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpOptions {
    /// Whether small writes leave at once, without waiting for others (`TCP_NODELAY`). Default on: this crate gathers
    /// what belongs together by itself.
    pub nodelay: bool,
    /// After how much silence the system asks whether the peer's machine is there. Default off: the pings of
    /// [`Timeouts`](crate::Timeouts) ask the peer's program.
    pub keepalive: Option<Duration>,
    /// The system's buffer for input, in bytes. Default: the system's, which adapts itself.
    pub recv_buffer: Option<usize>,
    /// The system's buffer for output, in bytes. Default: the system's, which adapts itself.
    pub send_buffer: Option<usize>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            keepalive: None,
            recv_buffer: None,
            send_buffer: None,
        }
    }
}

impl TcpOptions {
    pub(crate) fn apply(&self, stream: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(stream);
        stream.set_nodelay(self.nodelay)?;
        if let Some(after) = self.keepalive {
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(after))?;
        }
        if let Some(size) = self.recv_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        if let Some(size) = self.send_buffer {
            socket.set_send_buffer_size(size)?;
        }
        Ok(())
    }
}
