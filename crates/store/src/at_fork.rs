//! What happens to the store when the process forks: nothing crosses.
//!
//! SQLite keeps a table of the file locks that the process holds. A child inherits the table but
//! not the locks, believes the table, and its commits end in a log that the parent then deletes.
//! Therefore, in this order:
//! 1. *Before the fork* the forking thread waits until no thread uses a file of the store, keeps
//!    them out, and closes every idle SQLite connection. They are opened again when next needed.
//! 2. *In the parent* the others are let in again.
//! 3. *In the child* the inherited descriptors of lock files are closed (the parent's locks
//!    stay the parent's), the gate is opened, and then the hooks given to [`on_child`] run in the
//!    order in which they were given.
//!
//! What a child inherited answers CKR_DEVICE_ERROR: it must open the state anew, and must not drop
//! what it has. `vfork` and `posix_spawn` run no handlers and need none: their children touch
//! nothing until they `exec`, and every descriptor here is closed by that. A raw `clone` or `_Fork`
//! whose child lives on without `exec` is not supported; its inherited store refuses work.
//!
//! A fork from within a change (from the closure of `update_token`) cannot wait for itself; the
//! child of such a fork refuses to open a store file.

#![allow(unsafe_code)]

use std::{
    cell::Cell,
    io,
    panic::catch_unwind,
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::SeqCst},
    },
};

use crate::{database, gate, lock_file};

const HOOKS_MAX: usize = 16;

static FORKS: AtomicU64 = AtomicU64::new(0);
static UNSAFE_CHILD: AtomicBool = AtomicBool::new(false);
static HOOKS: [AtomicPtr<()>; HOOKS_MAX] = [const { AtomicPtr::new(ptr::null_mut()) }; HOOKS_MAX];

thread_local! {
    static GATE_CLOSED: Cell<bool> = const { Cell::new(false) };
}

/// In which process something was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Birth {
    forks: u64,
    pid: u32,
}

impl Birth {
    /// Here and now.
    pub(crate) fn here() -> Self {
        Self { forks: FORKS.load(SeqCst), pid: std::process::id() }
    }

    /// No fork, with or without handlers, lies between then and now.
    pub(crate) fn is_here(self) -> bool {
        self == Self::here()
    }
}

/// Whether this process was forked from within a change, so that it inherited open files.
pub(crate) fn inherited_open_files() -> bool {
    UNSAFE_CHILD.load(SeqCst)
}

/// Registers the handlers, once in a process.
///
/// # Errors
/// Out of memory.
pub fn install() -> io::Result<()> {
    static INSTALLED: OnceLock<i32> = OnceLock::new();
    // SAFETY: the three functions have the type that pthread_atfork wants and live as long as this
    // library: its registration is bound to the library and ends when that is unloaded.
    let code = *INSTALLED
        .get_or_init(|| unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) });
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

/// Calls `hook` in every forked child, after the store has been put in order there. A hook runs
/// between `fork` and the child's own code: it must not lock or allocate. Giving the same one twice
/// has no further effect.
///
/// # Errors
/// Out of memory, or more than 16 hooks.
pub fn on_child(hook: fn()) -> io::Result<()> {
    install()?;
    let hook = hook as *mut ();
    for place in &HOOKS {
        match place.compare_exchange(ptr::null_mut(), hook, SeqCst, SeqCst) {
            Ok(_) => return Ok(()),
            Err(there) if there == hook => return Ok(()),
            Err(_) => {}
        }
    }
    Err(io::Error::other("too many hooks for forked children"))
}

extern "C" fn prepare() {
    // A panic must not reach the C library; after one the child is treated as unsafe.
    let closed = catch_unwind(|| {
        let closed = gate::close();
        if closed {
            database::close_all_for_fork();
        }
        closed
    });
    GATE_CLOSED.set(closed.unwrap_or(false));
}

extern "C" fn parent() {
    gate::open();
}

extern "C" fn child() {
    FORKS.fetch_add(1, SeqCst);
    if !GATE_CLOSED.get() {
        UNSAFE_CHILD.store(true, SeqCst);
    }
    lock_file::close_inherited();
    gate::open();
    for place in &HOOKS {
        let hook = place.load(SeqCst);
        if hook.is_null() {
            break;
        }
        // SAFETY: only `on_child` writes here, and only what was a `fn()`.
        let hook: fn() = unsafe { std::mem::transmute::<*mut (), fn()>(hook) };
        hook();
    }
}
