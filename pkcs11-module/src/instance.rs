//! The library's whole state hangs on one atomic pointer.
//!
//! Each C_Initialize makes an [`Instance`] and leaks it: a few hundred bytes, for which a thread
//! that reads the pointer just before C_Finalize changes it never touches freed memory. What an
//! instance holds, the client, is released when the last call is out. A forked child only nulls the
//! pointer ([`forget`]); what it inherited it never drops, closes or locks.
//!
//! | `client` | `closing` | state |
//! |---|---|---|
//! | null | no | C_Initialize is at work; calls answer CKR_CRYPTOKI_NOT_INITIALIZED |
//! | set | no | ready |
//! | any | yes | C_Finalize is at work or done; as before C_Initialize |
//!
//! Calls in flight are counted so that C_Finalize can wait for them; the count is spread over a few
//! cache lines, lest threads that sign in parallel fight over one.

#![allow(unsafe_code)]

use std::{
    cell::Cell,
    ptr::{self, null_mut},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
    },
    time::{Duration, Instant as Time},
};

use hsmsim_client::{Client, pending::Over};
use hsmsim_types::{
    Result,
    ck::{CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_CRYPTOKI_NOT_INITIALIZED},
    error::fail,
};
use parking_lot::{Condvar, Mutex};

/// How long C_Finalize waits for calls in flight. Waiting calls are woken at once; what may take
/// this long is a primitive in the middle of its computation. A call that is later keeps its
/// client.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

const STRIPES: usize = 8;

static CURRENT: AtomicPtr<Instance> = AtomicPtr::new(null_mut());

/// What calls came to that outlive their client (C_AsyncGetID), between C_Finalize and C_Initialize; null for
/// nothing. Whoever takes it owns it.
static LEFT: AtomicPtr<Left> = AtomicPtr::new(null_mut());

type Left = Vec<(u64, Over)>;

/// Takes what the client before has left.
fn take_left() -> Left {
    let left = LEFT.swap(null_mut(), Ordering::AcqRel);
    // SAFETY: null, or made by `leave_behind` and owned by whoever swaps it out.
    if left.is_null() { Left::new() } else { *unsafe { Box::from_raw(left) } }
}

/// Leaves something for the next client, beside what is there.
fn leave_behind(mut left: Left) {
    left.extend(take_left());
    if !left.is_empty() {
        // Nobody else can have left anything: clients come one after the other.
        LEFT.store(Box::into_raw(Box::new(left)), Ordering::Release);
    }
}

/// A counter on a cache line of its own.
#[repr(align(64))]
#[derive(Default)]
struct Stripe(AtomicUsize);

/// One C_Initialize.
#[derive(Default)]
struct Instance {
    calls: [Stripe; STRIPES],
    client: AtomicPtr<Client>,
    closing: AtomicBool,
    /// Held by whoever starts or ends this instance. A C_Initialize that comes meanwhile waits
    /// here, to learn how it went. Not static: a child forked meanwhile would inherit it locked.
    gate: Mutex<()>,
    /// Guards nothing but the wait for `calls` to reach zero.
    drain: Mutex<()>,
    drained: Condvar,
}

impl Instance {
    fn is_ready(&self) -> bool {
        !self.client.load(Ordering::Acquire).is_null() && !self.closing.load(Ordering::Acquire)
    }

    fn calls_in_flight(&self) -> usize {
        self.calls.iter().map(|stripe| stripe.0.load(Ordering::SeqCst)).sum()
    }

    /// Waits until no call is in flight, at most [`DRAIN_TIMEOUT`].
    fn wait_until_drained(&self) -> bool {
        let deadline = Time::now() + DRAIN_TIMEOUT;
        let mut guard = self.drain.lock();
        while self.calls_in_flight() > 0 {
            if self.drained.wait_until(&mut guard, deadline).timed_out() {
                return self.calls_in_flight() == 0;
            }
        }
        true
    }
}

/// A call in flight; while it lives, so does the client.
pub(crate) struct Entered {
    instance: &'static Instance,
    stripe: &'static Stripe,
    client: *mut Client,
}

impl Entered {
    /// The client that serves the call, for work that outlives it; C_Finalize ends that.
    pub(crate) fn shared(&self) -> Arc<Client> {
        // SAFETY: made by `Arc::into_raw`, and not released while this value lives, as in `client`.
        unsafe {
            Arc::increment_strong_count(self.client);
            Arc::from_raw(self.client)
        }
    }

    /// The client that serves the call.
    pub(crate) fn client(&self) -> &Client {
        // SAFETY: `enter` saw the pointer set and `closing` unset after it had counted this call,
        // and `shut_down` releases the client only when no call is counted.
        unsafe { &*self.client }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.instance.leave(self.stripe);
    }
}

impl Instance {
    fn leave(&self, stripe: &Stripe) {
        stripe.0.fetch_sub(1, Ordering::SeqCst);
        if self.closing.load(Ordering::SeqCst) {
            // The lock makes sure that the waiting thread either sees the new count or is asleep
            // already.
            let _guard = self.drain.lock();
            self.drained.notify_all();
        }
    }
}

