//! Calls that are left pending: asynchronous sessions (PKCS#11 3.2, 5.6.1 and 5.22).
//!
//! A call on a session that was opened with CKF_ASYNC_SESSION is begun on the caller's thread. If its answer is
//! there at once, that is the end of it; if not, it is left here as it stands, a future, and the caller gets
//! CKR_PENDING. One thread for all of them drives what is pending; it is made when the first call is left, and
//! ends when none is. Where no thread may be made, each C_AsyncComplete drives its call a step further, and calls
//! that wait drive all along with themselves. Either way a call that is looked at late is not taken for one whose
//! member is silent ([`hsmsim_network::overdue`]).
//!
//! A pending call has its session's state, as any call has it; what it has come to waits with the session until
//! somebody asks for it. Until then every other function that works on the session is refused. A call that was
//! given a number (`saved.rs`) no longer waits there.

mod saved;

pub use saved::{Joined, Over};

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    thread::JoinHandle,
    time::Duration,
};

use hsmsim_network::{Aside, Either, Time, race};
use hsmsim_types::{Error, ObjectHandle, Result, SessionHandle, ck::*, error::fail};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    Client,
    script::{self, functions},
    session::SessionSlot,
    timeout::within,
};

/// What a call has come to.
pub struct Finished {
    /// Its return value.
    pub result: Result<()>,
    /// What it made.
    pub objects: Vec<ObjectHandle>,
    /// What whoever began it wants to have back; `None` after a panic.
    pub answer: Option<Box<dyn Any + Send>>,
}

/// A call that may be left pending. It has all it needs, the client too.
pub type Work = Pin<Box<dyn Future<Output = Finished> + Send>>;

/// What is known of a call when it begins.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Whether nothing of what it gives belongs to its session.
    pub outlives_session: bool,
    /// The bytes of room of its buffer, if it has one.
    pub room: Option<usize>,
}

/// What a pending call came to.
pub struct Completed {
    /// What it came to.
    pub finished: Finished,
    /// With what it was joined, if it was.
    pub joined: Option<Box<dyn Any + Send>>,
}

/// What has become of a call that was begun.
pub enum Begun {
    /// It is over.
    Finished(Finished),
    /// It is left pending.
    Pending,
}

/// A call that is pending, or that nobody has asked for yet.
pub(crate) struct Pending {
    function: &'static str,
    terms: Terms,
    started: Time,
    // Lock: held while the call is polled, by one thread at a time. Whoever only asks does not wait for it.
    state: Mutex<State>,
    /// What C_AsyncJoin was given.
    joined: Mutex<Option<Box<dyn Any + Send>>>,
}

enum State {
    Running(Aside<dyn Future<Output = Finished> + Send>),
    /// With the call fault that struck it.
    Finished {
        finished: Finished,
        struck: u64,
        at: Time,
    },
    /// Ended without an answer, or given away.
    Gone,
}

/// The pending calls of one client.
#[derive(Default)]
pub(crate) struct PendingCalls {
    /// Whether there ever was an asynchronous session: without one, no call looks any further.
    used: AtomicBool,
    // Lock: look-ups and changes of the list only.
    running: Mutex<Vec<Arc<Pending>>>,
    /// Tells the driver that there is another one.
    more: Notify,
    /// Whether somebody drives them.
    driven: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
    saved: saved::SavedCalls,
}

/// How long the driver's thread waits for another call when none is left.
const LINGER: Duration = Duration::from_millis(200);

/// The functions that a session with a pending call still serves.
const BESIDE_PENDING: [&str; 7] = [
    "C_AsyncComplete",
    "C_AsyncGetID",
    "C_AsyncJoin",
    "C_SessionCancel",
    "C_CloseSession",
    "C_GetSessionInfo",
    "C_GetSessionValidationFlags",
];

