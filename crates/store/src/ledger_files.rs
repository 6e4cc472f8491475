//! The tables of a cluster's records and the statements over them.

use hsmsim_types::ObjectId;
use rusqlite::{Connection, Params, Row, params, types::Type};

use crate::{
    Conflict, FaultRow, NewFault, NewOwed, OwedKind, OwedRow, Tombstone, database::Schema,
    faults::Healed, owed::sweeps_before,
};

/// Rows of faults and owed work are never given the number of an earlier one: whoever settles a row
/// late must not hit another.
pub(crate) const SCHEMA: Schema = Schema { sql: &[RECORDS, CONFLICTS] };

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

const CONFLICTS: &str = "
CREATE TABLE conflicts (
    object BLOB NOT NULL,
    grp    TEXT NOT NULL,
    stands TEXT NOT NULL,
    yields TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (object, stands, yields)
) STRICT, WITHOUT ROWID;
";

/// What is owed to a member on behalf of a group. The sign keeps the planner from the index by group,
/// which finds what every member is owed.
const TO_MEMBER: &str = "member = ?2 AND +grp = ?1";

pub(crate) fn clear(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(
        "DELETE FROM faults; DELETE FROM owed; DELETE FROM tombstones; DELETE FROM conflicts;",
    )
}

pub(crate) fn add_fault(db: &Connection, fault: &NewFault) -> rusqlite::Result<u64> {
    let id = db
        .prepare_cached(
            "INSERT INTO faults (kind, target, params, set_at, until, owner_pid)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .insert(params![
            fault.kind,
            fault.target,
            fault.params,
            fault.set_at_ns.cast_signed(),
            fault.until_ns.map(u64::cast_signed),
            fault.owner_pid
        ])?;
    Ok(id.cast_unsigned())
}

pub(crate) fn heal(db: &Connection, which: Healed, at_ns: u64) -> rusqlite::Result<usize> {
    let (which, value) = match which {
        Healed::One(id) => ("id = ?2", id.cast_signed()),
        Healed::Owned(pid) => ("owner_pid = ?2", i64::from(pid)),
        Healed::All => ("?2 = 0", 0),
    };
    let sql = format!("UPDATE faults SET healed_at = ?1 WHERE healed_at IS NULL AND {which}");
    db.prepare_cached(&sql)?.execute(params![at_ns.cast_signed(), value])
}

pub(crate) fn standing_faults(db: &Connection) -> rusqlite::Result<Vec<FaultRow>> {
    faults(db, "WHERE healed_at IS NULL")
}

pub(crate) fn fault_history(db: &Connection) -> rusqlite::Result<Vec<FaultRow>> {
    faults(db, "")
}

fn faults(db: &Connection, which: &str) -> rusqlite::Result<Vec<FaultRow>> {
    let columns = "id, kind, target, params, set_at, until, owner_pid, healed_at";
    db.prepare_cached(&format!("SELECT {columns} FROM faults {which} ORDER BY id"))?
        .query_map([], fault)?
        .collect()
}

fn fault(row: &Row<'_>) -> rusqlite::Result<FaultRow> {
    let time = |column: usize| -> rusqlite::Result<Option<u64>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned))
    };
    Ok(FaultRow {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        fault: NewFault {
            kind: row.get(1)?,
            target: row.get(2)?,
            params: row.get(3)?,
            set_at_ns: row.get::<_, i64>(4)?.cast_unsigned(),
            until_ns: time(5)?,
            owner_pid: row.get(6)?,
        },
        healed_at_ns: time(7)?,
    })
}

