//! Statements of the PKCS#11 standard, asked of any module through its C interface.
//!
//! - [`module`]: a module that was loaded by path, its newest function list, its token.
//! - [`case`]: a statement, its chapter, and what a module can answer to it.
//! - `key_calls`: the calls of a session that make a key out of another.
//! - [`groups`]: the statements, one file for each chapter; `groups/mechanisms` has tables.
//! - [`openssl`]: the system's libcrypto, which computes what the module should have.
//! - [`run`]: a process for each group, so that a crash is the failure of one case.
//! - [`report`]: what a run found, as a table, as JSON, and several of them as a page.
//! - [`random_calls`]: calls decoded from bytes, for fuzzing.

pub mod case;
pub mod groups;
mod key_calls;
pub mod module;
pub mod openssl;
pub mod random_calls;
pub mod report;
pub mod run;