impl Pending {
    /// Polls it. `false`: it runs no more.
    fn poll(&self, client: &Client, cx: &mut Context<'_>) -> bool {
        // Waited for: a driver that passed over a call would not be woken for it.
        let mut state = self.state.lock();
        let State::Running(call) = &mut *state else { return false };
        let outer = script::take_struck();
        // A panic ends the call, neither the driver nor the other calls.
        let polled = catch_unwind(AssertUnwindSafe(|| call.poll(client.clock(), cx)));
        let struck = script::take_struck();
        script::put_struck(outer);
        let finished = match polled {
            Ok(Poll::Pending) => return true,
            Ok(Poll::Ready(finished)) => finished,
            Err(_) => {
                tracing::error!(function = self.function, "a pending call panicked");
                let result = fail(CKR_GENERAL_ERROR, "a panic, see the line before");
                Finished { result, objects: Vec::new(), answer: None }
            }
        };
        let over = State::Finished { finished, struck, at: client.clock().now() };
        let call = std::mem::replace(&mut *state, over);
        drop(state);
        drop(call);
        false
    }

    /// Takes what is there of it, and leaves nothing.
    fn take(&self) -> State {
        std::mem::replace(&mut *self.state.lock(), State::Gone)
    }

    /// Whether it works on what the flags of C_SessionCancel name.
    fn is_meant(&self, flags: CK_FLAGS) -> bool {
        functions::cancel_flags(self.function) & flags != 0
    }
}

impl SessionSlot {
    fn pending(&self, function: &str) -> Result<Arc<Pending>> {
        let pending = self.pending.lock().clone();
        pending.filter(|call| call.function == function).ok_or_else(|| {
            Error::new(CKR_OPERATION_NOT_INITIALIZED, format!("no {function} is pending"))
        })
    }
}

impl Client {
    /// Whether the token has asynchronous sessions (CKF_ASYNC_SESSION_SUPPORTED): the profile says so.
    pub fn has_asynchronous_sessions(&self) -> bool {
        self.profile.asynchronous_sessions
    }

    /// An asynchronous session was opened.
    pub(crate) fn asynchronous_session_opened(&self) {
        self.pending.used.store(true, Ordering::Relaxed);
    }

    /// Whether there ever was one.
    pub(crate) fn has_used_asynchronous_sessions(&self) -> bool {
        self.pending.used.load(Ordering::Relaxed)
    }

    /// Whether calls on a session may be left pending.
    #[inline]
    pub fn is_asynchronous(&self, session: SessionHandle) -> bool {
        self.has_used_asynchronous_sessions()
            && self.session(session).is_ok_and(|slot| slot.asynchronous)
    }

    /// Whether a function cannot be called now because another of its session is pending, or has not been asked
    /// for.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE.
    #[inline]
    pub fn may_begin(&self, session: SessionHandle, function: &str) -> Result<()> {
        if !self.has_used_asynchronous_sessions() || BESIDE_PENDING.contains(&function) {
            return Ok(());
        }
        match self.session(session) {
            Ok(slot) => slot.pending.lock().as_ref().map_or(Ok(()), |call| Err(busy(call))),
            Err(_) => Ok(()),
        }
    }

    /// Begins a call on an asynchronous session. It is waited for if its answer may not fit the caller's buffer.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID; CKR_OPERATION_ACTIVE while another call of the session is pending;
    /// CKR_CRYPTOKI_NOT_INITIALIZED if the client is shut down meanwhile.
    pub fn begin(
        &self,
        session: SessionHandle,
        function: &'static str,
        terms: Terms,
        work: Work,
    ) -> Result<Begun> {
        let slot = self.session(session)?;
        self.may_begin(session, function)?;
        slot.waits.store(false, Ordering::Relaxed);
        let started = self.clock().now();
        let mut call = Aside::new(work);
        if let Poll::Ready(finished) =
            call.poll(self.clock(), &mut Context::from_waker(Waker::noop()))
        {
            return Ok(Begun::Finished(finished));
        }
        if slot.waits.load(Ordering::Relaxed) {
            return self.run(async { Ok(Begun::Finished(call.finish(self.clock()).await)) });
        }
        let pending = Arc::new(Pending::new(function, terms, started, State::Running(call)));
        {
            let mut place = slot.pending.lock();
            if let Some(other) = &*place {
                return Err(busy(other));
            }
            *place = Some(Arc::clone(&pending));
        }
        self.pending.running.lock().push(pending);
        if self.is_shut_down() {
            self.drop_pending();
            return fail(CKR_CRYPTOKI_NOT_INITIALIZED, "the library was finalised meanwhile");
        }
        self.have_driven();
        Ok(Begun::Pending)
    }

