//! DES and triple DES (FIPS 46-3, NIST SP 800-67).
//!
//! The modes are those of [`crate::block`], the MACs those of [`crate::mac`].

use std::fmt;

use zeroize::Zeroizing;

use crate::block::{Block, BlockCipher, Direction};
use crate::ffi::des::{self, Schedule};
use crate::{Error, Result};

/// Bytes of a block, and of each part of a key.
pub const BLOCK_LEN: usize = des::BLOCK;

/// A key of DES with one, two or three parts, prepared. Parity bits are not looked at.
pub struct DesKey {
    bytes: Zeroizing<Vec<u8>>,
    schedule: Schedule,
}

impl DesKey {
    /// Takes a key of 8 (`CKK_DES`), 16 (`CKK_DES2`) or 24 bytes (`CKK_DES3`).
    ///
    /// Single DES is triple DES with three equal keys; with two keys the third is the first.
    ///
    /// # Errors
    /// [`Error::KeySize`] for another length.
    pub fn new(key: &[u8]) -> Result<Self> {
        let (parts, []) = key.as_chunks::<BLOCK_LEN>() else { return Err(Error::KeySize) };
        let schedule = match parts {
            [only] => Schedule::new([only, only, only]),
            [first, second] => Schedule::new([first, second, first]),
            [first, second, third] => Schedule::new([first, second, third]),
            _ => return Err(Error::KeySize),
        };
        Ok(DesKey { bytes: Zeroizing::new(key.to_vec()), schedule })
    }

    /// The key.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl BlockCipher for DesKey {
    fn block_len(&self) -> usize {
        BLOCK_LEN
    }

    fn ecb(&self, direction: Direction, data: &mut [u8]) -> Result<()> {
        self.schedule.ecb(data, encrypts(direction));
        Ok(())
    }

    fn cbc(&self, direction: Direction, data: &mut [u8], chain: &mut Block) -> Result<()> {
        let chain = chain.first_chunk_mut().ok_or(Error::Internal)?;
        self.schedule.cbc(data, chain, encrypts(direction));
        Ok(())
    }
}

impl fmt::Debug for DesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DesKey").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// Sets the lowest bit of every byte so that the byte has an odd number of ones, as PKCS#11 asks of
/// DES keys that a token makes or derives.
pub fn set_odd_parity(key: &mut [u8]) {
    for byte in key {
        let even = (*byte >> 1).count_ones().is_multiple_of(2);
        *byte = *byte & 0xfe | u8::from(even);
    }
}

/// Whether every byte has an odd number of ones. A key without must not be created or unwrapped
/// (PKCS#11 v3.1, 6.21 and 6.23: `CKR_ATTRIBUTE_VALUE_INVALID`, `CKR_WRAPPED_KEY_INVALID`).
pub fn has_odd_parity(key: &[u8]) -> bool {
    key.iter().all(|byte| !byte.count_ones().is_multiple_of(2))
}

/// Whether a part of the key is one of the 4 weak or 12 semi-weak keys of DES, or two neighbouring
/// parts are equal, so that two of the three steps undo each other (SP 800-67, 3.2 and 3.3). Parity
/// bits do not count. A token that makes a key draws again when it is weak.
///
/// # Errors
/// [`Error::KeySize`] for a key of another length than 8, 16 or 24 bytes.
pub fn is_weak(key: &[u8]) -> Result<bool> {
    let mut odd = Zeroizing::new(key.to_vec());
    set_odd_parity(&mut odd);
    let (parts, []) = odd.as_chunks::<BLOCK_LEN>() else { return Err(Error::KeySize) };
    if !(1..=3).contains(&parts.len()) {
        return Err(Error::KeySize);
    }
    let cancelled = parts.windows(2).any(|pair| pair[0] == pair[1]);
    Ok(cancelled || parts.iter().any(des::is_weak))
}

fn encrypts(direction: Direction) -> i32 {
    i32::from(direction == Direction::Encrypt)
}
