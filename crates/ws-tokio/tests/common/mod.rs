//! What the tests share: raw peers, frames by hand, a transport that counts.
#![allow(dead_code, unreachable_pub, reason = "every test uses a part of it")]

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use ws_tokio::{Accept, Client, Config, Connection, Error, Running, Server, WebSocket, accept_with};

pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

/// A request as a client sends it.
pub const REQUEST: &str = "GET /chat?room=1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
     Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The server's side of a connection over any stream, without an opening handshake.
pub fn server<S: ws_tokio::ByteStream>(stream: S, config: Config) -> WebSocket<S> {
    let config = Arc::new(config);
    WebSocket::from_raw(stream, Connection::server(config.clone()), config, Vec::new())
}

/// Two ends of a TCP connection over loopback.
pub async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(listener.accept(), TcpStream::connect(address));
    (near.unwrap().0, far.unwrap())
}

/// A server that accepts one connection and echoes; its task ends with the result.
pub async fn echo_server(config: Config) -> (String, tokio::task::JoinHandle<Result<WebSocket<TcpStream>, Error>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let mut ws = accept_with(stream, Arc::new(config))
            .await?
            .accept(Accept::new())
            .await?;
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(ws)
    });
    (url, task)
}

/// Where a server is.
pub fn url(server: &Running) -> String {
    format!("ws://{}/", server.local_addr().unwrap())
}

/// A server whose clients are handed out as they come, without callbacks.
pub async fn handing_out(server: Server) -> (Running, mpsc::UnboundedReceiver<Client>) {
    let (sender, clients) = mpsc::unbounded_channel();
    let server = server.on_connection(move |client| {
        sender.send(client).unwrap();
        async {}
    });
    (server.start().await.unwrap(), clients)
}

/// A client's frame. The mask is not zero, so that a server that doesn't unmask is found out.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A server's frame with a short payload.
pub fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, payload.len() as u8];
    frame.extend(payload);
    frame
}

/// A Close payload.
pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend(reason.as_bytes());
    payload
}

/// Reads exactly as many bytes as are expected, and compares them.
pub async fn expect(stream: &mut (impl AsyncRead + Unpin), expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, expected);
}

/// Reads to the end of the stream.
pub async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// Sends the request, reads the whole 101 answer.
pub async fn open_raw(stream: &mut TcpStream) {
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    let head = read_head(stream).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
}

/// Reads a head byte by byte, so that nothing behind it is taken.
pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A transport that keeps the length of every write.
pub struct Counting<S> {
    inner: S,
    writes: Writes,
}

/// The lengths of the writes so far.
pub type Writes = Arc<Mutex<Vec<usize>>>;

impl<S> Counting<S> {
    pub fn new(inner: S) -> (Self, Writes) {
        let writes = Writes::default();
        (
            Self {
                inner,
                writes: writes.clone(),
            },
            writes,
        )
    }

    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &written {
            self.writes.lock().unwrap().push(*count);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counting<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counting<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
