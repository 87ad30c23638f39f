//! How to listen: addresses and options, made into sockets.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::path::{Path, PathBuf};

use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};

use crate::Address;
use crate::listener::Door;

/// How to listen: for [`Server::listen_with`](crate::Server::listen_with).
///
/// ```
/// use ws_mio::Listen;
/// let listen = Listen::tcp("127.0.0.1:0")?.backlog(256).share_port();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Listen {
    at: At,
    backlog: i32,
    share_port: bool,
}

#[derive(Debug)]
enum At {
    /// The first of these that can be had.
    Tcp(Vec<SocketAddr>),
    Open(StdListener),
    #[cfg_attr(not(unix), expect(dead_code))]
    Unix(PathBuf),
}

impl Listen {
    /// At an address, IPv4 or IPv6; of several that a name stands for, the first that can be had. Port 0 stands for any
    /// free one.
    ///
    /// # Errors
    /// The name can't be resolved.
    pub fn tcp(address: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::at(At::Tcp(address.to_socket_addrs()?.collect())))
    }

    /// At a unix socket. A socket of that path that nobody listens at any more is replaced. The file stays when the server
    /// ends.
    #[cfg(unix)]
    pub fn unix(path: impl AsRef<Path>) -> Self {
        Self::at(At::Unix(path.as_ref().to_owned()))
    }

    /// With a socket that listens already: inherited from a service manager, say.
    pub fn open(listener: StdListener) -> Self {
        Self::at(At::Open(listener))
    }

    /// How many connections the system completes before they are accepted; the system may have a lower limit. Default 1024:
    /// a crowd's first second, and what most systems take at most by default.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = i32::try_from(connections).unwrap_or(i32::MAX);
        self
    }

    /// Shares the port with other sockets that do so too, of this process or others of the same user: the system gives
    /// each new connection to one of them (`SO_REUSEPORT`; on systems without it, without effect).
    pub fn share_port(mut self) -> Self {
        self.share_port = true;
        self
    }

    pub(crate) fn bind(self) -> io::Result<(Door, Address)> {
        match self.at {
            At::Open(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                Ok((Door::Tcp(TcpListener::from_std(listener)), address.into()))
            }
            At::Tcp(addresses) => {
                let listener = bind_first(&addresses, self.backlog, self.share_port)?;
                let address = listener.local_addr()?;
                Ok((Door::Tcp(TcpListener::from_std(listener)), address.into()))
            }
            #[cfg(unix)]
            At::Unix(path) => {
                let listener = bind_unix(&path, self.backlog)?;
                let address = Address::Unix(Some(path));
                Ok((Door::Unix(mio::net::UnixListener::from_std(listener)), address))
            }
            #[cfg(not(unix))]
            At::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The socket itself, if it is one of TCP.
    pub(crate) fn into_std(self) -> io::Result<StdListener> {
        match self.at {
            At::Open(listener) => Ok(listener),
            At::Tcp(addresses) => bind_first(&addresses, self.backlog, self.share_port),
            At::Unix(_) => Err(no_address()),
        }
    }

    fn at(at: At) -> Self {
        Self {
            at,
            backlog: BACKLOG,
            share_port: false,
        }
    }
}

/// The addresses that hosts and ports stand for: as many hosts as ports are paired in their order, otherwise each host
/// goes with each port. Repeated ones are left out.
///
/// ```
/// use ws_mio::pair_up;
/// assert_eq!(pair_up(&["::1", "127.0.0.1"], &[9004, 9005]), [("::1", 9004), ("127.0.0.1", 9005)]);
/// assert_eq!(pair_up(&["::1"], &[9004, 9005, 9004]), [("::1", 9004), ("::1", 9005)]);
/// ```
pub fn pair_up<'a>(hosts: &[&'a str], ports: &[u16]) -> Vec<(&'a str, u16)> {
    let mut pairs = Vec::new();
    let mut add = |pair| {
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    };
    if hosts.len() == ports.len() {
        hosts.iter().copied().zip(ports.iter().copied()).for_each(&mut add);
    } else {
        for &host in hosts {
            ports.iter().for_each(|&port| add((host, port)));
        }
    }
    pairs
}

fn bind_first(addresses: &[SocketAddr], backlog: i32, share_port: bool) -> io::Result<StdListener> {
    let mut error = no_address();
    for &address in addresses {
        match bind_tcp(address, backlog, share_port) {
            Ok(listener) => return Ok(listener),
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

fn bind_tcp(address: SocketAddr, backlog: i32, share_port: bool) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Elsewhere this option means something else.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    if share_port {
        socket.set_reuse_port(true)?;
    }
    #[cfg(not(unix))]
    let _ = share_port;
    if address.is_ipv6() {
        // A host given as IPv6 means just that, on all systems alike.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

#[cfg(unix)]
fn bind_unix(path: &Path, backlog: i32) -> io::Result<std::os::unix::net::UnixListener> {
    let address = socket2::SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path) => {
            std::fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        result => result?,
    }
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Whether this is a socket at which nobody listens.
#[cfg(unix)]
fn is_abandoned(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    // A listener that lives and is busy would keep a blocking socket waiting.
    let try_it = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&socket2::SockAddr::unix(path)?)
    };
    is_socket && try_it().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

pub(crate) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the name has no address")
}

const BACKLOG: i32 = 1024;
