//! The functions behind the exported symbols, one file for each chapter of PKCS#11, in safe Rust.
//!
//! All have the same shape: check that there are places for the answers, read the arguments, call
//! the client, write the answers. What the client must not see (a NULL handle pointer, say) is
//! refused first, so that a refused call has done nothing. Functions that may be left pending
//! ([`asynchronous`]) are async, the others run the client themselves.

#![forbid(unsafe_code)]

pub(crate) mod asynchronous;
pub(crate) mod ca;
pub(crate) mod digest;
pub(crate) mod dual;
pub(crate) mod general;
pub(crate) mod key;
pub(crate) mod message;
pub(crate) mod object;
pub(crate) mod operation;
pub(crate) mod random;
pub(crate) mod session;
pub(crate) mod slot;
pub(crate) mod unsupported;
pub(crate) mod verify;
