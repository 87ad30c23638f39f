//! One scripted conformance suite, run through the bare core and through every shell over real sockets, so that the
//! runtimes can't differ.

mod cases;
mod core;
mod frames;
mod handshakes;
mod script;
mod shells;
