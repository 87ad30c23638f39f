//! TLS by rustls (feature `tls`): configurations for both roles.
//!
//! Clients need nothing from here: `wss://` URLs work as they are, and trust what browsers trust. Give
//! [`Connect::tls`](crate::Connect::tls) what [`trusting`] makes, or a configuration of your own, for anything else. Servers
//! take a certificate chain and a key, as PEM:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ws_blocking::{Accept, Connect, Server, tls};
//!
//! let certificate = std::fs::read("cert.pem")?;
//! let config = tls::server_config(&certificate, &std::fs::read("key.pem")?)?;
//! let server = Server::bind("0.0.0.0:443")?.tls(config).start(|incoming| {
//!     let Ok(mut ws) = incoming.accept(Accept::new()) else { return };
//!     let _ = ws.send("in private");
//!     let _ = ws.close(ws_blocking::CloseCode::NORMAL, "");
//! })?;
//!
//! let (mut reader, writer) = Connect::new("wss://localhost/")?.tls(tls::trusting(&certificate)?).connect()?.split();
//! std::thread::spawn(move || writer.send("meanwhile"));
//! println!("{:?}", reader.recv()?);
//! # Ok(())
//! # }
//! ```

mod session;

pub use ws_proto::tls::{ConfigError, client_config, rustls, server_config, trusting};

pub(crate) use self::session::{Cipher, Tls};
