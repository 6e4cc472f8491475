//! What a Luna client library is: slots, HA groups, virtual sessions and handles, failover,
//! recovery.
//!
//! HA lives here and nowhere else: partitions do not know that they are members, and devices do not
//! talk to each other about it (Luna guide, "High-Availability Groups"). Decisions are pure functions
//! (`choose`, `member`, the plan of `recover`); the async code carries messages and waits. Around
//! each call of the application stands [`script`], which knows what somebody has said becomes of it.

#![forbid(unsafe_code)]

pub mod again;
mod api;
mod at_once;
mod call;
mod catch_up;
mod checks;
mod choose;
mod client;
mod debts;
mod dual;
pub mod extensions;
mod group;
mod ha_log;
mod handles;
mod in_process;
mod listing;
mod login;
mod member;
mod messages;
mod objects;
mod open;
mod operations;
mod parts;
pub mod pending;
#[doc(hidden)]
pub mod planted;
mod process;
pub mod record;
mod recover;
mod replicate;
mod saved;
pub mod script;
mod session;
mod slot_events;
mod slots;
mod timeout;
pub mod transport;
pub mod view;

pub use api::{
    Derived, HaState, InitOptions, LibraryInfo, MechanismInfo, Message, Output, Room, SessionInfo,
    SlotInfo, TokenInfo,
};
pub use at_once::PlaceForOutput;
pub use client::Client;
pub use listing::{GroupListing, MemberListing};
pub use recover::MemberRecovery;
pub use script::functions::CANCEL_FLAGS;
