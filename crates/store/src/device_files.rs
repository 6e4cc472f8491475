//! The tables of one device and the statements over them.

use hsmsim_partition::port::{Body, Change, Filter, StoredObject, TagFilter, Tags, TokenUpdate};
use hsmsim_types::{Error, ObjectId, ck::CKR_OBJECT_HANDLE_INVALID};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, params_from_iter};

use crate::{
    database::Schema,
    failure::Failure,
    outbox::{Feed, Merged, News, outcome},
    outbox_files as outbox,
};

/// `seq` counts creations: it orders searches and survives a replacement. The index by identity
/// holds the version too, so that an inventory reads no object; that an identity occurs once is
/// `apply`'s care, under the write lock.
pub(crate) const SCHEMA: Schema = Schema { sql: &[OBJECTS, outbox::SQL, BYTES] };

const OBJECTS: &str = "
CREATE TABLE objects (
    seq       INTEGER PRIMARY KEY,
    partition INTEGER NOT NULL,
    id        BLOB NOT NULL,
    version   INTEGER NOT NULL,
    private   INTEGER NOT NULL,
    class     INTEGER NOT NULL,
    label_tag BLOB,
    id_tag    BLOB,
    body      BLOB NOT NULL
) STRICT;
CREATE INDEX objects_by_id ON objects (partition, id, version);
CREATE INDEX objects_by_class ON objects (partition, class);
CREATE INDEX objects_by_label ON objects (partition, label_tag) WHERE label_tag IS NOT NULL;
CREATE INDEX objects_by_id_tag ON objects (partition, id_tag) WHERE id_tag IS NOT NULL;
CREATE TABLE partitions (
    partition INTEGER PRIMARY KEY,
    objects   INTEGER NOT NULL,
    token     BLOB
) STRICT;
";

/// The bytes of all bodies of a partition are kept beside their count.
const BYTES: &str = "
ALTER TABLE partitions ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE partitions SET bytes = (
    SELECT coalesce(sum(length(body)), 0) FROM objects
    WHERE objects.partition = partitions.partition
);
";

const COLUMNS: &str = "seq, id, version, private, class, label_tag, id_tag, body";

/// A partition's token record.
pub(crate) fn token(db: &Connection, partition: u16) -> rusqlite::Result<Option<Vec<u8>>> {
    let row = db
        .prepare_cached("SELECT token FROM partitions WHERE partition = ?1")?
        .query_row([partition], |row| row.get(0))
        .optional()?;
    Ok(row.flatten())
}

/// How many objects a partition has. It is kept, because counting a million rows takes long.
pub(crate) fn count(db: &Connection, partition: u16) -> rusqlite::Result<u64> {
    let count: Option<i64> = db
        .prepare_cached("SELECT objects FROM partitions WHERE partition = ?1")?
        .query_row([partition], |row| row.get(0))
        .optional()?;
    Ok(count.unwrap_or_default().cast_unsigned())
}

/// How many bytes the bodies of a partition's objects have; kept as the count is.
pub(crate) fn bytes(db: &Connection, partition: u16) -> rusqlite::Result<u64> {
    let bytes: Option<i64> = db
        .prepare_cached("SELECT bytes FROM partitions WHERE partition = ?1")?
        .query_row([partition], |row| row.get(0))
        .optional()?;
    Ok(bytes.unwrap_or_default().cast_unsigned())
}

/// Writes what an update of the token record came to; `false` if that was nothing.
pub(crate) fn put_token(
    db: &Connection,
    partition: u16,
    update: TokenUpdate,
) -> rusqlite::Result<bool> {
    let (record, erase) = match update {
        TokenUpdate::Keep => return Ok(false),
        TokenUpdate::Record(record) => (Some(record), false),
        TokenUpdate::Erase(record) => (record, true),
    };
    if erase {
        db.execute("DELETE FROM objects WHERE partition = ?1", [partition])?;
        db.execute(
            "UPDATE partitions SET objects = 0, bytes = 0 WHERE partition = ?1",
            [partition],
        )?;
        outbox::forget(db, partition)?;
    }
    db.prepare_cached(
        "INSERT INTO partitions (partition, objects, token) VALUES (?1, 0, ?2)
         ON CONFLICT (partition) DO UPDATE SET token = excluded.token",
    )?
    .execute(params![partition, record])?;
    Ok(true)
}

