//! Drills on the real tier: run, watch, judge, report.
//!
//! An application, the drill's own or any other, loads the module and works; faults strike on
//! schedule; the module writes down every call; from that record the verdict is computed. Metrics
//! and verdict are pure functions over records.

#![deny(unsafe_code)]

mod choose;
pub mod control;
pub mod expected_phases;
pub mod explore;
mod film;
pub mod history;
pub mod keys;
pub mod lag;
pub mod log;
pub mod metrics;
mod module;
mod observe;
pub mod operations;
mod operator;
pub mod phases;
pub mod probe;
pub mod record;
pub mod records;
pub mod report;
pub mod run;
mod schedule;
pub mod simulate;
mod tally;
mod timeline;
pub mod verdict;
pub mod workload;

pub use control::{Compare, Control};
pub use history::{Check, FaultSpan, History, MemberInventory, Notes, Snapshot};
pub use hsmsim_client::record::{CallRecord, EventRecord};
pub use report::Report;
pub use run::{DrillError, RunOptions, run};
pub use verdict::Verdict;
