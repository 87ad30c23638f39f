//! Tells every message to everybody, on Tokio, for `cargo xtask bench broadcast`.

use std::io;

use ws_tokio::{Prepared, Server, Slow};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let server = Server::bind("127.0.0.1:0").max_connections(usize::MAX);
    let clients = server.clients();
    let server = server.handler(move |mut ws, _| {
        let clients = clients.clone();
        async move {
            while let Some(message) = ws.recv().await? {
                clients.broadcast(&Prepared::new(&message), Slow::Wait).await;
            }
            Ok(())
        }
    });
    let running = server.start().await?;
    println!("listening on ws://{}", running.local_addr().expect("one address"));
    running.wait().await;
    Ok(())
}
