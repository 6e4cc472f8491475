//! The cluster's durable records: faults ([`FaultRow`](crate::FaultRow)), copies and deletions
//! owed to members ([`OwedRow`](crate::OwedRow)), tombstones ([`Tombstone`](crate::Tombstone)),
//! conflicts ([`Conflict`](crate::Conflict)).
//!
//! What each method promises stands with it, in `faults.rs`, `owed.rs` and `conflicts.rs`; how it is kept
//! in a file is in `ledger_files.rs`, how in memory in `ledger_memory.rs`, and one set of tests
//! (`tests/main/ledger.rs`) runs over both.

use std::sync::{Arc, atomic::AtomicU64, atomic::Ordering::SeqCst};

use hsmsim_types::Result;
use rusqlite::Connection;

use crate::{
    SharedPage, StateDir,
    database::{Database, Outcome, Synced},
    generation::is_odd,
    ledger_files as sql,
    ledger_memory::{MemoryLedger, Tables},
};

/// The durable records of a cluster. Times are nanoseconds of the Unix epoch, given by the caller;
/// the ledger asks no clock.
///
/// Every method fails with CKR_DEVICE_ERROR when the file cannot be read or written, and with
/// CKR_DEVICE_MEMORY when the disk is full; then nothing was changed.
pub struct Ledger {
    medium: Medium,
    pub(crate) page: Arc<SharedPage>,
}

enum Medium {
    File(Arc<Database>),
    Memory(MemoryLedger),
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

    /// `file` is `None` for a ledger in memory.
    pub(crate) fn new(file: Option<Arc<Database>>, page: Arc<SharedPage>) -> Self {
        let medium = file.map_or_else(|| Medium::Memory(MemoryLedger::default()), Medium::File);
        Self { medium, page }
    }

    /// The generation of the fault table; costs one atomic load. Odd while it is being changed:
    /// read the faults again, and do not remember them.
    pub fn fault_generation(&self) -> u64 {
        self.settled(self.page.faults_word())
    }

    /// The generation of all records together, in the same way.
    pub fn generation(&self) -> u64 {
        self.settled(self.page.ledger_word())
    }

    /// A word's value; one that a killed process left odd is made even first.
    fn settled(&self, word: &AtomicU64) -> u64 {
        let value = word.load(SeqCst);
        match &self.medium {
            Medium::File(file) if is_odd(value) => {
                file.settle(&[word]);
                word.load(SeqCst)
            }
            _ => value,
        }
    }

    /// Removes all records, history too; numbers go on. Only for a reset.
    pub(crate) fn clear(&self) -> Result<()> {
        if self.is_blank() {
            return Ok(());
        }
        self.write(
            &self.fault_words(),
            |db| sql::clear(db).map(Outcome::Changed),
            |tables| {
                tables.clear();
                Outcome::Changed(())
            },
        )
    }

    /// Whether there is no file yet: then nothing was ever recorded, and nothing is made by striking
    /// something out.
    pub(crate) fn is_blank(&self) -> bool {
        matches!(&self.medium, Medium::File(file) if !file.exists())
    }

    /// Reads in the one way or the other; nothing if nothing was ever written.
    pub(crate) fn read<T: Default>(
        &self,
        file: impl FnOnce(&Connection) -> rusqlite::Result<T>,
        memory: impl FnOnce(&Tables) -> T,
    ) -> Result<T> {
        match &self.medium {
            Medium::File(database) => Ok(database.read(file)?.unwrap_or_default()),
            Medium::Memory(ledger) => ledger.read(memory),
        }
    }

    /// Writes in the one way or the other, whole or not at all. The words are stepped if anything was
    /// changed.
    pub(crate) fn write<T>(
        &self,
        words: &[&AtomicU64],
        file: impl FnOnce(&Connection) -> rusqlite::Result<Outcome<T>>,
        memory: impl FnOnce(&mut Tables) -> Outcome<T>,
    ) -> Result<T> {
        self.write_and_sync(Synced::AtOnce, words, file, memory)
    }

    /// The same, durable when `sync` says.
    pub(crate) fn write_and_sync<T>(
        &self,
        sync: Synced,
        words: &[&AtomicU64],
        file: impl FnOnce(&Connection) -> rusqlite::Result<Outcome<T>>,
        memory: impl FnOnce(&mut Tables) -> Outcome<T>,
    ) -> Result<T> {
        match &self.medium {
            Medium::File(database) => database.write_and_sync(sync, words, |db| Ok(file(db)?)),
            Medium::Memory(ledger) => ledger.write(words, memory),
        }
    }
}
