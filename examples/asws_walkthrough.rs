//! The steps of asws's "Getting Started" on this crate, in the same order.
//!
//! `cargo run --release --example asws_walkthrough -- --port 9001`

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use examples::args::ServerArgs;
use examples::{outcome, stop};
use ws_tokio::{DataKind, Server};

#[tokio::main]
async fn main() -> ExitCode {
    outcome::exit_code(run(&ServerArgs::parse()).await)
}

async fn run(args: &ServerArgs) -> io::Result<()> {
    // Creating the server object. The event loop is the runtime that this runs in.
    let server = Server::bind(args.address()).config(args.config());
    let clients = server.clients();

    // Registering the on_connection callback. It gets the client.
    let server = server.on_connection(move |client| {
        let clients = clients.clone();
        async move {
            println!("We just got a new connection from {:?}!", client.peer_addr());

            // The client object. The list holds all clients but the newly connected one.
            for other in clients.all() {
                println!("{:?} was connected before {:?}", other.peer_addr(), client.peer_addr());
                // Sending messages to the client: the kind is the data's own.
                let _ = other.send("You are a client connected to my server.").await;
            }

            // Registering the on_message callback. It gets a reader, with the message's first bytes.
            let writer = client.writer().clone();
            client.on_message(move |message| {
                let writer = writer.clone();
                async move {
                    // Reading from the stream: all of it at once, or as an `AsyncRead`.
                    let Ok(message) = message.get().await else { return };
                    println!("a client sent the message {message:?}");
                    let _ = writer.send("You just sent me the following message.").await;
                    let _ = writer.send(message).await;

                    // Fragments, which were "coming soon".
                    if let Ok(mut parts) = writer.send_stream(DataKind::Text).await {
                        for part in ["in", " ", "parts"] {
                            let _ = tokio::io::AsyncWriteExt::write_all(&mut parts, part.as_bytes()).await;
                        }
                        let _ = parts.finish().await;
                    }
                }
            });

            // Other callbacks, which were too.
            client.on_ping(|payload| println!("a ping with {} bytes", payload.len()));
            client.on_closed(|ending| async move { println!("closed: {} {}", ending.code(), ending.reason()) });
        }
    });

    // Starting the server.
    let running = server.start().await?;
    if let Some(address) = running.local_addr() {
        println!("listening on ws://{address}");
        io::stdout().flush()?;
    }

    // Keeping it alive, until Ctrl-C. Then it closes every client.
    stop::requested().await;
    println!("The server is going to close!");
    running.shutdown(Duration::from_secs(1)).await;
    println!("The server closed");
    Ok(())
}
