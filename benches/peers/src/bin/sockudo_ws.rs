//! Echo on sockudo-ws: `send` as in its example `simple_echo`, or `feed` as its documentation says of echo loops.

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use peers::{Args, serve};
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::protocol::Message;
use sockudo_ws::{Config, Error, Result, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn main() {
    serve(
        Args::parse(),
        |stream, args| async move { drop(echo(stream, args).await) },
    );
}

async fn echo(mut stream: TcpStream, args: Args) -> Result<()> {
    shake_hands(&mut stream).await?;
    let mut ws = WebSocketStream::server(stream, Config::default());
    while let Some(message) = ws.next().await {
        match message? {
            // What is fed leaves when no complete message is left, before more is read.
            message @ (Message::Text(_) | Message::Binary(_)) if args.batch => ws.feed(message).await?,
            message @ (Message::Text(_) | Message::Binary(_)) => ws.send(message).await?,
            Message::Close(_) => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}

async fn shake_hands(stream: &mut TcpStream) -> Result<()> {
    let mut head = BytesMut::with_capacity(4096);
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(Error::ConnectionClosed);
        }
        if let Some((request, _)) = parse_request(&head)? {
            let response = build_response(&generate_accept_key(request.key), None, None);
            return Ok(stream.write_all(&response).await?);
        }
    }
}
