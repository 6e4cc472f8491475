//! Faults, owed work, tombstones and conflicts, on files and in memory.

use hsmsim_store::{
    Conflict, Ledger, NewFault, NewOwed, OwedKind, StateDir, TOMBSTONE_NS, Tombstone,
};
use hsmsim_types::ObjectId;
use tempfile::TempDir;

use crate::support::{id, on_both, open, spec};

fn fault(kind: &str, set_at_ns: u64, until_ns: Option<u64>, owner_pid: Option<u32>) -> NewFault {
    let (kind, target) = (kind.into(), "hsm-a".into());
    NewFault { kind, target, params: "{}".into(), set_at_ns, until_ns, owner_pid }
}

#[test]
fn fault_strikes_from_its_beginning_to_its_end_or_healing() {
    on_both(|state| {
        let ledger = Ledger::open(state);
        let now = 1_900_000_000_000_000_000;
        assert_eq!(ledger.active_faults(now).unwrap(), []);
        let plain = ledger.add_fault(&fault("plain", now, None, None), &[]).unwrap();
        let brief = ledger.add_fault(&fault("brief", now, Some(now + 10), None), &[]).unwrap();
        let later = ledger.add_fault(&fault("later", now + 5, None, Some(77)), &[]).unwrap();
        let active = |at| -> Vec<u64> {
            ledger.active_faults(at).unwrap().iter().map(|row| row.id).collect()
        };
        assert!(active(now - 1).is_empty());
        assert_eq!(active(now), [plain, brief]);
        assert_eq!(active(now + 9), [plain, brief, later]);
        assert_eq!(active(now + 10), [plain, later]);
        assert!(ledger.heal_fault(plain, now + 11).unwrap());
        assert!(!ledger.heal_fault(plain, now + 12).unwrap());
        assert!(!ledger.heal_fault(999, now + 12).unwrap());
        assert_eq!(active(now + 12), [later]);
        assert_eq!(ledger.heal_owned(78, now + 13).unwrap(), 0);
        assert_eq!(ledger.heal_owned(77, now + 13).unwrap(), 1);
        assert_eq!(ledger.heal_all(now + 14).unwrap(), 1);
        assert_eq!(ledger.standing_faults().unwrap(), []);

        let history = ledger.fault_history().unwrap();
        let healed: Vec<_> = history.iter().map(|row| row.healed_at_ns).collect();
        assert_eq!(healed, [Some(now + 11), Some(now + 14), Some(now + 13)]);
        assert_eq!(history[2].fault, fault("later", now + 5, None, Some(77)));
    });
}

#[test]
fn every_change_of_faults_is_noticed_and_power_loss_counts_an_epoch() {
    on_both(|state| {
        let (ledger, page) = (Ledger::open(state), state.page());
        let (a, b) = (state.device("hsm-a").unwrap(), state.device("hsm-b").unwrap());
        let before = ledger.fault_generation();
        let id = ledger.add_fault(&fault("device.power_loss", 1, None, None), &[a]).unwrap();
        let set = ledger.fault_generation();
        assert!(set > before && set.is_multiple_of(2));
        assert_eq!((page.power_epoch(a), page.power_epoch(b)), (1, 0));
        ledger.heal_fault(id, 2).unwrap();
        let healed = ledger.fault_generation();
        assert!(healed > set && page.fault_generation() == healed);
        ledger.heal_fault(id, 3).unwrap();
        assert_eq!(ledger.fault_generation(), healed);
        let other = ledger.generation();
        ledger.tombstone("g", crate::support::id(1, 0, 0), 1).unwrap();
        assert!(ledger.generation() > other && ledger.fault_generation() == healed);
    });
}

#[test]
fn owed_work_is_settled_once_and_row_by_row() {
    on_both(|state| {
        let ledger = Ledger::open(state);
        let copy = |member: &str, n| NewOwed {
            group: "ha-1".into(),
            member: member.into(),
            object: id(n, 0, 0),
            kind: OwedKind::Copy,
            at_ns: 5,
            pid: 42,
        };
        let delete = NewOwed { kind: OwedKind::Delete, group: "ha-2".into(), ..copy("b", 3) };
        let work = [copy("a", 1), copy("b", 1), delete.clone(), copy("b", 1)];
        let rows = ledger.owe(&work).unwrap();
        assert_eq!(rows.len(), 4);
        let owed = ledger.owed("ha-1").unwrap();
        assert_eq!(owed.iter().map(|row| row.id).collect::<Vec<_>>(), [rows[0], rows[1], rows[3]]);
        assert_eq!(ledger.owed_to("ha-2", "b").unwrap()[0].owed, delete);
        assert_eq!(ledger.owed_count("ha-1").unwrap(), 3);
        let owes = |group, member| ledger.owes(group, member).unwrap();
        let who = [("ha-1", "a"), ("ha-1", "b"), ("ha-2", "a"), ("ha-2", "b"), ("ha-3", "b")];
        assert_eq!(
            who.map(|(group, member)| owes(group, member)),
            [true, true, false, true, false]
        );
        // The second row for the same copy stays: it was owed after the first.
        ledger.settle(&[rows[1], rows[2]]).unwrap();
        ledger.settle(&[rows[1], rows[2], 999]).unwrap();
        let left: Vec<_> = ledger.owed_to("ha-1", "b").unwrap().iter().map(|row| row.id).collect();
        assert_eq!(left, [rows[3]]);
        assert!(!owes("ha-2", "b") && ledger.owes_anything().unwrap());
        ledger.settle(&[rows[0], rows[3]]).unwrap();
        assert!(!owes("ha-1", "b") && !ledger.owes_anything().unwrap());
        assert_eq!((ledger.owed("ha-1").unwrap(), ledger.owed_count("ha-1").unwrap()), (vec![], 0));
        let next = ledger.owe(&[copy("b", 9)]).unwrap();
        assert!(next[0] > rows[3], "numbers are never used twice");
    });
}

