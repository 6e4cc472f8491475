//! Drills in virtual time.

#![forbid(unsafe_code)]

mod explore;
mod schema;
mod simulate;
