//! Locks between processes: bytes of one empty file, locked for an open file description (OFD).
//!
//! Of the three kinds that Linux has:
//! - POSIX record locks belong to the process. A child does not inherit them, but closing any
//!   descriptor of the file drops them all, two users in one process do not exclude each other, and
//!   the kernel's search for deadlocks takes two threads of a process for one and refuses locks that
//!   would come (EDEADLK).
//! - `flock` locks whole files: one for each device, and nothing but busy waiting for a queue.
//! - OFD locks have bytes, belong to a description that we open and close, and end with it, so a
//!   kill -9 frees them. Their one trap is that a forked child holds the description as well and
//!   would keep the locks of a parent that dies: the child therefore closes its copy of the
//!   descriptor first of all ([`close_inherited`]), which leaves the parent's locks alone.
//!
//! The kernel wakes all waiters of a byte and lets them race, and the one who has just released it
//! often wins. [`LockFile::lock_in_turn`] is therefore a turnstile of two bytes: whoever holds
//! the first waits for the second, and gives up the first once inside. Who comes back from a change
//! finds the turnstile taken by the next in the queue.

#![allow(unsafe_code)]

use std::{
    fs::{File, OpenOptions},
    io,
    os::{
        fd::{AsRawFd, IntoRawFd},
        unix::fs::OpenOptionsExt,
    },
    path::Path,
    sync::atomic::{AtomicI32, Ordering::SeqCst},
};

use crate::{at_fork::Birth, gate};

/// How many state directories one process can have open.
const OPEN_MAX: usize = 256;

/// Every open descriptor, where a child's handler can read them without a lock.
static OPEN: [AtomicI32; OPEN_MAX] = [const { AtomicI32::new(-1) }; OPEN_MAX];

/// The open lock file of one state directory.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: Option<File>,
    place: usize,
    birth: Birth,
}

/// A turnstile: the first byte of two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turnstile(pub(crate) u64);

impl LockFile {
    /// Opens it, and creates it if need be.
    pub(crate) fn open(path: &Path, mode: u32) -> io::Result<Self> {
        // Between the opening and the entry in the list no fork may come.
        let _entered = gate::enter();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(mode)
            .open(path)?;
        let fd = file.as_raw_fd();
        let place = OPEN
            .iter()
            .position(|place| place.compare_exchange(-1, fd, SeqCst, SeqCst).is_ok())
            .ok_or_else(|| io::Error::other("too many state directories open in one process"))?;
        Ok(Self { file: Some(file), place, birth: Birth::here() })
    }

    /// Locks a byte; waits for whoever has it.
    pub(crate) fn lock(&self, byte: u64) -> io::Result<()> {
        loop {
            match self.control(libc::F_OFD_SETLKW, libc::F_WRLCK, byte) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(drop),
            }
        }
    }

    /// Locks a byte unless another description has it.
    pub(crate) fn try_lock(&self, byte: u64) -> io::Result<bool> {
        match self.control(libc::F_OFD_SETLK, libc::F_WRLCK, byte) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether another description has the byte.
    pub(crate) fn is_locked_elsewhere(&self, byte: u64) -> io::Result<bool> {
        let answer = self.control(libc::F_OFD_GETLK, libc::F_WRLCK, byte)?;
        Ok(i32::from(answer) != libc::F_UNLCK)
    }

    /// Unlocks a byte. In a child that inherited this it does nothing.
    pub(crate) fn unlock(&self, byte: u64) {
        if self.birth.is_here()
            && let Err(error) = self.control(libc::F_OFD_SETLK, libc::F_UNLCK, byte)
        {
            tracing::error!(%error, byte, "a lock of the state directory could not be released");
        }
    }

    /// Locks the second byte of a turnstile, after everyone who came to it earlier.
    pub(crate) fn lock_in_turn(&self, turnstile: Turnstile) -> io::Result<()> {
        self.lock(turnstile.0)?;
        let inside = self.lock(turnstile.0 + 1);
        self.unlock(turnstile.0);
        inside
    }

    /// Locks the second byte of a turnstile if nobody has it, past everyone who waits.
    pub(crate) fn try_lock_inside(&self, turnstile: Turnstile) -> io::Result<bool> {
        self.try_lock(turnstile.0 + 1)
    }

    /// Leaves what [`LockFile::lock_in_turn`] or [`LockFile::try_lock_inside`] entered.
    pub(crate) fn leave(&self, turnstile: Turnstile) {
        self.unlock(turnstile.0 + 1);
    }

    fn control(&self, command: i32, kind: i32, byte: u64) -> io::Result<i16> {
        let file = self.file.as_ref().filter(|_| self.birth.is_here()).ok_or_else(|| {
            io::Error::other("a forked child must open the state directory for itself")
        })?;
        let out_of_range = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let mut lock = libc::flock {
            l_type: i16::try_from(kind).map_err(out_of_range)?,
            l_whence: 0, // SEEK_SET
            l_start: i64::try_from(byte).map_err(out_of_range)?,
            l_len: 1,
            l_pid: 0,
        };
        // SAFETY: the descriptor is open as long as `file`, and `lock` is a flock structure, which
        // is what these three commands take.
        let result = unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut lock) };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(lock.l_type) }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        if self.birth.is_here() {
            let _entered = gate::enter();
            OPEN[self.place].store(-1, SeqCst);
            drop(file);
        } else {
            // The child closed it at the fork; by now the number may be another file's.
            let _ = file.into_raw_fd();
        }
    }
}

/// Closes the descriptors that a child inherited. Called by the child's handler alone.
pub(crate) fn close_inherited() {
    for place in &OPEN {
        let fd = place.swap(-1, SeqCst);
        if fd >= 0 {
            // SAFETY: the descriptor came from a `LockFile`, which will not close it in this
            // process because it was born in another one.
            unsafe { libc::close(fd) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn who_leaves_cannot_overtake_who_waits() {
        let place = tempfile::tempdir().unwrap();
        let open = || LockFile::open(&place.path().join("locks"), 0o600).unwrap();
        let (first, second, onlooker) = (open(), open(), open());
        let turnstile = Turnstile(10);
        for round in 0..200 {
            let entered = AtomicI32::new(0);
            first.lock_in_turn(turnstile).unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    second.lock_in_turn(turnstile).unwrap();
                    entered.store(1, SeqCst);
                    second.leave(turnstile);
                });
                let deadline = Instant::now() + Duration::from_secs(20);
                let mut waits = false;
                while !waits && Instant::now() < deadline {
                    waits = onlooker.is_locked_elsewhere(turnstile.0).unwrap();
                }
                first.leave(turnstile);
                assert!(waits, "the second one never came to wait");
                first.lock_in_turn(turnstile).unwrap();
                assert_eq!(entered.load(SeqCst), 1, "overtaken in round {round}");
                first.leave(turnstile);
            });
        }
    }

    #[test]
    fn lock_ends_with_its_description_and_not_with_another() {
        let place = tempfile::tempdir().unwrap();
        let open = || LockFile::open(&place.path().join("locks"), 0o600).unwrap();
        let (holder, other) = (open(), open());
        holder.lock(3).unwrap();
        drop(open());
        assert!(!other.try_lock(3).unwrap() && other.try_lock(4).unwrap());
        drop(holder);
        assert!(other.try_lock(3).unwrap());
    }
}
