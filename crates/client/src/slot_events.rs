//! C_WaitForSlotEvent (PKCS#11 3.1, 5.5.4): which slot's token has come or gone.
//!
//! A slot has an event when this library gives up one of its members or gets one back, as its record of events
//! says. Whoever waits looks after the members meanwhile: an idle application would else learn of a loss at its
//! next call only.

use std::time::Duration;

use hsmsim_network::all;
use hsmsim_partition::api::Request;
use hsmsim_types::{Result, SlotId, ck::CKR_NO_EVENT, error::fail};
use parking_lot::Mutex;

use crate::{Client, group::Group, replicate::LIBRARY_SESSION, timeout::within};

/// How often members are asked for a sign of life while somebody waits, in drill time: the interval of a
/// device's own heartbeats.
const INTERVAL: Duration = Duration::from_secs(2);

/// Slots that have an event, each once, oldest first.
#[derive(Default)]
pub(crate) struct SlotEvents {
    // Lock: a push or a pop, never across an await.
    pending: Mutex<Vec<SlotId>>,
    told: tokio::sync::Notify,
}

impl SlotEvents {
    /// Takes note of an event of this library, if it is one of a slot.
    pub(crate) fn note(&self, event: &str, group: &Group) {
        if !["member_lost", "member_recovered"].contains(&event) {
            return;
        }
        let mut pending = self.pending.lock();
        if !pending.contains(&group.slot) {
            pending.push(group.slot);
        }
        drop(pending);
        self.told.notify_waiters();
    }

    fn take(&self) -> Option<SlotId> {
        let mut pending = self.pending.lock();
        if pending.is_empty() { None } else { Some(pending.remove(0)) }
    }
}

impl Client {
    /// C_WaitForSlotEvent with CKF_DONT_BLOCK: a slot that has had an event since it was last told.
    ///
    /// # Errors
    /// CKR_NO_EVENT.
    pub async fn slot_event(&self) -> Result<SlotId> {
        if let Some(slot) = self.slot_events.take() {
            return Ok(slot);
        }
        self.look_after_members().await;
        match self.slot_events.take() {
            Some(slot) => Ok(slot),
            None => fail(CKR_NO_EVENT, "no slot event"),
        }
    }

    /// C_WaitForSlotEvent: the next slot that has an event. C_Finalize ends the wait.
    pub async fn next_slot_event(&self) -> SlotId {
        loop {
            let told = self.slot_events.told.notified();
            if let Some(slot) = self.slot_events.take() {
                return slot;
            }
            let _ = within(self.clock(), self.cluster.scaled(INTERVAL), told).await;
            self.look_after_members().await;
        }
    }

    /// Asks every connected member for a sign of life, and does what a call would do about lost ones.
    async fn look_after_members(&self) {
        for group in &self.groups {
            self.before_call(group).await;
        }
        let members = self.groups.iter().flat_map(|group| {
            let there = |&index: &usize| {
                let member = &group.members[index];
                member.is_connected()
            };
            (0..group.members.len()).filter(there).map(move |index| (group, index))
        });
        all(members.map(|(group, index)| async move {
            // A member that is gone is given up on the way; what another answers does not matter.
            if let Ok(mut sub) = self.open_on_member(group, index, LIBRARY_SESSION, false).await {
                let _ = self.ask(group, index, &mut sub.session, Request::TokenInfo).await;
            }
        }))
        .await;
    }
}
