//! One partition of a device: objects, attributes and their rules, roles and PINs, operations.
//!
//! No I/O, no clock, no runtime: the store is a port ([`port::PartitionStore`]), `now` is a value.
//! One [`Partition`] is this process's view of a partition; several processes may have views of the
//! same one through a shared store, and notice each other by the store's generation.
//!
//! - [`api`]: what a session is asked and what it answers.
//! - [`Partition`], [`Connection`], [`Session`]: who asks, and what lives how long.
//! - [`Personality`]: what differs between profiles.
//! - [`mechanisms`]: the one table of mechanisms.
//! - `attributes`: the one table of attributes, and what obeys it.
//! - `built_in`: the objects that the token itself has: clock, mechanisms, profiles.
//! - `roles`: PINs, logins, what wrong PINs cost.
//! - `object`: encoding, sealing, the cache of opened objects, keys as the primitives want them.
//! - [`version`]: which of two states of one object stands.
//! - `storage`: how many objects and bytes a partition has room for.
//! - `travel`: token objects on their way to another partition and from there.
//! - `operation`: encrypting, decrypting, digesting, signing, verifying.

#![forbid(unsafe_code)]

pub mod api;
mod application;
mod attributes;
mod built_in;
mod failure;
pub mod mechanisms;
mod object;
mod operation;
pub mod output;
mod partition;
mod personality;
pub mod port;
mod roles;
mod session;
mod storage;
mod travel;
pub mod version;

pub use built_in::counts_on_read;
pub use mechanisms::{MechanismInfo, Mechanisms, mechanism_info, mechanism_list, service::Service};
pub use partition::{Connection, Identities, Partition};
pub use personality::Personality;
pub use session::Session;
pub use storage::Room;
