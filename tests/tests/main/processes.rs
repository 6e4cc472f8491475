//! Several processes on one state directory, without a server.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hsmsim_tests::{Sandbox, process::Running};

use crate::WORKER;

const BOUND: Duration = Duration::from_secs(20);

fn serving(sandbox: &Sandbox) -> Running {
    let mut worker = sandbox.worker(WORKER, &["serve"]);
    worker.line("ready", 0, BOUND);
    worker
}

/// Tells a worker to do something and gives its answer.
fn ask(worker: &mut Running, order: &str) -> String {
    let said = |worker: &Running, word: &str| {
        worker.stdout().lines().filter(|line| line.starts_with(word)).count()
    };
    let (oks, errors) = (said(worker, "ok "), said(worker, "error "));
    worker.say(order);
    hsmsim_tests::wait::until(BOUND, order, || {
        (said(worker, "ok ") + said(worker, "error ") > oks + errors).then_some(())
    });
    if said(worker, "error ") > errors {
        panic!("{order}: error {}", worker.line("error ", errors, BOUND));
    }
    let answer = worker.line("ok ", oks, BOUND);
    answer.strip_prefix(order).map_or(answer.clone(), |rest| rest.trim().to_owned())
}

#[test]
fn a_key_made_by_one_process_is_used_by_another_while_both_run() {
    let sandbox = Sandbox::new("ha-dr");
    let (mut one, mut other) = (serving(&sandbox), serving(&sandbox));
    for round in 0..5 {
        let (here, there) = (format!("one-{round}"), format!("other-{round}"));
        assert_eq!(ask(&mut one, &format!("find {there}")), "none");
        ask(&mut one, &format!("make {here}"));
        ask(&mut other, &format!("make {there}"));
        assert_eq!(ask(&mut other, &format!("sign {here}")), "verified");
        assert_eq!(ask(&mut one, &format!("sign {there}")), "verified");
        ask(&mut one, &format!("destroy {there}"));
        assert_eq!(ask(&mut other, &format!("find {there}")), "none");
    }
    assert_eq!(ask(&mut other, "all"), "one-0 one-1 one-2 one-3 one-4");
}

#[test]
fn a_fault_set_by_one_process_strikes_two_others_within_10_ms() {
    // A device without HA: whoever calls when its link is cut gets an error at once.
    let sandbox = Sandbox::new("single");
    for round in 0..8 {
        let mut workers = [(); 2].map(|()| sandbox.worker(WORKER, &["call-on"]));
        for worker in &mut workers {
            worker.line("calling", 0, BOUND);
        }
        sandbox.hsmsim(&["fault", "add", "link.cut", "client:hsm-eus-1"]);
        // However busy the machine is: whoever begins a call from now on has to see it.
        let set = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
        for worker in &mut workers {
            let failed = worker.line("failed ", 0, BOUND);
            let words: Vec<&str> = failed.split_whitespace().collect();
            assert_eq!(words[1], "DeviceError", "{failed}");
            let last_good = Duration::from_nanos(words[0].parse().expect("a time"));
            let late = last_good.saturating_sub(set);
            println!(
                "round {round}: call {} failed, the last good one began {late:?} late",
                words[2]
            );
            assert!(
                late <= Duration::from_millis(10),
                "a call that began {late:?} later was spared"
            );
        }
        sandbox.hsmsim(&["fault", "heal", "--all"]);
    }
}

/// Whether a process has the ledger's file open.
fn has_the_ledger_open(worker: &Running, sandbox: &Sandbox) -> bool {
    let ledger = sandbox.state().join("ledger.db");
    assert!(ledger.exists());
    let links = fs::read_dir(format!("/proc/{}/fd", worker.pid())).expect("a living process");
    links.flatten().any(|link| fs::read_link(link.path()).is_ok_and(|file| file == ledger))
}

#[test]
fn ledger_that_asks_for_nothing_is_opened_by_one_process_and_spared_the_next() {
    let sandbox = Sandbox::new("ha-pair");
    let mut destroyer = serving(&sandbox);
    ask(&mut destroyer, "make key");
    ask(&mut destroyer, "destroy key");
    // The deletion is on record, so that the first who starts has to look.
    let (first, mut next) = (serving(&sandbox), serving(&sandbox));
    assert!(has_the_ledger_open(&first, &sandbox));
    assert!(!has_the_ledger_open(&next, &sandbox));
    // Nor is it by sessions and searches; a copy asks whether its key was destroyed meanwhile.
    assert_eq!(ask(&mut next, "find key"), "none");
    assert!(!has_the_ledger_open(&next, &sandbox));
    ask(&mut next, "make other");
    assert!(has_the_ledger_open(&next, &sandbox));
}

#[test]
fn fault_set_after_a_ledger_was_found_idle_strikes_who_starts() {
    let sandbox = Sandbox::new("single");
    let mut destroyer = serving(&sandbox);
    ask(&mut destroyer, "make key");
    ask(&mut destroyer, "destroy key");
    for _ in 0..2 {
        sandbox.worker(WORKER, &["start", "key"]).end(BOUND).refused().says(&["no such key"]);
    }
    sandbox.hsmsim(&["fault", "add", "link.cut", "client:hsm-eus-1"]);
    sandbox.worker(WORKER, &["start", "key"]).end(BOUND).refused().says(&["TokenNotPresent"]);
    sandbox.hsmsim(&["fault", "heal", "--all"]);
    sandbox.worker(WORKER, &["start", "key"]).end(BOUND).refused().says(&["no such key"]);
}
