//! Drills in virtual time.

#![forbid(unsafe_code)]

mod call_faults;
mod explore;
mod files;
mod schema;
mod simulate;
