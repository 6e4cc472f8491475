//! End to end: real programs and real processes against the module and the command that were built.
//!
//! Each test has a state of its own. Tests that load the module run in a process of their own
//! (`hsmsim_tests::apart`); tests that need a program that is missing leave themselves out.

#![deny(unsafe_code)]

#[allow(unsafe_code)]
mod a790;
mod algorithms;
#[allow(unsafe_code)]
mod bad_input;
mod call_faults;
mod clients;
mod crash;
mod damage;
mod demo;
mod failover;
mod faults;
mod fork;
mod gnutls;
#[allow(unsafe_code)]
mod ha_state;
mod harness;
mod latency;
mod lent;
#[allow(unsafe_code)]
mod luna;
mod members;
mod openssl;
mod pkcs11_tool;
mod processes;
mod profiles;
mod quiet;
mod readme;
mod symbols;

/// This package's own program, which plays the other processes.
const WORKER: &str = env!("CARGO_BIN_EXE_hsmsim-tests");
