//! Processes killed in the middle of their work.

use std::{collections::BTreeSet, time::Duration};

use hsmsim_tests::Sandbox;

use crate::WORKER;

const ROUNDS: u64 = 100;

#[test]
fn a_process_killed_while_it_makes_keys_loses_none_and_leaves_no_half() {
    let sandbox = Sandbox::new("ha-pair");
    let seed = 20_240_607;
    println!("seed {seed}");
    let mut delays = delays(seed);
    let mut made = BTreeSet::new();
    for round in 0..ROUNDS {
        let kind = if round % 5 == 4 { "rsa" } else { "ec" };
        let mut worker = sandbox.worker(WORKER, &["make-keys", &format!("k{round}"), kind]);
        worker.line("made ", 0, Duration::from_secs(30));
        // Within the time of a few keys, so that the end comes at any point of the work.
        let delay = delays() % if kind == "rsa" { 150_000 } else { 20_000 };
        std::thread::sleep(Duration::from_micros(delay));
        let said = worker.kill().stdout;
        assert!(!said.contains("error"), "{said}");
        // The last line may be half written: then the key was acknowledged, its name is not known.
        let whole = said.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        made.extend(whole.filter_map(|line| Some(line.trim().strip_prefix("made ")?.to_owned())));
    }
    assert!(made.len() >= ROUNDS as usize);
    println!("{} keys acknowledged in {ROUNDS} killed processes", made.len());
    sandbox.write("made", made.into_iter().collect::<Vec<_>>().join("\n"));
    let check = || sandbox.run(WORKER, &["check-keys", "made"]).succeeded().stdout;
    let primary = check();
    sandbox.hsmsim(&["fault", "add", "link.cut", "client:hsm-eus-1"]);
    let other = check();
    println!("on the primary: {primary}on the other member: {other}");

    // What was not acknowledged may be on one member only, until somebody makes them equal.
    sandbox.hsmsim(&["fault", "heal", "--all"]);
    sandbox.hsmsim(&["ha", "synchronize"]);
    sandbox.hsmsim(&["fault", "add", "link.cut", "client:hsm-eus-1"]);
    assert_eq!(check(), primary);
}

/// The same numbers for the same seed (Marsaglia's xorshift).
fn delays(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}
