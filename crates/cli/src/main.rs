//! The `hsmsim` command.
fn main() {}
