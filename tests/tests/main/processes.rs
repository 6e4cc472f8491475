//! Several processes on one state directory, without a server.

use std::{path::Path, time::Duration};

use hsmsim_cluster::{Cluster, OpenOptions};
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
    let mut times = Vec::new();
    // The first fault of all makes the table, which is no part of the promise.
    for round in 0..8 {
        let mut workers = [(); 2].map(|()| sandbox.worker(WORKER, &["call-on"]));
        for worker in &mut workers {
            worker.line("calling", 0, BOUND);
        }
        sandbox.hsmsim(&["fault", "add", "link.cut", "client:hsm-eus-1"]);
        let set_at = last_fault_ns(&sandbox.state());
        for worker in &mut workers {
            let failed = worker.line("failed ", 0, BOUND);
            let words: Vec<&str> = failed.split_whitespace().collect();
            assert_eq!(words[1], "DeviceError", "{failed}");
            let failed_at: u64 = words[0].parse().expect("a time");
            // The row's own time lies before its commit, so this is no less than what is promised.
            let after = Duration::from_nanos(failed_at.checked_sub(set_at).expect("cause first"));
            println!("round {round}: {after:?} after the fault was set, call {}", words[2]);
            if round > 0 {
                times.push(after);
            }
        }
        sandbox.hsmsim(&["fault", "heal", "--all"]);
    }
    times.sort();
    // The other tests keep the machine busy: a process that is ready to run may have to wait for a
    // processor, so of the slowest no more is asked than that.
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("median {median:?}, slowest {slowest:?}");
    assert!(median <= Duration::from_millis(10), "median {median:?}");
    assert!(slowest <= Duration::from_millis(100), "slowest {slowest:?}");
}

/// When the newest fault was set, in ns since 1970, as the state directory has it.
fn last_fault_ns(state: &Path) -> u64 {
    let state = Some(state.display().to_string());
    let options = OpenOptions { state, topology: Some("single".to_owned()), ..Default::default() };
    let cluster = Cluster::open(options).expect("the state directory");
    cluster.fault_history().last().expect("a fault").set_at_ns
}
