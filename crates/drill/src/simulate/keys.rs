//! The keys that simulated applications work with: what each is for, who uses it, and what became of
//! it. The checker compares this with what members hold at the end.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use hsmsim_network::SimRng;
use hsmsim_types::{ObjectHandle, ObjectId};

/// A key that its application was told about.
#[derive(Debug)]
pub(crate) struct Key {
    /// The application's handle.
    handle: Cell<ObjectHandle>,
    /// How often the library had been finalised when it had that handle.
    generation: Cell<u64>,
    /// CKA_UNIQUE_ID; what the trace and the members' inventories call it.
    pub(crate) id: ObjectId,
    /// The value, known to the checker alone.
    pub(crate) value: Vec<u8>,
    /// How many operations use it.
    users: Cell<u32>,
}

impl Key {
    /// The handle that the application has had since the library was finalised for the
    /// `generation`th time; `None` if it has not looked for the key since.
    pub(crate) fn handle(&self, generation: u64) -> Option<ObjectHandle> {
        (self.generation.get() == generation).then(|| self.handle.get())
    }

    /// The key has another handle, after the library was initialised anew.
    pub(crate) fn found_again(&self, handle: ObjectHandle, generation: u64) {
        self.handle.set(handle);
        self.generation.set(generation);
    }

    /// An operation with the key has ended.
    pub(crate) fn give_back(&self) {
        self.users.set(self.users.get() - 1);
    }
}

/// The keys of one application.
#[derive(Default)]
pub(crate) struct Pool {
    // Never borrowed across an await.
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    keys: Vec<Rc<Key>>,
    /// Keys whose destruction was acknowledged.
    destroyed: Vec<ObjectId>,
    /// Keys whose destruction was begun and whose outcome nobody knows.
    doubtful: Vec<ObjectId>,
    /// Keys with a change that was begun and not acknowledged, one entry for each change.
    changing: Vec<ObjectId>,
}

impl Pool {
    /// A new key.
    pub(crate) fn add(&self, id: ObjectId, value: Vec<u8>, handle: ObjectHandle, generation: u64) {
        let (handle, generation) = (Cell::new(handle), Cell::new(generation));
        let key = Key { handle, generation, id, value, users: Cell::new(0) };
        self.inner.borrow_mut().keys.push(Rc::new(key));
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.inner.borrow().keys.len()
    }

    /// A key to work with; [`Key::give_back`] ends its use. `None` if there is none.
    pub(crate) fn take(&self, chance: &mut SimRng) -> Option<Rc<Key>> {
        let inner = self.inner.borrow();
        let index = chance.below(inner.keys.len() as u64) as usize;
        let key = inner.keys.get(index)?;
        key.users.set(key.users.get() + 1);
        Some(Rc::clone(key))
    }

    /// A key that nobody uses, for its destruction: nobody is given it from now on. The first key
    /// stays, so that there is always one. Until its destruction is acknowledged it is in doubt: its
    /// application may die meanwhile.
    pub(crate) fn take_out(&self, chance: &mut SimRng) -> Option<Rc<Key>> {
        let mut inner = self.inner.borrow_mut();
        let index = 1 + chance.below(inner.keys.len().saturating_sub(1) as u64) as usize;
        if inner.keys.get(index)?.users.get() > 0 {
            return None;
        }
        let key = inner.keys.remove(index);
        inner.doubtful.push(key.id);
        Some(key)
    }

    /// Its destruction was acknowledged.
    pub(crate) fn is_destroyed(&self, key: &Key) {
        let mut inner = self.inner.borrow_mut();
        if let Some(index) = inner.doubtful.iter().rposition(|id| *id == key.id) {
            inner.doubtful.swap_remove(index);
        }
        inner.destroyed.push(key.id);
    }

    /// A key is about to be changed. Until that is acknowledged the change is in doubt.
    pub(crate) fn begin_change(&self, key: &Key) {
        self.inner.borrow_mut().changing.push(key.id);
    }

    /// The change was acknowledged.
    pub(crate) fn is_changed(&self, key: &Key) {
        let mut inner = self.inner.borrow_mut();
        if let Some(index) = inner.changing.iter().position(|id| *id == key.id) {
            inner.changing.swap_remove(index);
        }
    }

    /// Keys with a change that a member may have made and the others may not have heard of.
    pub(crate) fn changing(&self) -> Vec<ObjectId> {
        self.inner.borrow().changing.clone()
    }

    /// Keys whose destruction was acknowledged.
    pub(crate) fn destroyed(&self) -> Vec<ObjectId> {
        self.inner.borrow().destroyed.clone()
    }

    /// Keys that may or may not be there.
    pub(crate) fn doubtful(&self) -> Vec<ObjectId> {
        self.inner.borrow().doubtful.clone()
    }
}
