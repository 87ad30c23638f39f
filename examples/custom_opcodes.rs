//! Opcodes and a reserved bit with a meaning of one's own: a client and a server over real sockets, started together.
//!
//! `cargo run --release --example custom_opcodes`
//!
//! * Control opcode 11, `time`, asks for the current unix time, which comes as text.
//! * Data opcode 3, `ascii`, marks text that is ASCII throughout.
//! * The first reserved bit marks payloads that zlib has compressed.
//!
//! Client and server do not differ in any of this. Both must know it beforehand, which the subprotocol makes sure of.
//! (For compression that other programs understand too, see `client --deflate`.)

use std::error::Error;
use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use examples::outcome;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use ws_blocking::{
    Accept, CloseCode, Config, Connect, CustomKind, DataKind, Message, OpCode, Rsv, WebSocket, accept_with,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    outcome::exit_code(run())
}

fn run() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("ws://{}/", listener.local_addr()?);
    let server = thread::spawn(move || serve(listener.accept()?.0));
    talk(&url)?;
    server.join().map_err(|_| "the server panicked")?
}

/// Asks for the time, then returns whatever is said.
fn serve(stream: TcpStream) -> Result<()> {
    let mut peer = Peer::accept(stream)?;
    peer.say(&Said::Time)?;
    peer.hear()?;
    while let Some(said) = peer.hear()? {
        peer.answer(said)?;
    }
    Ok(())
}

/// Tells the time when asked, then says something of each kind.
fn talk(url: &str) -> Result<()> {
    let mut peer = Peer::connect(url)?;
    if let Some(question) = peer.hear()? {
        peer.answer(question)?;
    }
    for said in [
        Said::Time,
        Said::Ascii("plain old ASCII".into()),
        Said::Text("short, and not ASCII: grüß dich".into()),
        Said::Text("once more, ".repeat(1000)),
        Said::Ascii("and again, ".repeat(1000)),
    ] {
        peer.say(&said)?;
        peer.hear()?;
    }
    peer.ws.close(CloseCode::NORMAL, "that was all")?;
    println!("client: closed");
    Ok(())
}

/// One side of the connection, whichever.
struct Peer {
    name: &'static str,
    ws: WebSocket,
    dialect: Dialect,
}

impl Peer {
    fn accept(stream: TcpStream) -> Result<Self> {
        let (config, dialect) = Dialect::new()?;
        let incoming = accept_with(stream, config)?;
        let ws = incoming.accept(Accept::new().choose_protocol(&[PROTOCOL]))?;
        Self::new("server", ws, dialect)
    }

    fn connect(url: &str) -> Result<Self> {
        let (config, dialect) = Dialect::new()?;
        let ws = Connect::new(url)?.protocol(PROTOCOL)?.config(config).connect()?;
        Self::new("client", ws, dialect)
    }

    fn new(name: &'static str, ws: WebSocket, dialect: Dialect) -> Result<Self> {
        match ws.protocol() {
            Some(PROTOCOL) => Ok(Self { name, ws, dialect }),
            _ => Err(format!("the other side does not speak {PROTOCOL}").into()),
        }
    }

    fn say(&mut self, said: &Said) -> Result<()> {
        let message = self.dialect.message(said)?;
        println!("{}: says {said} ({})", self.name, shown(&message));
        Ok(self.ws.send(message)?)
    }

    /// Waits for what the other side says; `None` once it has closed.
    fn hear(&mut self) -> Result<Option<Said>> {
        let Some(message) = self.ws.recv()? else {
            println!("{}: the other side has closed", self.name);
            return Ok(None);
        };
        let wire = shown(&message);
        match self.dialect.understand(message) {
            Ok(said) => {
                println!("{}: hears {said} ({wire})", self.name);
                Ok(Some(said))
            }
            Err(error) => {
                self.ws.close(CloseCode::INVALID_PAYLOAD, "not what it is marked as")?;
                Err(error)
            }
        }
    }

