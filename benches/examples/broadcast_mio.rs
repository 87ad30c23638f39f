//! Tells every message to everybody, on mio, for `cargo xtask bench broadcast`.

use std::error::Error;

use ws_mio::{Client, Config, Context, Http, Payload, Server};

struct Member;

impl Client for Member {
    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        context.send_all(message, &[]);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut server = Server::new(Config::default())?;
    let address = server.listen("127.0.0.1:0", Http::clients(|| Member))?;
    println!("listening on ws://{address}");
    Ok(server.run()?)
}
