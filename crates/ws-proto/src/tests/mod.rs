//! Behaviours of the core, between in-memory peers with a fake clock.

mod peers;

mod close;
mod direct;
mod fragments;
mod hostile;
mod outbox;
mod receive;
mod send;
mod sizes;
mod splits;
mod timers;
