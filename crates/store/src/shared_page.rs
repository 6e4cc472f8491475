//! Words that all processes of a state directory share: a file of atomic 64-bit numbers, mapped
//! into each. It is written whole when it is made and never shrinks, so that touching it can
//! neither need disk space nor fault. Without a directory the same words live on the heap.
//!
//! Layout, in words of 8 bytes, each group on cache lines of its own:
//!
//! | from | size | what |
//! |---|---|---|
//! | 0 | 8 | header: magic, version, devices, partitions of a device, process slots, words in all |
//! | 8 | 8 | generation of the fault table |
//! | 16 | 1 | generation of the ledger |
//! | 17 | 7 | at which generation the ledger was idle, 6 spare words |
//! | 24 | 39 | spare words of the cluster |
//! | 63 | 1 | counts additions to outboxes |
//! | 64 | 32 × devices | power epoch, 15 spare words, 16 engines |
//! | then | 8 × partitions | generation, 7 spare words |
//! | then | 32 × slots | process slots |

#![allow(unsafe_code)]

use std::{
    fs::File,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use memmap2::MmapRaw;

use crate::{DeviceIndex, files, state_error::StateError};

/// Words for the finishing times of a device's engines.
pub const ENGINES: usize = 16;
/// Spare words of the cluster.
pub const SPARE_CLUSTER: usize = 39;
/// Spare words of each device.
pub const SPARE_DEVICE: usize = 15;
/// Spare words of each partition.
pub const SPARE_PARTITION: usize = 7;
/// How many processes can show themselves at once.
pub(crate) const PROCESS_SLOTS: usize = 256;
/// Words of a process slot.
pub(crate) const SLOT_WORDS: usize = 32;

const MAGIC: u64 = u64::from_le_bytes(*b"hsmsimpg");
const VERSION: u64 = 1;
const HEADER_WORDS: usize = 8;
const FAULTS: usize = 8;
const LEDGER: usize = 16;
const IDLE: usize = 17;
const CLUSTER: usize = 24;
const OUTBOX: usize = 63;
const DEVICES: usize = 64;
const DEVICE_WORDS: usize = 32;
const DEVICE_SPARE: usize = 1;
const DEVICE_ENGINES: usize = 16;
const PARTITION_WORDS: usize = 8;

/// How many of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageShape {
    pub(crate) devices: usize,
    pub(crate) partitions: usize,
}

impl PageShape {
    fn words(self) -> usize {
        self.slots_at() + PROCESS_SLOTS * SLOT_WORDS
    }

    fn partitions_at(self) -> usize {
        DEVICES + self.devices * DEVICE_WORDS
    }

    fn slots_at(self) -> usize {
        self.partitions_at() + self.devices * self.partitions * PARTITION_WORDS
    }

    fn header(self) -> [u64; HEADER_WORDS] {
        let count = |n: usize| n as u64;
        let (devices, partitions) = (count(self.devices), count(self.partitions));
        [MAGIC, VERSION, devices, partitions, count(PROCESS_SLOTS), count(self.words()), 0, 0]
    }
}

/// The shared words of a cluster. Reading or writing one costs what an atomic costs.
///
/// Generations are stepped by the store alone; everything else belongs to whoever the design gives
/// it to, which is why those words are handed out as atomics.
pub struct SharedPage {
    words: Words,
    shape: PageShape,
}

enum Words {
    Mapped(MmapRaw),
    Heap(Box<[AtomicU64]>),
}

