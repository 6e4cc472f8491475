//! Work owed to members of an HA group that were out of reach, and tombstones of deleted objects.

use hsmsim_types::{ObjectId, Result};
use rusqlite::{Row, params, types::Type};

use crate::{Ledger, database::Outcome};

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
    pub group: String,
    /// The member's name.
    pub member: String,
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
        self.database.write(&[self.page.ledger_word()], |db| {
            let mut statement = db.prepare_cached(
                "INSERT INTO owed (grp, member, object, kind, at, pid)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            let mut ids = Vec::with_capacity(work.len());
            for NewOwed { group, member, object, kind, at_ns, pid } in work {
                let kind = match kind {
                    OwedKind::Copy => 0,
                    OwedKind::Delete => 1,
                };
                let at = at_ns.cast_signed();
                let id = statement.insert(params![group, member, object.0, kind, at, pid])?;
                ids.push(id.cast_unsigned());
            }
            Ok(Outcome::Changed(ids))
        })
    }

    /// What members of a group are owed, oldest first.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn owed(&self, group: &str) -> Result<Vec<OwedRow>> {
        self.owed_where("grp = ?1", group)
    }

    /// What a member is owed, by whatever group, oldest first.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn owed_to(&self, member: &str) -> Result<Vec<OwedRow>> {
        self.owed_where("member = ?1", member)
    }

    /// Whether any member is owed anything.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn owes_anything(&self) -> Result<bool> {
        let owes = self.database.read(|db| {
            db.prepare_cached("SELECT EXISTS (SELECT 1 FROM owed)")?.query_row([], |row| row.get(0))
        })?;
        Ok(owes.unwrap_or_default())
    }

    /// Strikes out work that was done; rows that are gone already are no error.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn settle(&self, ids: &[u64]) -> Result<()> {
        if ids.is_empty() || !self.database.exists() {
            return Ok(());
        }
        self.database.write(&[self.page.ledger_word()], |db| {
            let mut statement = db.prepare_cached("DELETE FROM owed WHERE id = ?1")?;
            let mut gone = 0;
            for id in ids {
                gone += statement.execute([id.cast_signed()])?;
            }
            Ok(if gone > 0 { Outcome::Changed(()) } else { Outcome::Unchanged(()) })
        })
    }

    /// Records that an object was deleted from a group. The first time counts. Tombstones are kept for
    /// [`TOMBSTONE_NS`], which no copy under way outlives.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn tombstone(&self, group: &str, object: ObjectId, at_ns: u64) -> Result<()> {
        self.database.write(&[self.page.ledger_word()], |db| {
            // Now and then, by chance of the identity: the search goes over all of them.
            if object.0[0] == 0 {
                db.prepare_cached("DELETE FROM tombstones WHERE at < ?1")?
                    .execute([at_ns.saturating_sub(TOMBSTONE_NS).cast_signed()])?;
            }
            let added = db
                .prepare_cached("INSERT OR IGNORE INTO tombstones VALUES (?1, ?2, ?3)")?
                .execute(params![group, object.0, at_ns.cast_signed()])?;
            Ok(if added > 0 { Outcome::Changed(()) } else { Outcome::Unchanged(()) })
        })
    }

    /// Those of the objects that were deleted from the group, in their order.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn buried(&self, group: &str, objects: &[ObjectId]) -> Result<Vec<ObjectId>> {
        let found = self.database.read(|db| {
            let mut select =
                db.prepare_cached("SELECT 1 FROM tombstones WHERE grp = ?1 AND object = ?2")?;
            let mut found = Vec::new();
            for object in objects {
                if select.exists(params![group, object.0])? {
                    found.push(*object);
                }
            }
            Ok(found)
        })?;
        Ok(found.unwrap_or_default())
    }

    /// The deletions of a group, in order of identity.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub fn tombstones(&self, group: &str) -> Result<Vec<Tombstone>> {
        let rows = self.database.read(|db| {
            db.prepare_cached("SELECT object, at FROM tombstones WHERE grp = ?1 ORDER BY object")?
                .query_map([group], |row| {
                    let at_ns = row.get::<_, i64>(1)?.cast_unsigned();
                    Ok(Tombstone { object: ObjectId(row.get(0)?), at_ns })
                })?
                .collect()
        })?;
        Ok(rows.unwrap_or_default())
    }

    fn owed_where(&self, which: &str, value: &str) -> Result<Vec<OwedRow>> {
        let rows = self.database.read(|db| {
            db.prepare_cached(&format!(
                "SELECT id, grp, member, object, kind, at, pid FROM owed WHERE {which} ORDER BY id"
            ))?
            .query_map([value], owed)?
            .collect()
        })?;
        Ok(rows.unwrap_or_default())
    }
}

fn owed(row: &Row<'_>) -> rusqlite::Result<OwedRow> {
    let kind = match row.get::<_, i64>(4)? {
        0 => OwedKind::Copy,
        1 => OwedKind::Delete,
        other => {
            let error = format!("kind {other} of owed work").into();
            return Err(rusqlite::Error::FromSqlConversionFailure(4, Type::Integer, error));
        }
    };
    Ok(OwedRow {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        owed: NewOwed {
            group: row.get(1)?,
            member: row.get(2)?,
            object: ObjectId(row.get(3)?),
            kind,
            at_ns: row.get::<_, i64>(5)?.cast_unsigned(),
            pid: row.get(6)?,
        },
    })
}
