//! WebSocket servers and clients in one thread, over [mio].
//!
//! One [`Reactor`] drives any number of connections: those that it accepts and those that it opens. Each belongs to a
//! [`Handler`], a value of the application's that is told what comes and answers through a [`Context`].
//!
//! ```no_run
//! use ws_mio::{Config, Context, Decision, Handler, Payload, Reactor};
//!
//! struct Echo;
//!
//! impl Handler for Echo {
//!     fn on_message(&mut self, context: &mut Context<'_>, message: Payload<'_>) {
//!         // Fails only once the connection is closing: see "Backpressure".
//!         let _ = context.send(message);
//!     }
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let mut reactor = Reactor::new(Config::default())?;
//! let address = reactor.listen("127.0.0.1:9001", |_request, _peer| Decision::accept(Echo))?;
//! println!("listening on ws://{address}");
//! reactor.run()
//! # }
//! ```
//!
//! # Memory
//! All connections of a reactor share one receive buffer and one output buffer. Payloads are handed out borrowed from
//! the former; everything that a connection's turn has to say is collected in the latter and leaves in one write. Only
//! what the socket does not take moves into a queue of that connection's own, and only then its writability is
//! watched. An idle connection is its slot, under 300 bytes with its deadlines, and the handler; one whose peer does not
//! read holds at most its queue (the high-water mark and one message) and one receive buffer of undelivered input.
//!
//! # Backpressure
//! While a connection's queue is at [`output_high_water`](Limits::output_high_water), nothing more is read from its
//! peer, and [`Context::send`] answers [`SendError::QueueFull`]. A handler that sends at most one message for each it
//! receives never sees that error.
//!
//! # Fairness
//! One turn of a connection reads a bounded number of bytes, one turn of a listener accepts a bounded number of
//! connections; what is left waits for the next round, behind everybody else. Handlers run in the reactor's thread: one
//! that blocks, blocks all. A reactor stays in the thread that made it; [`StopHandle`] is for the others.
//!
//! # Time
//! Deadlines ([`Timeouts`]) lie in a heap with about one entry for each connection; no round looks at them all. The
//! clock is read about once a round, never for a message.

#![forbid(unsafe_code)]

mod client;
mod clock;
mod context;
mod error;
mod flow;
mod handler;
mod listener;
mod opening;
mod output;
mod reactor;
mod session;
mod slots;
mod stop;
mod timers;

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
    Ending, Limits, Message, OpCode, Opcodes, Part, Payload, Prepared, ProtocolError, Replies, Rsv, SendError, Side,
    Timeout, Timeouts, Utf8Bytes,
};

pub use self::context::Context;
pub use self::error::Error;
pub use self::handler::{Agreed, Decision, Handler};
pub use self::reactor::Reactor;
pub use self::slots::ClientId;
pub use self::stop::StopHandle;
