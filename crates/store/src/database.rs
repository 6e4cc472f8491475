//! One SQLite file that many threads and processes read while one writes.
//!
//! - The file appears complete: it is made under another name and renamed. So "not there" means
//!   "empty", and a blank device costs nothing.
//! - Reads take one of a few connections, opened when first needed; they block nobody.
//! - Writes take the write lock, then one transaction. SQLite's own lock is then always free;
//!   its busy wait serves only for recovery, and for strangers who open the file with other tools.
//! - After a failure the connection is closed and the next use opens another.
//!
//! A later group commit would collect the closures of several [`Database::write`] calls behind the
//! turn that one of them got; nothing outside this file would change.
//!
//! No code may open a database file except through SQLite: closing any descriptor of the file
//! drops the process's POSIX locks on it, SQLite's among them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Weak, atomic::AtomicU64},
    time::Duration,
};

use hsmsim_types::Error;
use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, config::DbConfig, ffi};

use crate::{
    at_fork::{self, Birth},
    failure::Failure,
    files, gate,
    generation::{self, Bump},
    lock_file::{LockFile, Turnstile},
    turn::{Turn, WriteLock},
};

/// Read connections of a process to one file.
const READERS: usize = 4;
/// How long SQLite waits for what our own lock does not order.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// Statements kept by a connection; there are fewer.
const STATEMENTS: usize = 64;
/// "hsms": names the files for `file` and its like.
const APPLICATION_ID: i32 = 0x6873_6D73;

/// The tables of a kind of file.
#[derive(Clone, Copy)]
pub(crate) struct Schema {
    /// The statements that make them; then those of each later change. A file that has seen fewer
    /// sees the rest when it is next opened.
    pub(crate) sql: &'static [&'static str],
}

impl Schema {
    /// Counts the changes of the tables, from 1.
    fn version(self) -> i64 {
        self.sql.len() as i64
    }
}

/// What a write came to.
pub(crate) enum Outcome<T> {
    /// To be committed.
    Changed(T),
    /// Nothing was written.
    Unchanged(T),
}

/// When a change is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Synced {
    /// When its write returns.
    AtOnce,
    /// With the next change of the same file that is synced at once. Until then it outlives every process,
    /// but not a loss of the machine's own power.
    WithNext,
}

impl<T> Outcome<T> {
    pub(crate) fn if_changed(changed: bool, value: T) -> Self {
        if changed { Self::Changed(value) } else { Self::Unchanged(value) }
    }
}

/// One file.
pub(crate) struct Database {
    path: PathBuf,
    mode: u32,
    schema: Schema,
    writer: WriteLock<Option<Connection>>,
    readers: Readers,
    birth: Birth,
}

#[derive(Default)]
struct Readers {
    // parking_lot as everywhere; held for a push or a pop, never across `.await`.
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    open: usize,
}

/// Files of this process, for the at-fork handler. Touched inside the gate only.
static LIVE: Mutex<Vec<Weak<Database>>> = Mutex::new(Vec::new());

impl Database {
    /// A file, which need not be there yet.
    pub(crate) fn file(
        path: PathBuf,
        mode: u32,
        schema: Schema,
        locks: Arc<LockFile>,
        turnstile: Turnstile,
    ) -> Arc<Self> {
        let writer = WriteLock::new(None, Some((locks, turnstile)));
        let (readers, birth) = (Readers::default(), Birth::here());
        let database = Arc::new(Self { path, mode, schema, writer, readers, birth });
        let _entered = gate::enter();
        let mut live = LIVE.lock();
        live.retain(|database| database.strong_count() > 0);
        live.push(Arc::downgrade(&database));
        drop(live);
        database
    }

    /// Whether anything was ever written.
    pub(crate) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Reads; `None` if nothing was ever written.
    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Error> {
        self.try_read(query).map_err(|failure| failure.report(&self.path))
    }

    fn try_read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Failure> {
        let _entered = gate::enter();
        self.check_birth()?;
        let mut reader = Reader { readers: &self.readers, connection: self.readers.take() };
        if reader.connection.is_none() {
            if !self.path.exists() {
                return Ok(None);
            }
            let mut connection = open(&self.path, self.schema)?;
            if version(&connection)? < self.schema.version() {
                connection.close().map_err(|(_, error)| error)?;
                let mut turn = self.writer.wait()?;
                self.connection(&mut turn)?;
                drop(turn);
                connection = open(&self.path, self.schema)?;
            }
            connection.pragma_update(None, "query_only", true)?;
            reader.connection = Some(connection);
        }
        let result = match &reader.connection {
            Some(connection) => query(connection),
            None => return Ok(None),
        };
        if result.is_err() {
            reader.connection = None;
        }
        Ok(Some(result?))
    }

