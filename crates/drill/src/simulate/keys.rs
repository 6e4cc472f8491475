//! The keys that simulated applications work with: what each is for, who uses it, and what became of
//! it. The checker compares this with what members hold at the end.

use std::cell::RefCell;

use hsmsim_network::SimRng;
use hsmsim_types::ObjectHandle;

/// A key that its application was told about.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The application's handle.
    pub(crate) handle: ObjectHandle,
    /// How often the library had been finalised when it had that handle.
    pub(crate) generation: u64,
    /// CKA_UNIQUE_ID; what the trace and the members' inventories call it.
    pub(crate) id: String,
    /// The value, known to the checker alone.
    pub(crate) value: Vec<u8>,
}

/// The keys of one application.
#[derive(Default)]
pub(crate) struct Pool {
    // Never borrowed across an await.
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Keys, with the number of operations that use each.
    keys: Vec<(Key, u32)>,
    /// Keys whose destruction was acknowledged.
    destroyed: Vec<String>,
    /// Keys whose destruction was begun and whose outcome nobody knows.
    doubtful: Vec<String>,
    /// Keys with a change that was begun and not acknowledged, one entry for each change.
    changing: Vec<String>,
}

impl Pool {
    /// A new key.
    pub(crate) fn add(&self, key: Key) {
        self.inner.borrow_mut().keys.push((key, 0));
    }

    /// A key has another handle, after the library was initialised anew.
    pub(crate) fn found_again(&self, id: &str, handle: ObjectHandle, generation: u64) {
        let mut inner = self.inner.borrow_mut();
        if let Some((key, _)) = inner.keys.iter_mut().find(|(key, _)| key.id == id) {
            key.handle = handle;
            key.generation = generation;
        }
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.inner.borrow().keys.len()
    }

    /// A key to work with; [`Pool::give_back`] ends its use. `None` if there is none.
    pub(crate) fn take(&self, chance: &mut SimRng) -> Option<Key> {
        let mut inner = self.inner.borrow_mut();
        let index = chance.below(inner.keys.len() as u64) as usize;
        let (key, users) = inner.keys.get_mut(index)?;
        *users += 1;
        Some(key.clone())
    }

    /// An operation with the key has ended.
    pub(crate) fn give_back(&self, key: &Key) {
        let mut inner = self.inner.borrow_mut();
        if let Some((_, users)) = inner.keys.iter_mut().find(|(own, _)| own.id == key.id) {
            *users -= 1;
        }
    }

    /// A key that nobody uses, for its destruction: nobody is given it from now on. The first key
    /// stays, so that there is always one. Until its destruction is acknowledged it is in doubt: its
    /// application may die meanwhile.
    pub(crate) fn take_out(&self, chance: &mut SimRng) -> Option<Key> {
        let mut inner = self.inner.borrow_mut();
        let index = 1 + chance.below(inner.keys.len().saturating_sub(1) as u64) as usize;
        let (_, users) = inner.keys.get(index)?;
        if *users > 0 {
            return None;
        }
        let (key, _) = inner.keys.remove(index);
        inner.doubtful.push(key.id.clone());
        Some(key)
    }

    /// Its destruction was acknowledged.
    pub(crate) fn is_destroyed(&self, key: &Key) {
        let mut inner = self.inner.borrow_mut();
        inner.doubtful.retain(|id| *id != key.id);
        inner.destroyed.push(key.id.clone());
    }

    /// A key is about to be changed. Until that is acknowledged the change is in doubt.
    pub(crate) fn begin_change(&self, key: &Key) {
        self.inner.borrow_mut().changing.push(key.id.clone());
    }

    /// The change was acknowledged.
    pub(crate) fn is_changed(&self, key: &Key) {
        let mut inner = self.inner.borrow_mut();
        if let Some(index) = inner.changing.iter().position(|id| *id == key.id) {
            inner.changing.swap_remove(index);
        }
    }

    /// Keys with a change that a member may have made and the others may not have heard of.
    pub(crate) fn changing(&self) -> Vec<String> {
        self.inner.borrow().changing.clone()
    }

    /// Keys whose destruction was acknowledged.
    pub(crate) fn destroyed(&self) -> Vec<String> {
        self.inner.borrow().destroyed.clone()
    }

    /// Keys that may or may not be there.
    pub(crate) fn doubtful(&self) -> Vec<String> {
        self.inner.borrow().doubtful.clone()
    }
}
