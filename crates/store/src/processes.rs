//! Who uses the cluster: each process has a slot in the shared page, with its counters, and may
//! publish a view of the cluster as it sees it.
//!
//! A slot is held by a locked byte, so that a process that was killed frees it, whatever becomes of
//! its number, and processes in different containers see each other.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use parking_lot::Mutex;

use crate::{
    SharedPage, StateError,
    at_fork::Birth,
    files, gate,
    lock_file::LockFile,
    shared_page::{PROCESS_SLOTS, PageShape},
    view_file::{self, ViewFile},
};

/// The byte of the first slot in the lock file, beyond those of any number of devices.
const FIRST_BYTE: u64 = 1 << 20;
const PID: usize = 0;
const STARTED: usize = 1;
const COUNTERS: usize = 2;

/// What a process counts for others to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Calls that ended with CKR_OK.
    CallsOk,
    /// Calls that ended with another code.
    CallsFailed,
    /// Calls whose outcome is unknown.
    CallsUnknown,
    /// Calls that have not ended yet.
    CallsInFlight,
    /// Changes of member after a failure.
    Failovers,
    /// Heartbeats of long commands.
    Heartbeats,
    /// Members that were recovered.
    Recoveries,
    /// When it was last seen at work, in nanoseconds of the Unix epoch.
    LastSeen,
}

impl Counter {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::CallsOk,
        Self::CallsFailed,
        Self::CallsUnknown,
        Self::CallsInFlight,
        Self::Failovers,
        Self::Heartbeats,
        Self::Recoveries,
        Self::LastSeen,
    ];
}

/// A living process as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Its slot.
    pub slot: usize,
    /// Its number, as in its own PID namespace.
    pub pid: u32,
    /// When it began to use the cluster, in nanoseconds of the Unix epoch.
    pub started_ns: u64,
    /// Its counters, in the order of [`Counter::ALL`].
    pub counters: [u64; Counter::ALL.len()],
}

impl ProcessInfo {
    /// One of its counters.
    pub fn counter(&self, counter: Counter) -> u64 {
        self.counters[counter as usize]
    }
}

/// The slots of one state.
pub(crate) struct Processes {
    page: Arc<SharedPage>,
    /// The lock file and the directory of views; `None` in memory.
    files: Option<(Arc<LockFile>, PathBuf, u32)>,
    // parking_lot as everywhere; never held across `.await`.
    own: Mutex<Own>,
}

struct Own {
    taken: Vec<bool>,
    /// Views in memory.
    views: BTreeMap<usize, String>,
    /// Views in files.
    files: BTreeMap<usize, ViewFile>,
}

/// This process's place among those that use the cluster, until dropped.
///
/// When all slots are taken it counts for itself alone and is not seen by others.
pub struct ProcessSlot {
    processes: Arc<Processes>,
    slot: Option<usize>,
    /// Counts where there is no slot.
    unseen: Option<SharedPage>,
    birth: Birth,
}

impl std::fmt::Debug for ProcessSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ProcessSlot").field(&self.slot).finish()
    }
}

