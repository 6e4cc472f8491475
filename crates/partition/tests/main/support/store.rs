//! The port's contract in memory.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use hsmsim_crypto::seal::SealingKey;
use hsmsim_partition::port::{
    Change, Filter, PartitionStore, StoredObject, TagFilter, TokenUpdate,
};
use hsmsim_types::{ObjectId, Result, ck::CKR_OBJECT_HANDLE_INVALID, error::fail};

/// What another process does at an awkward moment.
type Interlude = Box<dyn FnOnce() + Send>;

/// A store that tests can look into.
pub(crate) struct MemoryStore {
    state: Mutex<State>,
    generation: AtomicU64,
    device_key: Arc<SealingKey>,
    /// How often the token record was written.
    pub(crate) token_writes: AtomicU64,
    /// How often one object was read.
    pub(crate) loads: AtomicU64,
    interlude: Mutex<Option<Interlude>>,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Vec<u8>>>,
    objects: Vec<StoredObject>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            generation: AtomicU64::new(0),
            device_key: Arc::new(SealingKey::generate().unwrap()),
            token_writes: AtomicU64::new(0),
            loads: AtomicU64::new(0),
            interlude: Mutex::default(),
        }
    }
}

impl MemoryStore {
    /// Everything that is stored, to search it for secrets.
    pub(crate) fn dump(&self) -> Vec<u8> {
        let state = self.state.lock().unwrap();
        let mut all = state.token.as_deref().cloned().unwrap_or_default();
        state.objects.iter().for_each(|object| all.extend_from_slice(&object.body));
        all
    }

    /// Exchanges the bodies of two objects, as somebody with the disk in hand could.
    pub(crate) fn swap_bodies(&self, one: ObjectId, other: ObjectId) {
        let mut state = self.state.lock().unwrap();
        let at = |id| state.objects.iter().position(|object| object.id == id).unwrap();
        let (one, other) = (at(one), at(other));
        let body = state.objects[one].body.clone();
        state.objects[one].body = std::mem::replace(&mut state.objects[other].body, body);
        self.generation.fetch_add(2, SeqCst);
    }

    /// Nothing changed here, but something did elsewhere.
    pub(crate) fn bump(&self) {
        self.generation.fetch_add(2, SeqCst);
    }

    /// Does something once, right before the next change gets its turn.
    pub(crate) fn before_next_change(&self, interlude: impl FnOnce() + Send + 'static) {
        *self.interlude.lock().unwrap() = Some(Box::new(interlude));
    }

    fn changing<T>(&self, change: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let interlude = self.interlude.lock().unwrap().take();
        if let Some(interlude) = interlude {
            interlude();
        }
        let mut state = self.state.lock().unwrap();
        self.generation.fetch_add(1, SeqCst);
        let result = change(&mut state);
        self.generation.fetch_add(1, SeqCst);
        result
    }
}

impl PartitionStore for MemoryStore {
    fn generation(&self) -> u64 {
        self.generation.load(SeqCst)
    }

    fn token(&self) -> Result<Option<Arc<Vec<u8>>>> {
        Ok(self.state.lock().unwrap().token.clone())
    }

    fn update_token(
        &self,
        change: &mut dyn FnMut(Option<&[u8]>) -> Result<TokenUpdate>,
    ) -> Result<()> {
        self.changing(|state| {
            match change(state.token.as_ref().map(|token| token.as_slice()))? {
                TokenUpdate::Keep => return Ok(()),
                TokenUpdate::Record(record) => state.token = Some(Arc::new(record)),
                TokenUpdate::Erase(record) => {
                    state.token = record.map(Arc::new);
                    state.objects.clear();
                }
            }
            self.token_writes.fetch_add(1, SeqCst);
            Ok(())
        })
    }

    fn load(&self, id: &ObjectId) -> Result<Option<StoredObject>> {
        self.loads.fetch_add(1, SeqCst);
        let state = self.state.lock().unwrap();
        Ok(state.objects.iter().find(|object| object.id == *id).cloned())
    }

    fn find(&self, filter: &Filter) -> Result<Vec<StoredObject>> {
        let fits = |object: &&StoredObject| {
            let tags = if object.private { filter.private } else { filter.public };
            filter.class.is_none_or(|class| class == object.tags.class)
                && tags.is_some_and(|TagFilter { label, id }| {
                    (label.is_none() || label == object.tags.label)
                        && (id.is_none() || id == object.tags.id)
                })
        };
        Ok(self.state.lock().unwrap().objects.iter().filter(fits).cloned().collect())
    }

    fn inventory(&self) -> Result<Vec<(ObjectId, u64)>> {
        let state = self.state.lock().unwrap();
        let mut all: Vec<_> =
            state.objects.iter().map(|object| (object.id, object.version)).collect();
        all.sort_unstable();
        Ok(all)
    }

    fn bytes(&self) -> Result<u64> {
        let state = self.state.lock().unwrap();
        Ok(state.objects.iter().map(|object| object.body.len() as u64).sum())
    }

    fn apply(&self, changes: &[Change]) -> Result<()> {
        self.changing(|state| {
            let at = |state: &State, id| state.objects.iter().position(|known| known.id == id);
            for change in changes {
                if let Change::Update { object, before } = change {
                    let known = at(state, object.id).map(|at| state.objects[at].version);
                    if known != Some(*before) {
                        return fail(CKR_OBJECT_HANDLE_INVALID, "not there in the version before");
                    }
                }
            }
            for change in changes {
                match change {
                    Change::Put(new) | Change::Update { object: new, .. } => {
                        match at(state, new.id) {
                            Some(at) if state.objects[at].version >= new.version => {}
                            Some(at) => state.objects[at] = new.clone(),
                            None => state.objects.push(new.clone()),
                        }
                    }
                    Change::Remove(id) => state.objects.retain(|object| object.id != *id),
                }
            }
            Ok(())
        })
    }

    fn device_key(&self) -> Arc<SealingKey> {
        Arc::clone(&self.device_key)
    }

    fn serial(&self) -> String {
        "1234567890".to_owned()
    }
}
