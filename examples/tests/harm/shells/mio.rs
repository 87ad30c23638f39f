//! ws-mio: one thread for all connections.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use ws_mio::tls::trusting;
use ws_mio::{Client, CloseCode, Context, Error, Http, Options, Payload, Server};

use super::{BYE, Caller, FLOOD, FLOOD_MESSAGE, Served, Service, Setup, Tasks};

pub(super) fn serve(setup: Setup) -> Served {
    let (bound, address) = mpsc::channel();
    thread::spawn(move || {
        let mut server = server(&setup);
        let address = match setup.service {
            Service::Echo => server.listen("127.0.0.1:0", Http::clients(Echo::default)),
            Service::Broadcast => server.listen("127.0.0.1:0", Http::clients(|| Broadcast)),
        };
        bound.send(address.expect("a free port")).expect("somebody waits");
        server.run().expect("events");
    });
    Served {
        address: address.recv().expect("it tells where it listens"),
        tasks: Box::new(|| 0),
    }
}

pub(super) struct Calling(Server);

impl Calling {
    pub(super) fn new(setup: Setup) -> Self {
        Self(server(&setup))
    }
}

impl Caller for Calling {
    fn tasks(&self) -> Tasks {
        Box::new(|| 0)
    }

    fn call(&mut self, url: &str) -> String {
        let echo = Echo::default();
        let end = Rc::clone(&echo.end);
        if let Err(error) = self.0.connect(url, echo) {
            return format!("failed: {error}");
        }
        self.0.run().expect("events");
        end.take()
    }
}

fn server(setup: &Setup) -> Server {
    let mut server = Server::new(setup.config.clone()).expect("an event queue");
    let mut options = Options::default();
    options.max_connections = setup.connections;
    server.set_options(options);
    if let Some(pem) = &setup.trust {
        server.set_client_tls(trusting(pem.as_bytes()).expect("a certificate"));
    }
    server
}

#[derive(Default)]
struct Echo {
    /// How it ended.
    end: Rc<RefCell<String>>,
}

impl Client for Echo {
    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        // It fails once the connection is closing, or when there is no room for more.
        let _ = match &message {
            Payload::Text(text) if *text == BYE => context.close(CloseCode::NORMAL, ""),
            Payload::Text(text) if *text == FLOOD => {
                let flood = vec![0; FLOOD_MESSAGE];
                while context.send_binary(&flood).is_ok() {}
                Ok(())
            }
            _ => context.send(message),
        };
    }

    fn error(&mut self, _: &mut Context<'_>, error: Error) {
        self.end.replace(match error {
            Error::Refused(response) => format!("refused {}", response.status()),
            error => format!("failed: {error}"),
        });
    }

    fn close(&mut self, _: &mut Context<'_>, _: CloseCode, _: &str) {
        let mut end = self.end.borrow_mut();
        if end.is_empty() {
            *end = "closed".into();
        }
    }
}

struct Broadcast;

impl Client for Broadcast {
    fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
        context.send_all(message, &[]);
    }
}
