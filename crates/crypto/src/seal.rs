//! Sealing of objects at rest: AES-256-GCM under a random nonce, keyed hashes for lookup, subkeys.
//!
//! A sealed blob is `nonce (12) || ciphertext || tag (16)`. Nonces are random, so one key should seal
//! at most 2^32 blobs (NIST SP 800-38D, 8.3); a partition of a million objects rewritten a thousand
//! times stays below. Sealing, lookup and derivation use keys of their own, derived from the sealing
//! key by HKDF, so that what one of them reveals does not help against another.

use std::fmt;

pub use ring::aead::NONCE_LEN;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

use crate::{Error, Result, random};

/// Length of a sealing key in bytes.
pub const KEY_LEN: usize = 32;
/// By how many bytes a sealed blob is longer than what it holds.
pub const OVERHEAD: usize = NONCE_LEN + 16;
/// Length of a lookup tag in bytes.
pub const TAG_LEN: usize = 16;

/// A key that seals. Share it in an `Arc`.
pub struct SealingKey {
    bytes: Zeroizing<[u8; KEY_LEN]>,
    aead: LessSafeKey,
    lookup: hmac::Key,
    deriver: hkdf::Prk,
}

impl SealingKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`Error::Internal`] without random numbers.
    pub fn generate() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        random::fill(&mut *bytes)?;
        Self::from_bytes(&*bytes)
    }

    /// Takes over a key, for example one unsealed with a PIN.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] unless it has [`KEY_LEN`] bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes: [u8; KEY_LEN] = bytes.try_into().map_err(|_| Error::InvalidKey)?;
        let bytes = Zeroizing::new(bytes);
        // The key is uniformly random, so HKDF's extraction would add nothing (RFC 5869, 3.3).
        let deriver = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &*bytes);
        let aead_key = expand(&deriver, &[b"hsmsim seal aead"])?;
        let lookup_key = expand(&deriver, &[b"hsmsim seal lookup"])?;
        let aead = UnboundKey::new(&AES_256_GCM, &*aead_key).map_err(|_| Error::Internal)?;
        Ok(SealingKey {
            aead: LessSafeKey::new(aead),
            lookup: hmac::Key::new(hmac::HMAC_SHA256, &*lookup_key),
            deriver,
            bytes,
        })
    }

    /// The key itself, to be sealed under another.
    pub fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.bytes
    }

    /// Seals `plaintext`, bound to `aad`, under a fresh nonce.
    ///
    /// # Errors
    /// [`Error::Internal`] without random numbers, [`Error::DataTooLarge`] above GCM's 64 GiB.
    pub fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        random::fill(&mut nonce)?;
        self.seal_under(nonce, aad, plaintext)
    }

    /// The same under a nonce that was drawn at random for this.
    ///
    /// # Errors
    /// [`Error::DataTooLarge`] above GCM's 64 GiB.
    pub fn seal_under(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>> {
        let mut blob = Vec::with_capacity(plaintext.len() + OVERHEAD);
        blob.extend_from_slice(&nonce);
        blob.extend_from_slice(plaintext);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .aead
            .seal_in_place_separate_tag(nonce, Aad::from(aad), &mut blob[NONCE_LEN..])
            .map_err(|_| Error::DataTooLarge)?;
        blob.extend_from_slice(tag.as_ref());
        Ok(blob)
    }

    /// Opens a blob that this key sealed with the same `aad`.
    ///
    /// # Errors
    /// [`Error::DecryptFailed`] for any other blob, key or `aad`.
    pub fn open(&self, aad: &[u8], blob: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = blob.split_first_chunk().ok_or(Error::DecryptFailed)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut out = Zeroizing::new(sealed.to_vec());
        let len = self
            .aead
            .open_in_place(nonce, Aad::from(aad), &mut out)
            .map_err(|_| Error::DecryptFailed)?
            .len();
        out.truncate(len);
        Ok(out)
    }

    /// A keyed hash under which a value can be looked up without being stored: the same for equal
    /// label and data under one key, and meaningless without the key.
    pub fn tag(&self, label: &[u8], data: &[u8]) -> [u8; TAG_LEN] {
        let mut context = hmac::Context::with_key(&self.lookup);
        // The length keeps label and data apart.
        context.update(&(label.len() as u64).to_be_bytes());
        context.update(label);
        context.update(data);
        let full = context.sign();
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(&full.as_ref()[..TAG_LEN]);
        tag
    }

    /// A subkey for the purpose that `label` names.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice.
    pub fn derive(&self, label: &[u8]) -> Result<SealingKey> {
        Self::from_bytes(&*expand(&self.deriver, &[b"hsmsim seal derive ", label])?)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").finish_non_exhaustive()
    }
}

fn expand(deriver: &hkdf::Prk, info: &[&[u8]]) -> Result<Zeroizing<[u8; KEY_LEN]>> {
    let mut out = Zeroizing::new([0; KEY_LEN]);
    deriver
        .expand(info, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *out))
        .map_err(|_| Error::Internal)?;
    Ok(out)
}
