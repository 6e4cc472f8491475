//! The tables of a device for its outbox and for what it buried.

use hsmsim_partition::port::{Body, StoredObject, Tags};
use hsmsim_types::ObjectId;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::outbox::{Carried, Departure, Feed, News};

/// `body` is NULL for a destroyed object.
pub(crate) const SQL: &str = "
CREATE TABLE outbox (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    partition INTEGER NOT NULL,
    peer      TEXT NOT NULL,
    at        INTEGER NOT NULL,
    id        BLOB NOT NULL,
    version   INTEGER NOT NULL,
    private   INTEGER NOT NULL,
    class     INTEGER NOT NULL,
    label_tag BLOB,
    id_tag    BLOB,
    body      BLOB
) STRICT;
CREATE INDEX outbox_by_peer ON outbox (partition, peer, seq);
CREATE TABLE carried (
    partition INTEGER NOT NULL,
    peer      TEXT NOT NULL,
    ready     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    PRIMARY KEY (partition, peer)
) STRICT, WITHOUT ROWID;
CREATE TABLE buried (
    partition INTEGER NOT NULL,
    id        BLOB NOT NULL,
    version   INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (partition, id)
) STRICT, WITHOUT ROWID;
";

/// Leaves a row for each peer.
pub(crate) fn send(
    db: &Connection,
    partition: u16,
    feed: &Feed,
    news: &News,
) -> rusqlite::Result<()> {
    let removed = StoredObject {
        id: news.object(),
        version: 0,
        private: false,
        tags: Tags::default(),
        body: Body::new(Vec::new()),
    };
    let (object, version, body) = match news {
        News::Put(object) => (object, object.version, Some(&*object.body)),
        News::Removed { version, .. } => (&removed, *version, None),
    };
    let at = (feed.now)().cast_signed();
    let Tags { class, label, id } = object.tags;
    let mut insert = db.prepare_cached(
        "INSERT INTO outbox (partition, peer, at, id, version, private, class, label_tag, id_tag, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for peer in &feed.peers {
        insert.execute(params![
            partition,
            peer,
            at,
            object.id.0,
            version.cast_signed(),
            object.private,
            class.cast_signed(),
            label,
            id,
            body
        ])?;
    }
    Ok(())
}

/// Which partitions have rows for which peers.
pub(crate) fn waiting(db: &Connection) -> rusqlite::Result<Vec<(u16, String)>> {
    db.prepare_cached("SELECT DISTINCT partition, peer FROM outbox ORDER BY partition, peer")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Rows of a partition for a peer, oldest first.
pub(crate) fn departures(
    db: &Connection,
    partition: u16,
    peer: &str,
    limit: usize,
) -> rusqlite::Result<Vec<Departure>> {
    db.prepare_cached(
        "SELECT seq, peer, at, id, version, private, class, label_tag, id_tag, body FROM outbox
         WHERE partition = ?1 AND peer = ?2 ORDER BY seq LIMIT ?3",
    )?
    .query_map(params![partition, peer, limit as i64], departure)?
    .collect()
}

/// Number and time of the oldest row of a partition for a peer.
pub(crate) fn oldest(
    db: &Connection,
    partition: u16,
    peer: &str,
) -> rusqlite::Result<Option<(u64, u64)>> {
    db.prepare_cached(
        "SELECT seq, at FROM outbox WHERE partition = ?1 AND peer = ?2 ORDER BY seq LIMIT 1",
    )?
    .query_row(params![partition, peer], |row| {
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()))
    })
    .optional()
}

/// How many rows of a partition wait for a peer, and the time of the oldest.
pub(crate) fn backlog(
    db: &Connection,
    partition: u16,
    peer: &str,
) -> rusqlite::Result<(u64, Option<u64>)> {
    db.prepare_cached("SELECT count(*), min(at) FROM outbox WHERE partition = ?1 AND peer = ?2")?
        .query_row(params![partition, peer], |row| {
            let oldest = row.get::<_, Option<i64>>(1)?;
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), oldest.map(i64::cast_unsigned)))
        })
}

