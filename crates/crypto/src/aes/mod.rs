//! AES: a key with everything prepared that its modes need.
//!
//! The plain modes and their streams are in `cipher.rs`, GCM in `gcm.rs`, key wrap in `wrap.rs`;
//! their public functions are re-exported here.

mod cipher;
mod gcm;
mod wrap;

use std::fmt;
use std::sync::OnceLock;

use ring::aead;
use zeroize::Zeroizing;

pub use self::cipher::{Cipher, CipherMode, Direction, decrypt, encrypt};
pub use self::gcm::{gcm_decrypt, gcm_encrypt};
pub use self::wrap::{kw_unwrap, kw_wrap, kwp_unwrap, kwp_wrap};
use crate::ffi::aes::{DecryptSchedule, EncryptSchedule};
use crate::mac::{MacAlg, MacKey};
use crate::{Error, Result};

/// Bytes of a block.
pub const BLOCK_LEN: usize = crate::ffi::aes::BLOCK;

/// An AES key. Each mode's expanded form is made when first needed and kept, so that a cached key
/// costs nothing but its data. Share it in an `Arc`.
pub struct AesKey {
    bytes: Zeroizing<Vec<u8>>,
    encryption: OnceLock<EncryptSchedule>,
    decryption: OnceLock<DecryptSchedule>,
    /// `None` for 192-bit keys, which ring does not take.
    gcm: OnceLock<Option<aead::LessSafeKey>>,
    cmac: OnceLock<MacKey>,
}

impl AesKey {
    /// Takes a key of 16, 24 or 32 bytes.
    ///
    /// # Errors
    /// [`Error::KeySize`] for another length.
    pub fn new(key: &[u8]) -> Result<Self> {
        if !matches!(key.len(), 16 | 24 | 32) {
            return Err(Error::KeySize);
        }
        Ok(AesKey {
            bytes: Zeroizing::new(key.to_vec()),
            encryption: OnceLock::new(),
            decryption: OnceLock::new(),
            gcm: OnceLock::new(),
            cmac: OnceLock::new(),
        })
    }

    /// The key.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn encryption(&self) -> Result<&EncryptSchedule> {
        get_or_try_init(&self.encryption, || EncryptSchedule::new(&self.bytes))
    }

    fn decryption(&self) -> Result<&DecryptSchedule> {
        get_or_try_init(&self.decryption, || DecryptSchedule::new(&self.bytes))
    }

    fn gcm(&self) -> Option<&aead::LessSafeKey> {
        let prepare = || {
            let algorithm = match self.bytes.len() {
                16 => &aead::AES_128_GCM,
                32 => &aead::AES_256_GCM,
                _ => return None,
            };
            aead::UnboundKey::new(algorithm, &self.bytes).ok().map(aead::LessSafeKey::new)
        };
        self.gcm.get_or_init(prepare).as_ref()
    }

    /// The key prepared for AES-CMAC, shared with this key.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice.
    pub fn cmac(&self) -> Result<&MacKey> {
        get_or_try_init(&self.cmac, || MacKey::new(MacAlg::AesCmac, &self.bytes))
    }
}

impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AesKey").field("bits", &(self.bytes.len() * 8)).finish_non_exhaustive()
    }
}

/// The AES-CMAC of a whole message (NIST SP 800-38B), 16 bytes.
///
/// # Errors
/// [`Error::Internal`], never in practice.
pub fn cmac(key: &AesKey, data: &[u8]) -> Result<Vec<u8>> {
    Ok(key.cmac()?.sign(data))
}

/// As `OnceLock::get_or_try_init`, which is not stable. Two threads may both make the value; one wins.
fn get_or_try_init<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make().map_err(|_| Error::Internal)?;
    Ok(cell.get_or_init(|| value))
}
