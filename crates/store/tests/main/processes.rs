//! Several processes on one state.

use std::{
    io::Read,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use hsmsim_partition::port::TokenUpdate;
use hsmsim_store::{Counter, Ledger, NewFault};
use tempfile::TempDir;

use crate::{
    helper::{say, start},
    support::{device, id, on_both, open, partition, put},
};

/// The other process: writes without a pause until it is told to stop.
pub(crate) fn hammer(path: &Path) {
    let state = open(path);
    let (store, slot) = (partition(&state), state.claim_process(0));
    say("ready");
    let mut n = 0;
    while state.page().cluster_spare(0).load(SeqCst) == 0 {
        store.apply(&[put(id(1, n, 0))]).unwrap();
        slot.counter(Counter::CallsOk).fetch_add(1, SeqCst);
        n += 1;
    }
}

/// The other process: shows itself, with a fault and a view, until its input ends.
pub(crate) fn hold_slot(path: &Path) {
    let state = open(path);
    let slot = state.claim_process(123);
    slot.counter(Counter::Failovers).store(7, SeqCst);
    slot.publish_view("{\"members\":2}").unwrap();
    say("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn busy_writer_of_another_process_does_not_starve_this_one() {
    let place = TempDir::new().unwrap();
    let state = open(place.path());
    let store = partition(&state);
    let mut other = start("hammer", place.path(), 0);
    other.next("ready").unwrap();
    let writes_of_other = || state.processes()[0].counter(Counter::CallsOk);
    while writes_of_other() < 5 {
        std::hint::spin_loop();
    }
    // How many writes of the other passed during each of ours. A queue lets one or two pass; a race
    // sometimes lets hundreds pass, or none at all for long.
    let (mut passed, begin) = (Vec::new(), writes_of_other());
    while passed.len() < 50 || writes_of_other() - begin < 50 {
        let before = writes_of_other();
        store.apply(&[put(id(2, passed.len() as u32, 0))]).unwrap();
        passed.push(writes_of_other() - before);
    }
    state.page().cluster_spare(0).store(1, SeqCst);
    other.finish();
    passed.sort_unstable();
    // Not the worst one: the machine may have taken this thread off in the middle.
    assert!(passed[passed.len() * 3 / 4] <= 2, "{passed:?}");
}

#[test]
fn change_of_another_process_is_noticed_by_the_generation_alone() {
    let place = TempDir::new().unwrap();
    // Two openings of one directory share nothing but the files, as two processes do.
    let (here, there) = (open(place.path()), open(place.path()));
    let (mine, theirs) = (partition(&here), partition(&there));
    let before = mine.generation();
    assert_eq!(mine.token().unwrap(), None);
    theirs.update_token(&mut |_| Ok(TokenUpdate::Record(vec![1]))).unwrap();
    theirs.apply(&[put(id(1, 0, 0))]).unwrap();
    assert!(mine.generation() > before);
    assert_eq!(mine.token().unwrap().as_deref(), Some(&vec![1]));
    assert!(mine.load(&id(1, 0, 0)).unwrap().is_some());
    theirs.update_token(&mut |_| Ok(TokenUpdate::Erase(None))).unwrap();
    assert_eq!(mine.token().unwrap(), None);

    let (mine, theirs) = (Ledger::open(&here), Ledger::open(&there));
    let before = mine.fault_generation();
    let (kind, target, params) = ("link.cut".into(), "a-b".into(), String::new());
    let fault = NewFault { kind, target, params, set_at_ns: 1, until_ns: None, owner_pid: Some(1) };
    theirs.add_fault(&fault, &[]).unwrap();
    assert!(mine.fault_generation() > before);
    assert_eq!(mine.active_faults(2).unwrap()[0].fault, fault);
}

#[test]
fn two_openings_exclude_each_other_while_changing_a_token() {
    let place = TempDir::new().unwrap();
    let states = [open(place.path()), open(place.path())];
    let inside = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for state in &states {
            scope.spawn(|| {
                for _ in 0..50 {
                    let mut add = |old: Option<&[u8]>| {
                        assert_eq!(inside.fetch_add(1, SeqCst), 0, "two writers at once");
                        let n = old.map_or(0, |old| old[0]);
                        inside.fetch_sub(1, SeqCst);
                        Ok(TokenUpdate::Record(vec![n + 1]))
                    };
                    partition(state).update_token(&mut add).unwrap();
                }
            });
        }
    });
    assert_eq!(partition(&states[0]).token().unwrap().as_deref(), Some(&vec![100]));
}

#[test]
fn killed_process_disappears_with_its_view_and_frees_its_slot() {
    let place = TempDir::new().unwrap();
    let state = open(place.path());
    let mut other = start("slot", place.path(), 0);
    other.next("ready").unwrap();
    let living = state.processes();
    assert_eq!(living.len(), 1);
    assert_eq!((living[0].pid, living[0].started_ns), (other.child.id(), 123));
    assert_eq!(living[0].counter(Counter::Failovers), 7);
    assert_eq!(state.views().unwrap()[0].1, "{\"members\":2}");
    other.kill();
    other.child.wait().unwrap();
    assert_eq!(state.processes(), []);
    assert_eq!(state.views().unwrap(), []);
    // The slot is taken over, without what the dead one left in it.
    let slot = state.claim_process(456);
    assert_eq!(slot.slot(), Some(0));
    assert_eq!(slot.counter(Counter::Failovers).load(SeqCst), 0);
    assert_eq!(state.views().unwrap(), []);
}

#[test]
fn slots_are_told_apart_and_freed() {
    on_both(|state| {
        let (a, b) = (state.claim_process(1), state.claim_process(2));
        assert_ne!(a.slot(), b.slot());
        b.counter(Counter::CallsOk).fetch_add(3, SeqCst);
        b.publish_view("b").unwrap();
        let started: Vec<_> = state.processes().iter().map(|p| p.started_ns).collect();
        assert_eq!(started, [1, 2]);
        let views = state.views().unwrap();
        assert_eq!((views.len(), views[0].1.as_str()), (1, "b"));
        assert_eq!(views[0].0.counter(Counter::CallsOk), 3);
        b.withdraw_view();
        assert_eq!(state.views().unwrap(), []);
        drop((a, b));
        assert_eq!(state.processes(), []);
    });
}

#[test]
fn process_without_a_free_slot_still_counts_for_itself() {
    on_both(|state| {
        let slots: Vec<_> = (0..300).map(|n| state.claim_process(n)).collect();
        let unseen = slots.last().unwrap();
        assert_eq!(unseen.slot(), None);
        unseen.counter(Counter::CallsOk).fetch_add(1, SeqCst);
        assert_eq!(unseen.counter(Counter::CallsOk).load(SeqCst), 1);
        unseen.publish_view("nobody sees it").unwrap();
        assert_eq!(state.processes().len(), 256);
        assert_eq!(state.views().unwrap(), []);
    });
}

#[test]
fn blank_device_costs_no_file() {
    let place = TempDir::new().unwrap();
    let state = open(place.path());
    for id in ["hsm-a", "hsm-b"] {
        for index in 0..10 {
            let store = device(&state, id).partition(index);
            assert_eq!((store.token().unwrap(), store.count().unwrap()), (None, 0));
        }
    }
    assert_eq!(Ledger::open(&state).active_faults(1).unwrap(), []);
    assert_eq!(place.path().join("devices").read_dir().unwrap().count(), 0);
    assert!(!place.path().join("ledger.db").exists());
}
