//! The cases against the three shells, over real sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ws_proto::{Config, Role};

use crate::cases::Case;
use crate::handshakes::{self, Outcome, ResponseCase};
use crate::script::{Link, run};

/// An echo on one of the shells. Each function serves one connection, in the background.
struct Shell {
    /// Accepts one connection on the returned address.
    serve: fn(Config) -> SocketAddr,
    /// Connects, tells the outcome of the handshake, and goes on.
    connect: fn(String, Config, mpsc::Sender<Outcome>),
}

#[test]
fn tokio() {
    all(&Shell {
        serve: tokio_shell::serve,
        connect: tokio_shell::connect,
    });
}

#[test]
fn mio() {
    all(&Shell {
        serve: mio_shell::serve,
        connect: mio_shell::connect,
    });
}

#[test]
fn blocking() {
    all(&Shell {
        serve: blocking_shell::serve,
        connect: blocking_shell::connect,
    });
}

fn all(shell: &Shell) {
    for case in handshakes::requests() {
        let mut socket = dial((shell.serve)(Config::default()));
        socket.write_all(&case.request).unwrap();
        let mut answer = Vec::new();
        if case.status == 101 {
            read_head(&mut socket, &mut answer);
        } else {
            socket
                .read_to_end(&mut answer)
                .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        }
        handshakes::check_answer(&case, &answer);
    }
    for case in handshakes::responses() {
        assert_eq!(outcome(shell, &case), case.outcome, "{}", case.name);
    }
    run(|case| open(shell, case));
}

/// What a client of the shell makes of an answer.
fn outcome(shell: &Shell, case: &ResponseCase) -> Outcome {
    let (mut socket, outcome) = answer_client(shell, Config::default(), |request| handshakes::answer(case, request));
    socket.shutdown(Shutdown::Write).unwrap();
    let told = outcome
        .recv_timeout(PATIENCE)
        .expect("the client tells what became of the handshake");
    // The client ends its side as well.
    let _ = socket.read_to_end(&mut Vec::new());
    told
}

/// A connection of the shell, its handshake done.
fn open(shell: &Shell, case: &Case) -> Socket {
    let mut config = Config::default();
    (case.configure)(&mut config);
    match case.role {
        Role::Server => {
            let mut socket = dial((shell.serve)(config));
            let request = "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
            socket.write_all(request.as_bytes()).unwrap();
            let mut rest = Vec::new();
            read_head(&mut socket, &mut rest);
            assert!(rest.starts_with(b"HTTP/1.1 101"));
            Socket(socket)
        }
        Role::Client => {
            let right = &handshakes::responses()[0];
            let (socket, outcome) = answer_client(shell, config, |request| handshakes::answer(right, request));
            assert_eq!(outcome.recv_timeout(PATIENCE), Ok(Outcome::Open));
            Socket(socket)
        }
    }
}

/// Lets the shell connect, and answers its request.
fn answer_client(
    shell: &Shell,
    config: Config,
    answer: impl FnOnce(&[u8]) -> Vec<u8>,
) -> (TcpStream, mpsc::Receiver<Outcome>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (told, outcome) = mpsc::channel();
    (shell.connect)(format!("ws://{}/", listener.local_addr().unwrap()), config, told);
    let (mut socket, _) = listener.accept().unwrap();
    patient(&socket);
    let mut request = Vec::new();
    read_head(&mut socket, &mut request);
    socket.write_all(&answer(&request)).unwrap();
    (socket, outcome)
}

/// Reads up to the end of a head, and nothing behind it.
fn read_head(socket: &mut TcpStream, head: &mut Vec<u8>) {
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
}

fn dial(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    patient(&socket);
    socket
}

fn patient(socket: &TcpStream) {
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
}

/// So long that only something that never comes takes it.
const PATIENCE: Duration = Duration::from_secs(20);

/// The tester's end of a real connection.
struct Socket(TcpStream);

impl Link for Socket {
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn end(&mut self) {
        match self.0.shutdown(Shutdown::Write) {
            // The implementation ended the connection before.
            Err(error) if error.kind() == ErrorKind::NotConnected => {}
            result => result.unwrap(),
        }
    }

    fn pass(&mut self, _: Duration) {}

