//! What a hub needs to know of what it carries: WebSocket messages, or plain bytes.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ws_proto::{CloseCode, Message};

use crate::writer::WeakWriter;
use crate::{Error, Interrupter, Reader, Writer};

/// What goes over a hub's connections. Implemented by [`Messages`] and by [`raw::Bytes`](crate::raw::Bytes); there are no
/// others.
pub trait Wire: Half {}

/// WebSocket messages.
#[derive(Clone, Copy, Debug)]
pub struct Messages;

impl Wire for Messages {}

/// What this crate does with either kind of connection.
pub trait Half: Sized + Send + Sync + 'static {
    /// What is sent and received.
    type Message: fmt::Debug + Send + 'static;
    /// What receives.
    type Reader: Send + 'static;
    /// What sends, from any thread.
    type Writer: 'static;
    /// What sends as long as the connection lives, and does not keep it.
    type Weak: Clone + fmt::Debug + Send + Sync + 'static;

    /// Waits for a message; `None` is the proper end.
    fn recv(reader: &mut Self::Reader) -> Result<Option<Self::Message>, Error>;

    /// As [`recv`](Self::recv), for so long at most.
    fn recv_timeout(reader: &mut Self::Reader, patience: Duration) -> Result<Option<Self::Message>, Error>;

    /// What ends a wait of the reader.
    fn interrupter(reader: &mut Self::Reader) -> io::Result<Interrupter>;

    /// A hold of the writing half that does not keep it.
    fn downgrade(writer: &Self::Writer) -> Self::Weak;

    /// The writing half, if it is still there.
    fn upgrade(weak: &Self::Weak) -> Option<Self::Writer>;

    /// Sends a message, waiting for room.
    fn send(writer: &Self::Writer, message: Self::Message) -> Result<(), Error>;

    /// Begins a proper end.
    fn close(writer: &Self::Writer);

    /// Ends the transport.
    fn shutdown(writer: &Self::Writer);

    /// Where the other side is.
    fn peer_addr(writer: &Self::Writer) -> io::Result<SocketAddr>;
}

impl Half for Messages {
    type Message = Message;
    type Reader = Reader;
    type Writer = Writer;
    type Weak = WeakWriter;

    fn recv(reader: &mut Reader) -> Result<Option<Message>, Error> {
        reader.recv()
    }

    fn recv_timeout(reader: &mut Reader, patience: Duration) -> Result<Option<Message>, Error> {
        reader.recv_timeout(patience)
    }

    fn interrupter(reader: &mut Reader) -> io::Result<Interrupter> {
        reader.interrupter()
    }

    fn downgrade(writer: &Writer) -> WeakWriter {
        writer.downgrade()
    }

    fn upgrade(weak: &WeakWriter) -> Option<Writer> {
        weak.upgrade()
    }

    fn send(writer: &Writer, message: Message) -> Result<(), Error> {
        writer.send(message)
    }

    fn close(writer: &Writer) {
        // Without effect on a connection that is closing already.
        let _ = writer.handle().close(CloseCode::NORMAL, "");
    }

    fn shutdown(writer: &Writer) {
        writer.shutdown();
    }

    fn peer_addr(writer: &Writer) -> io::Result<SocketAddr> {
        writer.peer_addr()
    }
}
