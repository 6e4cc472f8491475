//! Objects that were changed or destroyed in two places that could not hear of each other, and what
//! stands.

use hsmsim_types::{ObjectId, Result};

use crate::{Ledger, database::Outcome, ledger_files as sql, ledger_memory::Tables};

/// A conflict that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The object.
    pub object: ObjectId,
    /// The HA group's label.
    pub group: String,
    /// The device whose state of the object stands.
    pub stands: String,
    /// The device whose state yields.
    pub yields: String,
    /// When it was found: Unix time in nanoseconds.
    pub at_ns: u64,
}

impl Ledger {
    /// Records a conflict; one of the same object between the same devices is recorded once.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn add_conflict(&self, conflict: &Conflict) -> Result<()> {
        self.write(
            &[self.page.ledger_word()],
            |db| Ok(Outcome::if_changed(sql::add_conflict(db, conflict)?, ())),
            |tables| Outcome::if_changed(tables.add_conflict(conflict), ()),
        )
    }

    /// The conflicts since the last reset, in the order in which they were found.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn conflicts(&self) -> Result<Vec<Conflict>> {
        self.read(sql::conflicts, Tables::conflicts)
    }
}
