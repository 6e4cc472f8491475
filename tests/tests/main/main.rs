//! End to end: real programs and real processes against the module and the command that were built.
//!
//! Each test has a state of its own. Tests that load the module run in a process of their own
//! (`hsmsim_tests::apart`); tests that need a program that is missing leave themselves out.

#![deny(unsafe_code)]

mod gnutls;
mod harness;
mod openssl;
mod pkcs11_tool;
mod symbols;
