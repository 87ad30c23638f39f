//! The counterpart of Autobahn's fuzzing server and of its fuzzing client, on Tokio, through every path of ws-tokio.
//!
//! `cargo run --release --example autobahn_tokio -- --url ws://127.0.0.1:9001 --agent ws-tokio`

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use examples::args::announce;
use examples::autobahn::{Args, Client, End, Server};
use examples::outcome;
use tokio::net::{TcpListener, TcpStream};
use ws_tokio::tls::rustls::ServerConfig;
use ws_tokio::{Accept, Config, Socket, WebSocket, accept_with, connect, tls};

/// Which part of the crate echoes.
#[derive(Clone, Copy, Debug)]
enum Path {
    Plain,
    Split,
    Stream,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse([("plain", Path::Plain), ("split", Path::Split), ("stream", Path::Stream)]);
    let config = Arc::new(args.config());
    outcome::exit_code(match &args.end {
        End::Client(client) => run_cases(client, config, args.path).await,
        End::Server(server) => serve(server, config, args.path).await,
    })
}

async fn run_cases(client: &Client, config: Arc<Config>, path: Path) -> Result<(), Box<dyn Error>> {
    let tls = client.tls()?;
    let open = async |url: &str| {
        let connect = connect(url).config(config.clone());
        match &tls {
            Some(tls) => connect.tls(tls.clone()).await,
            None => connect.await,
        }
    };
    let count = open(&client.count_url()).await?.recv().await?;
    let count = count.as_ref().and_then(|count| count.as_text());
    let count = count.ok_or("the number of cases was not told")?.parse()?;
    for case in 1..=count {
        let ws = open(&client.case_url(case)).await?;
        // Many cases are meant to fail; what they should come to, the fuzzing server knows.
        let _ = echo(ws, path).await;
    }
    let mut ws = open(&client.report_url()).await?;
    while ws.recv().await?.is_some() {}
    println!("ran {count} cases");
    Ok(())
}

async fn serve(server: &Server, config: Arc<Config>, path: Path) -> Result<(), Box<dyn Error>> {
    let tls = server.tls()?;
    let listener = TcpListener::bind(server.address()).await?;
    announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let (tls, config) = (tls.clone(), config.clone());
        tokio::spawn(async move {
            // As above: how a connection is to end, the fuzzing client knows.
            if let Ok(ws) = open(stream, tls, config).await {
                let _ = echo(ws, path).await;
            }
        });
    }
}

async fn open(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    config: Arc<Config>,
) -> Result<WebSocket<Socket>, ws_tokio::Error> {
    let socket = match tls {
        Some(tls) => tls::accept(stream, tls).await?.into(),
        None => Socket::from(stream),
    };
    accept_with(socket, config).await?.accept(Accept::new()).await
}

async fn echo(mut ws: WebSocket<Socket>, path: Path) -> Result<(), ws_tokio::Error> {
    match path {
        Path::Plain => {
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
        }
        Path::Split => {
            let (mut reader, writer) = ws.split();
            while let Some(message) = reader.recv().await? {
                writer.send(message).await?;
            }
        }
        Path::Stream => {
            let (mut reader, writer) = ws.split();
            while let Some(mut message) = reader.recv_stream().await? {
                let mut reply = writer.send_stream(message.kind()).await?;
                tokio::io::copy_buf(&mut message, &mut reply).await?;
                reply.finish().await?;
            }
        }
    }
    Ok(())
}
