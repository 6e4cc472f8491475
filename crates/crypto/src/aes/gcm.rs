//! AES-GCM (NIST SP 800-38D) over whole messages, and GMAC, its authentication alone.
//!
//! The usual shape (IV of 12 bytes, tag of 16, key of 128 or 256 bits) is ring's, every other one
//! AWS-LC's. ring works in place only: long messages that stay where they are go to AWS-LC too. Multi-part GCM
//! gathers the message first and comes here at its end, since no plaintext may leave before the tag has been
//! checked.

use std::mem::MaybeUninit;

use ring::aead::{Aad, NONCE_LEN, Nonce};
use zeroize::Zeroizing;

use super::AesKey;
use crate::{Error, Result, ffi};

/// From so many bytes on, copying a message to its new place for ring costs more than AWS-LC, which reads it
/// where it is, takes longer to begin.
const APART_MIN: usize = 4 << 10;

/// Encrypts and authenticates; returns `ciphertext || tag`.
///
/// # Errors
/// [`Error::InvalidParameter`] for an empty IV or for a tag length other than 32, 64, 96, 104, 112,
/// 120 or 128 bits; [`Error::DataTooLarge`] above what a message or its AAD may hold.
pub fn gcm_encrypt(
    key: &AesKey,
    iv: &[u8],
    aad: &[u8],
    tag_bits: u32,
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let tag_len = checked_tag_len(iv, tag_bits)?;
    if let Some(nonce) = usual_apart(iv, tag_bits, plaintext) {
        return key.gcm_apart()?.seal(nonce, aad, plaintext);
    }
    let Some((usual, nonce)) = usual_shape(key, iv, tag_bits) else {
        return ffi::gcm::seal(key.bytes(), iv, aad, tag_len, plaintext);
    };
    let mut out = Vec::with_capacity(plaintext.len() + usize::from(tag_len));
    out.extend_from_slice(plaintext);
    seal_in_place(usual, nonce, aad, out)
}

/// As [`gcm_encrypt`], to the beginning of `out`; gives how many bytes were written. `None`, and nothing is done, for
/// what is not long and of the usual shape, or too little room.
///
/// # Errors
/// As [`gcm_encrypt`].
pub fn gcm_encrypt_into(
    key: &AesKey,
    iv: &[u8],
    aad: &[u8],
    tag_bits: u32,
    plaintext: &[u8],
    out: &mut [MaybeUninit<u8>],
) -> Result<Option<usize>> {
    let tag_len = usize::from(checked_tag_len(iv, tag_bits)?);
    match usual_apart(iv, tag_bits, plaintext) {
        Some(nonce) if out.len() >= plaintext.len() + tag_len => {
            key.gcm_apart()?.seal_into(nonce, aad, plaintext, out).map(Some)
        }
        _ => Ok(None),
    }
}

/// As [`gcm_encrypt`], in the plaintext's own place where ring does it. Room for the tag saves a copy.
///
/// # Errors
/// As [`gcm_encrypt`].
pub fn gcm_encrypt_owned(
    key: &AesKey,
    iv: &[u8],
    aad: &[u8],
    tag_bits: u32,
    plaintext: Vec<u8>,
) -> Result<Vec<u8>> {
    let tag_len = checked_tag_len(iv, tag_bits)?;
    match usual_shape(key, iv, tag_bits) {
        Some((usual, nonce)) => seal_in_place(usual, nonce, aad, plaintext),
        None => ffi::gcm::seal(key.bytes(), iv, aad, tag_len, &plaintext),
    }
}

fn seal_in_place(
    key: &ring::aead::LessSafeKey,
    nonce: Nonce,
    aad: &[u8],
    mut text: Vec<u8>,
) -> Result<Vec<u8>> {
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(aad), &mut text)
        .map_err(|_| Error::DataTooLarge)?;
    text.extend_from_slice(tag.as_ref());
    Ok(text)
}

/// Checks and decrypts `ciphertext || tag`.
///
/// # Errors
/// As [`gcm_encrypt`], [`Error::InvalidLength`] for input shorter than a tag,
/// [`Error::DecryptFailed`] for a wrong tag.
pub fn gcm_decrypt(
    key: &AesKey,
    iv: &[u8],
    aad: &[u8],
    tag_bits: u32,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let tag_len = usize::from(checked_tag_len(iv, tag_bits)?);
    let text_len = ciphertext.len().checked_sub(tag_len).ok_or(Error::InvalidLength)?;
    let (text, tag) = ciphertext.split_at(text_len);
    if let Some(nonce) = usual_apart(iv, tag_bits, text) {
        return key.gcm_apart()?.open(nonce, aad, tag, text);
    }
    let Some((usual, nonce)) = usual_shape(key, iv, tag_bits) else {
        return ffi::gcm::open(key.bytes(), iv, aad, tag, text);
    };
    let mut out = Zeroizing::new(ciphertext.to_vec());
    usual.open_in_place(nonce, Aad::from(aad), &mut out).map_err(|_| Error::DecryptFailed)?;
    out.truncate(text_len);
    Ok(out)
}

/// The GMAC of a message: the tag of GCM with the message as AAD and no plaintext. `CKM_AES_GMAC`.
///
/// # Errors
/// As [`gcm_encrypt`].
pub fn gmac(key: &AesKey, iv: &[u8], tag_bits: u32, data: &[u8]) -> Result<Vec<u8>> {
    gcm_encrypt(key, iv, data, tag_bits, &[])
}

/// Checks the GMAC of a message, in constant time.
///
/// # Errors
/// [`Error::InvalidParameter`] for IV or tag length; [`Error::SignatureLength`],
/// [`Error::VerifyFailed`].
pub fn gmac_verify(
    key: &AesKey,
    iv: &[u8],
    tag_bits: u32,
    data: &[u8],
    expected: &[u8],
) -> Result<()> {
    if expected.len() != usize::from(checked_tag_len(iv, tag_bits)?) {
        return Err(Error::SignatureLength);
    }
    match gcm_decrypt(key, iv, data, tag_bits, expected) {
        Err(Error::DecryptFailed) => Err(Error::VerifyFailed),
        checked => checked.map(|_| ()),
    }
}

/// Tag length in bytes (SP 800-38D, 5.2.1.2 and appendix C for 32 and 64 bits).
fn checked_tag_len(iv: &[u8], tag_bits: u32) -> Result<u8> {
    let tag_len = match tag_bits {
        32 => 4,
        64 => 8,
        96 => 12,
        104 => 13,
        112 => 14,
        120 => 15,
        128 => 16,
        _ => return Err(Error::InvalidParameter),
    };
    if iv.is_empty() { Err(Error::InvalidParameter) } else { Ok(tag_len) }
}

/// The nonce of a long message of the usual shape.
fn usual_apart<'a>(iv: &'a [u8], tag_bits: u32, text: &[u8]) -> Option<&'a [u8; NONCE_LEN]> {
    if text.len() < APART_MIN || tag_bits != 128 {
        return None;
    }
    iv.try_into().ok()
}

/// ring's key and nonce, if the parameters are the ones ring has.
fn usual_shape<'a>(
    key: &'a AesKey,
    iv: &[u8],
    tag_bits: u32,
) -> Option<(&'a ring::aead::LessSafeKey, Nonce)> {
    if iv.len() != NONCE_LEN || tag_bits != 128 {
        return None;
    }
    let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
    key.gcm().map(|prepared| (prepared, nonce))
}