    /// What a pending call has come to; `None` while it is pending. `accepts` says whether the caller can take it:
    /// if not, it stays.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID; CKR_OPERATION_NOT_INITIALIZED if no call of that function is pending on the
    /// session; what `accepts` says.
    pub fn complete(
        &self,
        session: SessionHandle,
        function: &str,
        accepts: impl FnOnce(&Finished) -> Result<()>,
    ) -> Result<Option<Completed>> {
        let slot = self.session(session)?;
        let pending = slot.pending(function)?;
        if !self.pending.driven.load(Ordering::Acquire) {
            self.cluster.refresh();
            pending.poll(self, &mut Context::from_waker(Waker::noop()));
        }
        // Whoever polls it has the lock; nobody waits for that here.
        let Some(mut state) = pending.state.try_lock() else { return Ok(None) };
        match &*state {
            State::Running(_) => return Ok(None),
            State::Finished { finished, .. } => accepts(finished)?,
            State::Gone => {}
        }
        let State::Finished { finished, struck, at } = std::mem::replace(&mut *state, State::Gone)
        else {
            return fail(CKR_OPERATION_NOT_INITIALIZED, "another thread has taken the answer");
        };
        drop(state);
        self.detach(&slot, &pending);
        // The record tells of the call itself, not of those that asked for it.
        script::put_struck(struck);
        let rv = finished.result.as_ref().err().map_or(CKR_OK, Error::rv);
        let (took, ago) = (at - pending.started, self.clock().now() - at);
        self.record_past_call(pending.function, session.0, rv, Some(took), ago);
        let joined = pending.joined.lock().take();
        Ok(Some(Completed { finished, joined }))
    }

    /// C_SessionCancel: ends the pending call of a session if it works on what the flags name. The operation that
    /// it belongs to ends with it. `true`: another call is pending, and nothing else can be ended.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID; CKR_OPERATION_CANCEL_FAILED if what the flags name is active beside a pending
    /// call that they do not name, which has the session's state.
    pub async fn cancel_pending(&self, session: SessionHandle, flags: CK_FLAGS) -> Result<bool> {
        let slot = self.session(session)?;
        self.cancel_saved(&slot, flags).await;
        let Some(pending) = slot.pending.lock().clone() else { return Ok(false) };
        if !pending.is_meant(flags) {
            if slot.active_flags.load(Ordering::Relaxed) & flags != 0 {
                let rule = format!("{} is pending on this session", pending.function);
                return fail(CKR_OPERATION_CANCEL_FAILED, rule);
            }
            return Ok(true);
        }
        self.end_call(&slot, &pending).await;
        for kind in functions::operations(pending.function) {
            // Its Init may be all that there was.
            let _ = self.operation_cancel(session, kind).await;
        }
        Ok(false)
    }

    /// Ends the pending call of a session that is about to close; one that has a number is driven to its end.
    pub(crate) async fn end_pending(&self, slot: &Arc<SessionSlot>) {
        if !slot.asynchronous {
            return;
        }
        self.finish_saved(slot).await;
        let pending = slot.pending.lock().clone();
        if let Some(pending) = pending {
            self.end_call(slot, &pending).await;
        }
    }

    /// Ends a pending call. One that changes nothing is dropped where it stands. Any other is waited for: half of
    /// the members would else have what the others have not. What it has made is destroyed.
    async fn end_call(&self, slot: &SessionSlot, pending: &Arc<Pending>) {
        let made = match pending.take() {
            State::Running(mut call) if functions::changes_something(pending.function) => {
                let over = call.finish(self.clock());
                let over = within(self.clock(), self.timers.receive, over).await;
                over.map_or_else(Vec::new, |finished| finished.objects)
            }
            State::Running(_) | State::Gone => Vec::new(),
            State::Finished { finished, .. } => finished.objects,
        };
        for object in made {
            // A member that is lost meanwhile owes it.
            let _ = self.destroy_object_work(slot.handle, object).await;
        }
        self.detach(slot, pending);
    }

