//! Objects that were changed or destroyed in two places that could not hear of each other, and what
//! stands.

use hsmsim_types::{ObjectId, Result};
use rusqlite::{Row, params};

use crate::{Ledger, database::Outcome};

pub(crate) const SQL: &str = "
CREATE TABLE conflicts (
    object BLOB NOT NULL,
    grp    TEXT NOT NULL,
    stands TEXT NOT NULL,
    yields TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (object, stands, yields)
) STRICT, WITHOUT ROWID;
";

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
        self.database.write(&[self.page.ledger_word()], |db| {
            let Conflict { object, group, stands, yields, at_ns } = conflict;
            let added = db
                .prepare_cached("INSERT OR IGNORE INTO conflicts VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![object.0, group, stands, yields, at_ns.cast_signed()])?;
            Ok(if added > 0 { Outcome::Changed(()) } else { Outcome::Unchanged(()) })
        })
    }

    /// The conflicts since the last reset, in the order in which they were found.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn conflicts(&self) -> Result<Vec<Conflict>> {
        let rows = self.database.read(|db| {
            let columns = "object, grp, stands, yields, at";
            db.prepare_cached(&format!("SELECT {columns} FROM conflicts ORDER BY at, object"))?
                .query_map([], conflict)?
                .collect()
        })?;
        Ok(rows.unwrap_or_default())
    }
}

fn conflict(row: &Row<'_>) -> rusqlite::Result<Conflict> {
    Ok(Conflict {
        object: ObjectId(row.get(0)?),
        group: row.get(1)?,
        stands: row.get(2)?,
        yields: row.get(3)?,
        at_ns: row.get::<_, i64>(4)?.cast_unsigned(),
    })
}
