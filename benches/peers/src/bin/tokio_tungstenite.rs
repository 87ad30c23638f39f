//! Echo on tokio-tungstenite: `send`, or `feed` and a flush when no more messages are ready.

use futures_util::{FutureExt, SinkExt, StreamExt};
use peers::{Args, serve};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Error};

fn main() {
    serve(Args::parse(), |stream, args| async move {
        let Ok(ws) = accept_async(stream).await else { return };
        let _ = if args.batch {
            echo_batches(ws).await
        } else {
            echo(ws).await
        };
    });
}

async fn echo(mut ws: WebSocketStream<TcpStream>) -> Result<(), Error> {
    while let Some(message) = ws.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            ws.send(message).await?;
        }
    }
    Ok(())
}

async fn echo_batches(mut ws: WebSocketStream<TcpStream>) -> Result<(), Error> {
    while let Some(message) = ws.next().await {
        let mut next = Some(Some(message));
        while let Some(Some(message)) = next {
            let message = message?;
            if message.is_text() || message.is_binary() {
                ws.feed(message).await?;
            }
            next = ws.next().now_or_never();
        }
        ws.flush().await?;
    }
    Ok(())
}
