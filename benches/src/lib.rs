//! What the benchmarks are made of: modules to load, cases to run on them, rounds, a table.
//!
//! | module | what |
//! |---|---|
//! | [`words`] | attributes, mechanisms and refusals |
//! | [`raw`] | PKCS#11 through a C function list; the only unsafe code |
//! | [`contender`] | a module with a token that is ready to be used |
//! | [`locate`] | where hsmsim's own module lies, and whether it is the one of these sources |
//! | [`cases`] | the calls that are timed |
//! | [`bare`] | the same work without any module around it |
//! | [`budget`] | what a case may cost hsmsim |
//! | [`measure`] | rounds, taken in turn; medians and spread |
//! | [`report`] | table and JSON |
//! | [`output`] | files for results |
//! | [`picture`] | the ratios as a drawing |
//! | [`scale`] | how cost grows with objects, sessions, threads, devices, owed keys |
//! | [`callgrind`] | counts of instructions, as callgrind writes them |
//! | [`baseline`] | counts that were committed, to compare with |

#![deny(unsafe_code)]

pub mod bare;
pub mod baseline;
pub mod budget;
pub mod callgrind;
pub mod cases;
pub mod contender;
pub mod locate;
pub mod measure;
pub mod output;
pub mod picture;
#[allow(unsafe_code)]
pub mod raw;
pub mod report;
pub mod scale;
pub mod words;