/// One object.
pub(crate) fn load(
    db: &Connection,
    partition: u16,
    id: &ObjectId,
) -> rusqlite::Result<Option<StoredObject>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM objects WHERE partition = ?1 AND id = ?2"))?
        .query_row(params![partition, id.0], object)
        .optional()
}

/// The objects that a filter lets through, in order of creation.
pub(crate) fn find(
    db: &Connection,
    partition: u16,
    filter: &Filter,
) -> rusqlite::Result<Vec<StoredObject>> {
    let search = |private, tags: &Option<TagFilter>| {
        tags.as_ref()
            .map_or_else(|| Ok(Vec::new()), |tags| side(db, partition, private, filter, tags))
    };
    if filter.private.is_none() || filter.public.is_none() {
        let found =
            search(true, &filter.private)?.into_iter().chain(search(false, &filter.public)?);
        return Ok(found.map(|(_, object)| object).collect());
    }
    // Both sides must be of one moment: a key pair has a half on each. An error leaves the
    // transaction open, and the connection is closed for it.
    db.prepare_cached("BEGIN")?.execute([])?;
    let (mut found, public) = (search(true, &filter.private)?, search(false, &filter.public)?);
    db.prepare_cached("COMMIT")?.execute([])?;
    if found.is_empty() {
        found = public;
    } else if !public.is_empty() {
        found.extend(public);
        found.sort_by_key(|(seq, _)| *seq);
    }
    Ok(found.into_iter().map(|(_, object)| object).collect())
}

/// The private or the public side of a search, with places.
fn side(
    db: &Connection,
    partition: u16,
    private: bool,
    filter: &Filter,
    tags: &TagFilter,
) -> rusqlite::Result<Vec<(i64, StoredObject)>> {
    let class = filter.class.map(u64::cast_signed);
    let (sql, values) = select(&partition, private, class.as_ref(), tags);
    db.prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| Ok((row.get(0)?, object(row)?)))?
        .collect()
}

/// The statement for one side and its values. A unary plus keeps a condition from choosing the
/// index: the hash of CKA_ID is the narrowest, then that of CKA_LABEL, then the class.
fn select<'v>(
    partition: &'v u16,
    private: bool,
    class: Option<&'v i64>,
    tags: &'v TagFilter,
) -> (String, Vec<&'v dyn ToSql>) {
    let private = u8::from(private);
    let mut sql =
        format!("SELECT {COLUMNS} FROM objects WHERE partition = ?1 AND +private = {private}");
    let mut values: Vec<&dyn ToSql> = vec![partition];
    let mut plus = "";
    let id = tags.id.as_ref().map(|tag| ("id_tag", tag as &dyn ToSql));
    let label = tags.label.as_ref().map(|tag| ("label_tag", tag as &dyn ToSql));
    let class = class.map(|class| ("class", class as &dyn ToSql));
    for (column, value) in [id, label, class].into_iter().flatten() {
        values.push(value);
        sql += &format!(" AND {plus}{column} = ?{}", values.len());
        plus = "+";
    }
    (sql + " ORDER BY seq", values)
}

/// Identities and versions, in order of identity; the index alone answers it.
pub(crate) fn inventory(db: &Connection, partition: u16) -> rusqlite::Result<Vec<(ObjectId, u64)>> {
    db.prepare_cached("SELECT id, version FROM objects WHERE partition = ?1 ORDER BY id")?
        .query_map([partition], |row| Ok((ObjectId(row.get(0)?), row.get::<_, i64>(1)?)))?
        .map(|row| row.map(|(id, version)| (id, version.cast_unsigned())))
        .collect()
}

