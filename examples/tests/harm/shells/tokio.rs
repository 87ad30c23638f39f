//! ws-tokio: a task for each connection.

use std::future::IntoFuture;

use tokio::runtime::{Builder, Runtime};
use ws_tokio::tls::trusting;
use ws_tokio::{ByteStream, CloseCode, Error, Message, Prepared, Server, Slow, WebSocket, connect};

use super::{BYE, Caller, FLOOD, FLOOD_MESSAGE, Served, Service, Setup, Tasks};

pub(super) fn serve(setup: Setup) -> Served {
    let runtime = runtime();
    let server = Server::bind("127.0.0.1:0")
        .config(setup.config)
        .max_connections(setup.connections);
    let clients = server.clients();
    let server = match setup.service {
        Service::Echo => server.handler(|ws, _| async move { echo(ws).await }),
        Service::Broadcast => server.handler(move |mut ws, _| {
            let clients = clients.clone();
            async move {
                while let Some(message) = ws.recv().await? {
                    clients.publish(&Prepared::new(&message), Slow::Skip);
                }
                Ok(())
            }
        }),
    };
    let running = runtime.block_on(server.start()).expect("a free port");
    let address = running.local_addr().expect("a TCP address");
    let tasks = tasks(&runtime);
    // They live as long as the process.
    std::mem::forget((runtime, running));
    Served { address, tasks }
}

pub(super) struct Calling {
    runtime: Runtime,
    setup: Setup,
}

impl Calling {
    pub(super) fn new(setup: Setup) -> Self {
        let runtime = runtime();
        Self { runtime, setup }
    }
}

impl Caller for Calling {
    fn tasks(&self) -> Tasks {
        tasks(&self.runtime)
    }

    fn call(&mut self, url: &str) -> String {
        let mut connect = connect(url)
            .config(self.setup.config.clone())
            .redirects(self.setup.redirects);
        if let Some(pem) = &self.setup.trust {
            connect = connect.tls(trusting(pem.as_bytes()).expect("a certificate"));
        }
        let ended = self
            .runtime
            .block_on(async { echo(connect.into_future().await?).await });
        match ended {
            Ok(()) => "closed".into(),
            Err(Error::Refused(response)) => format!("refused {}", response.status()),
            Err(error) => format!("failed: {error}"),
        }
    }
}

async fn echo(mut ws: WebSocket<impl ByteStream>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        match &message {
            Message::Text(text) if *text == *BYE => ws.close(CloseCode::NORMAL, "").await?,
            Message::Text(text) if *text == *FLOOD => loop {
                ws.send(vec![0; FLOOD_MESSAGE]).await?;
            },
            _ => ws.send(message).await?,
        }
    }
    Ok(())
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(WORKERS).enable_all();
    builder.build().expect("threads")
}

fn tasks(runtime: &Runtime) -> Tasks {
    let metrics = runtime.metrics();
    Box::new(move || metrics.num_alive_tasks())
}

const WORKERS: usize = 2;
