//! How late a wait ends, driven by `drive` and by a bare sleep of the operating system.
//!
//! ```text
//! cargo run --release -p hsmsim-network --example precision [waits]
//! ```

use std::thread;
use std::time::{Duration, Instant};

use hsmsim_network::{Clock, NoTick, drive};

fn main() {
    let waits: usize = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(1_000);
    println!("{waits} waits each; how late they ended, in microseconds");
    println!("{:>9}  {:^26}  {:^26}", "wait", "drive", "std::thread::sleep");
    println!(
        "{:>9}  {:>8} {:>8} {:>8}  {:>8} {:>8} {:>8}",
        "", "p50", "p99", "max", "p50", "p99", "max"
    );
    let clock = Clock::real();
    for micros in [900, 1_550, 5_000] {
        let wait = Duration::from_micros(micros);
        let driven = overshoots(waits, wait, || drive(&clock, &NoTick, clock.sleep(wait)));
        let bare = overshoots(waits, wait, || thread::sleep(wait));
        println!("{:>6} µs  {driven}  {bare}", micros);
    }
}

/// Median, 99th percentile and maximum of (measured - configured), as a part of a line.
fn overshoots(waits: usize, wait: Duration, mut run: impl FnMut()) -> String {
    let mut late: Vec<f64> = (0..waits.max(1))
        .map(|_| {
            let start = Instant::now();
            run();
            (start.elapsed().as_nanos() as f64 - wait.as_nanos() as f64) / 1_000.0
        })
        .collect();
    late.sort_by(f64::total_cmp);
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
    format!("{:>8.1} {:>8.1} {:>8.1}", at(0.50), at(0.99), at(1.0))
}
