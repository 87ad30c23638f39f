//! Echo on ws-tokio, the plain loop, in the frame that the peers' servers have. It has one form, which batches.

use peers::{Args, MAX_MESSAGE, serve};
use tokio::net::TcpStream;
use ws_tokio::{Accept, Config, Error, WebSocket, accept_with};

fn main() {
    serve(Args::parse(), |stream, _| async { drop(echo(stream).await) });
}

async fn echo(stream: TcpStream) -> Result<(), Error> {
    // Boxed, so that the memory of the handshake is not kept for the connection's life.
    let mut ws = Box::pin(open(stream)).await?;
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

async fn open(stream: TcpStream) -> Result<WebSocket<TcpStream>, Error> {
    let mut config = Config::default();
    config.limits.max_message = MAX_MESSAGE as u64;
    config.limits.max_frame = MAX_MESSAGE as u64;
    accept_with(stream, config.into()).await?.accept(Accept::new()).await
}