/// Enters a call: `None` before C_Initialize, after C_Finalize and in a forked child.
pub(crate) fn enter() -> Option<Entered> {
    let instance = current()?;
    let stripe = &instance.calls[stripe_of_this_thread()];
    // Counted first, then asked: C_Finalize does it the other way round (`closing` first, then the
    // count), so one of the two sees the other. This needs sequential consistency.
    stripe.0.fetch_add(1, Ordering::SeqCst);
    let client = instance.client.load(Ordering::Acquire);
    if client.is_null() || instance.closing.load(Ordering::SeqCst) {
        instance.leave(stripe);
        return None;
    }
    Some(Entered { instance, stripe, client })
}

fn current() -> Option<&'static Instance> {
    let instance = CURRENT.load(Ordering::Acquire);
    // SAFETY: null or a leaked box.
    unsafe { instance.as_ref() }
}

/// Spreads threads over stripes in turn. The thread-local has no destructor, so exit handlers may
/// use it.
fn stripe_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    STRIPE.with(|stripe| {
        if stripe.get() == usize::MAX {
            stripe.set(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
        }
        stripe.get()
    })
}

/// Takes `instance` off [`CURRENT`] when dropped, whatever happened to it, unless a fork or an exit
/// handler did.
struct TakeOff(&'static Instance);

impl Drop for TakeOff {
    fn drop(&mut self) {
        self.0.closing.store(true, Ordering::SeqCst);
        let this = ptr::from_ref(self.0).cast_mut();
        let _ = CURRENT.compare_exchange(this, null_mut(), Ordering::AcqRel, Ordering::Acquire);
    }
}

/// C_Initialize: one of several threads that come at once starts the client with `start`, the
/// others wait to learn how that went.
///
/// # Errors
/// CKR_CRYPTOKI_ALREADY_INITIALIZED, or what `start` refuses.
pub(crate) fn initialize(start: impl FnOnce() -> Result<Arc<Client>>) -> Result<()> {
    let fresh = Box::into_raw(Box::<Instance>::default());
    // SAFETY: just made; freed below only if nobody else ever saw it.
    let instance: &'static Instance = unsafe { &*fresh };
    let gate = instance.gate.lock();
    while let Err(other) =
        CURRENT.compare_exchange(null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire)
    {
        // SAFETY: not null, so a leaked box.
        let other = unsafe { &*other };
        let waited = other.gate.lock();
        let ready = other.is_ready();
        drop(waited);
        if ready {
            drop(gate);
            // SAFETY: never published, and no reference to it is used any more.
            drop(unsafe { Box::from_raw(fresh) });
            return fail(CKR_CRYPTOKI_ALREADY_INITIALIZED, "C_Initialize was called before");
        }
    }
    let take_off = TakeOff(instance);
    let client = start()?;
    client.adopt_saved(take_left());
    std::mem::forget(take_off);
    instance.client.store(Arc::into_raw(client).cast_mut(), Ordering::Release);
    drop(gate);
    Ok(())
}

/// C_Finalize: wakes the calls in flight, waits for them, releases the client.
///
/// # Errors
/// CKR_CRYPTOKI_NOT_INITIALIZED.
pub(crate) fn shut_down() -> Result<()> {
    let not_initialized = || fail(CKR_CRYPTOKI_NOT_INITIALIZED, "C_Initialize was not called");
    let Some(instance) = current() else {
        return not_initialized();
    };
    let _gate = instance.gate.lock();
    let client = instance.client.load(Ordering::Acquire);
    if client.is_null() || instance.closing.swap(true, Ordering::SeqCst) {
        return not_initialized();
    }
    let _take_off = TakeOff(instance);
    // SAFETY: the client is released below only, by the one thread that set `closing`.
    let ending = unsafe { &*client };
    ending.shut_down();
    leave_behind(ending.take_saved());
    if instance.wait_until_drained() {
        // SAFETY: made by `Arc::into_raw`; no call is in flight, and none can enter any more.
        drop(unsafe { Arc::from_raw(client) });
    } else {
        let calls = instance.calls_in_flight();
        tracing::warn!(calls, "calls did not end in time; they keep their client");
    }
    Ok(())
}

/// C_Finalize in an exit handler, when thread-locals are gone: marks, and leaves the rest to the
/// end of the process.
///
/// # Errors
/// CKR_CRYPTOKI_NOT_INITIALIZED.
pub(crate) fn mark_shut_down() -> Result<()> {
    let Some(instance) = current() else {
        return fail(CKR_CRYPTOKI_NOT_INITIALIZED, "C_Initialize was not called");
    };
    instance.closing.store(true, Ordering::SeqCst);
    forget();
    Ok(())
}

/// Forgets the current instance without touching it: all that a forked child does.
pub(crate) fn forget() {
    LEFT.store(null_mut(), Ordering::Release);
    CURRENT.store(null_mut(), Ordering::Release);
}
