//! The state of one cluster: a directory that any number of processes share, or memory.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    sync::Arc,
};

use hsmsim_crypto::seal::SealingKey;
use hsmsim_types::SecretBytes;
use parking_lot::{Mutex, MutexGuard};

use crate::{
    DeviceIndex, DeviceSpec, DeviceStore, Ledger, ProcessInfo, ProcessSlot, SharedPage, Sharing,
    StateError, StateSpec, at_fork,
    database::Database,
    device_files, files, gate, ledger_files,
    lock_file::{LockFile, Turnstile},
    manifest,
    processes::Processes,
};

/// Bytes of the lock file.
const EXCLUSIVE: u64 = 0;
const CREATION: u64 = 1;
const LEDGER: Turnstile = Turnstile(2);
const FIRST_DEVICE: u64 = 4;
/// Length of a device's key.
const KEY_BYTES: usize = 32;

/// The state of a cluster. Clones share it; the last one to go closes the files.
#[derive(Clone)]
pub struct StateDir {
    inner: Arc<Inner>,
}

struct Inner {
    spec: StateSpec,
    place: Place,
    page: Arc<SharedPage>,
    processes: Arc<Processes>,
    keys: SecretBytes,
    // parking_lot as everywhere; none of these is held across `.await`.
    exclusive: Mutex<()>,
    devices: Mutex<BTreeMap<DeviceIndex, Arc<DeviceStore>>>,
    ledger: Mutex<Option<Arc<Ledger>>>,
}

enum Place {
    Directory { path: PathBuf, locks: Arc<LockFile> },
    Memory { meta: Mutex<BTreeMap<String, Vec<u8>>> },
}

impl std::fmt::Debug for StateDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StateDir").field(&self.path()).finish()
    }
}

impl StateDir {
    /// Opens the state in `path`, and makes it first if there is none. Waits for nobody but another
    /// process that is making it.
    ///
    /// # Errors
    /// The state belongs to other devices, is damaged, newer than this program, or out of reach;
    /// then it is left as it was.
    pub fn open_or_create(path: impl AsRef<Path>, spec: &StateSpec) -> Result<Self, StateError> {
        let path = path.as_ref();
        spec.check()?;
        at_fork::install()
            .map_err(|error| StateError::System(format!("no fork handlers: {error}")))?;
        let _entered = gate::enter();
        let state = path.join("state");
        let found = match manifest::read(&state)? {
            Some(found) => found,
            None => create(path, spec)?,
        };
        manifest::agree(path, &found, spec)?;
        let locks = path.join("locks");
        let locks = LockFile::open(&locks, found.sharing.file_mode())
            .map_err(StateError::io("open", &locks))?;
        let page = SharedPage::open(&path.join("page"), found.shape())?;
        let keys = path.join("device-keys");
        let damaged = |why: &str| StateError::Damaged { path: keys.clone(), why: why.into() };
        let keys = SecretBytes::new(files::read(&keys)?.ok_or_else(|| damaged("it is gone"))?);
        if keys.len() != found.devices.len() * KEY_BYTES {
            return Err(damaged("it has not the length that the devices need"));
        }
        let place = Place::Directory { path: path.into(), locks: Arc::new(locks) };
        Ok(Self::new(found, place, page, keys))
    }

    /// A state that lives and ends with this value (and its clones and stores), in one process.
    ///
    /// # Errors
    /// The devices make no sense, or the system has no random numbers.
    pub fn memory(spec: &StateSpec) -> Result<Self, StateError> {
        spec.check()?;
        let keys = new_keys(spec)?;
        let page = SharedPage::memory(spec.shape());
        Ok(Self::new(spec.clone(), Place::Memory { meta: Mutex::default() }, page, keys))
    }

    fn new(spec: StateSpec, place: Place, page: SharedPage, keys: SecretBytes) -> Self {
        let page = Arc::new(page);
        let clients = match &place {
            Place::Memory { .. } => None,
            Place::Directory { path, locks } => {
                Some((locks.clone(), path.join("clients"), spec.sharing.file_mode()))
            }
        };
        let processes = Processes::new(page.clone(), clients);
        let (exclusive, devices, ledger) = (Mutex::default(), Mutex::default(), Mutex::default());
        let inner = Inner { spec, place, page, processes, keys, exclusive, devices, ledger };
        Self { inner: Arc::new(inner) }
    }

    /// Where it is; `None` in memory.
    pub fn path(&self) -> Option<&Path> {
        match &self.inner.place {
            Place::Directory { path, .. } => Some(path),
            Place::Memory { .. } => None,
        }
    }

