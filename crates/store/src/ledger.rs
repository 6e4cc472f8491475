//! The cluster's durable records: faults ([`FaultRow`](crate::FaultRow)), copies and deletions
//! owed to members ([`OwedRow`](crate::OwedRow)), tombstones ([`Tombstone`](crate::Tombstone)).

use std::sync::{Arc, atomic::Ordering::SeqCst};

use hsmsim_types::Result;

use crate::{
    SharedPage, StateDir, conflicts,
    database::{Database, Outcome, Schema},
    generation::is_odd,
};

/// Rows of faults and owed work are never given the number of an earlier one: whoever settles a row
/// late must not hit another.
pub(crate) const SCHEMA: Schema = Schema { sql: &[RECORDS, conflicts::SQL] };

const RECORDS: &str = "
CREATE TABLE faults (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind      TEXT NOT NULL,
    target    TEXT NOT NULL,
    params    TEXT NOT NULL,
    set_at    INTEGER NOT NULL,
    until     INTEGER,
    owner_pid INTEGER,
    healed_at INTEGER
) STRICT;
CREATE INDEX faults_not_healed ON faults (id) WHERE healed_at IS NULL;
CREATE TABLE owed (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    grp    TEXT NOT NULL,
    member TEXT NOT NULL,
    object BLOB NOT NULL,
    kind   INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    pid    INTEGER NOT NULL
) STRICT;
CREATE INDEX owed_by_member ON owed (member);
CREATE INDEX owed_by_group ON owed (grp);
CREATE TABLE tombstones (
    grp    TEXT NOT NULL,
    object BLOB NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (grp, object)
) STRICT, WITHOUT ROWID;
";

/// The durable records of a cluster. Times are nanoseconds of the Unix epoch, given by the caller;
/// the ledger asks no clock.
///
/// Every method fails with CKR_DEVICE_ERROR when the file cannot be read or written, and with
/// CKR_DEVICE_MEMORY when the disk is full; then nothing was changed.
pub struct Ledger {
    pub(crate) database: Arc<Database>,
    pub(crate) page: Arc<SharedPage>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

impl Ledger {
    /// The ledger of `state`, in its directory or in memory. The file is opened at first use.
    pub fn open(state: &StateDir) -> Arc<Self> {
        state.ledger()
    }

    pub(crate) fn new(database: Arc<Database>, page: Arc<SharedPage>) -> Self {
        Self { database, page }
    }

    /// The generation of the fault table; costs one atomic load. Odd while it is being changed:
    /// read the faults again, and do not remember them.
    pub fn fault_generation(&self) -> u64 {
        let word = self.page.faults_word();
        let value = word.load(SeqCst);
        if !is_odd(value) {
            return value;
        }
        self.database.settle(&[word]);
        word.load(SeqCst)
    }

    /// The generation of all records together, in the same way.
    pub fn generation(&self) -> u64 {
        let word = self.page.ledger_word();
        let value = word.load(SeqCst);
        if !is_odd(value) {
            return value;
        }
        self.database.settle(&[word]);
        word.load(SeqCst)
    }

    /// Removes all records, history too. Only for a reset.
    pub(crate) fn clear(&self) -> Result<()> {
        if !self.database.exists() {
            return Ok(());
        }
        self.database.write(&[self.page.faults_word(), self.page.ledger_word()], |db| {
            db.execute_batch(
                "DELETE FROM faults; DELETE FROM owed; DELETE FROM tombstones;
                 DELETE FROM conflicts;",
            )?;
            Ok(Outcome::Changed(()))
        })
    }
}
