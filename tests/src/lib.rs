//! The end-to-end tests' own tools: what a test needs to run real programs against the module that
//! was built, each in a state of its own, and never longer than it says.
//!
//! - [`sandbox`]: a state directory and the environment of the programs that use it.
//! - [`process`]: programs with a bound on their time, whose words are shown when they fail.
//! - [`apart`]: a test body in a process of its own, because a process can load the module once only.
//! - [`build`]: the module and the command under test, refused when older than their sources.
//! - [`programs`]: tests that need a program leave themselves out, by name, when it is missing.
//! - [`registry`]: packages of PyPI and npm, installed once.
//! - [`p11`]: the module through the `cryptoki` crate. [`raw`]: the module through wild pointers.
//! - [`verify`]: signatures checked by a library that had no part in making them.
//! - [`recipe`]: the recipes of the README.

pub mod apart;
pub mod build;
pub mod p11;
pub mod process;
pub mod programs;
pub mod raw;
pub mod recipe;
pub mod registry;
pub mod sandbox;
pub mod verify;
pub mod wait;

pub use sandbox::Sandbox;
