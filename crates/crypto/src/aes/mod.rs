//! AES: a key with everything prepared that its modes need.
//!
//! The plain modes and their streams are those of [`crate::block`]. CCM is in `ccm.rs`, GCM and GMAC
//! in `gcm.rs`, XTS in `xts.rs`, key wrap in `wrap.rs`; their public functions are re-exported here.

mod ccm;
mod gcm;
mod wrap;
mod xts;

use std::fmt;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use ring::aead;
use zeroize::Zeroizing;

pub use self::ccm::{ccm_decrypt, ccm_encrypt};
pub use self::gcm::{
    gcm_decrypt, gcm_encrypt, gcm_encrypt_into, gcm_encrypt_owned, gmac, gmac_verify,
};
pub use self::wrap::{kw_pkcs7_unwrap, kw_pkcs7_wrap, kw_unwrap, kw_wrap, kwp_unwrap, kwp_wrap};
pub use self::xts::{XtsCipher, XtsKey, xts_decrypt, xts_encrypt};
use crate::block::{self, Block, BlockCipher};
pub use crate::block::{Cipher, CipherMode, Direction};
use crate::ffi::aes::{DecryptSchedule, EncryptSchedule};
use crate::ffi::gcm::Prepared as PreparedGcm;
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
    gcm_apart: OnceLock<PreparedGcm>,
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
            gcm_apart: OnceLock::new(),
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

    /// The key prepared for GCM from one place to another, which ring does not have.
    fn gcm_apart(&self) -> Result<&PreparedGcm> {
        get_or_try_init(&self.gcm_apart, || PreparedGcm::new(&self.bytes))
    }

    /// The key prepared for AES-CMAC, shared with this key.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice.
    pub fn cmac(&self) -> Result<&MacKey> {
        get_or_try_init(&self.cmac, || MacKey::new(MacAlg::AesCmac, &self.bytes))
    }
}

impl BlockCipher for AesKey {
    fn block_len(&self) -> usize {
        BLOCK_LEN
    }

    fn ecb(&self, direction: Direction, data: &mut [u8]) -> Result<()> {
        match direction {
            Direction::Encrypt => self.encryption()?.ecb(data),
            Direction::Decrypt => self.decryption()?.ecb(data),
        }
        Ok(())
    }

    fn cbc(&self, direction: Direction, data: &mut [u8], chain: &mut Block) -> Result<()> {
        match direction {
            Direction::Encrypt => self.encryption()?.cbc(data, chain),
            Direction::Decrypt => self.decryption()?.cbc(data, chain),
        }
        Ok(())
    }

    fn cbc_apart(
        &self,
        direction: Direction,
        data: &[u8],
        out: &mut Vec<u8>,
        chain: &mut Block,
    ) -> Result<()> {
        match direction {
            Direction::Encrypt => self.encryption()?.cbc_apart(data, out, chain),
            Direction::Decrypt => self.decryption()?.cbc_apart(data, out, chain),
        }
        Ok(())
    }

    fn cbc_into(
        &self,
        direction: Direction,
        data: &[u8],
        out: &mut [MaybeUninit<u8>],
        chain: &mut Block,
    ) -> Result<()> {
        match direction {
            Direction::Encrypt => self.encryption()?.cbc_into(data, out, chain),
            Direction::Decrypt => self.decryption()?.cbc_into(data, out, chain),
        }
        Ok(())
    }

    fn ctr(&self, data: &mut [u8], counter: Block) -> Result<()> {
        self.encryption()?.ctr(data, counter);
        Ok(())
    }

    fn ctr_into(&self, data: &[u8], out: &mut [MaybeUninit<u8>], counter: Block) -> Result<()> {
        self.encryption()?.ctr_into(data, out, counter);
        Ok(())
    }
}

impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AesKey").field("bits", &(self.bytes.len() * 8)).finish_non_exhaustive()
    }
}

/// Encrypts whole blocks with CBC to the beginning of `out`; gives how many bytes were written. `None`, and nothing is
/// done, for other data, or too little room.
///
/// # Errors
/// [`Error::InvalidParameter`] for the IV.
pub fn cbc_encrypt_into(
    key: &AesKey,
    iv: &[u8],
    data: &[u8],
    out: &mut [MaybeUninit<u8>],
) -> Result<Option<usize>> {
    if data.is_empty() || !data.len().is_multiple_of(BLOCK_LEN) || out.len() < data.len() {
        return Ok(None);
    }
    let mut chain = block::iv_block(iv, BLOCK_LEN)?;
    key.cbc_into(Direction::Encrypt, data, &mut out[..data.len()], &mut chain)?;
    Ok(Some(data.len()))
}

/// Encrypts a whole message.
///
/// # Errors
/// [`Error::InvalidParameter`] for IV, counter width or segment, [`Error::InvalidLength`] for a
/// length the mode cannot take.
pub fn encrypt(mode: CipherMode, key: &AesKey, iv: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    block::encrypt(mode, key, iv, data)
}

/// Decrypts a whole message.
///
/// # Errors
/// As [`encrypt`], and [`Error::DecryptFailed`] for bad padding.
pub fn decrypt(
    mode: CipherMode,
    key: &AesKey,
    iv: &[u8],
    data: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    block::decrypt(mode, key, iv, data)
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
