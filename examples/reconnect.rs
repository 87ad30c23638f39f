//! Stays connected: prints what comes, and connects again whenever the connection ends.
//!
//! `cargo run --release --example reconnect -- ws://127.0.0.1:9001/ [GREETING]`

use std::process::ExitCode;

use examples::{outcome, stop};
use ws_tokio::{Error, Message, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(url), greeting) = (args.next(), args.next()) else {
        eprintln!("usage: URL [GREETING]");
        return ExitCode::from(2);
    };
    outcome::exit_code(tokio::select! {
        result = follow(&url, greeting) => result,
        () = stop::requested() => Ok(()),
    })
}

/// Ends only with what there is no use in trying again after.
async fn follow(url: &str, greeting: Option<String>) -> Result<(), Error> {
    let mut connections = connect(url).reconnecting().on_open(move |mut ws| {
        let greeting = greeting.clone();
        async move {
            // What was subscribed to is forgotten with every connection, so it is said on every one.
            if let Some(greeting) = greeting {
                ws.send(greeting).await?;
            }
            Ok(ws)
        }
    });
    loop {
        let mut ws = connections.next().await?;
        println!("connected");
        loop {
            match ws.recv().await {
                Ok(Some(Message::Text(text))) => println!("{}", text.as_str()),
                Ok(Some(message)) => println!("({} bytes)", message.len()),
                Ok(None) => break println!("closed: {:?}", ws.ending().map(|ending| ending.code().as_u16())),
                Err(error) => break println!("lost: {error}"),
            }
        }
    }
}
