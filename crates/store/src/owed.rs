//! Work owed to members of an HA group that were out of reach, and tombstones of deleted objects.

use std::sync::Arc;

use hsmsim_types::{ObjectId, Result};

use crate::{
    Ledger,
    database::{Outcome, Synced},
    ledger_files as sql,
    ledger_memory::Tables,
};

/// What a member is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OwedKind {
    /// A copy of the object as it then is.
    Copy,
    /// Its deletion.
    Delete,
}

/// Work to be owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOwed {
    /// The HA group's name.
    pub group: Arc<str>,
    /// The member's name.
    pub member: Arc<str>,
    /// The object.
    pub object: ObjectId,
    /// What to do about it.
    pub kind: OwedKind,
    /// Since when it is owed.
    pub at_ns: u64,
    /// The process that owes it.
    pub pid: u32,
}

/// Work that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwedRow {
    /// Its number; never used twice.
    pub id: u64,
    /// What is owed.
    pub owed: NewOwed,
}

/// An object that was deleted from a group and must not come back with a member that missed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The object.
    pub object: ObjectId,
    /// When it was deleted.
    pub at_ns: u64,
}

/// How long a tombstone is kept: a day, in nanoseconds.
pub const TOMBSTONE_NS: u64 = 24 * 3600 * 1_000_000_000;

/// Before when tombstones go as one is added. Now and then, by chance of the identity: the search goes
/// over all of them.
pub(crate) fn sweeps_before(object: ObjectId, at_ns: u64) -> Option<u64> {
    (object.0[0] == 0).then(|| at_ns.saturating_sub(TOMBSTONE_NS))
}

impl Ledger {
    /// Records owed work; gives the numbers of the rows, in the same order. The same work may be
    /// owed twice: each row is settled for itself, so that nobody settles what came after they
    /// looked.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn owe(&self, work: &[NewOwed]) -> Result<Vec<u64>> {
        if work.is_empty() {
            return Ok(Vec::new());
        }
        self.write(
            &[self.page.ledger_word()],
            |db| Ok(Outcome::Changed(sql::owe(db, work)?)),
            |tables| Outcome::Changed(tables.owe(work)),
        )
    }

    /// What members of a group are owed, oldest first.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn owed(&self, group: &str) -> Result<Vec<OwedRow>> {
        self.read(|db| sql::owed(db, group), |tables| tables.owed(group))
    }

    /// How many rows [`Ledger::owed`] would give.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn owed_count(&self, group: &str) -> Result<usize> {
        self.read(|db| sql::owed_count(db, group), |tables| tables.owed_count(group))
    }

    /// What a member of a group is owed, oldest first.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn owed_to(&self, group: &str, member: &str) -> Result<Vec<OwedRow>> {
        self.read(|db| sql::owed_to(db, group, member), |tables| tables.owed_to(group, member))
    }

    /// Whether a member of a group is owed anything.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn owes(&self, group: &str, member: &str) -> Result<bool> {
        self.read(|db| sql::owes(db, group, member), |tables| tables.owes(group, member))
    }

    /// Whether any member is owed anything.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn owes_anything(&self) -> Result<bool> {
        Ok(!self.is_idle()? && self.read(sql::owes_anything, Tables::owes_anything)?)
    }

    /// Strikes out work that was done; rows that are gone already are no error.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn settle(&self, ids: &[u64]) -> Result<()> {
        if ids.is_empty() || self.is_blank() {
            return Ok(());
        }
        self.write(
            &[self.page.ledger_word()],
            |db| Ok(Outcome::if_changed(sql::settle(db, ids)? > 0, ())),
            |tables| Outcome::if_changed(tables.settle(ids) > 0, ()),
        )
    }

    /// Records that an object was deleted from a group. The first time counts. Tombstones are kept for
    /// [`TOMBSTONE_NS`], which no copy under way outlives.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn tombstone(&self, group: &str, object: ObjectId, at_ns: u64) -> Result<()> {
        self.write_and_sync(
            // A copy under way ends with the machine at the latest, and what a member is owed is synced, with
            // all that was written before it.
            Synced::WithNext,
            &[self.page.ledger_word()],
            |db| Ok(Outcome::if_changed(sql::tombstone(db, group, object, at_ns)?, ())),
            |tables| Outcome::if_changed(tables.tombstone(group, object, at_ns), ()),
        )
    }

    /// Those of the objects that were deleted from the group, in their order.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn buried(&self, group: &str, objects: &[ObjectId]) -> Result<Vec<ObjectId>> {
        self.read(|db| sql::buried(db, group, objects), |tables| tables.buried(group, objects))
    }

    /// The deletions of a group, in order of identity.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn tombstones(&self, group: &str) -> Result<Vec<Tombstone>> {
        self.read(|db| sql::tombstones(db, group), |tables| tables.tombstones(group))
    }
}
