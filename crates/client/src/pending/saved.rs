//! Pending calls that outlive their session: C_AsyncGetID and C_AsyncJoin (PKCS#11 3.2, 5.22.2 and 5.22.3).
//!
//! A number is given to calls that leave nothing behind in their session: operations in one part, and what makes
//! token objects. From then on the call belongs to that number and no longer to its session; whoever joins it
//! names a new buffer. When its session is closed, or the library is finalised, the call is driven to its end,
//! while session and login still stand; what it came to is kept, over C_Finalize and C_Initialize too, in the
//! process that asked for the number.

use std::{any::Any, collections::BTreeMap, sync::Arc};

use hsmsim_network::Time;
use hsmsim_types::{Error, ObjectId, Result, SessionHandle, ck::*, error::fail};
use parking_lot::Mutex;

use super::{Finished, Pending, State};
use crate::{Client, script::functions, session::SessionSlot, timeout::within};

/// The most calls that are kept: whoever never joins must not fill the memory.
const MOST: usize = 1024;

/// Calls by their numbers.
#[derive(Default)]
pub(crate) struct SavedCalls(
    // Lock: look-ups and changes only, never across an await.
    Mutex<BTreeMap<u64, Saved>>,
);

/// A call that has a number.
enum Saved {
    /// It belongs to a session that is open.
    Call { slot: Arc<SessionSlot>, call: Arc<Pending> },
    /// It is over.
    Over(Over),
}

/// What a call came to whose session is gone, perhaps with the client.
pub struct Over {
    function: &'static str,
    /// Serial number of the token.
    token: String,
    room: Option<usize>,
    result: Result<()>,
    objects: Vec<ObjectId>,
    answer: Option<Box<dyn Any + Send>>,
}

/// What a pending call is joined with.
pub struct Joined {
    /// How many bytes of room there are; `None`: no buffer.
    pub room: Option<usize>,
    /// What [`Client::complete`] gives back.
    pub place: Box<dyn Any + Send>,
}

fn invalid(id: u64) -> Error {
    Error::new(CKR_SAVED_STATE_INVALID, format!("no call of this function and token is {id}"))
}

impl SavedCalls {
    /// The numbers of the calls of a session.
    fn of(&self, slot: &Arc<SessionSlot>) -> Vec<(u64, Arc<Pending>)> {
        let saved = self.0.lock();
        let calls = saved.iter().filter_map(|(id, saved)| match saved {
            Saved::Call { slot: of, call } if Arc::ptr_eq(of, slot) => {
                Some((*id, Arc::clone(call)))
            }
            _ => None,
        });
        calls.collect()
    }
}

impl Client {
    /// C_AsyncGetID: a number for the pending call of a function, which from then on belongs to the number.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID; CKR_OPERATION_NOT_INITIALIZED if no call of that function is pending on the
    /// session; CKR_STATE_UNSAVEABLE for one that cannot outlive it.
    pub fn save_pending(&self, session: SessionHandle, function: &str) -> Result<u64> {
        let slot = self.session(session)?;
        let before = self.pending.saved.of(&slot);
        if let Some((id, _)) = before.into_iter().find(|(_, call)| call.function == function) {
            return Ok(id);
        }
        let call = slot.pending(function)?;
        if !call.terms.outlives_session || !functions::may_be_saved(call.function) {
            return fail(CKR_STATE_UNSAVEABLE, format!("{function} belongs to its session"));
        }
        let mut id = [0; 8];
        hsmsim_crypto::random::fill(&mut id)
            .map_err(|error| Error::new(CKR_FUNCTION_FAILED, error.to_string()))?;
        // Random, so that the number of another process is not taken for one of this.
        let id = (u64::from_ne_bytes(id) >> 1).max(1);
        // The session's lock before that of the list, as everywhere.
        let mut place = slot.pending.lock();
        if !place.as_ref().is_some_and(|pending| Arc::ptr_eq(pending, &call)) {
            return fail(CKR_OPERATION_NOT_INITIALIZED, "another thread has taken the answer");
        }
        let mut saved = self.pending.saved.0.lock();
        if saved.len() >= MOST {
            return fail(CKR_STATE_UNSAVEABLE, "too many calls are kept");
        }
        saved.insert(id, Saved::Call { slot: Arc::clone(&slot), call });
        *place = None;
        Ok(id)
    }