#[test]
fn tombstone_stays_as_first_recorded() {
    on_both(|state| {
        let ledger = Ledger::open(state);
        assert_eq!(ledger.tombstones("g").unwrap(), []);
        for (group, n, at) in [("g", 2, 10), ("g", 1, 11), ("g", 2, 12), ("h", 3, 13)] {
            ledger.tombstone(group, id(n, 0, 0), at).unwrap();
        }
        let found = ledger.tombstones("g").unwrap();
        let found: Vec<_> = found.iter().map(|t| (t.object, t.at_ns)).collect();
        assert_eq!(found, [(id(1, 0, 0), 11), (id(2, 0, 0), 10)]);
    });
}

#[test]
fn buried_objects_are_known_for_a_day() {
    on_both(|state| {
        let ledger = Ledger::open(state);
        let (old, new) = (id(1, 0, 0), id(2, 0, 0));
        ledger.tombstone("g", old, 10).unwrap();
        assert_eq!(ledger.buried("g", &[new, old]).unwrap(), [old]);
        assert_eq!(ledger.buried("h", &[old]).unwrap(), []);
        // Tombstones go when one is added whose identity begins with a zero.
        let sweeping = ObjectId([0; 16]);
        ledger.tombstone("g", sweeping, 11 + TOMBSTONE_NS).unwrap();
        assert_eq!(ledger.buried("g", &[old, sweeping]).unwrap(), [sweeping]);
    });
}

#[test]
fn conflict_is_recorded_once_and_told_in_the_order_of_finding() {
    on_both(|state| {
        let ledger = Ledger::open(state);
        let conflict = |n, stands: &str, yields: &str, at_ns| Conflict {
            object: id(n, 0, 0),
            group: "g".into(),
            stands: stands.into(),
            yields: yields.into(),
            at_ns,
        };
        let found = [
            conflict(2, "b", "a", 7),
            conflict(1, "a", "b", 9),
            conflict(1, "b", "a", 7),
            conflict(1, "a", "c", 7),
        ];
        for conflict in &found {
            ledger.add_conflict(conflict).unwrap();
        }
        let before = ledger.generation();
        ledger.add_conflict(&conflict(1, "a", "b", 1)).unwrap();
        assert_eq!(ledger.generation(), before);
        let [second, last, first, earliest] = found;
        assert_eq!(ledger.conflicts().unwrap(), [earliest, first, second, last]);
    });
}

#[test]
fn reset_removes_all_records_and_numbers_go_on() {
    on_both(|state| {
        let ledger = Ledger::open(state);
        let work = NewOwed {
            group: "g".into(),
            member: "a".into(),
            object: id(1, 0, 0),
            kind: OwedKind::Copy,
            at_ns: 5,
            pid: 42,
        };
        let before = ledger.add_fault(&fault("plain", 1, None, None), &[]).unwrap();
        let owed = ledger.owe(std::slice::from_ref(&work)).unwrap();
        ledger.tombstone("g", id(2, 0, 0), 6).unwrap();
        let conflict = Conflict {
            object: id(2, 0, 0),
            group: "g".into(),
            stands: "a".into(),
            yields: "b".into(),
            at_ns: 7,
        };
        ledger.add_conflict(&conflict).unwrap();
        let generations = (ledger.fault_generation(), ledger.generation());
        state.exclusive().unwrap().reset().unwrap();
        assert!(ledger.fault_generation() > generations.0 && ledger.generation() > generations.1);
        assert_eq!(ledger.fault_history().unwrap(), []);
        assert_eq!(ledger.owed("g").unwrap(), []);
        assert!(!ledger.owes_anything().unwrap() && !ledger.owes("g", "a").unwrap());
        assert_eq!(ledger.tombstones("g").unwrap(), []);
        assert_eq!(ledger.conflicts().unwrap(), []);
        assert!(ledger.add_fault(&fault("plain", 1, None, None), &[]).unwrap() > before);
        assert!(ledger.owe(&[work]).unwrap() > owed);
    });
}

