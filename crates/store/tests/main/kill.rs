//! kill -9: what was acknowledged is there, and nothing is there by half.

use std::{
    collections::BTreeSet,
    path::Path,
    slice,
    sync::Arc,
    time::{Duration, Instant},
};

use hsmsim_store::{Ledger, NewOwed, OwedKind};
use tempfile::TempDir;

use crate::{
    helper::{say, start},
    support::{id, open, partition, put},
};

/// Where the random moments of a test begin.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// The random number after another.
fn following(random: u64) -> u64 {
    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963)
}

/// The other process: writes pairs of objects and acknowledges each, until it is killed.
pub(crate) fn write_pairs(state: &Path, round: u32) {
    let state = open(state);
    let store = partition(&state);
    for n in 0.. {
        store.apply(&[put(id(round, n, 0)), put(id(round, n, 1))]).unwrap();
        say(&format!("ack {n}"));
    }
}

#[test]
fn killed_a_hundred_times_no_acknowledged_object_is_lost_and_none_is_half() {
    let place = TempDir::new().unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut random = SEED;
    let mut left_odd = 0;
    for round in 0..100 {
        random = following(random);
        let (acks, micros) = ((random >> 60) + 1, (random >> 33) % 3_000);
        let mut writer = start("pairs", place.path(), round);
        for _ in 0..acks {
            let n = writer.next("ack ").expect("an acknowledgement").parse().unwrap();
            acknowledged.insert((round, n));
        }
        let strike = Instant::now() + Duration::from_micros(micros);
        while Instant::now() < strike {
            std::hint::spin_loop();
        }
        writer.kill();
        while let Some(n) = writer.next("ack ") {
            // The last line may have been cut off by the kill, but then it has no number.
            acknowledged.extend(n.parse().ok().map(|n| (round, n)));
        }
        writer.child.wait().unwrap();

        let state = open(place.path());
        let store = partition(&state);
        let index = state.device("hsm-a").unwrap();
        left_odd += u32::from(!state.page().generation(index, 0).is_multiple_of(2));
        assert!(store.generation().is_multiple_of(2), "the generation was not repaired");
        let found: BTreeSet<_> = store.inventory().unwrap().into_iter().map(|(id, _)| id).collect();
        for (round, n) in &acknowledged {
            assert!(found.contains(&id(*round, *n, 0)), "lost {round}/{n}");
        }
        for object in &found {
            let mut twin = *object;
            twin.0[11] ^= 1;
            assert!(found.contains(&twin), "{object} without its twin");
        }
        assert!(found.len() <= 2 * (acknowledged.len() + 100), "more than was ever asked for");
        assert_eq!(store.count().unwrap(), found.len() as u64);
    }
    eprintln!("{} pairs acknowledged, {left_odd} of 100 kills inside a commit", acknowledged.len());
}

/// The other process: owes a deletion and strikes it out, over and over, until it is killed.
pub(crate) fn owe_and_settle(state: &Path) {
    let ledger = Ledger::open(&open(state));
    let (group, member) = (Arc::from("g"), Arc::from("hsm-a"));
    let owed =
        NewOwed { group, member, object: id(1, 0, 0), kind: OwedKind::Delete, at_ns: 1, pid: 1 };
    loop {
        let ids = ledger.owe(slice::from_ref(&owed)).unwrap();
        say("ack owed");
        ledger.settle(&ids).unwrap();
        say("ack settled");
    }
}

#[test]
fn killed_while_it_owes_no_word_hides_what_is_owed() {
    let place = TempDir::new().unwrap();
    let mut random = SEED;
    let mut idle = 0;
    for round in 0..100 {
        random = following(random);
        let mut debtor = start("debts", place.path(), round);
        debtor.next("ack ").expect("an acknowledgement");
        // Whoever starts meanwhile looks too, and leaves word.
        let strike = Instant::now() + Duration::from_micros((random >> 33) % 3_000);
        while Instant::now() < strike {
            Ledger::open(&open(place.path())).is_idle().unwrap();
        }
        debtor.kill();
        debtor.child.wait().unwrap();

        let by_word = Ledger::open(&open(place.path())).is_idle().unwrap();
        let ledger = Ledger::open(&open(place.path()));
        let owed = ledger.owed("g").unwrap();
        assert_eq!(by_word, owed.is_empty(), "round {round}");
        idle += u32::from(by_word);
        ledger.settle(&owed.iter().map(|row| row.id).collect::<Vec<_>>()).unwrap();
    }
    eprintln!("{idle} of 100 kills left nothing owed");
}
