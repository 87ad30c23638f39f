//! Echo on tokio-websockets, after its example `echo_server`: it queues and writes vectored by itself.

use futures_util::{SinkExt, StreamExt};
use peers::{Args, serve};
use tokio::net::TcpStream;
use tokio::task::unconstrained;
use tokio_websockets::{Config, Error, Limits, ServerBuilder};

fn main() {
    serve(Args::parse(), |stream, _| {
        unconstrained(async { drop(echo(stream).await) })
    });
}

async fn echo(stream: TcpStream) -> Result<(), Error> {
    let builder = ServerBuilder::new().config(Config::default().frame_size(usize::MAX));
    let (_, mut ws) = builder.limits(Limits::unlimited()).accept(stream).await?;
    while let Some(message) = ws.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            ws.send(message).await?;
        }
    }
    Ok(())
}
