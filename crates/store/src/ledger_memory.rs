//! The records of a cluster in memory: what the tables of `ledger_files.rs` do, for one process and
//! without durability.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicU64},
};

use hsmsim_types::{ObjectId, Result};
use parking_lot::RwLock;

use crate::{
    Conflict, FaultRow, NewFault, NewOwed, OwedRow, Tombstone, at_fork::Birth, database::Outcome,
    failure::Failure, faults::Healed, gate, generation::Bump, owed::sweeps_before,
};

/// The records, and who may touch them.
pub(crate) struct MemoryLedger {
    // parking_lot as everywhere; held while rows are copied out or in, never across `.await`.
    tables: RwLock<Tables>,
    birth: Birth,
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self { tables: RwLock::default(), birth: Birth::here() }
    }
}

impl MemoryLedger {
    pub(crate) fn read<T>(&self, query: impl FnOnce(&Tables) -> T) -> Result<T> {
        let _entered = gate::enter();
        self.check_birth()?;
        Ok(query(&self.tables.read()))
    }

    /// The words are stepped before the lock is given back, so that whoever sees the change sees them.
    pub(crate) fn write<T>(
        &self,
        words: &[&AtomicU64],
        change: impl FnOnce(&mut Tables) -> Outcome<T>,
    ) -> Result<T> {
        let _entered = gate::enter();
        self.check_birth()?;
        let mut tables = self.tables.write();
        match change(&mut tables) {
            Outcome::Changed(value) => {
                drop(Bump::begin(words));
                Ok(value)
            }
            Outcome::Unchanged(value) => Ok(value),
        }
    }

    fn check_birth(&self) -> Result<()> {
        if self.birth.is_here() {
            Ok(())
        } else {
            Err(Failure::Inherited.report("the ledger in memory".as_ref()))
        }
    }
}

/// The records themselves.
#[derive(Default)]
pub(crate) struct Tables {
    /// In the order of their numbers, which a reset does not take back.
    faults: Vec<FaultRow>,
    last_fault: u64,
    owed: BTreeMap<u64, NewOwed>,
    last_owed: u64,
    /// The numbers of what is owed, by group and member. Neither level has an empty entry.
    debtors: BTreeMap<Arc<str>, BTreeMap<Arc<str>, BTreeSet<u64>>>,
    /// When what was deleted from which group.
    tombstones: BTreeMap<String, BTreeMap<ObjectId, u64>>,
    /// By object, device that stands and device that yields.
    conflicts: BTreeMap<(ObjectId, String, String), Conflict>,
}

impl Tables {
    pub(crate) fn clear(&mut self) {
        let Self { last_fault, last_owed, .. } = *self;
        *self = Self { last_fault, last_owed, ..Self::default() };
    }

    pub(crate) fn add_fault(&mut self, fault: &NewFault) -> u64 {
        self.last_fault += 1;
        let (id, fault) = (self.last_fault, fault.clone());
        self.faults.push(FaultRow { id, fault, healed_at_ns: None });
        id
    }

    pub(crate) fn heal(&mut self, which: Healed, at_ns: u64) -> usize {
        let is_meant = |row: &FaultRow| match which {
            Healed::One(id) => row.id == id,
            Healed::Owned(pid) => row.fault.owner_pid == Some(pid),
            Healed::All => true,
        };
        let mut healed = 0;
        for row in &mut self.faults {
            if row.healed_at_ns.is_none() && is_meant(row) {
                row.healed_at_ns = Some(at_ns);
                healed += 1;
            }
        }
        healed
    }

    pub(crate) fn standing_faults(&self) -> Vec<FaultRow> {
        self.faults.iter().filter(|row| row.healed_at_ns.is_none()).cloned().collect()
    }

    pub(crate) fn fault_history(&self) -> Vec<FaultRow> {
        self.faults.clone()
    }

    pub(crate) fn owe(&mut self, work: &[NewOwed]) -> Vec<u64> {
        let mut ids = Vec::with_capacity(work.len());
        for owed in work {
            self.last_owed += 1;
            let members = self.debtors.entry(owed.group.clone()).or_default();
            members.entry(owed.member.clone()).or_default().insert(self.last_owed);
            self.owed.insert(self.last_owed, owed.clone());
            ids.push(self.last_owed);
        }
        ids
    }

