//! AES-CCM (NIST SP 800-38C, RFC 3610) over whole messages.
//!
//! The length of the message goes into the first block that is authenticated, so that a message in
//! parts must be gathered first in any case.

use zeroize::Zeroizing;

use super::AesKey;
use crate::{Error, Result, ffi};

/// Encrypts and authenticates; returns `ciphertext || tag`. `CKM_AES_CCM`.
///
/// # Errors
/// [`Error::InvalidParameter`] for a nonce that has not 7 to 13 bytes or a tag length other than 4,
/// 6, 8, 10, 12, 14 or 16 bytes; [`Error::DataTooLarge`] for a message whose length does not fit the
/// bytes that the nonce leaves for it.
pub fn ccm_encrypt(
    key: &AesKey,
    nonce: &[u8],
    aad: &[u8],
    tag_len: usize,
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let tag_len = checked(nonce, tag_len, plaintext.len())?;
    ffi::ccm::seal(key.bytes(), nonce, aad, tag_len, plaintext)
}

/// Checks and decrypts `ciphertext || tag`.
///
/// # Errors
/// As [`ccm_encrypt`], [`Error::InvalidLength`] for input shorter than a tag,
/// [`Error::DecryptFailed`] for a wrong tag.
pub fn ccm_decrypt(
    key: &AesKey,
    nonce: &[u8],
    aad: &[u8],
    tag_len: usize,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    checked(nonce, tag_len, 0)?;
    let text_len = ciphertext.len().checked_sub(tag_len).ok_or(Error::InvalidLength)?;
    checked(nonce, tag_len, text_len)?;
    let (text, tag) = ciphertext.split_at(text_len);
    ffi::ccm::open(key.bytes(), nonce, aad, tag, text)
}

/// The tag length, if the parameters can serve a message of this length.
fn checked(nonce: &[u8], tag_len: usize, text_len: usize) -> Result<u8> {
    if !(7..=13).contains(&nonce.len()) || !matches!(tag_len, 4 | 6 | 8 | 10 | 12 | 14 | 16) {
        return Err(Error::InvalidParameter);
    }
    let length_bits = 8 * (15 - nonce.len());
    if length_bits < 64 && text_len as u64 >> length_bits != 0 {
        return Err(Error::DataTooLarge);
    }
    // At most 16.
    Ok(tag_len as u8)
}
