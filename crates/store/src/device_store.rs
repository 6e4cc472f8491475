//! The object store of one device: ten partitions (or as many as the state has), in one file or in
//! memory.

use std::sync::{Arc, atomic::AtomicU64, atomic::Ordering::SeqCst};

use hsmsim_crypto::seal::SealingKey;
use hsmsim_partition::port::{Change, Filter, PartitionStore, StoredObject, TokenUpdate};
use hsmsim_types::{ObjectId, Result};
use parking_lot::{Mutex, RwLock};

use crate::{
    DeviceIndex, SharedPage, StateDir, StateError,
    database::{Database, Outcome},
    device_files as sql,
    device_memory::MemoryPartition,
    gate,
    generation::{Bump, is_odd},
    outbox::Feed,
    turn::WriteLock,
};

/// The objects and token records of one device. Cheap to open: files are opened when first used.
///
/// A store is of the process that opened it; see [`at_fork`](crate::at_fork).
pub struct DeviceStore {
    id: String,
    serial: u64,
    index: DeviceIndex,
    pub(crate) page: Arc<SharedPage>,
    key: Arc<SealingKey>,
    pub(crate) medium: Medium,
    /// Token records as last read, each with the generation it belongs to.
    tokens: Vec<TokenCache>,
    /// Whom each partition feeds. Held to copy a pointer, never across `.await`.
    pub(crate) feeds: Vec<RwLock<Option<Arc<Feed>>>>,
}

type Token = Option<Arc<Vec<u8>>>;
// parking_lot as everywhere; held to copy a pointer, never across `.await`.
type TokenCache = Mutex<Option<(u64, Token)>>;

pub(crate) enum Medium {
    File(Arc<Database>),
    Memory(Memory),
}

pub(crate) struct Memory {
    /// Keeps changes apart, as the write lock of a file does, while readers go on.
    turn: WriteLock<()>,
    // parking_lot as everywhere; held while objects are copied out or in, never across `.await`.
    pub(crate) partitions: Vec<RwLock<MemoryPartition>>,
}

impl std::fmt::Debug for DeviceStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceStore").field("id", &self.id).finish_non_exhaustive()
    }
}

impl DeviceStore {
    /// The store of a device of `state`; the same one whenever it is asked for again.
    ///
    /// # Errors
    /// The device's key cannot be read.
    pub fn open(
        state: &StateDir,
        device: DeviceIndex,
    ) -> std::result::Result<Arc<Self>, StateError> {
        state.device_store(device)
    }

    /// A store in memory that belongs to no cluster: one device of ten partitions.
    ///
    /// # Errors
    /// As [`StateDir::memory`].
    pub fn memory(id: &str) -> std::result::Result<Arc<Self>, StateError> {
        let state = StateDir::memory(&crate::StateSpec::new([id], id))?;
        let device = state.device(id).ok_or_else(|| StateError::Spec(format!("no device {id}")))?;
        Self::open(&state, device)
    }

    /// `file` is `None` for a store in memory.
    pub(crate) fn new(
        (index, spec): (DeviceIndex, &crate::DeviceSpec),
        page: Arc<SharedPage>,
        key: SealingKey,
        file: Option<Arc<Database>>,
    ) -> Self {
        let partitions = 0..page.shape().partitions;
        let medium = file.map_or_else(
            || {
                let partitions = partitions.clone().map(|_| RwLock::default()).collect();
                Medium::Memory(Memory { turn: WriteLock::new((), None), partitions })
            },
            Medium::File,
        );
        let tokens = partitions.clone().map(|_| Mutex::new(None)).collect();
        let feeds = partitions.map(|_| RwLock::default()).collect();
        let (id, serial, key) = (spec.id.clone(), spec.serial, Arc::new(key));
        Self { id, serial, index, page, key, medium, tokens, feeds }
    }

    /// The device's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its place in the state and in the shared page.
    pub fn index(&self) -> DeviceIndex {
        self.index
    }

    /// How many partitions it has.
    pub fn partitions(&self) -> u16 {
        u16::try_from(self.tokens.len()).unwrap_or(u16::MAX)
    }

    /// Seals public objects of all its partitions; readable without login.
    pub fn device_key(&self) -> Arc<SealingKey> {
        self.key.clone()
    }

    /// A partition, counted from 0.
    ///
    /// # Panics
    /// Beyond [`DeviceStore::partitions`].
    pub fn partition(self: &Arc<Self>, index: u16) -> Arc<dyn PartitionStore> {
        assert!(index < self.partitions(), "device {} has no partition {index}", self.id);
        Arc::new(StoredPartition { device: self.clone(), index })
    }

    /// Changes a partition's objects as a bad disk does: the device does not know, so its peers are told
    /// nothing.
    ///
    /// # Errors
    /// As [`PartitionStore::apply`].
    pub fn lose(self: &Arc<Self>, partition: u16, changes: &[Change]) -> Result<()> {
        StoredPartition { device: self.clone(), index: partition }.write(changes, None)
    }