fn departure(row: &Row<'_>) -> rusqlite::Result<Departure> {
    let number = |column| Ok::<u64, rusqlite::Error>(row.get::<_, i64>(column)?.cast_unsigned());
    let (id, version) = (ObjectId(row.get(3)?), number(4)?);
    let news = match row.get::<_, Option<Vec<u8>>>(9)? {
        None => News::Removed { id, version },
        Some(body) => News::Put(StoredObject {
            id,
            version,
            private: row.get(5)?,
            tags: Tags { class: number(6)?, label: row.get(7)?, id: row.get(8)? },
            body: Body::new(body),
        }),
    };
    Ok(Departure { seq: number(0)?, peer: row.get(1)?, at_ns: number(2)?, news })
}

/// How far rows have been carried.
pub(crate) fn carried(db: &Connection, partition: u16, peer: &str) -> rusqlite::Result<Carried> {
    let row = db
        .prepare_cached("SELECT ready, last FROM carried WHERE partition = ?1 AND peer = ?2")?
        .query_row(params![partition, peer], |row| {
            Ok(Carried {
                ready_ns: row.get::<_, i64>(0)?.cast_unsigned(),
                last_ns: row.get::<_, i64>(1)?.cast_unsigned(),
            })
        })
        .optional()?;
    Ok(row.unwrap_or_default())
}

/// Rows have been carried so far; of two that say so, the farther.
pub(crate) fn carry(
    db: &Connection,
    partition: u16,
    peer: &str,
    carried: Carried,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO carried VALUES (?1, ?2, ?3, ?4) ON CONFLICT (partition, peer)
         DO UPDATE SET ready = max(ready, excluded.ready), last = max(last, excluded.last)",
    )?
    .execute(params![
        partition,
        peer,
        carried.ready_ns.cast_signed(),
        carried.last_ns.cast_signed()
    ])?;
    Ok(())
}

/// Strikes rows out; gives those that were still there.
pub(crate) fn strike_out(db: &Connection, rows: &[u64]) -> rusqlite::Result<Vec<u64>> {
    let mut delete = db.prepare_cached("DELETE FROM outbox WHERE seq = ?1")?;
    let mut struck = Vec::with_capacity(rows.len());
    for &seq in rows {
        if delete.execute([seq.cast_signed()])? > 0 {
            struck.push(seq);
        }
    }
    Ok(struck)
}

/// Nothing about an object that was destroyed is news any more.
pub(crate) fn bury(
    db: &Connection,
    partition: u16,
    id: &ObjectId,
    version: u64,
    at_ns: u64,
) -> rusqlite::Result<()> {
    // Now and then, by chance of the identity: the search goes over all of them.
    if id.0[0] == 0 {
        let long_ago = at_ns.saturating_sub(crate::TOMBSTONE_NS).cast_signed();
        db.prepare_cached("DELETE FROM buried WHERE at < ?1")?.execute([long_ago])?;
    }
    db.prepare_cached("INSERT OR REPLACE INTO buried VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![partition, id.0, version.cast_signed(), at_ns.cast_signed()])?;
    Ok(())
}

/// An object that was put here by somebody who knows what he does is buried no more.
pub(crate) fn unbury(db: &Connection, partition: u16, id: &ObjectId) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM buried WHERE partition = ?1 AND id = ?2")?
        .execute(params![partition, id.0])?;
    Ok(())
}

/// The version in which an object was buried.
pub(crate) fn buried(
    db: &Connection,
    partition: u16,
    id: &ObjectId,
) -> rusqlite::Result<Option<u64>> {
    db.prepare_cached("SELECT version FROM buried WHERE partition = ?1 AND id = ?2")?
        .query_row(params![partition, id.0], |row| Ok(row.get::<_, i64>(0)?.cast_unsigned()))
        .optional()
}

/// A partition that is erased has nothing more to say, and buried nobody.
pub(crate) fn forget(db: &Connection, partition: u16) -> rusqlite::Result<()> {
    db.execute("DELETE FROM outbox WHERE partition = ?1", [partition])?;
    db.execute("DELETE FROM buried WHERE partition = ?1", [partition])?;
    Ok(())
}
