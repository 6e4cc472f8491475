//! Drills in virtual time.

#![forbid(unsafe_code)]

mod call_faults;
mod explore;
mod fault_drills;
mod files;
mod schema;
mod simulate;
