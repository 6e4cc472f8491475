//! Shipped drills, and what makes a run repeatable.

use hsmsim_drill::{
    Compare, Verdict,
    simulate::{Outcome, Plan, VirtualOptions, run_virtual, simulate},
};
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
fn every_shipped_drill_passes_in_virtual_time() {
    for name in Drill::shipped_names() {
        let options = VirtualOptions {
            drill: name.to_owned(),
            seed: None,
            report: None,
            compare: Compare::Nothing,
        };
        let mut said = Vec::new();
        let report = run_virtual(&options, &mut said).unwrap();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(report.verdict, Verdict::Pass, "{name}\n{said}");
        assert!(!said.contains("broken:"), "{name}\n{said}");
        assert_eq!(report.missing_copies, 0, "{name}");
        assert!(report.verified_signatures > Some(100), "{name}");
    }
}
