//! The write lock: one writer at a time over all threads and processes, in the order of asking.

use std::{io, sync::Arc};

use parking_lot::{Mutex, MutexGuard};

use crate::{
    gate::{self, Entered},
    lock_file::{LockFile, Turnstile},
};

/// What only the writer may touch, behind the lock.
pub(crate) struct WriteLock<T> {
    // parking_lot because it can hand the lock to the thread that waits longest; a plain unlock
    // lets the running thread take it again and again. Never held across `.await`.
    inner: Mutex<T>,
    /// `None` where there are no other processes.
    between: Option<(Arc<LockFile>, Turnstile)>,
}

/// The right to write, until dropped. Keeps forks waiting as well.
pub(crate) struct Turn<'a, T> {
    guard: Option<MutexGuard<'a, T>>,
    between: Option<&'a (Arc<LockFile>, Turnstile)>,
    // Last, so that the locks are free before a fork may come.
    _entered: Entered,
}

impl<T> WriteLock<T> {
    pub(crate) fn new(inner: T, between: Option<(Arc<LockFile>, Turnstile)>) -> Self {
        Self { inner: Mutex::new(inner), between }
    }

    /// Waits for its turn.
    pub(crate) fn wait(&self) -> io::Result<Turn<'_, T>> {
        let entered = gate::enter();
        let guard = self.inner.lock();
        if let Some((locks, turnstile)) = &self.between {
            locks.lock_in_turn(*turnstile)?;
        }
        Ok(Turn { guard: Some(guard), between: self.between.as_ref(), _entered: entered })
    }

    /// A turn if nobody is writing anywhere.
    pub(crate) fn try_now(&self) -> io::Result<Option<Turn<'_, T>>> {
        let entered = gate::enter();
        let Some(guard) = self.inner.try_lock() else { return Ok(None) };
        if let Some((locks, turnstile)) = &self.between
            && !locks.try_lock_inside(*turnstile)?
        {
            return Ok(None);
        }
        Ok(Some(Turn { guard: Some(guard), between: self.between.as_ref(), _entered: entered }))
    }

    /// The content, while no fork and no writer of this process can be about; for the at-fork
    /// handler, which has closed the gate.
    pub(crate) fn while_gate_is_closed(&self) -> Option<MutexGuard<'_, T>> {
        self.inner.try_lock()
    }
}

impl<T> Turn<'_, T> {
    /// What the lock protects.
    pub(crate) fn content(&mut self) -> Option<&mut T> {
        self.guard.as_deref_mut()
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        if let Some((locks, turnstile)) = self.between {
            locks.leave(*turnstile);
        }
        if let Some(guard) = self.guard.take() {
            MutexGuard::unlock_fair(guard);
        }
    }
}
