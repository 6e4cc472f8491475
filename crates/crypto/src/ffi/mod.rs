//! AWS-LC through its C interface: the only place of the crate with `unsafe`.
//!
//! One small file per primitive. Each wraps the C object in a type that owns it, gives safe methods
//! over slices, and turns a failed call into an [`Error`]; nothing outside this folder
//! sees a pointer. Lengths are checked here wherever the C side trusts them.
//!
//! AWS-LC is linked under prefixed symbol names, so it never meets an OpenSSL of the host process.
//! Two habits of its random generator (blinding, nonces, key generation) are worth knowing: it seeds
//! itself at first use (after a fork anew), and a destructor of the linked object shuts it down at
//! process exit and keeps its locks, so that no operation that needs it may be called after that.

pub(crate) mod aes;
pub(crate) mod bn;
pub(crate) mod ccm;
pub(crate) mod chacha;
pub(crate) mod des;
pub(crate) mod digest;
pub(crate) mod dsa;
pub(crate) mod ec;
pub(crate) mod ed25519;
pub(crate) mod gcm;
pub(crate) mod hashing;
pub(crate) mod kem;
pub(crate) mod ml_dsa;
pub(crate) mod pbkdf2;
pub(crate) mod prime;
pub(crate) mod rsa;
pub(crate) mod shake;

use std::alloc::{Layout, handle_alloc_error};
use std::ptr::NonNull;

use aws_lc_sys as sys;

use crate::{Error, Result};

/// Owns what a C constructor returned. Null means that memory ran out, which this program treats as
/// Rust's own allocations do.
fn allocated<T>(pointer: *mut T) -> NonNull<T> {
    NonNull::new(pointer).unwrap_or_else(|| handle_alloc_error(Layout::new::<usize>()))
}

/// For calls that can fail only when memory runs out.
fn infallible(status: i32) {
    if status != 1 {
        handle_alloc_error(Layout::new::<usize>());
    }
}

/// Turns the C convention (1 is success) into `error` and empties the thread's error queue, so that
/// no call leaves anything behind for the next.
fn check(status: i32, error: Error) -> Result<()> {
    if status == 1 {
        return Ok(());
    }
    // SAFETY: takes no argument and touches only this thread's error queue.
    unsafe { sys::ERR_clear_error() };
    Err(error)
}
