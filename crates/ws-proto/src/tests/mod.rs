//! Behaviours of the core, between in-memory peers with a fake clock.

mod sizes;
