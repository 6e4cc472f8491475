//! `libhsmsim_pkcs11.so`: the C ABI of PKCS#11 in, calls to the client library out; nothing else.
//!
//! A call passes these files, in this order:
//! 1. `exports/`: one wrapper for each exported symbol. It turns the caller's pointers into the
//!    types of `raw/` and does nothing else.
//! 2. `call`: finds the client (`instance`), catches panics, maps the outcome to a return value,
//!    logs it (`log`) and hands it to the client's recorder (`record`).
//! 3. `fns/`: one file for each chapter of the standard, in safe Rust: read the arguments, call the
//!    client, write the answer.
//!
//! Unsafe code is allowed in `raw/`, `exports/`, `instance`, `fork` and `list`, nowhere else.
//! Decisions about keys, sessions and members are none of this crate's business.

#![deny(unsafe_code)]

mod call;
mod exit;
mod exports;
mod fns;
mod fork;
mod instance;
mod list;
mod log;
mod raw;
mod record;

#[cfg(test)]
mod page;
#[cfg(test)]
#[allow(unsafe_code)]
mod tests;
