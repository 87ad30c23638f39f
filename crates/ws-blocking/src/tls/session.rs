//! A TLS session over a socket, for reading and writing at the same time.
//!
//! One session serves both directions, so it lies behind a lock; but it only turns bytes in memory into other bytes.
//! Ciphertext is read and written without the lock, by the reading thread and by who has the turn to write (see
//! [`shared`](crate::shared)), each with a buffer of its own. So no thread ever waits for the peer with the lock held.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

use crate::deadline::Deadline;
use crate::line::MAX_SLICES;
use crate::outgoing::Outgoing;
use crate::socket::{Interest, Stream, would_block};

/// A session, before or after its handshake.
pub(crate) struct Tls(Mutex<Connection>);

/// Ciphertext that was read.
#[derive(Default)]
pub(crate) struct Cipher {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    eof: bool,
}

impl Tls {
    pub(crate) fn server(config: Arc<ServerConfig>) -> io::Result<Self> {
        let session = ServerConnection::new(config).map_err(into_io)?;
        Ok(Self(Mutex::new(session.into())))
    }

    pub(crate) fn client(config: Arc<ClientConfig>, host: &str) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let session = ClientConnection::new(config, name).map_err(into_io)?;
        Ok(Self(Mutex::new(session.into())))
    }

    /// Does the handshake. Fails with [`TimedOut`](io::ErrorKind::TimedOut) when the deadline passes.
    pub(crate) fn shake_hands(&self, socket: &Stream, cipher: &mut Cipher, deadline: Deadline) -> io::Result<()> {
        loop {
            let mut out = Vec::new();
            let done = {
                let mut session = self.lock();
                while session.wants_write() {
                    session.write_tls(&mut out)?;
                }
                !session.is_handshaking()
            };
            write_all(socket, &out, deadline)?;
            if done {
                return Ok(());
            }
            // Also for a peer that always has something to say.
            deadline.left()?;
            if cipher.is_empty() && fill(socket, cipher, deadline)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut session = self.lock();
            if let Err(error) = cipher.feed(&mut session) {
                // An alert tells the peer why, if there is room for it.
                let mut alert = Vec::new();
                let _ = session.write_tls(&mut alert);
                let _ = socket.write(&alert);
                return Err(error);
            }
        }
    }

    /// As [`Line::read`](crate::line::Line::read).
    pub(crate) fn read(&self, socket: &Stream, cipher: &mut Cipher, into: &mut [u8]) -> io::Result<usize> {
        let filled = self.decrypt(cipher, into)?;
        if filled > 0 || cipher.eof {
            return Ok(filled);
        }
        cipher.read(socket)?;
        match self.decrypt(cipher, into)? {
            // Whoever sends records with nothing in them must not keep the thread in here.
            0 if !cipher.eof => Err(io::ErrorKind::WouldBlock.into()),
            filled => Ok(filled),
        }
    }

    /// As [`Line::write`](crate::line::Line::write).
    pub(crate) fn write(&self, socket: &Stream, out: &mut Outgoing) -> io::Result<usize> {
        if out.cipher_written == out.cipher.len() {
            out.cipher.clear();
            out.cipher_written = 0;
            self.encrypt(out)?;
        }
        if out.cipher.is_empty() {
            return Ok(0);
        }
        let count = socket.write(&out.cipher[out.cipher_written..])?;
        out.cipher_written += count;
        Ok(count)
    }

    /// Whether there is something to write of the session's own: an answer to a change of keys, a ticket.
    pub(crate) fn owes(&self) -> bool {
        self.lock().wants_write()
    }

    /// Tells the peer that nothing more will come, if there is room for it at once.
    pub(crate) fn say_goodbye(&self, socket: &Stream) {
        let mut out = Vec::new();
        let mut session = self.lock();
        session.send_close_notify();
        while session.wants_write() && session.write_tls(&mut out).is_ok() {}
        drop(session);
        let _ = socket.write(&out);
    }

    /// Turns all ciphertext that was read into plaintext, or as much as there is room for.
    fn decrypt(&self, cipher: &mut Cipher, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        let mut session = self.lock();
        while filled < into.len() {
            match session.reader().read(&mut into[filled..]) {
                Ok(0) => {
                    cipher.eof = true;
                    break;
                }
                Ok(count) => filled += count,
                // The transport ended without a farewell. A connection that ended by its own rules does not need one, and of
                // others the reading side tells that they did not.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) if would_block(&error) && cipher.is_empty() => break,
                Err(error) if would_block(&error) => cipher.feed(&mut session)?,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Turns what is to be written into ciphertext, as much as the session takes at once.
    fn encrypt(&self, out: &mut Outgoing) -> io::Result<()> {
        let mut session = self.lock();
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let used = out.batch.slices(&mut slices);
        if used > 0 {
            let count = session.writer().write_vectored(&slices[..used])?;
            out.batch.advance(count);
        }
        while session.wants_write() {
            session.write_tls(&mut out.cipher)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cipher {
    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Reads once; what was there must have been taken.
    fn read(&mut self, socket: &Stream) -> io::Result<usize> {
        if self.bytes.is_empty() {
            self.bytes = vec![0; READ_SIZE];
        }
        let count = socket.read(&mut self.bytes)?;
        self.start = 0;
        self.end = count;
        self.eof = count == 0;
        Ok(count)
    }

    /// Gives the session what it takes.
    fn feed(&mut self, session: &mut Connection) -> io::Result<()> {
        self.start += session.read_tls(&mut &self.bytes[self.start..self.end])?;
        session.process_new_packets().map_err(into_io)?;
        Ok(())
    }
}

fn fill(socket: &Stream, cipher: &mut Cipher, deadline: Deadline) -> io::Result<usize> {
    loop {
        match cipher.read(socket) {
            Err(error) if would_block(&error) => wait(socket, Interest::READABLE, deadline)?,
            result => return result,
        }
    }
}

fn write_all(socket: &Stream, mut bytes: &[u8], deadline: Deadline) -> io::Result<()> {
    while !bytes.is_empty() {
        match socket.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if would_block(&error) => wait(socket, Interest::WRITABLE, deadline)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn wait(socket: &Stream, interest: Interest, deadline: Deadline) -> io::Result<()> {
    if socket.wait(interest, deadline)? {
        Ok(())
    } else {
        Err(io::ErrorKind::TimedOut.into())
    }
}

fn into_io(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher")
            .field("unread", &(self.end - self.start))
            .finish_non_exhaustive()
    }
}

/// Two records of the largest size at a time.
const READ_SIZE: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    /// It would hold the handshake for as long as it sends, since there is never anything to wait for.
    #[test]
    fn a_peer_that_always_has_something_to_say_is_not_heard_beyond_the_deadline() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let config = crate::tls::server_config(certificate.as_bytes(), key.as_bytes()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        // The beginning of a ClientHello of 64 KiB.
        let record = [&[22, 3, 1, 0, 10, 1, 0, 0xff, 0xff][..], &[0; 6]].concat();
        peer.write_all(&record).unwrap();
        let unread = stream.try_clone().unwrap();
        while unread.peek(&mut [0; 100]).unwrap() < record.len() {}
        // As sockets of lines are.
        stream.set_nonblocking(true).unwrap();
        let late = Deadline::after(Some(Duration::ZERO));
        let result = Tls::server(config)
            .unwrap()
            .shake_hands(&Stream::from(stream), &mut Cipher::default(), late);
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(unread.peek(&mut [0; 100]).unwrap(), record.len(), "it was heard");
    }
}