    /// Takes a call that is over off its session and off the list.
    fn detach(&self, slot: &SessionSlot, pending: &Arc<Pending>) {
        let mut place = slot.pending.lock();
        if place.as_ref().is_some_and(|other| Arc::ptr_eq(other, pending)) {
            *place = None;
        }
        drop(place);
        self.pending.running.lock().retain(|other| !Arc::ptr_eq(other, pending));
    }

    /// Drives what is pending, for a client that has no thread: spawn it where the client's calls run. It ends
    /// when the client is shut down.
    pub async fn drive_pending(self: Arc<Self>) {
        self.pending.driven.store(true, Ordering::Release);
        while !self.is_shut_down() {
            if self.drive_round().await {
                self.pending.more.notified().await;
            }
        }
    }

    /// Drives what is pending until none is left or there is another one. `true`: none is left.
    async fn drive_round(&self) -> bool {
        let over = poll_fn(|cx| self.poll_pending(cx));
        matches!(race(self.pending.more.notified(), over).await, Either::Second(()))
    }

    /// Polls every call that is pending; ready when none is.
    fn poll_pending(&self, cx: &mut Context<'_>) -> Poll<()> {
        let calls = self.pending.running.lock().clone();
        let over: Vec<_> = calls.into_iter().filter(|call| !call.poll(self, cx)).collect();
        let mut running = self.pending.running.lock();
        running.retain(|call| !over.iter().any(|over| Arc::ptr_eq(call, over)));
        if running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Drives what is pending beside a call that waits, if nobody else does: what a pending call holds, its turn
    /// to log in for one, the other may wait for.
    pub(crate) fn drive_beside(&self, cx: &mut Context<'_>) {
        let calls = &self.pending;
        if calls.used.load(Ordering::Relaxed) && !calls.driven.load(Ordering::Acquire) {
            // Whether any is left changes nothing for the call that waits.
            let _ = self.poll_pending(cx);
        }
    }

    /// Sees to it that somebody drives what is pending, if a thread may be made for it.
    fn have_driven(&self) {
        let calls = &self.pending;
        if let Some(client) = self.client_for_threads()
            && !calls.driven.swap(true, Ordering::AcqRel)
        {
            let started = std::thread::Builder::new()
                .name("hsmsim-pending".to_owned())
                .spawn(move || drive_in_background(&client));
            match started {
                // The thread before has said that it ends.
                Ok(thread) => join(calls.thread.lock().replace(thread)),
                Err(error) => {
                    tracing::warn!(%error, "no thread: pending calls go on in C_AsyncComplete");
                    calls.driven.store(false, Ordering::Release);
                }
            }
        }
        calls.more.notify_one();
    }

    /// Ends all pending calls where they stand; the client has been shut down.
    pub(crate) fn drop_pending(&self) {
        self.pending.more.notify_one();
        let thread = self.pending.thread.lock().take();
        join(thread);
        let calls = std::mem::take(&mut *self.pending.running.lock());
        for call in calls {
            drop(call.take());
        }
    }
}

fn busy(call: &Pending) -> Error {
    Error::new(CKR_OPERATION_ACTIVE, format!("{} is pending on this session", call.function))
}

fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread {
        // A panic of that thread was logged when it happened.
        let _ = thread.join();
    }
}

/// The driver's thread. It ends when nothing is pending any more, or the client is shut down.
fn drive_in_background(client: &Weak<Client>) {
    while let Some(client) = client.upgrade() {
        let calls = &client.pending;
        let round = client.run(async {
            let idle = client.drive_round().await
                && matches!(
                    race(calls.more.notified(), client.clock().sleep(LINGER)).await,
                    Either::Second(())
                );
            Ok(idle)
        });
        match round {
            Err(_) => return,
            Ok(false) => {}
            Ok(true) => {
                calls.driven.store(false, Ordering::Release);
                // A call that was left in between has either seen the flag down or is seen here.
                let none = calls.running.lock().is_empty();
                if none || calls.driven.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        }
    }
}