    fn answer(&mut self, said: Said) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        self.say(&match said {
            Said::Time => Said::Text(now.as_secs().to_string()),
            said => said,
        })
    }
}

/// What can be said.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// The question for the time.
    Time,
    Ascii(String),
    Text(String),
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, text) = match self {
            Self::Time => return f.write_str("`time`"),
            Self::Ascii(text) => ("ascii", text),
            Self::Text(text) => ("text", text),
        };
        match text.char_indices().nth(SHOWN) {
            None => write!(f, "{kind} {text:?}"),
            Some((cut, _)) => write!(f, "{kind} {:?}... of {} bytes", &text[..cut], text.len()),
        }
    }
}

/// How what is said becomes messages: the opcodes that the connection knows, and what the bit means.
struct Dialect {
    time: CustomKind,
    ascii: CustomKind,
}

impl Dialect {
    /// The dialect, and a configuration that allows it.
    fn new() -> Result<(Config, Self)> {
        let mut config = Config::default();
        config.reserved_bits = COMPRESSED;
        let dialect = Self {
            time: config.opcodes.register(11, "time")?,
            ascii: config.opcodes.register(3, "ascii")?,
        };
        Ok((config, dialect))
    }

    fn message(&self, said: &Said) -> Result<Message> {
        let (opcode, text) = match said {
            Said::Time => return Ok(Message::Custom(self.time, "".into())),
            Said::Ascii(text) => (self.ascii.opcode(), text),
            Said::Text(text) => (OpCode::Text, text),
        };
        let compressed = compress(text.as_bytes())?;
        let (rsv, bytes) = if compressed.len() < text.len() {
            (COMPRESSED, compressed)
        } else {
            (Rsv::NONE, text.clone().into_bytes())
        };
        // Text without the bit is nothing custom.
        Ok(match CustomKind::new(opcode, rsv) {
            Some(kind) => Message::Custom(kind, bytes.into()),
            None => Message::text(text.clone()),
        })
    }

    fn understand(&self, message: Message) -> Result<Said> {
        let (opcode, rsv) = match message.as_payload().kind() {
            DataKind::Custom(kind) => (kind.opcode(), kind.rsv()),
            DataKind::Text => (OpCode::Text, Rsv::NONE),
            other => return Err(format!("{other:?} is not in the dialect").into()),
        };
        if opcode == self.time.opcode() {
            return Ok(Said::Time);
        }
        let bytes = if rsv.contains(COMPRESSED) {
            decompress(message.as_bytes())?
        } else {
            message.into_bytes().into()
        };
        let text = String::from_utf8(bytes)?;
        match opcode {
            OpCode::Text => Ok(Said::Text(text)),
            _ if opcode == self.ascii.opcode() && text.is_ascii() => Ok(Said::Ascii(text)),
            _ => Err("it is neither text nor ASCII".into()),
        }
    }
}

