//! What needs no process of its own.

use std::io::Read as _;

use tokio::io::AsyncReadExt as _;
use ws_proto::deflate::Deflate;
use ws_proto::{Compression, Message};

use crate::shells::{BYE, Setup, Shell};

/// A name, and what is tried with a shell.
pub(crate) type Solo = (&'static str, fn(Shell));

/// What there is to try with this shell.
pub(crate) fn all(shell: Shell) -> Vec<Solo> {
    let mut all: Vec<Solo> = vec![("a_certificate_of_another_host", a_certificate_of_another_host)];
    match shell {
        Shell::Tokio => all.push(("a_compressed_message_in_bytes", |_| {
            a_compressed_message_in_bytes_with_tasks();
        })),
        Shell::Blocking => all.push(("a_compressed_message_in_bytes", |_| {
            a_compressed_message_in_bytes_with_threads();
        })),
        // It hands out chunks as they come.
        Shell::Mio => {}
    }
    all
}

/// A certificate that is trusted, and another host's, is none of the server's.
fn a_certificate_of_another_host(shell: Shell) {
    for (host, expected) in [("localhost", "closed"), ("other.test", "failed: ")] {
        let made = rcgen::generate_simple_self_signed([host.to_owned()]).expect("a certificate");
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let tls = ws_tokio::tls::server_config(certificate.as_bytes(), key.as_bytes()).expect("both belong together");
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        let server = ws_tokio::Server::bind("127.0.0.1:0")
            .tls(tls)
            .handler(|mut ws, _| async move {
                ws.send(BYE).await?;
                while ws.recv().await?.is_some() {}
                Ok(())
            });
        let server = runtime.block_on(server.start()).expect("a free port");
        let port = server.local_addr().expect("a TCP address").port();
        let setup = Setup {
            trust: Some(certificate),
            ..Setup::default()
        };
        let told = shell.caller(setup).call(&format!("wss://localhost:{port}/"));
        assert!(told.starts_with(expected), "{host}: {told:?}");
    }
}

/// A compressed message arrives whole though its reader takes one byte at a time.
fn a_compressed_message_in_bytes_with_threads() {
    let message = compressible();
    let len = message.len();
    let config = || compressing(Deflate::dedicated());
    let server = ws_blocking::Server::bind("127.0.0.1:0")
        .expect("a free port")
        .config(config());
    let running = server.start(|incoming| {
        let Ok(mut ws) = incoming.accept(ws_blocking::Accept::new()) else {
            return;
        };
        let mut came = Vec::new();
        if let Ok(Some(mut reader)) = ws.recv_reader() {
            let mut byte = [0];
            while reader.read(&mut byte).expect("more of the message") == 1 {
                came.push(byte[0]);
            }
        }
        ws.send(came).expect("the client reads");
    });
    let running = running.expect("a thread");
    let url = format!("ws://{}/", running.local_addr().expect("a TCP address"));
    let connect = ws_blocking::Connect::new(&url).expect("a URL").config(config());
    let mut ws = connect.connect().expect("a server");
    ws.send_with(message.clone(), Compression::Always)
        .expect("the server reads");
    let echo = ws.recv().expect("an answer").expect("a message");
    assert!(echo == message, "{} bytes of {len}", echo.as_bytes().len());
}

/// The same with tasks.
fn a_compressed_message_in_bytes_with_tasks() {
    let message = compressible();
    let config = || compressing(Deflate::dedicated());
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async {
        let server = ws_tokio::Server::bind("127.0.0.1:0")
            .config(config())
            .handler(|mut ws, _| async move {
                let mut came = Vec::new();
                if let Some(mut reader) = ws.recv_stream().await? {
                    let mut byte = [0];
                    while reader.read(&mut byte).await.expect("more of the message") == 1 {
                        came.push(byte[0]);
                    }
                }
                ws.send(came).await?;
                ws.recv().await.map(drop)
            });
        let server = server.start().await.expect("a free port");
        let url = format!("ws://{}/", server.local_addr().expect("a TCP address"));
        let mut ws = ws_tokio::connect(&url).config(config()).await.expect("a server");
        let sent = ws.send_with(message.clone(), Compression::Always).await;
        sent.expect("the server reads");
        let echo = ws.recv().await.expect("an answer").expect("a message");
        assert!(echo == message, "{} bytes", echo.as_bytes().len());
    });
}

fn compressing(deflate: Deflate) -> ws_proto::Config {
    let mut setup = Setup::default();
    setup.compress(deflate);
    setup.config
}

/// Long repetitions and short ones.
fn compressible() -> Message {
    let mut bytes = vec![0; 50_000];
    bytes.extend((0..50_000_u32).map(|at| ((at * at) >> 7) as u8));
    Message::binary(bytes)
}
