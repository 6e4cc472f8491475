//! What a member that serves has refused is tried again by itself.
//!
//! A member that is full refuses a copy and stays in use, so no recovery will ever bring it back. The copy
//! is owed, and is tried again when the recovery interval is over: by the background thread, or inside a
//! call where recovery is passive or threads are forbidden. It does not wait for a person, whether or not
//! lost members are recovered automatically; who remembers the debt is the preset's to say.

use std::sync::atomic::Ordering;

use hsmsim_network::all;

use crate::{Client, member::Status};

/// Nothing is to be tried again.
const NEVER: u64 = u64::MAX;

impl Client {
    /// A member that serves has refused what it is owed.
    pub(crate) fn try_again_later(&self) {
        let at = self.clock().now() + self.timers.recovery_interval;
        self.recovery.again_at.fetch_min(at.as_nanos(), Ordering::AcqRel);
        self.wake_recovery();
    }

    /// Whether something is to be tried again at some time.
    pub(crate) fn waits_to_try_again(&self) -> bool {
        self.recovery.again_at.load(Ordering::Acquire) != NEVER
    }

    /// Whether it is time for that. One atomic load if there is nothing.
    pub(crate) fn again_is_due(&self) -> bool {
        let at = self.recovery.again_at.load(Ordering::Acquire);
        at != NEVER && self.clock().now().as_nanos() >= at
    }

    /// Pays members that serve what they are owed; what is refused once more is tried again later.
    pub(crate) async fn try_again(&self) {
        self.recovery.again_at.store(NEVER, Ordering::Release);
        let members = self.groups.iter().flat_map(|group| {
            let indices = 0..group.members.len();
            indices.map(move |index| (group, index))
        });
        let owed = members.filter(|(group, index)| {
            let connected = group.members[*index].status() == Status::Up;
            connected && self.serves_with_debts(group, *index)
        });
        all(owed.map(|(group, index)| self.pay_in_place(group, index))).await;
    }
}