impl Processes {
    pub(crate) fn new(
        page: Arc<SharedPage>,
        files: Option<(Arc<LockFile>, PathBuf, u32)>,
    ) -> Arc<Self> {
        let own = Own {
            taken: vec![false; PROCESS_SLOTS],
            views: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        Arc::new(Self { page, files, own: Mutex::new(own) })
    }

    pub(crate) fn claim(self: &Arc<Self>, started_ns: u64) -> ProcessSlot {
        let _entered = gate::enter();
        let mut own = self.own.lock();
        let slot = (0..PROCESS_SLOTS).find(|slot| !own.taken[*slot] && self.lock(*slot));
        let unseen = if let Some(slot) = slot {
            own.taken[slot] = true;
            // Whoever had the slot before may have been killed.
            self.forget_view(&mut own, slot);
            let words = self.page.slot(slot);
            words.iter().for_each(|word| word.store(0, SeqCst));
            words[STARTED].store(started_ns, SeqCst);
            words[PID].store(u64::from(std::process::id()), SeqCst);
            None
        } else {
            tracing::warn!("all {PROCESS_SLOTS} process slots are taken; this one is not shown");
            Some(SharedPage::memory(PageShape { devices: 0, partitions: 0 }))
        };
        let processes = self.clone();
        ProcessSlot { processes, slot, unseen, birth: Birth::here() }
    }

    pub(crate) fn living(&self) -> Vec<ProcessInfo> {
        let _entered = gate::enter();
        let own = self.own.lock();
        let info = |slot: usize| {
            let words = self.page.slot(slot);
            let pid = u32::try_from(words[PID].load(SeqCst)).ok().filter(|pid| *pid != 0)?;
            if !own.taken[slot] && !self.is_locked_elsewhere(slot) {
                return None;
            }
            Some(ProcessInfo {
                slot,
                pid,
                started_ns: words[STARTED].load(SeqCst),
                counters: Counter::ALL.map(|c| words[COUNTERS + c as usize].load(SeqCst)),
            })
        };
        (0..PROCESS_SLOTS).filter_map(info).collect()
    }

    pub(crate) fn views(&self) -> Result<Vec<(ProcessInfo, String)>, StateError> {
        let mut views = Vec::new();
        for process in self.living() {
            let view = match &self.files {
                None => self.own.lock().views.get(&process.slot).cloned(),
                Some((_, directory, _)) => view_file::read(&view_path(directory, process.slot))?,
            };
            views.extend(view.map(|view| (process, view)));
        }
        Ok(views)
    }

    fn lock(&self, slot: usize) -> bool {
        let Some((locks, ..)) = &self.files else { return true };
        locks.try_lock(FIRST_BYTE + slot as u64).unwrap_or_else(|error| {
            tracing::warn!(%error, slot, "a process slot cannot be locked");
            false
        })
    }

    fn is_locked_elsewhere(&self, slot: usize) -> bool {
        let Some((locks, ..)) = &self.files else { return false };
        locks.is_locked_elsewhere(FIRST_BYTE + slot as u64).unwrap_or(false)
    }

    fn forget_view(&self, own: &mut Own, slot: usize) {
        own.views.remove(&slot);
        own.files.remove(&slot);
        if let Some((_, directory, _)) = &self.files
            && let Err(error) = files::remove(&view_path(directory, slot))
        {
            tracing::warn!(%error, "a view that is no longer true stays");
        }
    }
}

fn view_path(directory: &std::path::Path, slot: usize) -> PathBuf {
    directory.join(format!("{slot}.view"))
}

impl ProcessSlot {
    /// Its number, `None` if all were taken.
    pub fn slot(&self) -> Option<usize> {
        self.slot
    }

    /// A counter, to be stepped.
    pub fn counter(&self, counter: Counter) -> &AtomicU64 {
        let page = self.unseen.as_ref().unwrap_or(&self.processes.page);
        &page.slot(self.slot.unwrap_or(0))[COUNTERS + counter as usize]
    }

    /// Publishes what this process sees of the cluster, in place of what it published before.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn publish_view(&self, json: &str) -> Result<(), StateError> {
        let Some(slot) = self.slot else { return Ok(()) };
        let mut own = self.processes.own.lock();
        let Some((_, directory, mode)) = &self.processes.files else {
            own.views.insert(slot, json.into());
            return Ok(());
        };
        let path = view_path(directory, slot);
        let file = match own.files.entry(slot) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(ViewFile::create(&path, *mode)?),
        };
        file.write(json).map_err(StateError::io("write", &path))
    }

    /// Withdraws it.
    pub fn withdraw_view(&self) {
        if let Some(slot) = self.slot {
            self.processes.forget_view(&mut self.processes.own.lock(), slot);
        }
    }
}

impl Drop for ProcessSlot {
    fn drop(&mut self) {
        let Some(slot) = self.slot.filter(|_| self.birth.is_here()) else { return };
        let _entered = gate::enter();
        let mut own = self.processes.own.lock();
        self.processes.forget_view(&mut own, slot);
        self.processes.page.slot(slot)[PID].store(0, SeqCst);
        own.taken[slot] = false;
        if let Some((locks, ..)) = &self.processes.files {
            locks.unlock(FIRST_BYTE + slot as u64);
        }
    }
}
