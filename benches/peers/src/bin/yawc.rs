//! Echo on yawc, after its example `echo_server`; tuned and batched as its benchmarks say: a read buffer of 128 KiB, a
//! write boundary of 64 KiB, batches of up to 32 messages that are ready.

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use peers::{Args, MAX_MESSAGE, serve};
use yawc::{OpCode, Options, Result, UpgradeFut, WebSocket};

fn main() {
    serve(Args::parse(), |stream, args| async move {
        let service = service_fn(|request| open(request, args));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let _ = connection.with_upgrades().await;
    });
}

async fn open(mut request: Request<Incoming>, args: Args) -> Result<Response<Empty<Bytes>>> {
    let (response, upgraded) = WebSocket::upgrade_with_options(&mut request, options(args))?;
    tokio::spawn(async move {
        let _ = if args.batch {
            echo_batches(upgraded).await
        } else {
            echo(upgraded).await
        };
    });
    Ok(response)
}

fn options(args: Args) -> Options {
    let options = Options::default()
        .without_compression()
        .with_limits(MAX_MESSAGE, 2 * MAX_MESSAGE);
    if args.tuned {
        options
            .with_read_buffer_capacity(128 << 10)
            .with_backpressure_boundary(64 << 10)
    } else {
        options
    }
}

async fn echo(upgraded: UpgradeFut) -> Result<()> {
    let mut ws = upgraded.await?;
    while let Some(frame) = ws.next().await {
        if matches!(frame.opcode(), OpCode::Text | OpCode::Binary) {
            ws.send(frame).await?;
        }
    }
    Ok(())
}

async fn echo_batches(upgraded: UpgradeFut) -> Result<()> {
    let mut ws = upgraded.await?;
    while let Some(frame) = ws.next().await {
        let (mut next, mut count) = (Some(Some(frame)), 0);
        while let Some(Some(frame)) = next {
            if matches!(frame.opcode(), OpCode::Text | OpCode::Binary) {
                ws.feed(frame).await?;
            }
            count += 1;
            next = if count < BATCH { ws.next().now_or_never() } else { None };
        }
        ws.flush().await?;
    }
    Ok(())
}

/// As in yawc's own benchmarks.
const BATCH: usize = 32;