    /// Durably removes the objects and token records of all partitions, as zeroization does. The
    /// device's key stays: it only ever sealed what is public.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR or CKR_DEVICE_MEMORY, and nothing is removed.
    pub fn zeroize(&self) -> Result<()> {
        let words: Vec<&AtomicU64> = (0..self.partitions()).map(|index| self.word(index)).collect();
        match &self.medium {
            Medium::File(file) if !file.exists() => Ok(()),
            Medium::File(file) => file.write(&words, |db| Ok(Outcome::Changed(sql::zeroize(db)?))),
            Medium::Memory(memory) => {
                let _turn = memory.turn()?;
                let _bump = Bump::begin(&words);
                memory.partitions.iter().for_each(|partition| {
                    partition.write().put_token(TokenUpdate::Erase(None));
                });
                Ok(())
            }
        }
    }

    pub(crate) fn word(&self, partition: u16) -> &AtomicU64 {
        self.page.partition_word(self.index, partition)
    }
}

impl Memory {
    pub(crate) fn turn(&self) -> Result<crate::turn::Turn<'_, ()>> {
        self.turn
            .wait()
            .map_err(|error| crate::failure::Failure::Io(error).report("memory".as_ref()))
    }
}

/// One partition's place in its device's store.
struct StoredPartition {
    device: Arc<DeviceStore>,
    index: u16,
}

impl StoredPartition {
    fn write(&self, changes: &[Change], feed: Option<&Feed>) -> Result<()> {
        match &self.device.medium {
            Medium::File(file) => file.write(&[self.word()], |db| {
                let changed = sql::apply(db, self.index, changes, feed)?;
                Ok(if changed { Outcome::Changed(()) } else { Outcome::Unchanged(()) })
            }),
            Medium::Memory(memory) => {
                let _turn = memory.turn()?;
                let words = [self.word()];
                let mut partition = memory.partitions[self.place()].write();
                let _bump = Bump::begin(&words);
                partition.apply(changes, feed)
            }
        }
    }

    fn word(&self) -> &AtomicU64 {
        self.device.word(self.index)
    }

    fn place(&self) -> usize {
        usize::from(self.index)
    }
}

impl PartitionStore for StoredPartition {
    fn generation(&self) -> u64 {
        let value = self.word().load(SeqCst);
        match &self.device.medium {
            // Odd: a writer is at work, or was killed at it. If the lock is free, it was killed.
            Medium::File(file) if is_odd(value) => {
                file.settle(&[self.word()]);
                self.word().load(SeqCst)
            }
            _ => value,
        }
    }

    fn token(&self) -> Result<Option<Arc<Vec<u8>>>> {
        let file = match &self.device.medium {
            Medium::Memory(memory) => return Ok(memory.partitions[self.place()].read().token()),
            Medium::File(file) => file,
        };
        let _entered = gate::enter();
        let cache = &self.device.tokens[self.place()];
        let before = self.generation();
        if let Some((generation, token)) = &*cache.lock()
            && *generation == before
        {
            return Ok(token.clone());
        }
        let token = file.read(|db| sql::token(db, self.index))?.flatten().map(Arc::new);
        // What was read belongs to the generation only if that was even and is the same now.
        if !is_odd(before) && self.word().load(SeqCst) == before {
            *cache.lock() = Some((before, token.clone()));
        }
        Ok(token)
    }

    fn update_token(
        &self,
        change: &mut dyn FnMut(Option<&[u8]>) -> Result<TokenUpdate>,
    ) -> Result<()> {
        match &self.device.medium {
            Medium::File(file) => file.write(&[self.word()], |db| {
                let record = sql::token(db, self.index)?;
                let update = change(record.as_deref())?;
                let changed = sql::put_token(db, self.index, update)?;
                Ok(if changed { Outcome::Changed(()) } else { Outcome::Unchanged(()) })
            }),
            Medium::Memory(memory) => {
                let _turn = memory.turn()?;
                let partition = &memory.partitions[self.place()];
                let record = partition.read().token();
                let update = change(record.as_deref().map(Vec::as_slice))?;
                if !matches!(update, TokenUpdate::Keep) {
                    let words = [self.word()];
                    let _bump = Bump::begin(&words);
                    partition.write().put_token(update);
                }
                Ok(())
            }
        }
    }

    fn load(&self, id: &ObjectId) -> Result<Option<StoredObject>> {
        match &self.device.medium {
            Medium::File(file) => Ok(file.read(|db| sql::load(db, self.index, id))?.flatten()),
            Medium::Memory(memory) => Ok(memory.partitions[self.place()].read().load(id)),
        }
    }

    fn find(&self, filter: &Filter) -> Result<Vec<StoredObject>> {
        match &self.device.medium {
            Medium::File(file) => {
                Ok(file.read(|db| sql::find(db, self.index, filter))?.unwrap_or_default())
            }
            Medium::Memory(memory) => Ok(memory.partitions[self.place()].read().find(filter)),
        }
    }

