//! Vectors that others have published, out of files that name where each stands: symmetric ciphers, hashes, MACs
//! and what is derived with them.
//!
//! A mechanism is often a published function by another name: what `CKM_AES_CBC_ENCRYPT_DATA` derives is a ciphertext
//! of CBC, CBC-MAC is the last block of one, a digest of a key is that of a message. Then the vectors are those of the
//! function, and what is made of them is said where it is done.

pub(super) mod ciphers;
pub(super) mod derivation;
pub(super) mod hashes;

use super::{
    cases::{Case, all as cases},
    *,
};
