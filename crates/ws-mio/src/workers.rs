//! One loop per core.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use ws_proto::Config;

use crate::{Handle, Listen, Server};

/// Several servers, each in a thread of its own, that serve one port together: the system spreads the connections over
/// them.
///
/// Each has its own clients, lists and names. Publishing reaches the subscribers of all of them: see
/// [`Clients::publish`](crate::Clients::publish). Where a loop is so far behind that 262,144 publications of the others wait
/// for it, or 64 MiB of them, further ones are lost to its subscribers, and counted by [`Handle::lost`].
///
/// Should one of them fail, or something panic in its thread, then the others are asked to stop: a service that is down in
/// part is worse than one that is down.
///
/// ```no_run
/// use ws_mio::{Client, Config, Context, Http, Payload, Workers};
///
/// struct News;
///
/// impl Client for News {
///     fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
///         context.subscribe("news");
///         context.publish("news", message);
///     }
/// }
///
/// let workers = Workers::start(4, "127.0.0.1:9001", Config::default(), |server, listen| {
///     server.listen_with(listen, Http::clients(|| News)).map(drop)
/// })?;
/// workers.wait()
/// # ; Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Workers {
    address: SocketAddr,
    handles: Vec<Handle>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Workers {
    /// Starts so many servers (at least one). The closure sets up each of them in its thread; what it is given to listen
    /// with shares the address with the others.
    ///
    /// # Errors
    /// The address can't be had, a thread can't be started, or the closure fails.
    pub fn start(
        count: usize,
        address: impl ToSocketAddrs,
        config: impl Into<Arc<Config>>,
        set_up: impl Fn(&mut Server, Listen) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let (address, listens) = share(address, count.max(1))?;
        let config = config.into();
        let set_up = Arc::new(set_up);
        let mut workers = Self {
            address,
            handles: Vec::new(),
            threads: Vec::new(),
        };
        // All must know one another before any of them serves.
        let mut introductions = Vec::new();
        for (number, listen) in listens.into_iter().enumerate() {
            let (config, set_up) = (Arc::clone(&config), Arc::clone(&set_up));
            let (ready, is_ready) = mpsc::channel();
            let (introduce, others) = mpsc::channel::<Vec<Handle>>();
            let thread = thread::Builder::new().name(format!("worker {number}")).spawn(move || {
                let mut server = Server::new(config)?;
                set_up(&mut server, listen)?;
                // Nobody waits for either if another worker could not be started.
                let _ = ready.send(server.handle());
                let Ok(others) = others.recv() else { return Ok(()) };
                let mut guard = StopOthers(others.clone());
                server.relay_to(others);
                server.run()?;
                guard.0.clear();
                Ok(())
            })?;
            match is_ready.recv() {
                Ok(handle) => workers.handles.push(handle),
                Err(_) => {
                    drop(introductions);
                    let failed = thread
                        .join()
                        .unwrap_or_else(|_| Err(io::Error::other("a worker panicked")));
                    return Err(failed.err().unwrap_or_else(|| io::Error::other("a worker ended")));
                }
            }
            introductions.push(introduce);
            workers.threads.push(thread);
        }
        for (number, introduce) in introductions.into_iter().enumerate() {
            let others = workers.handles.iter().enumerate().filter(|(at, _)| *at != number);
            // It fails only if that worker is gone, which `wait` tells.
            let _ = introduce.send(others.map(|(_, handle)| handle.clone()).collect());
        }
        Ok(workers)
    }

    /// The address, with the actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The handles of all servers.
    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }

    /// Asks all servers to stop; see [`Handle::stop`].
    pub fn stop(&self) {
        self.handles.iter().for_each(Handle::stop);
    }

    /// Waits until all servers have ended.
    ///
    /// # Errors
    /// Of the first that failed, or panicked.
    pub fn wait(self) -> io::Result<()> {
        let join = |thread: JoinHandle<_>| {
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a worker panicked")))
        };
        let results: Vec<_> = self.threads.into_iter().map(join).collect();
        results.into_iter().collect()
    }
}

/// Asks these servers to stop if the thread unwinds, or leaves early.
struct StopOthers(Vec<Handle>);

impl Drop for StopOthers {
    fn drop(&mut self) {
        self.0.iter().for_each(Handle::stop);
    }
}

impl Server {
    /// Passes what is published here on to other loops.
    fn relay_to(&mut self, others: Vec<Handle>) {
        self.clients().relay = Some(Box::new(move |topic, message| {
            others.iter().for_each(|other| other.relay(topic, message));
        }));
    }
}

/// Opens several sockets on one address.
fn share(address: impl ToSocketAddrs, count: usize) -> io::Result<(SocketAddr, Vec<Listen>)> {
    let first = Listen::tcp(address)?.share_port().into_std()?;
    let address = first.local_addr()?;
    let mut sockets = Vec::with_capacity(count);
    for _ in 1..count {
        sockets.push(if cfg!(unix) {
            Listen::tcp(address)?.share_port().into_std()?
        } else {
            // Elsewhere they accept from one queue.
            first.try_clone()?
        });
    }
    sockets.push(first);
    Ok((address, sockets.into_iter().map(Listen::open).collect()))
}
