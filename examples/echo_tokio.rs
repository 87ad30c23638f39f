//! Returns every message to its sender, on Tokio.
//!
//! `cargo run --release --example echo_tokio -- --port 9001`

use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use examples::args::{ServerArgs, announce};
use examples::{outcome, stop};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use ws_tokio::{Accept, CloseCode, Config, Error, OriginPolicy, WebSocket, accept_with};

// One thread: to echo costs less than to tell another thread about it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outcome::exit_code(run(&ServerArgs::parse()).await)
}

async fn run(args: &ServerArgs) -> io::Result<()> {
    let listener = TcpListener::bind(args.address())
        .await
        .unwrap_or_else(|error| args.exit_unbound(&error));
    announce(listener.local_addr()?);
    let mut config = args.config();
    // It tells nobody anything they did not say themselves, so any page may use it.
    config.handshake.origin = OriginPolicy::Any;
    serve(listener, Arc::new(config)).await;
    Ok(())
}

/// Serves until the program is asked to end.
async fn serve(listener: TcpListener, config: Arc<Config>) {
    let (stop, stopped) = watch::channel(());
    let mut requested = pin!(stop::requested());
    loop {
        let accepted = select! {
            accepted = listener.accept() => accepted,
            () = &mut requested => break,
        };
        match accepted {
            Ok((stream, _)) => drop(tokio::spawn(serve_one(stream, config.clone(), stopped.clone()))),
            // Out of file descriptors, most likely: some will come free.
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
    drop((listener, stopped));
    let _ = stop.send(());
    // All gone, or those that are not have had their time.
    let _ = timeout(STOP_PATIENCE, stop.closed()).await;
}

async fn serve_one(stream: TcpStream, config: Arc<Config>, stopped: watch::Receiver<()>) {
    // Boxed, so that the memory of the handshake is not kept for the connection's life.
    let Ok(mut ws) = Box::pin(open(stream, config)).await else {
        return;
    };
    // Whatever goes wrong with one connection is its peer's business.
    let _ = echo(&mut ws, stopped).await;
}

async fn open(stream: TcpStream, config: Arc<Config>) -> Result<WebSocket<TcpStream>, Error> {
    accept_with(stream, config).await?.accept(Accept::new()).await
}

async fn echo(ws: &mut WebSocket<TcpStream>, mut stopped: watch::Receiver<()>) -> Result<(), Error> {
    let mut stop = pin!(stopped.changed());
    loop {
        let message = select! {
            biased;
            message = ws.recv() => message?,
            _ = &mut stop => return ws.close(CloseCode::GOING_AWAY, "").await,
        };
        match message {
            Some(message) => ws.send(message).await?,
            None => return Ok(()),
        }
    }
}

/// How long to wait before accepting again after that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the closing handshakes may take when the program is to end in two seconds.
const STOP_PATIENCE: Duration = Duration::from_millis(1500);