/// Makes changes; `false` if all of them had been made already. An error leaves some made: the
/// caller must roll back. Peers that the partition feeds are told.
pub(crate) fn apply(
    db: &Connection,
    partition: u16,
    changes: &[Change],
    feed: Option<&Feed>,
) -> Result<bool, Failure> {
    let (mut changed, mut grown) = (false, Growth::default());
    for change in changes {
        let news = match change {
            Change::Put(object) => match stored(db, partition, &object.id)? {
                Some(held) if held.version >= object.version => continue,
                Some(held) => {
                    write(db, partition, Some(held.seq), object)?;
                    grown.replaced(&held, object);
                    News::Put(object.clone())
                }
                None => {
                    write(db, partition, None, object)?;
                    grown.added(object);
                    if feed.is_some() {
                        outbox::unbury(db, partition, &object.id)?;
                    }
                    News::Put(object.clone())
                }
            },
            Change::Update { object, before } => match stored(db, partition, &object.id)? {
                Some(held) if held.version == *before => {
                    write(db, partition, Some(held.seq), object)?;
                    grown.replaced(&held, object);
                    News::Put(object.clone())
                }
                _ => return Err(update_came_late(&object.id).into()),
            },
            Change::Remove(id) => {
                let Some(held) = stored(db, partition, id)? else { continue };
                delete(db, held.seq)?;
                grown.removed(&held);
                let version = held.version;
                if let Some(feed) = feed {
                    outbox::bury(db, partition, id, version, (feed.now)())?;
                }
                News::Removed { id: *id, version }
            }
        };
        if let Some(feed) = feed {
            outbox::send(db, partition, feed, &news)?;
        }
        changed = true;
    }
    grown.keep(db, partition)?;
    Ok(changed)
}

/// Takes news from another device in; says what became of each.
pub(crate) fn merge(
    db: &Connection,
    partition: u16,
    news: &[News],
    now_ns: u64,
) -> rusqlite::Result<Vec<Merged>> {
    let (mut merged, mut grown) = (Vec::with_capacity(news.len()), Growth::default());
    for news in news {
        let id = news.object();
        let held = stored(db, partition, &id)?;
        let version = held.map(|held| held.version);
        let outcome = outcome(news, version, outbox::buried(db, partition, &id)?);
        if outcome.arrival_stands() {
            match (news, held) {
                (News::Put(object), Some(held)) => {
                    write(db, partition, Some(held.seq), object)?;
                    grown.replaced(&held, object);
                }
                (News::Put(object), None) => {
                    write(db, partition, None, object)?;
                    grown.added(object);
                }
                (News::Removed { version: removed, .. }, held) => {
                    if let Some(held) = held {
                        delete(db, held.seq)?;
                        grown.removed(&held);
                    }
                    let last = version.map_or(*removed, |held| held.max(*removed));
                    outbox::bury(db, partition, &id, last, now_ns)?;
                }
            }
        }
        merged.push(outcome);
    }
    grown.keep(db, partition)?;
    Ok(merged)
}

/// By how much a partition grows: objects, and bytes of their bodies.
#[derive(Default)]
struct Growth {
    objects: i64,
    bytes: i64,
}

impl Growth {
    fn added(&mut self, object: &StoredObject) {
        self.objects += 1;
        self.bytes += object.body.len() as i64;
    }

    fn replaced(&mut self, held: &Held, object: &StoredObject) {
        self.bytes += object.body.len() as i64 - held.len;
    }

    fn removed(&mut self, held: &Held) {
        self.objects -= 1;
        self.bytes -= held.len;
    }

    /// Puts it to what is kept of the partition.
    fn keep(&self, db: &Connection, partition: u16) -> rusqlite::Result<()> {
        if (self.objects, self.bytes) != (0, 0) {
            db.prepare_cached(
                "INSERT INTO partitions (partition, objects, bytes) VALUES (?1, ?2, ?3)
                 ON CONFLICT (partition) DO UPDATE
                 SET objects = objects + excluded.objects, bytes = bytes + excluded.bytes",
            )?
            .execute(params![partition, self.objects, self.bytes])?;
        }
        Ok(())
    }
}

fn delete(db: &Connection, seq: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM objects WHERE seq = ?1")?.execute([seq])?;
    Ok(())
}

