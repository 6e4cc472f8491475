//! Opened token objects, so that a key that is used again costs one read lock and one comparison.
//!
//! An entry is good while the store's generation is the one it was checked at. When another process
//! changes anything, each entry is looked at anew when it is next needed, one at a time: a change of
//! one object must not cost the others their parsed keys.
//!
//! The cache is bounded by two generations of entries: when the young ones fill their half, they
//! become the old ones, and whatever was old and not asked for since is dropped.

use std::{
    collections::HashMap,
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use foldhash::fast::FixedState;
use hsmsim_types::ObjectId;
use parking_lot::RwLock;

use super::Object;

/// Tables that the entries are spread over.
const TABLES: usize = 16;
/// Entries of each half of a table.
const HALF: usize = 4096 / TABLES;

/// A generation at which no entry is current.
const NEVER: u64 = 1;

/// Opened objects by identity. Tables for a part of the identities each, so that sessions with different keys
/// share no lock.
#[derive(Default)]
pub(crate) struct Cache {
    // Read for every operation, written only when an entry comes or goes; never held while an object
    // is opened or the store is asked.
    tables: [RwLock<Halves>; TABLES],
}

/// Identities are random already, so that they need not be hashed with a secret.
type Table = HashMap<ObjectId, Arc<Entry>, FixedState>;

#[derive(Default)]
struct Halves {
    young: Table,
    old: Table,
}

/// An opened object and when it was last known to be current.
pub(crate) struct Entry {
    /// The object.
    pub(crate) object: Arc<Object>,
    generation: AtomicU64,
}

impl Entry {
    /// Whether the object is current while the store is at that generation. An odd one means that a
    /// change is being made: nothing is current then.
    pub(crate) fn is_current(&self, generation: u64) -> bool {
        generation.is_multiple_of(2) && self.generation.load(Relaxed) == generation
    }

    /// The object was compared with the store, after that generation was read.
    pub(crate) fn checked_at(&self, generation: u64) {
        if generation.is_multiple_of(2) {
            self.generation.store(generation, Relaxed);
        }
    }
}

impl Cache {
    fn table(&self, id: &ObjectId) -> &RwLock<Halves> {
        let mixed = id.0.iter().fold(0, |mixed, byte| mixed ^ byte);
        &self.tables[usize::from(mixed) % TABLES]
    }

    /// The entry of that identity, current or not.
    pub(crate) fn get(&self, id: &ObjectId) -> Option<Arc<Entry>> {
        let entries = self.table(id).read();
        if let Some(entry) = entries.young.get(id) {
            return Some(Arc::clone(entry));
        }
        let entry = Arc::clone(entries.old.get(id)?);
        drop(entries);
        self.table(id).write().put(*id, Arc::clone(&entry));
        Some(entry)
    }

    /// Keeps an object that was read after the store was seen at `generation`.
    pub(crate) fn put(&self, object: Arc<Object>, generation: u64) {
        let id = object.id;
        // An odd generation is never current, so the entry will be looked at anew.
        let entry = Arc::new(Entry { object, generation: AtomicU64::new(generation) });
        self.table(&id).write().put(id, entry);
    }

    /// Keeps an object that was just stored. Whether the store still has it in that version is asked
    /// before it is used.
    pub(crate) fn put_stored(&self, object: Arc<Object>) {
        self.put(object, NEVER);
    }

    /// Forgets an object.
    pub(crate) fn remove(&self, id: &ObjectId) {
        let mut entries = self.table(id).write();
        entries.young.remove(id);
        entries.old.remove(id);
    }

    /// Forgets private objects: nobody is logged in.
    pub(crate) fn remove_private(&self) {
        for table in &self.tables {
            let entries = &mut *table.write();
            for half in [&mut entries.young, &mut entries.old] {
                half.retain(|_, entry| !entry.object.private);
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.tables.iter().for_each(|table| *table.write() = Halves::default());
    }
}

impl Halves {
    fn put(&mut self, id: ObjectId, entry: Arc<Entry>) {
        if self.young.len() >= HALF {
            self.old = mem::take(&mut self.young);
        }
        self.old.remove(&id);
        self.young.insert(id, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Attributes;

    fn object(number: usize) -> Arc<Object> {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(number as u64).to_be_bytes());
        Arc::new(Object::new(ObjectId(id), 1, Attributes::default()))
    }

    #[test]
    fn entries_are_current_at_their_even_generation_only() {
        let cache = Cache::default();
        cache.put(object(1), 4);
        let entry = cache.get(&object(1).id).unwrap();
        assert!(entry.is_current(4));
        assert!(!entry.is_current(6));
        entry.checked_at(6);
        assert!(entry.is_current(6));
        entry.checked_at(7);
        assert!(!entry.is_current(7));
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let cache = Cache::default();
        cache.put(object(0), 0);
        for number in 1..5 * HALF * TABLES {
            cache.put(object(number), 0);
            assert!(cache.get(&object(0).id).is_some(), "used all the time, lost at {number}");
        }
        for table in &cache.tables {
            let entries = table.read();
            assert!(entries.young.len() + entries.old.len() <= 2 * HALF);
        }
        assert!(cache.get(&object(1).id).is_none());
    }
}
