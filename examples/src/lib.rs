//! Programs that show the library in use; each is a file of `examples/examples`, run by
//! `cargo run -p vmie-examples --example NAME`. The demo guest is in `examples/data`.