    /// Waits for its turn and writes in one transaction, which is durable when this returns. The
    /// words are stepped around the commit.
    pub(crate) fn write<T>(
        &self,
        words: &[&AtomicU64],
        change: impl FnOnce(&Transaction<'_>) -> Result<Outcome<T>, Failure>,
    ) -> Result<T, Error> {
        self.write_and_sync(Synced::AtOnce, words, change)
    }

    /// The same, durable when `sync` says.
    pub(crate) fn write_and_sync<T>(
        &self,
        sync: Synced,
        words: &[&AtomicU64],
        change: impl FnOnce(&Transaction<'_>) -> Result<Outcome<T>, Failure>,
    ) -> Result<T, Error> {
        self.try_write(sync, words, change).map_err(|failure| failure.report(&self.path))
    }

    fn try_write<T>(
        &self,
        sync: Synced,
        words: &[&AtomicU64],
        change: impl FnOnce(&Transaction<'_>) -> Result<Outcome<T>, Failure>,
    ) -> Result<T, Failure> {
        let _entered = gate::enter();
        self.check_birth()?;
        let mut turn = self.writer.wait()?;
        let connection = self.connection(&mut turn)?;
        let result = match sync {
            Synced::AtOnce => transact(connection, words, change),
            Synced::WithNext => unsynced(connection, |db| transact(db, words, change)),
        };
        if matches!(result, Err(Failure::Sqlite(_))) {
            close(&mut turn);
        }
        result
    }

    /// Makes words even that a killed process left odd, unless a writer is at work.
    pub(crate) fn settle(&self, words: &[&AtomicU64]) {
        if !self.birth.is_here() {
            return;
        }
        match self.writer.try_now() {
            Ok(Some(_turn)) => generation::repair(words),
            Ok(None) => {}
            Err(error) => tracing::error!(file = %self.path.display(), %error, "cannot lock"),
        }
    }

    fn check_birth(&self) -> Result<(), Failure> {
        if self.birth.is_here() && !at_fork::inherited_open_files() {
            Ok(())
        } else {
            Err(Failure::Inherited)
        }
    }

    /// The writer's connection, opened and the file made if need be.
    fn connection<'t>(
        &self,
        turn: &'t mut Turn<'_, Option<Connection>>,
    ) -> Result<&'t mut Connection, Failure> {
        let slot = turn.content().ok_or_else(|| io::Error::other("the turn is over"))?;
        if slot.is_none() {
            if !self.path.exists() {
                make_file(&self.path, self.mode, self.schema)?;
            }
            let mut connection = open(&self.path, self.schema)?;
            upgrade(&mut connection, self.schema)?;
            *slot = Some(connection);
        }
        slot.as_mut().ok_or_else(|| Failure::Io(io::Error::other("no connection")))
    }

    /// Limits the file's size, as a full disk would.
    #[cfg(test)]
    pub(crate) fn limit_pages(&self, beyond: i64) {
        let mut turn = self.writer.wait().unwrap();
        let Ok(connection) = self.connection(&mut turn) else { panic!("no connection") };
        let pages: i64 = connection.pragma_query_value(None, "page_count", |r| r.get(0)).unwrap();
        connection
            .pragma_update_and_check(None, "max_page_count", pages + beyond, |_| Ok(()))
            .unwrap();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.birth.is_here() {
            // Closing would release locks and delete logs that are the parent's affair. There is
            // nothing to close: the parent closed its connections before it forked.
            return;
        }
        let _entered = gate::enter();
        self.readers.pool.lock().idle.clear();
        if let Some(mut connection) = self.writer.while_gate_is_closed() {
            *connection = None;
        }
    }
}

/// A read connection on loan.
struct Reader<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Readers {
    /// An idle connection, or `None` and the right to open one.
    fn take(&self) -> Option<Connection> {
        let mut pool = self.pool.lock();
        loop {
            if let Some(connection) = pool.idle.pop() {
                return Some(connection);
            }
            if pool.open < READERS {
                pool.open += 1;
                return None;
            }
            self.returned.wait(&mut pool);
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.pool.lock();
        match self.connection.take() {
            Some(connection) => pool.idle.push(connection),
            None => pool.open -= 1,
        }
        drop(pool);
        self.readers.returned.notify_one();
    }
}

fn transact<T>(
    connection: &mut Connection,
    words: &[&AtomicU64],
    change: impl FnOnce(&Transaction<'_>) -> Result<Outcome<T>, Failure>,
) -> Result<T, Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match change(&transaction) {
        Ok(Outcome::Changed(value)) => {
            let _bump = Bump::begin(words);
            transaction.commit()?;
            Ok(value)
        }
        other => {
            transaction.rollback()?;
            generation::repair(words);
            match other? {
                Outcome::Unchanged(value) | Outcome::Changed(value) => Ok(value),
            }
        }
    }
}

/// Runs `work` without syncing the log at each commit. The next commit that syncs takes along what is in
/// the log by then.
fn unsynced<T>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let result = work(connection);
    connection.pragma_update(None, "synchronous", "FULL")?;
    result
}

fn close(turn: &mut Turn<'_, Option<Connection>>) {
    if let Some(slot) = turn.content() {
        *slot = None;
    }
}

/// Opens a file that is there.
fn open(path: &Path, schema: Schema) -> Result<Connection, Failure> {
    // Connections are used by one thread at a time, so SQLite need not lock them as well.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Without this, SQLite plans a statement anew whenever a value is bound that a partial index
    // might depend on.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    let found = version(&connection)?;
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if id != APPLICATION_ID || found < 1 {
        let code = ffi::Error::new(ffi::SQLITE_NOTADB);
        return Err(
            rusqlite::Error::SqliteFailure(code, Some("not a store of hsmsim".into())).into()
        );
    }
    if found > schema.version() { Err(Failure::Newer(found)) } else { Ok(connection) }
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn make_tables(connection: &Connection, schema: Schema) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN; {} PRAGMA user_version = {}; PRAGMA application_id = {APPLICATION_ID}; COMMIT;",
        schema.sql.concat(),
        schema.version()
    ))
}

