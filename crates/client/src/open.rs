//! Opening and closing sessions.

use std::sync::Arc;

use hsmsim_network::all;
use hsmsim_types::{Result, Role, SessionHandle, SlotId, ck::*, error::fail};

use crate::{
    Client, SessionInfo,
    group::Group,
    member::{Loss, Member},
    session::{Checkout, Removed, SessionSlot},
    timeout::within,
};

impl Client {
    /// C_OpenSession. `flags`: CKF_SERIAL_SESSION must be there, CKF_RW_SESSION and
    /// CKF_ASYNC_SESSION may.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID, CKR_SESSION_PARALLEL_NOT_SUPPORTED, CKR_SESSION_ASYNC_NOT_SUPPORTED with
    /// CKF_ASYNC_SESSION where the profile offers no asynchronous sessions (PKCS#11 3.2, 5.6.1),
    /// CKR_TOKEN_NOT_PRESENT if no member is left, CKR_SESSION_READ_WRITE_SO_EXISTS.
    pub(crate) async fn open_session_work(
        &self,
        slot: SlotId,
        flags: u64,
    ) -> Result<SessionHandle> {
        let group = self.group(slot)?;
        if flags & CKF_SERIAL_SESSION == 0 {
            return fail(CKR_SESSION_PARALLEL_NOT_SUPPORTED, "CKF_SERIAL_SESSION must be set");
        }
        let asynchronous = flags & CKF_ASYNC_SESSION != 0;
        if asynchronous && !self.has_asynchronous_sessions() {
            return fail(CKR_SESSION_ASYNC_NOT_SUPPORTED, "the token has no asynchronous sessions");
        }
        let read_write = flags & CKF_RW_SESSION != 0;
        if !read_write && group.role() == Some(Role::SecurityOfficer) {
            return fail(
                CKR_SESSION_READ_WRITE_SO_EXISTS,
                "no read-only session while the SO is logged in",
            );
        }
        self.before_call(group).await;
        if Self::may_connect_first(group) {
            Box::pin(self.connect_first(group)).await;
        }
        if asynchronous {
            self.asynchronous_session_opened();
        }
        let mut session = self.new_session(group, flags);
        // The first round trip of the session: a member that is not there shows now.
        loop {
            let Some(primary) = group.primary() else {
                return fail(CKR_TOKEN_NOT_PRESENT, "every member of the slot is lost");
            };
            let (slot, place) = session.place(primary);
            match self.prepare(slot, primary, place).await {
                Ok(()) => return Ok(self.add_session(session)),
                Err(crate::call::Failure::Member(error)) => return Err(error),
                Err(crate::call::Failure::Lost) if group.primary().is_some() => {
                    self.moved_on(group, primary)?;
                }
                Err(crate::call::Failure::Lost) => {}
            }
        }
    }

    /// Whether [`Self::connect_first`] may find something to do.
    fn may_connect_first(group: &Group) -> bool {
        if group.ha { group.members.iter().any(Member::is_fresh) } else { group.all_lost() }
    }

    /// Connects the active members of a group at first use, all at the same time, so that one that
    /// is dead or far does not delay the use of one that is near.
    async fn connect_first(&self, group: &Group) {
        if !group.ha {
            // A slot without HA is looked for anew at each C_OpenSession.
            if group.all_lost() {
                self.attempt(group, 0).await;
            }
            return;
        }
        let idle = |index: &usize| group.members[*index].is_fresh();
        let fresh: Vec<usize> = (0..group.members.len()).filter(idle).collect();
        if fresh.len() < 2 {
            return;
        }
        let patience = fresh.iter().map(|&index| group.members[index].expected_connect).max();
        let connects = all(fresh.iter().map(|&index| self.connected(group, index)));
        let in_time = within(self.clock(), patience.unwrap_or_default(), connects).await;
        let one_is_there = fresh.iter().any(|&index| group.members[index].is_connected());
        if in_time.is_none() && one_is_there {
            for index in fresh {
                if !group.members[index].is_connected() {
                    let since = group.members[index].generation();
                    self.lose(group, index, Loss::Silent, since);
                }
            }
        }
    }

    /// C_CloseSession. A pending call is ended; one under way in another thread ends as it ends.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID.
    pub(crate) async fn close_session_work(&self, session: SessionHandle) -> Result<()> {
        if self.has_used_asynchronous_sessions() {
            let slot = self.session(session)?;
            self.end_pending(&slot).await;
        }
        match self.end_session(session).await {
            true => Ok(()),
            false => Err(Self::no_session(session)),
        }
    }

    /// C_CloseAllSessions.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub(crate) async fn close_all_sessions_work(&self, slot: SlotId) -> Result<()> {
        let group = self.group(slot)?;
        for session in self.sessions_of(group) {
            self.end_pending(&session).await;
            self.end_session(session.handle).await;
        }
        Ok(())
    }

    /// Ends a session on all members; `false` if there is none. The last one of a slot takes the login with
    /// it (PKCS#11 3.1, 5.6.2).
    pub(crate) async fn end_session(&self, session: SessionHandle) -> bool {
        // Most end with one look at the table. The last one is known until everybody is logged out.
        let slot = match self.remove_session(session, |slot| !slot.group.login_ends()) {
            Removed::Nothing => return false,
            Removed::Session(slot) => slot,
            Removed::Kept(slot) => {
                self.log_out_with(&slot).await;
                match self.remove_session(session, |_| true) {
                    Removed::Session(slot) => slot,
                    _ => return false,
                }
            }
        };
        if slot.group.sessions.all() == 0 && slot.group.role().is_some() {
            // Two that ended at once were both not the last.
            self.log_out_with(&slot).await;
        }
        if let Some(state) = slot.close()
            && !state.objects.is_empty()
        {
            self.handles.forget(slot.group.index, state.objects);
        }
        true
    }

    /// Ends the login of a slot through its last session.
    async fn log_out_with(&self, slot: &Arc<SessionSlot>) {
        let group = &slot.group;
        let Ok(mut session) = Checkout::new(Arc::clone(slot)) else { return };
        let _order = group.login_order.lock().await;
        // Another session may have been opened while it waited.
        if group.login_ends() {
            self.log_out_members(&mut session).await;
        }
    }

    /// CK_SESSION_INFO.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID, also for a session that the loss of all members has ended.
    pub fn session_info(&self, session: SessionHandle) -> Result<SessionInfo> {
        let slot = self.session_facts(session)?;
        self.cluster.refresh();
        let group = &self.groups[slot.group];
        self.alive_since(group, slot.born)?;
        let state = match (group.role(), slot.read_write) {
            (None, false) => CKS_RO_PUBLIC_SESSION,
            (None, true) => CKS_RW_PUBLIC_SESSION,
            (Some(Role::SecurityOfficer), _) => CKS_RW_SO_FUNCTIONS,
            (Some(_), false) => CKS_RO_USER_FUNCTIONS,
            (Some(_), true) => CKS_RW_USER_FUNCTIONS,
        };
        let read_write = if slot.read_write { CKF_RW_SESSION } else { 0 };
        let asynchronous = if slot.asynchronous { CKF_ASYNC_SESSION } else { 0 };
        Ok(SessionInfo {
            slot: group.slot,
            state,
            flags: CKF_SERIAL_SESSION | read_write | asynchronous,
            device_error: slot.device_error,
        })
    }
}