/// How a message looks on the wire.
fn shown(message: &Message) -> String {
    let (opcode, rsv) = match message.as_payload().kind() {
        DataKind::Custom(kind) => (kind.opcode(), kind.rsv()),
        _ => (OpCode::Text, Rsv::NONE),
    };
    let mark = if rsv.contains(COMPRESSED) { " and RSV1" } else { "" };
    format!("opcode {}{mark}, {} bytes", opcode.as_u8(), message.len())
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// What the connection does for whole messages is up to us here: not to let a few bytes become too many.
fn decompress(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    ZlibDecoder::new(bytes).take(MAX_TEXT + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_TEXT {
        return Err("it becomes too long".into());
    }
    Ok(text)
}

/// Tells a server that the client knows the dialect, and the other way round.
const PROTOCOL: &str = "time-ascii-zlib";

const COMPRESSED: Rsv = Rsv::RSV1;

/// As long as a message may be by default.
const MAX_TEXT: u64 = 1024 * 1024;

/// How many characters of a text are printed.
const SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use ws_blocking::Role;

    use super::*;

    #[test]
    fn the_walkthrough_walks_through() {
        run().unwrap();
    }

    #[test]
    fn both_sides_tell_the_time_and_everything_comes_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let server = thread::spawn(move || serve(listener.accept()?.0));
        let mut client = Peer::connect(&url).unwrap();
        assert_eq!(client.hear().unwrap(), Some(Said::Time));
        client.say(&Said::Text("12:00".into())).unwrap();

        client.say(&Said::Time).unwrap();
        let Some(Said::Text(time)) = client.hear().unwrap() else {
            panic!("the time is told as text");
        };
        assert!(time.parse::<u64>().unwrap() > 0);
        for text in ["", "short", &"long ".repeat(10_000)] {
            for said in [Said::Ascii(text.into()), Said::Text(text.into())] {
                client.say(&said).unwrap();
                assert_eq!(client.hear().unwrap(), Some(said));
            }
        }
        client.ws.close(CloseCode::NORMAL, "").unwrap();
        server.join().unwrap().unwrap();
    }

    #[test]
    fn opcodes_and_the_bit_are_on_the_wire() {
        let (mut raw, mut peer) = peer();
        raw.write_all(b"\x8b\x80\0\0\0\0").unwrap();
        assert_eq!(peer.hear().unwrap(), Some(Said::Time));
        raw.write_all(b"\x83\x82\0\0\0\0hi").unwrap();
        assert_eq!(peer.hear().unwrap(), Some(Said::Ascii("hi".into())));

        peer.say(&Said::Time).unwrap();
        peer.say(&Said::Ascii("hi".into())).unwrap();
        let mut frames = [0; 6];
        raw.read_exact(&mut frames).unwrap();
        assert_eq!(&frames, b"\x8b\0\x83\x02hi");
        peer.say(&Said::Text("x".repeat(1000))).unwrap();
        let mut header = [0; 2];
        raw.read_exact(&mut header).unwrap();
        assert_eq!(header[0], 0xc1);
        let mut payload = vec![0; usize::from(header[1])];
        raw.read_exact(&mut payload).unwrap();
        assert_eq!(decompress(&payload).unwrap(), "x".repeat(1000).into_bytes());
    }

    #[test]
    fn what_is_not_as_it_is_marked_ends_with_1007() {
        let (mut raw, mut peer) = peer();
        raw.write_all(b"\x83\x82\0\0\0\0\xc3\xbc").unwrap();
        // The answer to the Close that follows.
        raw.write_all(b"\x88\x82\0\0\0\0\x03\xef").unwrap();
        assert!(peer.hear().is_err());
        drop(peer);
        let mut close = [0; 4];
        raw.read_exact(&mut close).unwrap();
        assert_eq!((close[0], &close[2..]), (0x88, &1007u16.to_be_bytes()[..]));
    }

    #[test]
    fn damaged_and_expanding_payloads_are_refused() {
        let (_, dialect) = Dialect::new().unwrap();
        let text = |bytes: &[u8]| {
            let kind = CustomKind::new(OpCode::Text, COMPRESSED).unwrap();
            dialect.understand(Message::Custom(kind, bytes.to_vec().into()))
        };
        let most = vec![b'x'; MAX_TEXT as usize];
        assert!(text(&compress(&most).unwrap()).is_ok());
        assert!(text(&compress(&[most, vec![b'x']].concat()).unwrap()).is_err());
        assert!(text(&compress(b"text").unwrap()[..5]).is_err());
        assert!(text(b"text").is_err());
    }

    /// A server's side, and its client as a bare socket.
    fn peer() -> (TcpStream, Peer) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let raw = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (config, dialect) = Dialect::new().unwrap();
        let ws = WebSocket::from_raw(listener.accept().unwrap().0, Role::Server, config, b"").unwrap();
        let name = "server";
        (raw, Peer { name, ws, dialect })
    }
}
