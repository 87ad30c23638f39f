//! Behaviours of the core, between in-memory peers with a fake clock.

pub(crate) mod peers;

mod close;
mod custom;
mod direct;
mod extensions;
mod fragments;
mod hostile;
mod outbox;
mod receive;
mod send;
mod sizes;
mod splits;
mod timers;
