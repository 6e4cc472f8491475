//! Drills in virtual time.

#![forbid(unsafe_code)]

mod explore;
mod files;
mod schema;
mod simulate;
