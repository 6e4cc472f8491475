//! Opening and closing sessions.

use std::sync::{Arc, atomic::Ordering};

use hsmsim_network::all;
use hsmsim_types::{Result, Role, SessionHandle, SlotId, ck::*, error::fail};

use crate::{
    Client, SessionInfo,
    call::within,
    group::Group,
    member::Loss,
    session::{Checkout, SessionSlot},
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
        self.before_call(&group).await;
        self.connect_first(&group).await;
        if asynchronous {
            self.asynchronous_session_opened();
        }
        let session = self.add_session(&group, flags);
        // The first round trip of the session: a member that is not there shows now.
        let mut checkout = Checkout::new(Arc::clone(&session))?;
        loop {
            let Some(primary) = group.primary() else {
                drop(checkout);
                self.remove_session(&session);
                return fail(CKR_TOKEN_NOT_PRESENT, "every member of the slot is lost");
            };
            match self.prepare(&session, primary, &mut checkout.subs[primary]).await {
                Ok(()) => return Ok(session.handle),
                Err(crate::call::Failure::Member(error)) => {
                    drop(checkout);
                    self.remove_session(&session);
                    return Err(error);
                }
                Err(crate::call::Failure::Lost) if group.primary().is_some() => {
                    self.moved_on(&group, primary)?;
                }
                Err(crate::call::Failure::Lost) => {}
            }
        }
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
        let idle = |index: &usize| {
            let member = &group.members[*index];
            !member.standby && !member.is_down() && member.connection().is_none()
        };
        let fresh: Vec<usize> = (0..group.members.len()).filter(idle).collect();
        if fresh.len() < 2 {
            return;
        }
        let patience = fresh.iter().map(|&index| group.members[index].expected_connect).max();
        let connects = all(fresh.iter().map(|&index| self.connected(group, index)));
        let in_time = within(self.clock(), patience.unwrap_or_default(), connects).await;
        let one_is_there = fresh.iter().any(|&index| group.members[index].connection().is_some());
        if in_time.is_none() && one_is_there {
            for index in fresh {
                if group.members[index].connection().is_none() {
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
        let slot = self.session(session)?;
        self.end_pending(&slot).await;
        self.end_session(&slot).await;
        Ok(())
    }

    /// C_CloseAllSessions.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub(crate) async fn close_all_sessions_work(&self, slot: SlotId) -> Result<()> {
        let group = self.group(slot)?;
        for session in self.sessions_of(&group) {
            self.end_pending(&session).await;
            self.end_session(&session).await;
        }
        Ok(())
    }

    /// Ends a session on all members. The last one of a slot takes the login with it (PKCS#11 3.1,
    /// 5.6.2).
    pub(crate) async fn end_session(&self, slot: &Arc<SessionSlot>) {
        let group = &slot.group;
        let last = group.sessions.load(Ordering::Acquire) == 1;
        if last
            && group.role().is_some()
            && let Ok(mut session) = Checkout::new(Arc::clone(slot))
        {
            let _order = group.login_order.lock().await;
            // Another session may have been opened while it waited.
            if group.sessions.load(Ordering::Acquire) == 1 && group.role().is_some() {
                self.log_out_members(&mut session).await;
            }
        }
        if !self.remove_session(slot) {
            return;
        }
        if let Some(state) = slot.close() {
            self.handles.forget(group.index, state.objects.iter().map(|&(_, object)| object));
        }
    }

    /// CK_SESSION_INFO.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID, also for a session that the loss of all members has ended.
    pub fn session_info(&self, session: SessionHandle) -> Result<SessionInfo> {
        let slot = self.session(session)?;
        self.cluster.refresh();
        let group = &slot.group;
        self.alive(&slot)?;
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
            device_error: slot.device_error.load(Ordering::Relaxed),
        })
    }
}
