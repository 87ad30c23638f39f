//! WebSocket servers and clients in one thread, over [mio]: a thin server, fat clients, any protocol.
//!
//! One [`Server`] drives any number of connections: those that it accepts and those that it opens. It knows no protocol.
//! What runs on a connection is a [`Protocol`]; the server calls its `accept`, `ready` and `close`, and nothing else.
//! HTTP is one ([`Http`]: pages, refusals, upgrades), WebSocket is one, and yours are others, on other ports or on the
//! same one.
//!
//! On a WebSocket connection lives a [`Client`]: a value of yours that holds all the connection's state, is told what
//! happens and acts through a [`Context`].
//!
//! ```no_run
//! use ws_mio::{Client, Config, Context, Http, Payload, Server};
//!
//! struct Echo;
//!
//! impl Client for Echo {
//!     fn recv(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
//!         // To everybody but the sender.
//!         context.send_others(message);
//!     }
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let mut server = Server::new(Config::default())?;
//! let address = server.listen("127.0.0.1:9001", Http::clients(|| Echo))?;
//! println!("listening on ws://{address}");
//! server.run()
//! # }
//! ```
//!
//! | to | take |
//! |---|---|
//! | serve one type of client | [`Http::clients`] |
//! | choose by path, header, listener; show pages | [`Http::new`] with [`Answer`]; [`Client::start`] for what only the client knows |
//! | check all requests, or all connections | [`Http::authorize`], [`Server::admit`] |
//! | serve several protocols on one port | [`Detect`], [`Answer::protocol`] |
//! | speak in lines, or write a protocol | [`Lines`], [`Protocol`] |
//! | serve or connect over TLS (feature `tls`) | `Tls`, [`Server::connect`] with `wss://` |
//! | reach the others | [`Clients`], from a [`Context`] or the [`Server`]: lists, names, topics |
//! | put behaviour around clients | [`Observed`] with [`Limited`], [`Counted`], `Logged` or a closure |
//! | reach the server from other threads | [`Handle`] |
//! | listen on IPv6, unix sockets, shared ports | [`Listen`], [`pair_up`] |
//! | open connections | [`Server::connect`], [`Server::connect_to`] |
//! | serve with all cores | [`Workers`] |
//! | take settings from code, a file, the command line (feature `settings`) | `Settings` |
//! | run, or be run | [`Server::run`], [`Server::run_while`], [`Server::turn`] |
//!
//! # Features
//! None is on by default.
//!
//! | feature | brings |
//! |---|---|
//! | `deflate` | compressed messages: permessage-deflate |
//! | `tls` | `wss://`, both roles, by rustls: module `tls` |
//! | `log` | `Logged`: what happens to a client, through the facade of that name |
//! | `settings` | `Settings`: from code, a JSON file and the command line |
//!
//! Who comes from Python's Pocket Socket finds each of its parts in [`migration`].
//!
//! # Memory
//! All connections of a server share one receive buffer and one output buffer. Payloads are handed out borrowed from
//! the former; everything that a connection's turn has to say is collected in the latter and leaves in one write. Only
//! what the socket does not take moves into a queue of that connection's own, and only then its writability is
//! watched. An idle connection takes about 250 bytes with its deadlines (measured: 250 at 15,000 connections, TLS
//! compiled in), and the client; one whose peer does not read holds at most its queue (the high-water mark and one message)
//! and one receive buffer of undelivered input. A client's first subscription takes some 200 bytes more, a timer that is
//! set some 80.
//!
//! # Backpressure
//! While a connection's queue is at [`output_high_water`](Limits::output_high_water), nothing more is read from its
//! peer, and [`Context::send`] answers [`SendError::QueueFull`]; [`Client::drain`] tells when there is room. A client that
//! sends at most one message for each it receives never sees that error. What others send it meanwhile is treated as
//! [`Backpressure`] says.
//!
//! # Fairness
//! One turn of a connection reads a bounded number of bytes, one turn of a listener accepts a bounded number of
//! connections; what is left waits for the next round, behind everybody else. Clients run in the server's thread: one
//! that blocks, blocks all. A server stays in the thread that made it.
//!
//! # Time
//! Deadlines ([`Timeouts`]) lie in a heap with about one entry for each connection; no round looks at them all. The
//! clock is read about once a round, never for a message.

#![forbid(unsafe_code)]

mod address;
mod alarms;
mod asking;
mod client;
mod clients;
mod clock;
mod context;
mod detect;
mod dial;
mod doors;
mod error;
mod flow;
mod handle;
mod http;
mod io;
mod lines;
mod linger;
mod listen;
mod listener;
mod mail;
pub mod migration;
mod observed;
mod options;
mod outgoing;
mod output;
mod pages;
mod protocol;
mod roster;
mod said;
mod server;
#[cfg(feature = "settings")]
mod settings;
mod socket;
mod timers;
#[cfg(feature = "tls")]
pub mod tls;
mod topics;
mod websocket;
mod wire;
mod workers;

#[cfg(test)]
mod tests;

#[cfg(feature = "deflate")]
pub use ws_proto::deflate;
pub use ws_proto::extension;
pub use ws_proto::handshake::{
    Accept, ClientRequest, HandshakeConfig, HandshakeError, OriginPolicy, Request, Response, Url, UrlError,
};
pub use ws_proto::{
    Bytes, CloseCode, CloseError, CloseFrame, Compression, Config, ConnectionError, CustomKind, DataKind, Delivery,
    Ending, Instant, Limits, Message, OpCode, Opcodes, Part, Payload, Prepared, ProtocolError, Replies, Rsv, SendError,
    Side, Timeout, Timeouts, Utf8Bytes,
};

pub use self::address::Address;
pub use self::client::{Agreed, Client, Start};
pub use self::clients::Clients;
pub use self::context::{Context, State};
pub use self::detect::{Detect, Match, each};
pub use self::error::Error;
pub use self::handle::{Gone, Handle};
pub use self::http::{Answer, Http};
pub use self::io::{Io, Link};
pub use self::lines::{Lines, Speaker, Talk};
pub use self::listen::{Listen, pair_up};
pub use self::listener::{Arrival, ListenerId, Serve};
pub use self::mail::Post;
#[cfg(feature = "log")]
pub use self::observed::Logged;
pub use self::observed::{Counted, Happening, Limited, Observed, Observer};
pub use self::options::{Backpressure, Options};
pub use self::protocol::{Next, Protocol, Ready};
pub use self::roster::ClientId;
pub use self::server::Server;
#[cfg(feature = "settings")]
pub use self::settings::{Settings, SettingsError};
pub use self::timers::TimerId;
#[cfg(feature = "tls")]
pub use self::tls::Tls;
pub use self::workers::Workers;