    /// The devices as they were when the state was made, with their places.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceIndex, &DeviceSpec)> {
        self.inner.spec.indices()
    }

    /// The place of the device of this name.
    pub fn device(&self, id: &str) -> Option<DeviceIndex> {
        self.inner.spec.index(id)
    }

    /// How many partitions each device has.
    pub fn partitions(&self) -> u16 {
        self.inner.spec.partitions
    }

    /// The words that all processes share.
    pub fn page(&self) -> &Arc<SharedPage> {
        &self.inner.page
    }

    /// Waits until no other thread or process provisions or resets the cluster, and keeps them
    /// waiting until dropped. Ordinary reads and writes go on. A thread that has it must not ask
    /// again.
    ///
    /// # Errors
    /// The lock file cannot be locked.
    pub fn exclusive(&self) -> Result<Exclusive<'_>, StateError> {
        let guard = self.inner.exclusive.lock();
        if let Place::Directory { path, locks } = &self.inner.place {
            locks.lock(EXCLUSIVE).map_err(StateError::io("lock", path))?;
        }
        Ok(Exclusive { state: self, _guard: guard })
    }

    /// A small blob that outlives the process.
    ///
    /// # Errors
    /// It cannot be read, or the key is not a name of letters, digits, `.`, `-`, `_`.
    pub fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        check_key(key)?;
        match &self.inner.place {
            Place::Memory { meta } => Ok(meta.lock().get(key).cloned()),
            Place::Directory { path, .. } => files::read(&meta_path(path, key)),
        }
    }

    /// Keeps a small blob, durably and whole; `None` removes it. Who reads it first and must not be
    /// overtaken holds [`StateDir::exclusive`].
    ///
    /// # Errors
    /// As [`StateDir::meta`], or it cannot be written.
    pub fn set_meta(&self, key: &str, value: Option<&[u8]>) -> Result<(), StateError> {
        check_key(key)?;
        match (&self.inner.place, value) {
            (Place::Memory { meta }, Some(value)) => {
                meta.lock().insert(key.into(), value.into());
                Ok(())
            }
            (Place::Memory { meta }, None) => {
                meta.lock().remove(key);
                Ok(())
            }
            (Place::Directory { path, .. }, Some(value)) => {
                let mode = self.inner.spec.sharing.file_mode();
                files::write_whole(&meta_path(path, key), mode, value)
            }
            (Place::Directory { path, .. }, None) => files::remove(&meta_path(path, key)),
        }
    }

    /// Takes a slot among the processes that use the cluster.
    pub fn claim_process(&self, started_ns: u64) -> ProcessSlot {
        self.inner.processes.claim(started_ns)
    }

    /// The processes that live and have a slot.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        self.inner.processes.living()
    }

    /// What the living processes have published.
    ///
    /// # Errors
    /// A view cannot be read.
    pub fn views(&self) -> Result<Vec<(ProcessInfo, String)>, StateError> {
        self.inner.processes.views()
    }

    pub(crate) fn device_store(&self, index: DeviceIndex) -> Result<Arc<DeviceStore>, StateError> {
        let inner = &*self.inner;
        let _entered = gate::enter();
        let mut devices = inner.devices.lock();
        if let Some(device) = devices.get(&index) {
            return Ok(device.clone());
        }
        let spec = inner
            .spec
            .devices
            .get(index.position())
            .ok_or_else(|| StateError::Spec("the device is of another state".into()))?;
        let at = index.position() * KEY_BYTES;
        let key = sealing_key(&inner.keys[at..at + KEY_BYTES])?;
        let file = match &inner.place {
            Place::Memory { .. } => None,
            Place::Directory { path, locks } => {
                let path = path.join("devices").join(format!("{}.db", spec.id));
                let turnstile = Turnstile(FIRST_DEVICE + 2 * index.position() as u64);
                let mode = inner.spec.sharing.file_mode();
                Some(Database::file(path, mode, device_files::SCHEMA, locks.clone(), turnstile))
            }
        };
        let device = Arc::new(DeviceStore::new((index, spec), inner.page.clone(), key, file));
        devices.insert(index, device.clone());
        Ok(device)
    }

    pub(crate) fn ledger(&self) -> Arc<Ledger> {
        let inner = &*self.inner;
        let make = || {
            let file = match &inner.place {
                Place::Memory { .. } => None,
                Place::Directory { path, locks } => {
                    let mode = inner.spec.sharing.file_mode();
                    let path = path.join("ledger.db");
                    let locks = locks.clone();
                    Some(Database::file(path, mode, ledger_files::SCHEMA, locks, LEDGER))
                }
            };
            Arc::new(Ledger::new(file, inner.page.clone()))
        };
        let _entered = gate::enter();
        inner.ledger.lock().get_or_insert_with(make).clone()
    }
}

