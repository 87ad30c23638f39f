//! The counterpart of Autobahn's fuzzing server, on Tokio.
//!
//! `cargo run --release --example autobahn_tokio -- --url ws://127.0.0.1:9001 --agent ws-tokio`

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use examples::args::AutobahnArgs;
use examples::outcome;
use tokio::net::{TcpListener, TcpStream};
use ws_tokio::{Config, Connect, Error, Socket, WebSocket, connect, tls};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outcome::exit_code(run(&AutobahnArgs::parse()).await)
}

async fn run(args: &AutobahnArgs) -> Result<(), Error> {
    let AutobahnArgs { url, agent } = args;
    let config = Arc::new(args.config());
    let path = Path::from_env(url).await?;

    let mut ws = connect(&format!("{url}/getCaseCount")).config(config.clone()).await?;
    let count = ws.recv().await?;
    let count = count
        .as_ref()
        .and_then(|count| count.as_text()?.parse::<u32>().ok())
        .unwrap_or(0);
    for case in 1..=count {
        let case_url = format!("{url}/runCase?case={case}&agent={agent}");
        // A case may end with an error: whether it was the right one, the server judges.
        let _ = run_case(&case_url, config.clone(), &path).await;
    }
    let mut ws = connect(&format!("{url}/updateReports?agent={agent}"))
        .config(config)
        .await?;
    while ws.recv().await?.is_some() {}
    println!("{count} cases run");
    Ok(())
}

async fn run_case(url: &str, config: Arc<Config>, path: &Path) -> Result<(), Error> {
    let connect = connect(url).config(config);
    let mut ws = match path {
        Path::Tls(relay) => relay.connect(connect).await?,
        _ => connect.await?,
    };
    match path {
        Path::Plain | Path::Tls(_) => {
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

/// Which part of the crate echoes: `AUTOBAHN_PATH=plain|split|stream|tls`, `plain` if it is not set.
enum Path {
    Plain,
    Split,
    Stream,
    Tls(Relay),
}

impl Path {
    async fn from_env(url: &str) -> Result<Self, Error> {
        Ok(match std::env::var("AUTOBAHN_PATH").as_deref() {
            Err(_) | Ok("plain") => Self::Plain,
            Ok("split") => Self::Split,
            Ok("stream") => Self::Stream,
            Ok("tls") => Self::Tls(Relay::start(url).await?),
            Ok(other) => return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no path {other}")).into()),
        })
    }
}

/// Takes TLS off in front of the fuzzing server, which speaks none.
struct Relay {
    address: SocketAddr,
    trust: Arc<tls::rustls::ClientConfig>,
}

impl Relay {
    async fn start(url: &str) -> Result<Self, Error> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(io::Error::other)?;
        let certificate = made.cert.pem();
        let config = tls::server_config(certificate.as_bytes(), made.signing_key.serialize_pem().as_bytes())?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = url.trim_start_matches("ws://").to_owned();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (config, server) = (config.clone(), server.clone());
                tokio::spawn(async move {
                    let mut near = tls::accept(stream, config).await?;
                    let mut far = TcpStream::connect(server).await?;
                    far.set_nodelay(true)?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        Ok(Self {
            address,
            trust: tls::trusting(certificate.as_bytes())?,
        })
    }

    /// As if the relay were not there: the fuzzing server looks at the host that it is asked for.
    async fn connect(&self, connect: Connect) -> Result<WebSocket<Socket>, Error> {
        let stream = TcpStream::connect(self.address).await?;
        let stream = tls::connect(stream, "localhost", Some(self.trust.clone())).await?;
        Ok(connect.over(stream.into()).await?.0)
    }
}
