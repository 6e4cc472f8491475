//! What a PKCS#11 call costs in round trips, for a group as its client sees it.

use std::time::Duration;

use crate::place::Place;
use crate::topology::{Group, Member, Replication, Topology};

/// The round trips of one kind of call on a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCost {
    /// The PKCS#11 functions.
    pub function: &'static str,
    /// How many round trips, and where they go. *Every* means at the same time, so that the slowest
    /// counts; asynchronous members are not among them.
    pub round_trips: &'static str,
    /// What the links take, with all members up, at low load and without jitter.
    pub expected: Duration,
}

impl Topology {
    /// What each kind of call costs a client at `from`.
    ///
    /// With all members up and one call at a time, one-part calls go to the primary; under load they
    /// spread over the active members. Other one-part operations cost what signing costs.
    pub fn call_costs(&self, group: &Group, from: Place) -> Vec<CallCost> {
        let way = |m: &Member| {
            self.place_of(m).map_or(Duration::ZERO, |place| self.round_trip(from, place).rtt)
        };
        let others = &group.members[1..];
        let slowest = |members: &mut dyn Iterator<Item = &Member>| members.map(way).max();
        let primary = way(group.primary());
        // The clone to a member takes place inside the call; an asynchronous peer is fed later.
        let clone = slowest(&mut others.iter().filter(|m| m.replication == Replication::Sync));
        let active_clone = slowest(&mut group.active().skip(1));
        let made = primary + clone.unwrap_or_default();
        let session_made = primary + active_clone.unwrap_or_default();
        let cost = |function, round_trips, expected| CallCost { function, round_trips, expected };
        vec![
            cost("C_OpenSession", "1 primary", primary),
            // The primary's answer says whether the others are asked.
            cost("C_Login", "1 primary + 1 every active", session_made),
            cost("C_FindObjectsInit … Final", "1 primary", primary),
            cost("C_GetAttributeValue", "1 primary", primary),
            cost("C_SignInit, once per key", "1 primary", primary),
            cost("C_SignInit, from then on", "0", Duration::ZERO),
            cost("C_Sign", "1 the member chosen", primary),
            cost("C_SignUpdate, C_SignFinal", "1 primary, each", primary),
            cost("C_GenerateKeyPair, token", "1 primary + 1 every other", made),
            cost("C_GenerateKeyPair, session", "1 primary + 1 every active", session_made),
            cost("C_DestroyObject, token", "1 primary + 1 every other", made),
        ]
    }
}
