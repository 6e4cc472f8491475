//! Faults, owed work and tombstones, on files and in memory.

use hsmsim_store::{Ledger, NewFault, NewOwed, OwedKind, TOMBSTONE_NS};

use crate::support::{id, on_both};

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
        assert_eq!(ledger.owed_to("b").unwrap()[1].owed, delete);
        // The second row for the same copy stays: it was owed after the first.
        ledger.settle(&[rows[1], rows[2]]).unwrap();
        ledger.settle(&[rows[1], rows[2], 999]).unwrap();
        let left: Vec<_> = ledger.owed_to("b").unwrap().iter().map(|row| row.id).collect();
        assert_eq!(left, [rows[3]]);
        ledger.settle(&[rows[3]]).unwrap();
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
        let sweeping = hsmsim_types::ObjectId([0; 16]);
        ledger.tombstone("g", sweeping, 11 + TOMBSTONE_NS).unwrap();
        assert_eq!(ledger.buried("g", &[old, sweeping]).unwrap(), [sweeping]);
    });
}
