//! Programs that show the family at work; run one with `cargo run --release --example NAME`.