impl std::fmt::Debug for SharedPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedPage").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl SharedPage {
    pub(crate) fn memory(shape: PageShape) -> Self {
        let words = (0..shape.words()).map(|_| AtomicU64::new(0)).collect();
        let page = Self { words: Words::Heap(words), shape };
        for (word, value) in page.words().iter().zip(shape.header()) {
            word.store(value, SeqCst);
        }
        page
    }

    /// Writes a new file of zeros behind the header, replacing none that is in use: the caller
    /// holds the lock for creation.
    pub(crate) fn create(path: &Path, shape: PageShape, mode: u32) -> Result<(), StateError> {
        let mut bytes: Vec<u8> =
            shape.header().iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.resize(shape.words() * 8, 0);
        files::write_whole(path, mode, &bytes)
    }

    pub(crate) fn open(path: &Path, shape: PageShape) -> Result<Self, StateError> {
        let damaged = |why: &str| StateError::Damaged { path: path.into(), why: why.into() };
        let file = File::options()
            .read(true)
            .write(true)
            .open(path)
            .map_err(StateError::io("open", path))?;
        let map = MmapRaw::map_raw(&file).map_err(StateError::io("map", path))?;
        let page = Self { words: Words::Mapped(map), shape };
        let header: Vec<u64> =
            page.words().iter().take(HEADER_WORDS).map(|word| word.load(SeqCst)).collect();
        let [magic, version, ..] = header[..] else { return Err(damaged("it is too short")) };
        if magic != MAGIC {
            return Err(damaged("it is not a page of hsmsim"));
        }
        if version > VERSION {
            let (found, known) = (version, VERSION);
            return Err(StateError::Newer { path: path.into(), found, known });
        }
        if header != shape.header() || page.words().len() < shape.words() {
            return Err(damaged("its shape is not that of the devices in the state"));
        }
        Ok(page)
    }

    /// The generation of the fault table: even and unchanged means that no fault was added or
    /// healed since.
    pub fn fault_generation(&self) -> u64 {
        self.faults_word().load(SeqCst)
    }

    /// The generation of the ledger as a whole.
    pub fn ledger_generation(&self) -> u64 {
        self.ledger_word().load(SeqCst)
    }

    /// Counts the times that a device had something new to tell its peers.
    pub fn outbox_generation(&self) -> u64 {
        self.outbox_word().load(SeqCst)
    }

    /// A partition's generation as it stands; [`PartitionStore::generation`] also repairs what a
    /// killed process left odd.
    ///
    /// [`PartitionStore::generation`]: hsmsim_partition::port::PartitionStore::generation
    pub fn generation(&self, device: DeviceIndex, partition: u16) -> u64 {
        self.partition_word(device, partition).load(SeqCst)
    }

    /// How often the device has lost power. A session that remembers another value has ended.
    pub fn power_epoch(&self, device: DeviceIndex) -> u64 {
        self.device(device)[0].load(SeqCst)
    }

    /// Counts one more loss of power; gives the new epoch. Losses that belong to a fault are
    /// counted by [`Ledger::add_fault`](crate::Ledger::add_fault).
    pub fn raise_power_epoch(&self, device: DeviceIndex) -> u64 {
        self.device(device)[0].fetch_add(1, SeqCst) + 1
    }

    /// A spare word of the cluster, below [`SPARE_CLUSTER`].
    ///
    /// # Panics
    /// Beyond that.
    pub fn cluster_spare(&self, index: usize) -> &AtomicU64 {
        &self.words()[CLUSTER..OUTBOX][index]
    }

    /// A spare word of a device, below [`SPARE_DEVICE`].
    ///
    /// # Panics
    /// Beyond that.
    pub fn device_spare(&self, device: DeviceIndex, index: usize) -> &AtomicU64 {
        &self.device(device)[DEVICE_SPARE..DEVICE_ENGINES][index]
    }

    /// The reserved finishing times of a device's engines (`busy_until`).
    pub fn engines(&self, device: DeviceIndex) -> &[AtomicU64] {
        &self.device(device)[DEVICE_ENGINES..]
    }

    /// A spare word of a partition, below [`SPARE_PARTITION`].
    ///
    /// # Panics
    /// Beyond that.
    pub fn partition_spare(&self, device: DeviceIndex, partition: u16, index: usize) -> &AtomicU64 {
        &self.partition(device, partition)[1..][index]
    }

    pub(crate) fn shape(&self) -> PageShape {
        self.shape
    }

    pub(crate) fn faults_word(&self) -> &AtomicU64 {
        &self.words()[FAULTS]
    }

    pub(crate) fn outbox_word(&self) -> &AtomicU64 {
        &self.words()[OUTBOX]
    }

    pub(crate) fn ledger_word(&self) -> &AtomicU64 {
        &self.words()[LEDGER]
    }

    /// At which generation the ledger asked for nothing (`idle.rs`).
    pub(crate) fn idle_word(&self) -> &AtomicU64 {
        &self.words()[IDLE]
    }

    pub(crate) fn partition_word(&self, device: DeviceIndex, partition: u16) -> &AtomicU64 {
        &self.partition(device, partition)[0]
    }

    pub(crate) fn slot(&self, slot: usize) -> &[AtomicU64] {
        assert!(slot < PROCESS_SLOTS);
        let at = self.shape.slots_at() + slot * SLOT_WORDS;
        &self.words()[at..at + SLOT_WORDS]
    }

    fn device(&self, device: DeviceIndex) -> &[AtomicU64] {
        assert!(device.position() < self.shape.devices);
        let at = DEVICES + device.position() * DEVICE_WORDS;
        &self.words()[at..at + DEVICE_WORDS]
    }

    fn partition(&self, device: DeviceIndex, partition: u16) -> &[AtomicU64] {
        let partition = usize::from(partition);
        assert!(device.position() < self.shape.devices && partition < self.shape.partitions);
        let index = device.position() * self.shape.partitions + partition;
        let at = self.shape.partitions_at() + index * PARTITION_WORDS;
        &self.words()[at..at + PARTITION_WORDS]
    }

    fn words(&self) -> &[AtomicU64] {
        match &self.words {
            Words::Heap(words) => words,
            Words::Mapped(map) => {
                let first = map.as_ptr().cast::<AtomicU64>();
                // SAFETY: the mapping starts on a page, so its words are aligned; it is as long as
                // it says and lives as long as `self`; the file never shrinks, so every word stays
                // backed; and every process touches it through atomics only.
                unsafe { std::slice::from_raw_parts(first, map.len() / 8) }
            }
        }
    }
}
