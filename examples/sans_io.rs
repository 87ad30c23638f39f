//! The whole loop of ws-proto over a plain socket, both ends: the first thing to read for who embeds it elsewhere.
//! ws-proto does no I/O and reads no clock: it takes the bytes that came and tells what they mean, appends what must
//! leave to a buffer, and says when it wants to be told the time. All the rest is in this file.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::{error::Error, thread, time::Duration};

use ws_proto::handshake::{Accept, ClientHandshake, ClientRequest, HandshakeConfig, Outcome, ServerHandshake};
use ws_proto::{CloseCode, Config, Connection, Event, Input, Instant, Transport};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || serve(listener.accept()?.0));
    talk(TcpStream::connect(address)?, &format!("ws://{address}/chat"))?;
    server.join().map_err(|_| "the server panicked")?
}

fn serve(mut stream: TcpStream) -> Result<()> {
    let mut out = Vec::new();
    let mut handshake = ServerHandshake::new(&HandshakeConfig::default());
    let (request, unread) = read(&mut stream, |bytes| Ok(handshake.receive(bytes)?))?;
    println!("server: a client asks for {}", request.path());
    request.accept(&Accept::new(), &mut out)?; // or reject it
    stream.write_all(&out)?;
    drive("server", Connection::server(Config::default()), stream, unread)
}

fn talk(mut stream: TcpStream, url: &str) -> Result<()> {
    let mut out = Vec::new();
    let (request, config) = (ClientRequest::new(url)?, HandshakeConfig::default());
    let mut handshake = ClientHandshake::new(&request, rand::random(), &config, &mut out);
    stream.write_all(&out)?;
    let (outcome, unread) = read(&mut stream, |bytes| Ok(handshake.receive(bytes)?))?;
    assert!(
        matches!(outcome, Outcome::Accepted(_)),
        "the server refused: {outcome:?}"
    );
    let mut connection = Connection::client(Config::default(), rand::random);
    let mut hello = Vec::new();
    connection.sender().message("Hello", &mut hello)?;
    stream.write_all(&hello)?;
    drive("client", connection, stream, unread)
}

/// Reads until a handshake is complete. Returns what came behind it too: that belongs to the connection.
fn read<T>(stream: &mut TcpStream, mut take: impl FnMut(&[u8]) -> Result<Option<(T, usize)>>) -> Result<(T, Vec<u8>)> {
    let mut buffer = vec![0; 4096];
    loop {
        let count = stream.read(&mut buffer)?;
        if let Some((value, used)) = take(&buffer[..count])? {
            return Ok((value, buffer[used..count].to_vec()));
        }
        assert!(count > 0, "the other side went away");
    }
}

/// The loop of a connection, the same for both sides: events in, bytes out, time, transport.
fn drive(name: &str, mut connection: Connection, mut stream: TcpStream, mut buffer: Vec<u8>) -> Result<()> {
    let (mut unread, mut out) = (buffer.len(), Vec::new());
    buffer.resize(4096, 0);
    loop {
        // Events borrow from the buffer: nothing is copied. An error is kept for `ending`; the Close for it is owed.
        let mut input = Input::new(&mut buffer[..unread]);
        while let Ok(Some(event)) = connection.next_event(&mut input) {
            println!("{name}: {event:?}");
            match event {
                Event::Text(text) if name == "server" => connection.sender().message(&*text, &mut out)?,
                Event::Text(_) => connection.close(CloseCode::NORMAL, "that was all")?,
                _ => {} // pings and Closes are answered already
            }
            connection.poll_transmit(&mut out); // what is owed: pongs, a Close
        }
        // A deadline may have passed, or a keepalive ping be due. Its error is kept as well.
        let now = Instant::from(std::time::Instant::now());
        let _ = connection.handle_timeout(now);
        connection.poll_transmit(&mut out);
        stream.write_all(&out)?;
        out.clear();
        match connection.transport() {
            Transport::HalfClose => stream.shutdown(Shutdown::Write)?,
            Transport::FlushThenClose | Transport::Drop => break,
            Transport::KeepOpen | Transport::AwaitEof => {}
        }
        let due = connection.poll_timeout();
        stream.set_read_timeout(due.map(|due| due.saturating_duration_since(now) + Duration::from_millis(1)))?;
        unread = match stream.read(&mut buffer) {
            Ok(0) => connection.handle_eof().map(|()| 0)?,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => 0,
            result => result?,
        };
    }
    let code = connection.ending().ok_or("it has ended")?.code();
    println!("{name}: ended with {code}");
    Ok(())
}
