//! What happens to a forked child: it forgets the library, and nothing else.
//!
//! The handler stores one null pointer. It takes no lock, frees nothing, closes nothing: locks may
//! be held by threads that the child does not have, and descriptors belong to the parent too. A
//! child that wants PKCS#11 calls C_Initialize like any other process (PKCS#11 3.1, 5.4.1).

#![allow(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

use crate::instance;

/// Registers the handler of the child, once in the life of the process and its children.
pub(crate) fn register_child_handler() {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    // No `Once`: a child forked in the middle of it would wait for ever.
    if !REGISTERED.swap(true, Ordering::AcqRel) {
        // SAFETY: the handler is a plain function that lives as long as the library, which is never
        // unmapped, and does nothing but an atomic store.
        let failed = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        if failed != 0 {
            tracing::error!(code = failed, "no at-fork handler: a forked child will misbehave");
        }
    }
}

extern "C" fn in_child() {
    instance::forget();
}