    pub(crate) fn owed(&self, group: &str) -> Vec<OwedRow> {
        let mut rows: Vec<OwedRow> =
            self.debts_of(group).flat_map(|numbers| self.rows(numbers)).collect();
        rows.sort_unstable_by_key(|row| row.id);
        rows
    }

    pub(crate) fn owed_count(&self, group: &str) -> usize {
        self.debts_of(group).map(BTreeSet::len).sum()
    }

    pub(crate) fn owed_to(&self, group: &str, member: &str) -> Vec<OwedRow> {
        self.debts_to(group, member).into_iter().flat_map(|numbers| self.rows(numbers)).collect()
    }

    pub(crate) fn owes(&self, group: &str, member: &str) -> bool {
        self.debts_to(group, member).is_some()
    }

    pub(crate) fn owes_anything(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Whether no fault is on record, healed or not, and nothing is owed.
    pub(crate) fn is_idle(&self) -> bool {
        self.faults.is_empty() && self.owed.is_empty()
    }

    /// Gives how many there were.
    pub(crate) fn settle(&mut self, ids: &[u64]) -> usize {
        ids.iter().filter(|&&id| self.settle_one(id)).count()
    }

    fn settle_one(&mut self, id: u64) -> bool {
        let Some(owed) = self.owed.remove(&id) else { return false };
        let Some(members) = self.debtors.get_mut(&owed.group) else { return true };
        let Some(numbers) = members.get_mut(&owed.member) else { return true };
        numbers.remove(&id);
        if numbers.is_empty() {
            members.remove(&owed.member);
        }
        if members.is_empty() {
            self.debtors.remove(&owed.group);
        }
        true
    }

    fn debts_of(&self, group: &str) -> impl Iterator<Item = &BTreeSet<u64>> {
        self.debtors.get(group).into_iter().flat_map(BTreeMap::values)
    }

    fn debts_to(&self, group: &str, member: &str) -> Option<&BTreeSet<u64>> {
        self.debtors.get(group)?.get(member)
    }

    fn rows(&self, numbers: &BTreeSet<u64>) -> impl Iterator<Item = OwedRow> {
        let row = |&id: &u64| Some(OwedRow { id, owed: self.owed.get(&id)?.clone() });
        numbers.iter().filter_map(row)
    }

    /// Whether it was not there.
    pub(crate) fn tombstone(&mut self, group: &str, object: ObjectId, at_ns: u64) -> bool {
        let sweep = sweeps_before(object, at_ns);
        let there = self.tombstones.get(group).and_then(|deleted| deleted.get(&object));
        if there.is_some_and(|&at| sweep.is_none_or(|before| at >= before)) {
            return false;
        }
        if let Some(before) = sweep {
            self.tombstones.values_mut().for_each(|deleted| deleted.retain(|_, at| *at >= before));
        }
        self.tombstones.entry(group.to_owned()).or_default().insert(object, at_ns);
        true
    }

    pub(crate) fn buried(&self, group: &str, objects: &[ObjectId]) -> Vec<ObjectId> {
        let Some(deleted) = self.tombstones.get(group) else { return Vec::new() };
        objects.iter().filter(|object| deleted.contains_key(object)).copied().collect()
    }

    pub(crate) fn tombstones(&self, group: &str) -> Vec<Tombstone> {
        let deleted = self.tombstones.get(group).into_iter().flatten();
        deleted.map(|(&object, &at_ns)| Tombstone { object, at_ns }).collect()
    }

    /// Whether it was not there.
    pub(crate) fn add_conflict(&mut self, conflict: &Conflict) -> bool {
        let Conflict { object, stands, yields, .. } = conflict;
        let key = (*object, stands.clone(), yields.clone());
        let mut added = false;
        self.conflicts.entry(key).or_insert_with(|| {
            added = true;
            conflict.clone()
        });
        added
    }

    pub(crate) fn conflicts(&self) -> Vec<Conflict> {
        let mut conflicts: Vec<Conflict> = self.conflicts.values().cloned().collect();
        // Stable: of one time and object they stay in the order of the devices' names.
        conflicts.sort_by_key(|conflict| (conflict.at_ns, conflict.object));
        conflicts
    }
}
