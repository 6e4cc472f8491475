//! Virtual object handles: what the application holds stays while members come and go.
//!
//! One table a library, shared by all slots and sessions: an object has the same handle in every
//! session, as applications that cache handles expect.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use foldhash::fast::FixedState;
use hsmsim_types::{ObjectHandle, ObjectId};
use parking_lot::RwLock;

/// A table by numbers and identities of our own making: nobody chooses them so that they collide, so that
/// they need not be hashed with a secret.
pub(crate) type Table<K, V> = HashMap<K, V, FixedState>;

/// Both directions of the mapping.
#[derive(Default)]
struct Tables {
    by_handle: Table<u64, Entry>,
    by_object: Table<(usize, ObjectId), u64>,
    last: u64,
}

/// What a handle stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Index of the slot's group: a handle of another slot is no handle here.
    pub(crate) group: usize,
    /// The object.
    pub(crate) object: ObjectId,
}

/// The table of handles.
#[derive(Default)]
pub(crate) struct Handles {
    // Lock: held for a look-up only, never across an await.
    tables: RwLock<Tables>,
    /// How often handles were forgotten.
    forgotten: AtomicU64,
}

impl Handles {
    /// The object's handle, the same each time. Handles start at 1 and are not used twice.
    pub(crate) fn handle(&self, group: usize, object: ObjectId) -> ObjectHandle {
        if let Some(&handle) = self.tables.read().by_object.get(&(group, object)) {
            return ObjectHandle(handle);
        }
        self.handle_of_new(group, object)
    }

    /// The same of an object that hardly has one yet.
    pub(crate) fn handle_of_new(&self, group: usize, object: ObjectId) -> ObjectHandle {
        let Tables { by_handle, by_object, last } = &mut *self.tables.write();
        let handle = *by_object.entry((group, object)).or_insert_with(|| {
            *last += 1;
            by_handle.insert(*last, Entry { group, object });
            *last
        });
        ObjectHandle(handle)
    }

    /// What the handle stands for in this group.
    pub(crate) fn object(&self, group: usize, handle: ObjectHandle) -> Option<ObjectId> {
        let entry = *self.tables.read().by_handle.get(&handle.0)?;
        (entry.group == group).then_some(entry.object)
    }

    /// Forgets objects that are gone; their handles are never handed out again.
    pub(crate) fn forget(&self, group: usize, objects: impl IntoIterator<Item = ObjectId>) {
        let mut tables = self.tables.write();
        for object in objects {
            if let Some(handle) = tables.by_object.remove(&(group, object)) {
                tables.by_handle.remove(&handle);
            }
        }
        self.forgotten.fetch_add(1, Ordering::AcqRel);
    }

    /// How often handles were forgotten: what a handle stood for at the same count it stands for still.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_stays_until_its_object_is_forgotten_and_is_never_used_again() {
        let handles = Handles::default();
        let object = ObjectId([1; 16]);
        let handle = handles.handle(0, object);
        assert_eq!(handles.handle(0, object), handle);
        assert_eq!(handles.object(0, handle), Some(object));
        handles.forget(0, [object]);
        assert_eq!(handles.object(0, handle), None);
        assert_ne!(handles.handle(0, object), handle);
    }

    #[test]
    fn a_handle_of_another_slot_is_no_handle_here() {
        let handles = Handles::default();
        let handle = handles.handle(0, ObjectId([1; 16]));
        assert_eq!(handles.object(1, handle), None);
    }
}