    /// C_AsyncJoin: takes a call up on a session of the same token. `measure` says how many bytes a call that is
    /// over gives.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID; CKR_ARGUMENTS_BAD on a session that is not asynchronous, and without a buffer for
    /// a function that needs one; CKR_OPERATION_ACTIVE while another call is pending there;
    /// CKR_SAVED_STATE_INVALID for a number that is not that of such a call; CKR_BUFFER_TOO_SMALL, after which
    /// the call can still be joined.
    pub fn join_pending(
        &self,
        session: SessionHandle,
        function: &str,
        id: u64,
        joined: Joined,
        measure: impl FnOnce(&dyn Any) -> usize,
    ) -> Result<()> {
        let slot = self.session(session)?;
        if !slot.asynchronous {
            return fail(CKR_ARGUMENTS_BAD, "the session is not asynchronous");
        }
        let mut place = slot.pending.lock();
        if let Some(other) = &*place {
            return Err(super::busy(other));
        }
        let mut saved = self.pending.saved.0.lock();
        let (of, token, room) = match saved.get(&id).ok_or_else(|| invalid(id))? {
            Saved::Call { slot, call } => (call.function, &slot.group.serial, call.terms.room),
            Saved::Over(over) => {
                let length = over.answer.as_deref().map(|answer| measure(answer));
                // What failed needs no room.
                let length = over.result.as_ref().ok().and(length);
                (over.function, &over.token, over.room.map(|_| length.unwrap_or_default()))
            }
        };
        if of != function || *token != slot.group.serial {
            return Err(invalid(id));
        }
        match (room, joined.room) {
            (Some(_), None) => return fail(CKR_ARGUMENTS_BAD, "the function needs a buffer"),
            (Some(needed), Some(room)) if room < needed => {
                return fail(CKR_BUFFER_TOO_SMALL, format!("the function needs {needed} bytes"));
            }
            _ => {}
        }
        let call = match saved.remove(&id).ok_or_else(|| invalid(id))? {
            Saved::Call { call, .. } => call,
            Saved::Over(over) => Arc::new(self.pending_again(&slot, over)),
        };
        *call.joined.lock() = Some(joined.place);
        *place = Some(call);
        Ok(())
    }

    /// A call that is over, as one that nobody has asked for.
    fn pending_again(&self, slot: &SessionSlot, over: Over) -> Pending {
        let name = |id: &ObjectId| self.handles.handle(slot.group.index, *id);
        let objects = over.objects.iter().map(name).collect();
        let finished = Finished { result: over.result, objects, answer: over.answer };
        let now = self.clock().now();
        let state = State::Finished { finished, struck: 0, at: now };
        let terms = super::Terms { outlives_session: true, room: over.room };
        Pending::new(over.function, terms, now, state)
    }

    /// Ends the calls with a number that C_SessionCancel means.
    pub(super) async fn cancel_saved(&self, slot: &Arc<SessionSlot>, flags: CK_FLAGS) {
        for (id, call) in self.pending.saved.of(slot) {
            if call.is_meant(flags) {
                self.pending.saved.0.lock().remove(&id);
                self.end_call(slot, &call).await;
            }
        }
    }

    /// Drives the calls of a session that have a number to their end, before it closes.
    pub(crate) async fn finish_saved(&self, slot: &Arc<SessionSlot>) {
        for (id, call) in self.pending.saved.of(slot) {
            let finished = match call.take() {
                State::Running(mut running) => {
                    // Each member may be silent once.
                    let members = slot.group.members.len() as u32 + 1;
                    let over = running.finish(self.clock());
                    within(self.clock(), self.timers.receive * members, over).await
                }
                State::Finished { finished, .. } => Some(finished),
                State::Gone => None,
            };
            self.detach(slot, &call);
            let mut saved = self.pending.saved.0.lock();
            saved.remove(&id);
            if let Some(Finished { result, objects, answer }) = finished {
                let found = |handle| self.handles.object(slot.group.index, handle);
                let over = Over {
                    function: call.function,
                    token: slot.group.serial.clone(),
                    room: call.terms.room,
                    result,
                    objects: objects.into_iter().filter_map(found).collect(),
                    answer,
                };
                saved.insert(id, Saved::Over(over));
            }
        }
    }

    /// Drives all calls that have a number to their end, before the client is shut down.
    pub(crate) fn finish_all_saved(&self) {
        let slots: Vec<_> = {
            let saved = self.pending.saved.0.lock();
            let slots = saved.values().filter_map(|saved| match saved {
                Saved::Call { slot, .. } => Some(Arc::clone(slot)),
                Saved::Over(_) => None,
            });
            slots.collect()
        };
        for slot in slots {
            // Another thread may have shut the client down already.
            let _ = self.run(async {
                self.finish_saved(&slot).await;
                Ok(())
            });
        }
    }

    /// The calls that are over and have a number, for the next client of this process.
    pub fn take_saved(&self) -> Vec<(u64, Over)> {
        let saved = std::mem::take(&mut *self.pending.saved.0.lock());
        let over = saved.into_iter().filter_map(|(id, saved)| match saved {
            Saved::Over(over) => Some((id, over)),
            Saved::Call { .. } => None,
        });
        over.collect()
    }

    /// Takes over what the client before has left.
    pub fn adopt_saved(&self, left: Vec<(u64, Over)>) {
        let left = left.into_iter().map(|(id, over)| (id, Saved::Over(over)));
        self.pending.saved.0.lock().extend(left);
    }
}

impl Pending {
    pub(super) fn new(
        function: &'static str,
        terms: super::Terms,
        started: Time,
        state: State,
    ) -> Self {
        Self { function, terms, started, state: Mutex::new(state), joined: Mutex::new(None) }
    }
}
