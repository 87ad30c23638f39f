//! Arguments and the accept loop.

use std::net::TcpListener;

use tokio::net::TcpStream;

use crate::heap;

/// The largest message of the benches fits, whatever a peer's default is.
pub const MAX_MESSAGE: usize = 64 << 20;

/// What a server is told: `--port PORT --max-message BYTES --batch --tuned --broadcast --heap-report`; our own know
/// the first two and the last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Args {
    /// Where to listen; 0 for any free port.
    pub port: u16,
    /// Answer in the peer's batching form: what one read brought in one write.
    pub batch: bool,
    /// Take the settings that the peer's documentation gives for speed, where it gives some.
    pub tuned: bool,
    /// Tell every message to everybody, where the server can.
    pub broadcast: bool,
}

impl Args {
    /// Reads the program's arguments.
    ///
    /// # Panics
    /// If they are wrong.
    pub fn parse() -> Self {
        use lexopt::prelude::*;
        let mut args = Self::default();
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next().expect("arguments") {
            match arg {
                Long("port") => args.port = parser.value().expect("a port").parse().expect("a port"),
                Long("max-message") => drop(parser.value().expect("a size")),
                Long("batch") => args.batch = true,
                Long("tuned") => args.tuned = true,
                Long("broadcast") => args.broadcast = true,
                Long("heap-report") => heap::report_on_stdin(),
                _ => panic!("{}", arg.unexpected()),
            }
        }
        args
    }
}

/// Listens, and says where.
///
/// # Panics
/// If it can't.
pub fn listener(args: Args) -> TcpListener {
    let listener = TcpListener::bind(("127.0.0.1", args.port)).expect("a free port");
    println!("listening on ws://{}", listener.local_addr().expect("bound"));
    listener
}

/// Accepts for ever, on a runtime of one thread, a task for each connection.
///
/// # Panics
/// If it can't listen.
pub fn serve<T: Future<Output = ()> + Send + 'static>(args: Args, task: impl Fn(TcpStream, Args) -> T) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = listener(args);
        listener.set_nonblocking(true).expect("a socket");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
        loop {
            // Out of files, most likely, or gone already: the next one may do better.
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let _ = stream.set_nodelay(true);
            tokio::spawn(task(stream, args));
        }
    });
}