/// Brings the tables of an earlier version up to date. The write lock must be held.
fn upgrade(connection: &mut Connection, schema: Schema) -> rusqlite::Result<()> {
    let found = version(connection)?;
    if found >= schema.version() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for change in schema.sql.iter().skip(usize::try_from(found).unwrap_or_default()) {
        transaction.execute_batch(change)?;
    }
    transaction.pragma_update(None, "user_version", schema.version())?;
    transaction.commit()
}

/// Makes a file with its tables and lets it appear whole. The write lock must be held.
fn make_file(path: &Path, mode: u32, schema: Schema) -> Result<(), Failure> {
    let draft = path.with_extension("new");
    // A process may have been killed here; nobody else makes this file now.
    for leftover in ["new", "new-journal", "new-wal", "new-shm"] {
        match fs::remove_file(path.with_extension(leftover)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    // SQLite gives the log and its index the mode of the file.
    drop(files::create(&draft, mode)?);
    let connection = Connection::open(&draft)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    make_tables(&connection, schema)?;
    // Kept in the file's header: every later connection uses the log.
    connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
    connection.close().map_err(|(_, error)| error)?;
    fs::rename(&draft, path)?;
    files::sync_directory_of(path)?;
    Ok(())
}

/// Closes every connection of this process. The gate must be closed. The log is left as it is:
/// folding it into the file would make a fork wait for the disk.
pub(crate) fn close_all_for_fork() {
    for database in LIVE.lock().iter().filter_map(Weak::upgrade) {
        let (pool, writer) =
            (database.readers.pool.try_lock(), database.writer.while_gate_is_closed());
        if let Some(mut pool) = pool {
            pool.open -= pool.idle.len();
            pool.idle.drain(..).for_each(close_quickly);
        }
        if let Some(connection) = writer.and_then(|mut writer| writer.take()) {
            close_quickly(connection);
        }
    }
}

fn close_quickly(connection: Connection) {
    // Either failure leaves a slower or an unclosed connection, and nobody to tell: a log line here
    // could wait for a lock that another thread holds across the fork.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    let _ = connection.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Schema = Schema { sql: &["CREATE TABLE old (x INTEGER);"] };
    const NEW: Schema =
        Schema { sql: &["CREATE TABLE old (x INTEGER);", "CREATE TABLE new (x INTEGER);"] };

    fn database(place: &Path, schema: Schema) -> Arc<Database> {
        let locks = LockFile::open(&place.join("locks"), 0o600).unwrap();
        Database::file(place.join("file.db"), 0o600, schema, Arc::new(locks), Turnstile(10))
    }

    fn count(database: &Database, table: &str) -> Result<Option<i64>, Error> {
        database.read(|db| db.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0)))
    }

    #[test]
    fn file_of_an_earlier_version_gets_the_newer_tables_and_keeps_its_content() {
        for reads_first in [true, false] {
            let place = tempfile::tempdir().unwrap();
            let insert = |db: &Transaction<'_>, table| {
                db.execute(&format!("INSERT INTO {table} VALUES (1)"), [])?;
                Ok(Outcome::Changed(()))
            };
            database(place.path(), OLD).write(&[], |db| insert(db, "old")).unwrap();
            let new = database(place.path(), NEW);
            if reads_first {
                assert_eq!(count(&new, "new").unwrap(), Some(0));
            }
            new.write(&[], |db| insert(db, "new")).unwrap();
            assert_eq!(count(&new, "old").unwrap(), Some(1));
            assert_eq!(count(&new, "new").unwrap(), Some(1));
            // The earlier version leaves a newer file alone.
            count(&database(place.path(), OLD), "old").unwrap_err();
        }
    }
}
