//! ws-blocking: a thread for each connection.

use std::thread;

use ws_blocking::hub::Event;
use ws_blocking::tls::trusting;
use ws_blocking::{Accept, CloseCode, Connect, Error, Incoming, Message, Server, WebSocket};

use super::{BYE, Caller, FLOOD, FLOOD_MESSAGE, Served, Service, Setup, Tasks};

pub(super) fn serve(setup: Setup) -> Served {
    let server = Server::bind("127.0.0.1:0")
        .expect("a free port")
        .config(setup.config)
        .max_connections(setup.connections);
    let address = server.local_addr().expect("a TCP address");
    match setup.service {
        Service::Echo => {
            let running = server.start(|incoming| drop(serve_one(incoming)));
            // It lives as long as the process.
            std::mem::forget(running.expect("a thread"));
        }
        Service::Broadcast => {
            let hub = server.hub().start().expect("a thread");
            thread::spawn(move || {
                while let Some(event) = hub.next_event(None) {
                    if let Event::Received(received) = event {
                        hub.send_all(received.message);
                    }
                }
            });
        }
    }
    Served {
        address,
        tasks: Box::new(|| 0),
    }
}

fn serve_one(incoming: Incoming) -> Result<(), Error> {
    echo(incoming.accept(Accept::new())?)
}

pub(super) struct Calling(Setup);

impl Calling {
    pub(super) fn new(setup: Setup) -> Self {
        Self(setup)
    }
}

impl Caller for Calling {
    fn tasks(&self) -> Tasks {
        Box::new(|| 0)
    }

    fn call(&mut self, url: &str) -> String {
        let connected = Connect::new(url).and_then(|connect| {
            let connect = connect.config(self.0.config.clone());
            match &self.0.trust {
                Some(pem) => connect.tls(trusting(pem.as_bytes()).expect("a certificate")),
                None => connect,
            }
            .connect()
        });
        match connected.and_then(echo) {
            Ok(()) => "closed".into(),
            Err(Error::Refused(response)) => format!("refused {}", response.status()),
            Err(error) => format!("failed: {error}"),
        }
    }
}

fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv()? {
        match &message {
            Message::Text(text) if *text == *BYE => ws.close(CloseCode::NORMAL, "")?,
            Message::Text(text) if *text == *FLOOD => loop {
                ws.send(vec![0; FLOOD_MESSAGE])?;
            },
            _ => {
                ws.feed(message)?;
                if !ws.has_buffered_input() {
                    ws.flush()?;
                }
            }
        }
    }
    Ok(())
}
