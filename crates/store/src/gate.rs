//! The gate that every use of files goes through, so that a fork can wait until there is none.
//!
//! Operations enter in shared mode; the at-fork handler closes the gate, and opens it again on both
//! sides. Two choices need a reason:
//! - It is the standard library's lock, not `parking_lot`'s. The latter queues its waiters in one
//!   table for the whole process, with locks of its own; a thread that was about to wait when
//!   another forked would leave such a lock taken in the child for ever. The standard one waits on
//!   a futex, and unlocking it in a child that has none of the waiters is harmless.
//! - A thread that is inside already does not wait again: it would deadlock with a fork that waits
//!   for it.

use std::{
    cell::Cell,
    marker::PhantomData,
    mem::ManuallyDrop,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

static GATE: RwLock<()> = RwLock::new(());

// Neither has a destructor, so both work in exit handlers, after other thread-locals are gone.
thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static CLOSED: Cell<Option<ManuallyDrop<RwLockWriteGuard<'static, ()>>>> =
        const { Cell::new(None) };
}

/// Proof that no fork happens until it is dropped.
pub(crate) struct Entered {
    guard: Option<RwLockReadGuard<'static, ()>>,
    // The depth belongs to the thread that entered.
    _not_send: PhantomData<*const ()>,
}

/// Waits while a fork is under way, then keeps the next one waiting.
pub(crate) fn enter() -> Entered {
    let outermost = DEPTH.get() == 0;
    let guard = outermost.then(|| GATE.read().unwrap_or_else(PoisonError::into_inner));
    DEPTH.set(DEPTH.get() + 1);
    Entered { guard, _not_send: PhantomData }
}

impl Drop for Entered {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        self.guard = None;
    }
}

/// Waits until nobody is inside and keeps everybody else out; the calling thread may go in.
/// `false`, and nothing done, if the calling thread itself is inside.
pub(crate) fn close() -> bool {
    if DEPTH.get() > 0 {
        return false;
    }
    let guard = GATE.write().unwrap_or_else(PoisonError::into_inner);
    CLOSED.set(Some(ManuallyDrop::new(guard)));
    DEPTH.set(1);
    true
}

/// Undoes [`close`], in the parent or in the child.
pub(crate) fn open() {
    if let Some(guard) = CLOSED.take() {
        DEPTH.set(0);
        drop(ManuallyDrop::into_inner(guard));
    }
}