/// Small numbers, the same on every machine: a xorshift generator.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn name(&mut self, names: &[&str]) -> String {
        names[self.below(names.len() as u64) as usize].into()
    }

    /// One of a few, among them some whose tombstones sweep.
    fn object(&mut self) -> ObjectId {
        id((self.below(6) as u32) << 24, 0, 0)
    }
}

/// Makes one change drawn from `numbers`, at a time that sometimes is long after the last; tells what the
/// ledger answered.
fn change(state: &StateDir, ledger: &Ledger, numbers: &mut Numbers, now: &mut u64) -> String {
    *now += 1 + numbers.below(8) / 7 * TOMBSTONE_NS / 2;
    let group = numbers.name(&["g", "h"]);
    match numbers.below(9) {
        0 => {
            let until = (numbers.below(2) == 0).then_some(*now + numbers.below(9));
            let owner = (numbers.below(2) == 0).then_some(numbers.below(3) as u32);
            let strikes: Vec<_> = state.device("hsm-a").into_iter().collect();
            let fault = fault(&group, *now + numbers.below(3), until, owner);
            format!("{:?}", ledger.add_fault(&fault, &strikes[numbers.below(2) as usize..]))
        }
        1 => format!("{:?}", ledger.heal_fault(numbers.below(20), *now)),
        2 => format!("{:?}", ledger.heal_owned(numbers.below(3) as u32, *now)),
        3 if numbers.below(8) == 0 => format!("{:?}", ledger.heal_all(*now)),
        4 | 5 => {
            let work: Vec<NewOwed> = (0..numbers.below(4))
                .map(|_| NewOwed {
                    group: group.as_str().into(),
                    member: numbers.name(&["a", "b", "c"]).into(),
                    object: numbers.object(),
                    kind: if numbers.below(3) == 0 { OwedKind::Delete } else { OwedKind::Copy },
                    at_ns: *now,
                    pid: 42,
                })
                .collect();
            format!("{:?}", ledger.owe(&work))
        }
        6 => {
            let ids: Vec<u64> = (0..numbers.below(9)).map(|_| numbers.below(99)).collect();
            format!("{:?}", ledger.settle(&ids))
        }
        7 => format!("{:?}", ledger.tombstone(&group, numbers.object(), *now)),
        8 => {
            let object = numbers.object();
            let (stands, yields) = (numbers.name(&["a", "b"]), numbers.name(&["b", "c"]));
            // Of one time now and then, so that ties are seen.
            let at_ns = *now / 4;
            let conflict = Conflict { object, group, stands, yields, at_ns };
            format!("{:?}", ledger.add_conflict(&conflict))
        }
        _ if numbers.below(20) == 0 => format!("{:?}", state.exclusive().unwrap().reset()),
        _ => String::new(),
    }
}

/// Everything that can be read of a ledger.
fn content(state: &StateDir, ledger: &Ledger, now: u64) -> String {
    let objects: Vec<ObjectId> = (0..7).map(|n| id(n << 24, 0, 0)).collect();
    let mut all = format!(
        "{} {} {:?} {:?} {:?} {:?} {:?} {:?}",
        ledger.generation(),
        ledger.fault_generation(),
        state.device("hsm-a").map(|device| state.page().power_epoch(device)),
        ledger.active_faults(now),
        ledger.standing_faults(),
        ledger.fault_history(),
        ledger.owes_anything(),
        ledger.conflicts(),
    );
    for group in ["g", "h"] {
        let tombstones: Vec<Tombstone> = ledger.tombstones(group).unwrap();
        let buried = ledger.buried(group, &objects);
        let (owed, count) = (ledger.owed(group), ledger.owed_count(group));
        all += &format!(
            "
{group} {owed:?} {count:?} {tombstones:?} {buried:?}"
        );
        for member in ["a", "b", "c"] {
            let (owed, owes) = (ledger.owed_to(group, member), ledger.owes(group, member));
            all += &format!(
                "
{group} {member} {owed:?} {owes:?}"
            );
        }
    }
    all
}

#[test]
fn file_and_memory_answer_the_same_whatever_is_asked() {
    let place = TempDir::new().unwrap();
    let states = [open(place.path()), StateDir::memory(&spec()).unwrap()];
    let ledgers = states.each_ref().map(Ledger::open);
    // A file that is not there yet has no generations to step: let it be made.
    let first = fault("first", 0, None, None);
    ledgers.iter().for_each(|ledger| assert_eq!(ledger.add_fault(&first, &[]).unwrap(), 1));
    let (mut numbers, mut now) = (Numbers(0x9E37_79B9_7F4A_7C15), 1_900_000_000_000_000_000);
    for step in 0..600 {
        let drawn = numbers.0;
        let answers: [(String, String); 2] = std::array::from_fn(|which| {
            let (state, ledger) = (&states[which], &ledgers[which]);
            let (mut own, mut at) = (Numbers(drawn), now);
            let answer = change(state, ledger, &mut own, &mut at);
            if which == 1 {
                (numbers.0, now) = (own.0, at);
            }
            (answer, content(state, ledger, at))
        });
        let [file, memory] = answers;
        assert_eq!(file, memory, "step {step}");
    }
}
