//! The counterpart of Autobahn's fuzzing server, on Tokio.
//!
//! `cargo run --release --example autobahn_tokio -- --url ws://127.0.0.1:9001 --agent ws-tokio`

use std::process::ExitCode;
use std::sync::Arc;

use examples::args::AutobahnArgs;
use examples::outcome;
use ws_tokio::{Config, Error, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outcome::exit_code(run(&AutobahnArgs::parse()).await)
}

async fn run(args: &AutobahnArgs) -> Result<(), Error> {
    let AutobahnArgs { url, agent } = args;
    let config = Arc::new(args.config());

    let mut ws = connect(&format!("{url}/getCaseCount")).config(config.clone()).await?;
    let count = ws.recv().await?;
    let count = count
        .as_ref()
        .and_then(|count| count.as_text()?.parse::<u32>().ok())
        .unwrap_or(0);
    for case in 1..=count {
        let case_url = format!("{url}/runCase?case={case}&agent={agent}");
        // A case may end with an error: whether it was the right one, the server judges.
        let _ = run_case(&case_url, config.clone()).await;
    }
    let mut ws = connect(&format!("{url}/updateReports?agent={agent}"))
        .config(config)
        .await?;
    while ws.recv().await?.is_some() {}
    println!("{count} cases run");
    Ok(())
}

async fn run_case(url: &str, config: Arc<Config>) -> Result<(), Error> {
    let mut ws = connect(url).config(config).await?;
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
