//! An echo server with one single-threaded runtime per core, each with a listener of its own on the same port
//! (`SO_REUSEPORT`): connections never change threads, and the kernel spreads them.
//!
//! `cargo run --release --example workers_tokio -- --port 9001`

#[cfg(not(unix))]
fn main() {
    eprintln!("error: there is no SO_REUSEPORT here");
}

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    examples::outcome::exit_code(workers::run(&examples::args::ServerArgs::parse()))
}

#[cfg(unix)]
mod workers {
    use std::io;
    use std::net::SocketAddr;
    use std::thread;

    use examples::args::{ServerArgs, announce};
    use examples::stop;
    use tokio::net::{TcpListener, TcpSocket};
    use ws_tokio::Server;

    pub(super) fn run(args: &ServerArgs) -> io::Result<()> {
        let address: SocketAddr = args.address().parse().map_err(io::Error::other)?;
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
        let main = runtime()?;
        // The first one finds the port out, if it is to be any.
        let address = main.block_on(async { listen(address)?.local_addr() })?;
        for _ in 0..thread::available_parallelism()?.get() {
            let (worker, config) = (runtime()?, args.config());
            thread::spawn(move || {
                worker.block_on(async {
                    let server = Server::new().listener(listen(address)?).config(config);
                    server
                        .handler(|mut ws, _client| async move {
                            while let Some(message) = ws.recv().await? {
                                ws.send(message).await?;
                            }
                            Ok(())
                        })
                        .serve()
                        .await
                })
            });
        }
        announce(address);
        main.block_on(stop::requested());
        Ok(())
    }

    fn listen(address: SocketAddr) -> io::Result<TcpListener> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    }

    const BACKLOG: u32 = 1024;
}