    fn receive_more(&mut self, bytes: &mut Vec<u8>) -> bool {
        let mut buffer = [0; 64 * 1024];
        // A reset would show here, as an error: bytes on their way would have been lost.
        let count = self
            .0
            .read(&mut buffer)
            .unwrap_or_else(|error| panic!("while reading: {error}"));
        bytes.extend_from_slice(&buffer[..count]);
        count > 0
    }
}

mod tokio_shell {
    use std::sync::OnceLock;

    use tokio::runtime::Runtime;
    use ws_tokio::{Accept, Error, WebSocket, accept_with, connect as dial};

    use super::*;

    fn runtime() -> &'static Runtime {
        static RUNTIME: OnceLock<Runtime> = OnceLock::new();
        RUNTIME.get_or_init(|| Runtime::new().unwrap())
    }

    pub(super) fn serve(config: Config) -> SocketAddr {
        let listener = runtime()
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime().spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            echo(accept_with(stream, config.into()).await?.accept(Accept::new()).await?).await
        });
        address
    }

    pub(super) fn connect(url: String, config: Config, told: mpsc::Sender<Outcome>) {
        runtime().spawn(async move {
            let result = dial(&url).config(config).await;
            told.send(match &result {
                Ok(_) => Outcome::Open,
                Err(Error::Refused(response)) => Outcome::Refused(response.status()),
                Err(_) => Outcome::Error,
            })
            .unwrap();
            echo(result?).await
        });
    }

    async fn echo(mut ws: WebSocket<impl ws_tokio::ByteStream>) -> Result<(), Error> {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    }
}

mod blocking_shell {
    use ws_blocking::{Accept, Connect, Error, WebSocket, accept_with};

    use super::*;

    pub(super) fn serve(config: Config) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            echo(accept_with(stream, config)?.accept(Accept::new())?)
        });
        address
    }

    pub(super) fn connect(url: String, config: Config, told: mpsc::Sender<Outcome>) {
        thread::spawn(move || {
            let result = Connect::new(&url).and_then(|connect| connect.config(config).connect());
            told.send(match &result {
                Ok(_) => Outcome::Open,
                Err(Error::Refused(response)) => Outcome::Refused(response.status()),
                Err(_) => Outcome::Error,
            })
            .unwrap();
            echo(result?)
        });
    }

    fn echo(mut ws: WebSocket) -> Result<(), Error> {
        while let Some(message) = ws.recv()? {
            ws.send(message)?;
        }
        Ok(())
    }
}

mod mio_shell {
    use ws_mio::{Agreed, Client, CloseCode, Context, Error, Http, Payload, Server};

    use super::*;

    struct Echo(Option<mpsc::Sender<Outcome>>);

    impl Echo {
        fn tell(&mut self, outcome: Outcome) {
            if let Some(told) = self.0.take() {
                told.send(outcome).unwrap();
            }
        }
    }

    impl Client for Echo {
        fn open(&mut self, _: &mut Context<'_>, _: &Agreed) {
            self.tell(Outcome::Open);
        }

        fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
            let _ = context.send(message);
        }

        fn error(&mut self, _: &mut Context<'_>, error: Error) {
            self.tell(match error {
                Error::Refused(response) => Outcome::Refused(response.status()),
                _ => Outcome::Error,
            });
        }

        fn close(&mut self, context: &mut Context<'_>, _: CloseCode, _: &str) {
            // The one connection is over, and with it the thread.
            context.handle().stop();
        }
    }

    pub(super) fn serve(config: Config) -> SocketAddr {
        let (bound, address) = mpsc::channel();
        thread::spawn(move || {
            let mut server = Server::new(config).unwrap();
            let address = server.listen("127.0.0.1:0", Http::clients(|| Echo(None)));
            bound.send(address.unwrap()).unwrap();
            server.run().unwrap();
        });
        address.recv().unwrap()
    }

    pub(super) fn connect(url: String, config: Config, told: mpsc::Sender<Outcome>) {
        thread::spawn(move || {
            let mut server = Server::new(config).unwrap();
            server.connect(&url, Echo(Some(told))).unwrap();
            server.run().unwrap();
        });
    }
}
