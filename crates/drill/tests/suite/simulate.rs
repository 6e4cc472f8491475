//! Shipped drills, and what makes a run repeatable.

use hsmsim_drill::simulate::{Outcome, Plan, simulate};
use hsmsim_sim_config::Drill;

fn run(name: &str, seed: u64) -> Outcome {
    let drill = Drill::shipped(name).unwrap();
    simulate(&Plan::of_drill(&drill, seed).unwrap()).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let [first, again, other] = [7, 7, 8].map(|seed| run("device-loss", seed));
    assert_eq!(first.trace_hash, again.trace_hash);
    assert_eq!((first.polls, first.call_count), (again.polls, again.call_count));
    assert_ne!(first.trace_hash, other.trace_hash);
}

#[test]
fn every_shipped_drill_keeps_every_rule() {
    for name in Drill::shipped_names() {
        let outcome = run(name, 1);
        assert_eq!(outcome.broken, [], "{name}");
        assert!(outcome.history.inventory_equal_ns.is_some(), "{name}");
        assert!(outcome.call_count > 1000 && outcome.verified > 100, "{name}");
        eprintln!("{name}: {} calls, {} polls", outcome.call_count, outcome.polls);
    }
}