    fn find_ids(&self, filter: &Filter) -> Result<Vec<ObjectId>> {
        match &self.device.medium {
            Medium::File(_) => Ok(self.find(filter)?.iter().map(|object| object.id).collect()),
            Medium::Memory(memory) => Ok(memory.partitions[self.place()].read().find_ids(filter)),
        }
    }

    fn inventory(&self) -> Result<Vec<(ObjectId, u64)>> {
        match &self.device.medium {
            Medium::File(file) => {
                Ok(file.read(|db| sql::inventory(db, self.index))?.unwrap_or_default())
            }
            Medium::Memory(memory) => Ok(memory.partitions[self.place()].read().inventory()),
        }
    }

    fn count(&self) -> Result<u64> {
        match &self.device.medium {
            Medium::File(file) => {
                Ok(file.read(|db| sql::count(db, self.index))?.unwrap_or_default())
            }
            Medium::Memory(memory) => Ok(memory.partitions[self.place()].read().count()),
        }
    }

    fn bytes(&self) -> Result<u64> {
        match &self.device.medium {
            Medium::File(file) => {
                Ok(file.read(|db| sql::bytes(db, self.index))?.unwrap_or_default())
            }
            Medium::Memory(memory) => Ok(memory.partitions[self.place()].read().bytes()),
        }
    }

    fn apply(&self, changes: &[Change]) -> Result<()> {
        let feed = self.device.feed_of(self.index);
        self.write(changes, feed.as_deref())?;
        if let Some(feed) = &feed {
            self.device.rows_were_added(feed);
        }
        Ok(())
    }

    fn device_key(&self) -> Arc<SealingKey> {
        self.device.device_key()
    }

    fn serial(&self) -> String {
        // As on a Luna: the device's number, then three digits for the partition.
        format!("{}{:03}", self.device.serial, self.index + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StateSpec;
    use hsmsim_partition::port::{Body, Tags};
    use hsmsim_types::ck::CKR_DEVICE_MEMORY;

    fn object(n: u8, size: usize) -> StoredObject {
        StoredObject {
            id: ObjectId([n; 16]),
            version: 1,
            private: true,
            tags: Tags { class: 4, label: Some([1; 16]), id: None },
            body: Body::new(vec![n; size]),
        }
    }

    #[test]
    fn generation_left_odd_by_a_killed_writer_is_repaired_by_the_next_reader_or_writer() {
        let place = tempfile::tempdir().unwrap();
        let state = StateDir::open_or_create(place.path(), &StateSpec::new(["a"], "f")).unwrap();
        let device = DeviceStore::open(&state, state.device("a").unwrap()).unwrap();
        let partition = device.partition(3);
        device.word(3).store(41, SeqCst);
        assert_eq!(partition.generation(), 42);
        device.word(3).store(43, SeqCst);
        partition.apply(&[Change::Put(object(1, 10))]).unwrap();
        assert_eq!(device.word(3).load(SeqCst), 44);
        device.word(3).store(45, SeqCst);
        // Nothing to change, yet the lock was held, so it is known that nobody writes.
        partition.apply(&[Change::Put(object(1, 10))]).unwrap();
        assert_eq!(device.word(3).load(SeqCst), 46);
    }

    #[test]
    fn generation_is_odd_while_a_writer_lives_and_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let state = StateDir::open_or_create(place.path(), &StateSpec::new(["a"], "f")).unwrap();
        let device = DeviceStore::open(&state, state.device("a").unwrap()).unwrap();
        let partition = device.partition(0);
        partition
            .update_token(&mut |_| {
                device.word(0).store(7, SeqCst);
                std::thread::scope(|scope| {
                    scope.spawn(|| assert_eq!(partition.generation(), 7));
                });
                Ok(TokenUpdate::Record(vec![1]))
            })
            .unwrap();
        assert_eq!(partition.generation(), 8);
    }

    #[test]
    fn full_disk_is_device_memory_and_changes_nothing() {
        let place = tempfile::tempdir().unwrap();
        let state = StateDir::open_or_create(place.path(), &StateSpec::new(["a"], "f")).unwrap();
        let device = DeviceStore::open(&state, state.device("a").unwrap()).unwrap();
        let partition = device.partition(0);
        partition.apply(&[Change::Put(object(1, 100))]).unwrap();
        let Medium::File(file) = &device.medium else { panic!("in memory") };
        file.limit_pages(2);
        let pair = [Change::Put(object(2, 10)), Change::Put(object(3, 100_000))];
        let error = partition.apply(&pair).unwrap_err();
        assert_eq!(error.rv(), CKR_DEVICE_MEMORY, "{error}");
        assert_eq!(partition.inventory().unwrap(), [(ObjectId([1; 16]), 1)]);
        assert!(!is_odd(partition.generation()));
        // With room again (the next connection has no limit), the same change goes through.
        partition.apply(&pair).unwrap();
        assert_eq!(partition.inventory().unwrap().len(), 3);
    }
}
