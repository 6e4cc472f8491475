//! The durable state of a simulated cluster, shared by any number of processes without a server.
//!
//! | what | where | type |
//! |---|---|---|
//! | which devices this state belongs to, small blobs | `state`, `meta/` | [`StateDir`] |
//! | token objects and token records of a device, and what it has to tell its peers | `devices/<id>.db` | [`DeviceStore`] |
//! | faults, owed copies, tombstones, conflicts | `ledger.db` | [`Ledger`] |
//! | generations, power epochs, engines, process slots | `page` (memory-mapped) | [`SharedPage`] |
//! | who writes, who lives | `locks` (locked bytes, no content) | internal |
//! | what a client says of itself | `clients/<slot>.view` | [`ProcessSlot`] |
//!
//! [`StateDir::memory`] is the same thing without a file, for one process.
//!
//! Rules that everything here obeys:
//! - **Acknowledged means on disk.** A change returns after SQLite's synced commit (WAL,
//!   `synchronous = FULL`). A kill at any moment loses none and leaves no half.
//! - **Noticing is one atomic load.** Every change happens between two steps of a generation word,
//!   odd while it is being made, inside the write lock (`generation.rs`).
//! - **One writer at a time, in the order of asking** (`lock_file.rs`, `database.rs`).
//! - **Nothing crosses a fork** ([`at_fork`]).
//!
//! What is sealed stays sealed: the store sees ciphertext and keyed hashes, and knows no PIN.

#![deny(unsafe_code)]

pub mod at_fork;
mod conflicts;
mod database;
mod device_files;
mod device_memory;
mod device_store;
mod failure;
mod faults;
mod feeding;
mod files;
mod gate;
mod generation;
mod idle;
mod ledger;
mod ledger_files;
mod ledger_memory;
mod lock_file;
mod manifest;
pub mod outbox;
mod outbox_files;
mod owed;
mod processes;
mod shared_page;
mod state_dir;
mod state_error;
mod turn;
mod view_file;

pub use conflicts::Conflict;
pub use device_store::DeviceStore;
pub use faults::{FaultRow, NewFault};
pub use ledger::Ledger;
pub use manifest::{DeviceIndex, DeviceSpec, Sharing, StateSpec};
pub use owed::{NewOwed, OwedKind, OwedRow, TOMBSTONE_NS, Tombstone};
pub use processes::{Counter, ProcessInfo, ProcessSlot};
pub use shared_page::{ENGINES, SPARE_CLUSTER, SPARE_DEVICE, SPARE_PARTITION, SharedPage};
pub use state_dir::{Exclusive, StateDir};
pub use state_error::StateError;
