//! Tests of the handshake, by behaviour.
