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