pub(crate) fn owe(db: &Connection, work: &[NewOwed]) -> rusqlite::Result<Vec<u64>> {
    let mut statement = db.prepare_cached(
        "INSERT INTO owed (grp, member, object, kind, at, pid) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
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
    Ok(ids)
}

pub(crate) fn owed(db: &Connection, group: &str) -> rusqlite::Result<Vec<OwedRow>> {
    owed_where(db, "grp = ?1", [group])
}

pub(crate) fn owed_count(db: &Connection, group: &str) -> rusqlite::Result<usize> {
    let count: i64 = db
        .prepare_cached("SELECT count(*) FROM owed WHERE grp = ?1")?
        .query_row([group], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

pub(crate) fn owed_to(
    db: &Connection,
    group: &str,
    member: &str,
) -> rusqlite::Result<Vec<OwedRow>> {
    owed_where(db, TO_MEMBER, [group, member])
}

pub(crate) fn owes(db: &Connection, group: &str, member: &str) -> rusqlite::Result<bool> {
    db.prepare_cached(&format!("SELECT 1 FROM owed WHERE {TO_MEMBER}"))?.exists([group, member])
}

pub(crate) fn owes_anything(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM owed")?.exists([])
}

/// Whether no fault is on record, healed or not, and nothing is owed.
pub(crate) fn is_idle(db: &Connection) -> rusqlite::Result<bool> {
    Ok(!owes_anything(db)? && !db.prepare_cached("SELECT 1 FROM faults")?.exists([])?)
}

fn owed_where(db: &Connection, which: &str, values: impl Params) -> rusqlite::Result<Vec<OwedRow>> {
    let columns = "id, grp, member, object, kind, at, pid";
    db.prepare_cached(&format!("SELECT {columns} FROM owed WHERE {which} ORDER BY id"))?
        .query_map(values, owed_row)?
        .collect()
}

fn owed_row(row: &Row<'_>) -> rusqlite::Result<OwedRow> {
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

/// Gives how many there were.
pub(crate) fn settle(db: &Connection, ids: &[u64]) -> rusqlite::Result<usize> {
    let mut statement = db.prepare_cached("DELETE FROM owed WHERE id = ?1")?;
    let mut gone = 0;
    for id in ids {
        gone += statement.execute([id.cast_signed()])?;
    }
    Ok(gone)
}

/// Whether it was not there.
pub(crate) fn tombstone(
    db: &Connection,
    group: &str,
    object: ObjectId,
    at_ns: u64,
) -> rusqlite::Result<bool> {
    if let Some(before) = sweeps_before(object, at_ns) {
        db.prepare_cached("DELETE FROM tombstones WHERE at < ?1")?
            .execute([before.cast_signed()])?;
    }
    let added = db
        .prepare_cached("INSERT OR IGNORE INTO tombstones VALUES (?1, ?2, ?3)")?
        .execute(params![group, object.0, at_ns.cast_signed()])?;
    Ok(added > 0)
}

pub(crate) fn buried(
    db: &Connection,
    group: &str,
    objects: &[ObjectId],
) -> rusqlite::Result<Vec<ObjectId>> {
    let mut select =
        db.prepare_cached("SELECT 1 FROM tombstones WHERE grp = ?1 AND object = ?2")?;
    let mut found = Vec::new();
    for object in objects {
        if select.exists(params![group, object.0])? {
            found.push(*object);
        }
    }
    Ok(found)
}

pub(crate) fn tombstones(db: &Connection, group: &str) -> rusqlite::Result<Vec<Tombstone>> {
    db.prepare_cached("SELECT object, at FROM tombstones WHERE grp = ?1 ORDER BY object")?
        .query_map([group], |row| {
            let at_ns = row.get::<_, i64>(1)?.cast_unsigned();
            Ok(Tombstone { object: ObjectId(row.get(0)?), at_ns })
        })?
        .collect()
}

/// Whether it was not there.
pub(crate) fn add_conflict(db: &Connection, conflict: &Conflict) -> rusqlite::Result<bool> {
    let Conflict { object, group, stands, yields, at_ns } = conflict;
    let added = db
        .prepare_cached("INSERT OR IGNORE INTO conflicts VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![object.0, group, stands, yields, at_ns.cast_signed()])?;
    Ok(added > 0)
}

pub(crate) fn conflicts(db: &Connection) -> rusqlite::Result<Vec<Conflict>> {
    db.prepare_cached(
        "SELECT object, grp, stands, yields, at FROM conflicts ORDER BY at, object, stands, yields",
    )?
    .query_map([], |row| {
        Ok(Conflict {
            object: ObjectId(row.get(0)?),
            group: row.get(1)?,
            stands: row.get(2)?,
            yields: row.get(3)?,
            at_ns: row.get::<_, i64>(4)?.cast_unsigned(),
        })
    })?
    .collect()
}
