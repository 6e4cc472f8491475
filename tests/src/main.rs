//! Stands in for the applications of tests that need several processes: see `worker`.

fn main() {
    println!("see tests/");
}
