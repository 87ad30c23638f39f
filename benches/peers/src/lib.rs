//! What the servers beside ours share, and what the load shares with the floor.
//!
//! The servers take the arguments of our own as far as the benches use them, and count their heap in the same way.

pub mod epoll;
mod handshake;
mod heap;
pub mod least;
mod server;

pub use handshake::{REQUEST, RESPONSE};
pub use server::{Args, MAX_MESSAGE, listener, serve};