/// Nobody else provisions or resets while this lives.
pub struct Exclusive<'a> {
    state: &'a StateDir,
    _guard: MutexGuard<'a, ()>,
}

impl Exclusive<'_> {
    /// Empties the state: objects and token records of all devices, the ledger, and the blobs kept
    /// with [`StateDir::set_meta`]. The devices, their keys and serial numbers stay. Generations and
    /// power epochs go up, so that every process notices and every session ends.
    ///
    /// # Errors
    /// Something could not be removed; calling it again goes on where it stopped.
    pub fn reset(&self) -> hsmsim_types::Result<()> {
        for (index, _) in self.state.devices() {
            self.state.page().raise_power_epoch(index);
            DeviceStore::open(self.state, index)?.zeroize()?;
        }
        Ledger::open(self.state).clear()?;
        match &self.state.inner.place {
            Place::Memory { meta } => meta.lock().clear(),
            Place::Directory { path, .. } => {
                let directory = path.join("meta");
                let failed = StateError::io("read", &directory);
                let entries = fs::read_dir(&directory)
                    .and_then(|entries| entries.collect::<io::Result<Vec<_>>>())
                    .map_err(failed)?;
                entries.iter().try_for_each(|entry| files::remove(&entry.path()))?;
            }
        }
        Ok(())
    }
}

impl Drop for Exclusive<'_> {
    fn drop(&mut self) {
        if let Place::Directory { locks, .. } = &self.state.inner.place {
            locks.unlock(EXCLUSIVE);
        }
    }
}

/// Makes the state, unless another process has done so meanwhile; gives what is there then. The
/// file `state` comes last: without it, what an interrupted attempt left is made anew.
fn create(path: &Path, spec: &StateSpec) -> Result<StateSpec, StateError> {
    make_directory(path, spec.sharing)?;
    let mode = spec.sharing.file_mode();
    let locks = path.join("locks");
    let locks = LockFile::open(&locks, mode).map_err(StateError::io("open", &locks))?;
    locks.lock(CREATION).map_err(StateError::io("lock", path))?;
    let state = path.join("state");
    if let Some(found) = manifest::read(&state)? {
        return Ok(found);
    }
    if path.join("ledger.db").exists() || has_devices(&path.join("devices"))? {
        let why = "it is gone, but the stores of its devices are there".into();
        return Err(StateError::Damaged { path: state, why });
    }
    for directory in ["devices", "clients", "meta"] {
        make_directory(&path.join(directory), spec.sharing)?;
    }
    fs::set_permissions(path.join("locks"), Permissions::from_mode(mode))
        .map_err(StateError::io("set the mode of", path))?;
    files::write_whole(&path.join("device-keys"), mode, &new_keys(spec)?)?;
    SharedPage::create(&path.join("page"), spec.shape(), mode)?;
    manifest::write(&state, spec)?;
    tracing::info!(path = %path.display(), devices = spec.devices.len(), "made a state directory");
    Ok(spec.clone())
}

/// Makes a directory of the right mode; one that is there keeps the mode it has.
fn make_directory(path: &Path, sharing: Sharing) -> Result<(), StateError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(StateError::io("create", parent))?;
    }
    let mode = sharing.directory_mode();
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        result => result.map_err(StateError::io("create", path))?,
    }
    if let Sharing::Group { gid: Some(gid) } = sharing {
        chown(path, None, Some(gid)).map_err(StateError::io("give to the group", path))?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(StateError::io("set the mode of", path))
}

fn has_devices(directory: &Path) -> Result<bool, StateError> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StateError::io("read", directory)(error)),
    }
}

fn new_keys(spec: &StateSpec) -> Result<SecretBytes, StateError> {
    let mut keys = Vec::with_capacity(spec.devices.len() * KEY_BYTES);
    for _ in &spec.devices {
        let key = SealingKey::generate()
            .map_err(|error| StateError::System(format!("no random numbers: {error:?}")))?;
        keys.extend_from_slice(key.bytes());
    }
    Ok(SecretBytes::new(keys))
}

fn sealing_key(bytes: &[u8]) -> Result<SealingKey, StateError> {
    SealingKey::from_bytes(bytes)
        .map_err(|error| StateError::System(format!("a device's key cannot be used: {error:?}")))
}

fn check_key(key: &str) -> Result<(), StateError> {
    if manifest::is_name(key) {
        Ok(())
    } else {
        Err(StateError::Spec(format!("{key:?} cannot name a blob")))
    }
}

fn meta_path(path: &Path, key: &str) -> PathBuf {
    path.join("meta").join(format!("{key}.blob"))
}
