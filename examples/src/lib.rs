//! Programs that show the family at work; run one with `cargo run --release --example NAME`.
//!
//! This library holds what the programs share and what has nothing to do with WebSocket.

pub mod args;
pub mod autobahn;
pub mod heap;
pub mod outcome;
pub mod stop;

/// The README's programs compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
