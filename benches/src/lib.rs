//! Benchmarks of the family; run them with `cargo bench -p benches`.
