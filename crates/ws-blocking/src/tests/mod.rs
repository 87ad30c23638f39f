//! Tests that look inside.

mod coalescing;
