//! Seeds that draw everything.

use hsmsim_client::planted::Planted;
use hsmsim_drill::explore::{ExploreOptions, explore, replay};
use hsmsim_sim_config::HaPreset;

/// Seeds for each preset; `HSMSIM_SEEDS` takes its place.
fn seeds() -> u64 {
    std::env::var("HSMSIM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(25)
}

#[test]
fn no_seed_breaks_a_rule_in_any_preset() {
    for (word, preset) in HaPreset::ALL {
        let options = ExploreOptions {
            seeds: seeds(),
            preset: Some(preset),
            calls: 1_000,
            ..ExploreOptions::default()
        };
        let explored = explore(&options, &|_, _| {}).unwrap();
        if let Some(violation) = explored.violation {
            panic!("{word}: {violation:#?}");
        }
        assert!(explored.calls > 100 && explored.faults > 10, "{word}: {explored:?}");
    }
}

/// Seeds that found a bug of the client or of the checker, with the steps that are needed for it.
const ONCE_BROKEN: [(u64, HaPreset, &[usize]); 5] = [
    // A call refused a moment before the key's copy arrived, and the checker looked a moment later.
    (1557, HaPreset::Default, &[0, 1, 3, 4]),
    // A member served while another still waited for the copies that only it had.
    (1557, HaPreset::Luna, &[0, 1, 4]),
    // A member that took no copies served without them.
    (2405, HaPreset::LunaBasic, &[0, 1, 3, 4]),
    // A change was struck off though an asynchronous member had given an older state.
    (3536, HaPreset::Default, &[4, 6]),
    (3536, HaPreset::NoRetry, &[4, 6]),
];

#[test]
fn seeds_that_once_broke_a_rule_break_none() {
    for (seed, preset, keep) in ONCE_BROKEN {
        let options = ExploreOptions { preset: Some(preset), ..Default::default() };
        let outcome = replay(&options, seed, Some(keep)).unwrap();
        assert!(outcome.call_count > 1_000, "seed {seed} still makes its calls");
        assert!(outcome.broken.is_empty(), "seed {seed}, {preset:?}: {:#?}", outcome.broken);
    }
}

#[test]
fn a_sample_of_seeds_run_twice_is_the_same_twice() {
    let options =
        ExploreOptions { from: 1_000, seeds: 10, twice: true, calls: 1_000, ..Default::default() };
    assert_eq!(explore(&options, &|_, _| {}).unwrap().seeds, 10);
}

#[test]
fn every_planted_bug_is_found_and_its_schedule_shrunk() {
    for (word, planted) in Planted::ALL {
        let options = ExploreOptions {
            seeds: 1_000,
            preset: Some(HaPreset::Default),
            calls: 800,
            planted: Some(planted),
            ..Default::default()
        };
        let explored = explore(&options, &|_, _| {}).unwrap();
        let violation = explored.violation.unwrap_or_else(|| panic!("{word} was not found"));
        assert!(violation.keep.len() <= violation.drawn);
        let again = replay(&options, violation.seed, Some(&violation.keep)).unwrap();
        assert_eq!(again.trace_hash, violation.trace_hash, "{word}");
        eprintln!("{word}: seed {}, {:?}", violation.seed, violation.schedule);
    }
}