/// What a [`Change::Update`] gets that finds another version of its object, or none.
pub(crate) fn update_came_late(id: &ObjectId) -> Error {
    Error::new(
        CKR_OBJECT_HANDLE_INVALID,
        format!("object {id} was removed or changed before this change of it"),
    )
}

/// What is stored under an identity: its place, its version, and how long its body is.
#[derive(Clone, Copy)]
struct Held {
    seq: i64,
    version: u64,
    len: i64,
}

fn stored(db: &Connection, partition: u16, id: &ObjectId) -> rusqlite::Result<Option<Held>> {
    db.prepare_cached(
        "SELECT seq, version, length(body) FROM objects WHERE partition = ?1 AND id = ?2",
    )?
    .query_row(params![partition, id.0], |row| {
        let version = row.get::<_, i64>(1)?.cast_unsigned();
        Ok(Held { seq: row.get(0)?, version, len: row.get(2)? })
    })
    .optional()
}

/// Writes an object to its place, or to the next free one.
fn write(
    db: &Connection,
    partition: u16,
    seq: Option<i64>,
    object: &StoredObject,
) -> rusqlite::Result<()> {
    let Tags { class, label, id } = object.tags;
    db.prepare_cached(&format!(
        "INSERT OR REPLACE INTO objects ({COLUMNS}, partition)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
    ))?
    .execute(params![
        seq,
        object.id.0,
        object.version.cast_signed(),
        object.private,
        class.cast_signed(),
        label,
        id,
        &*object.body,
        partition
    ])?;
    Ok(())
}

/// Removes everything of every partition.
pub(crate) fn zeroize(db: &Connection) -> rusqlite::Result<()> {
    // Freed pages are overwritten, not only forgotten.
    db.execute_batch(
        "PRAGMA secure_delete = ON; DELETE FROM objects; DELETE FROM partitions;
         DELETE FROM outbox; DELETE FROM buried;",
    )
}

fn object(row: &Row<'_>) -> rusqlite::Result<StoredObject> {
    Ok(StoredObject {
        id: ObjectId(row.get(1)?),
        version: row.get::<_, i64>(2)?.cast_unsigned(),
        private: row.get(3)?,
        tags: Tags {
            class: row.get::<_, i64>(4)?.cast_unsigned(),
            label: row.get(5)?,
            id: row.get(6)?,
        },
        body: Body::new(row.get(7)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(filter: &TagFilter, class: Option<i64>) -> String {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(OBJECTS).unwrap();
        let (sql, values) = select(&0, true, class.as_ref(), filter);
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = statement
            .query_map(params_from_iter(values), |row| row.get::<_, String>(3))
            .unwrap()
            .collect::<rusqlite::Result<Vec<_>>>()
            .unwrap();
        rows.join("; ")
    }

    #[test]
    fn a_file_of_before_learns_how_many_bytes_it_holds() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(OBJECTS).unwrap();
        db.execute_batch(
            "INSERT INTO partitions VALUES (0, 2, NULL), (1, 0, NULL);
             INSERT INTO objects (partition, id, version, private, class, body)
             VALUES (0, x'01', 1, 0, 0, zeroblob(30)), (0, x'02', 1, 0, 0, zeroblob(12));",
        )
        .unwrap();
        db.execute_batch(BYTES).unwrap();
        assert_eq!((bytes(&db, 0).unwrap(), bytes(&db, 1).unwrap()), (42, 0));
    }

    #[test]
    fn each_search_uses_its_narrowest_index() {
        let (some, none) = (Some([0; 16]), None);
        let cases = [
            (some, some, Some(3), "objects_by_id_tag (partition=? AND id_tag=?)"),
            (none, some, Some(3), "objects_by_id_tag (partition=? AND id_tag=?)"),
            (some, none, Some(3), "objects_by_label (partition=? AND label_tag=?)"),
            (some, none, None, "objects_by_label (partition=? AND label_tag=?)"),
            (none, none, Some(3), "objects_by_class (partition=? AND class=?)"),
        ];
        for (label, id, class, index) in cases {
            let plan = plan(&TagFilter { label, id }, class);
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
