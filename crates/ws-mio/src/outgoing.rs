//! The way out: opening connections.

use std::net::{SocketAddr, ToSocketAddrs};

use ws_proto::Instant;
use ws_proto::handshake::ClientRequest;

use crate::alarms::MAX_PLACES;
use crate::asking::Asking;
use crate::dial::{DIAL_INTEREST, Dial, next_stream};
use crate::listen::no_address;
use crate::{Client, ClientId, Error, Protocol, Server};

impl Server {
    /// Begins to open a WebSocket connection. The client is told how that went: [`Client::open`], or [`Client::error`] and
    /// [`Client::close`].
    ///
    /// All addresses of the host are tried in turn, within [`timeout`](crate::HandshakeConfig::timeout) together with the
    /// handshake. The host's name is resolved by the system before this returns, which blocks; use an address in the
    /// URL where that matters.
    ///
    /// # Errors
    /// The URL is not valid, or `wss://` without the feature `tls`, the name can't be resolved, or no address can even be tried. The client is dropped
    /// then, without any call.
    pub fn connect(&mut self, url: &str, client: impl Client + 'static) -> Result<ClientId, Error> {
        self.connect_with(ClientRequest::new(url)?, client)
    }

    /// [`connect`](Self::connect), with subprotocols or headers.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_with(&mut self, request: ClientRequest, client: impl Client + 'static) -> Result<ClientId, Error> {
        let url = request.url();
        if url.is_secure() {
            return self.connect_securely(request, client);
        }
        let addresses = (url.host(), url.port()).to_socket_addrs()?.collect();
        self.dial(addresses, |until| Ok(Box::new(Asking::new(request, client, until))))
    }

    /// Trusts what this says in outgoing `wss://` connections. Default: the roots that browsers trust, by Mozilla's list.
    #[cfg(feature = "tls")]
    pub fn set_client_tls(&mut self, config: std::sync::Arc<rustls::ClientConfig>) {
        self.tls = Some(config);
    }

    /// Begins to open a connection for any protocol. It is told how that went: [`Protocol::accept`], or
    /// [`Protocol::close`] with the reason.
    ///
    /// # Errors
    /// The name can't be resolved, or no address can even be tried. The protocol is dropped then, without any call.
    pub fn connect_to(
        &mut self,
        address: impl ToSocketAddrs,
        protocol: impl Protocol + 'static,
    ) -> Result<ClientId, Error> {
        let addresses = address.to_socket_addrs()?.collect();
        self.dial(addresses, |_| Ok(Box::new(protocol)))
    }

    #[cfg(not(feature = "tls"))]
    fn connect_securely(&mut self, _request: ClientRequest, _client: impl Client + 'static) -> Result<ClientId, Error> {
        Err(Error::TlsUnsupported)
    }

    #[cfg(feature = "tls")]
    fn connect_securely(&mut self, request: ClientRequest, client: impl Client + 'static) -> Result<ClientId, Error> {
        let config = match &self.tls {
            Some(config) => config.clone(),
            None => self.tls.insert(crate::tls::client_config()).clone(),
        };
        let url = request.url();
        let host = url.host().to_owned();
        let addresses = (url.host(), url.port()).to_socket_addrs()?.collect();
        self.dial(addresses, |until| {
            let asking = Box::new(Asking::new(request, client, until));
            Ok(Box::new(crate::tls::Securing::client(config, &host, asking)?))
        })
    }

    pub(crate) fn dial(
        &mut self,
        addresses: Vec<SocketAddr>,
        protocol: impl FnOnce(Instant) -> std::io::Result<Box<dyn Protocol>>,
    ) -> Result<ClientId, Error> {
        if self.stop_at.is_some() || self.connections() >= MAX_PLACES {
            return Err(Error::Stopped);
        }
        self.shared.clock.forget();
        let until = self.shared.clock.now() + self.shared.config.handshake.timeout;
        let mut addresses = addresses.into_iter();
        let stream = next_stream(&mut addresses, no_address())?;
        let dial = Dial::new(addresses, protocol(until)?, until);
        Ok(self.begin(stream, None, DIAL_INTEREST, |_| Box::new(dial))?)
    }
}
