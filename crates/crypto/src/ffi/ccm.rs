//! AES-CCM of AWS-LC.

use std::ptr;

use aws_lc_sys as sys;
use zeroize::Zeroizing;

use super::gcm::Context;
use crate::{Error, Result};

impl Context {
    /// `tag` has the length of the tag; its value is used when decrypting.
    fn ccm(key: &[u8], nonce: &[u8], tag: &mut [u8], direction: i32) -> Result<Self> {
        let tag_len = i32::try_from(tag.len()).map_err(|_| Error::InvalidParameter)?;
        // SAFETY: the functions that choose the cipher return static tables. The command reads as
        // many bytes as it is given, from the tag or, when encrypting, from nowhere.
        unsafe {
            let cipher = match key.len() {
                16 => sys::EVP_aes_128_ccm(),
                24 => sys::EVP_aes_192_ccm(),
                32 => sys::EVP_aes_256_ccm(),
                _ => return Err(Error::KeySize),
            };
            Context::start(cipher, key, nonce, direction, |context| {
                let tag = if direction == 0 { tag.as_mut_ptr() } else { ptr::null_mut() };
                context.control(sys::EVP_CTRL_AEAD_SET_TAG, tag_len, tag)
            })
        }
    }

    /// Tells the length of the message, which must be known before its first byte.
    fn announce(&self, len: usize) -> Result<()> {
        let len = i32::try_from(len).map_err(|_| Error::DataTooLarge)?;
        let mut written = 0;
        // SAFETY: without any buffer the library only takes note of the length.
        let status = unsafe {
            let (out, input) = (ptr::null_mut(), ptr::null());
            sys::EVP_CipherUpdate(self.as_ptr(), out, &mut written, input, len)
        };
        super::check(status, Error::DataTooLarge)
    }
}

/// Encrypts and appends the tag. The nonce has 7 to 13 bytes, `tag_len` is an even number from 4 to
/// 16.
pub(crate) fn seal(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    tag_len: u8,
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let mut tag = [0; 16];
    let tag = tag.get_mut(..usize::from(tag_len)).ok_or(Error::InvalidParameter)?;
    let context = Context::ccm(key, nonce, tag, 1)?;
    context.announce(plaintext.len())?;
    if !aad.is_empty() {
        context.authenticate(aad)?;
    }
    let mut out = Vec::with_capacity(plaintext.len() + tag.len());
    out.extend_from_slice(plaintext);
    context.crypt(&mut out, Error::Internal)?;
    // SAFETY: the command writes as many bytes as it is told, which the buffer has.
    unsafe {
        context.control(sys::EVP_CTRL_AEAD_GET_TAG, i32::from(tag_len), tag.as_mut_ptr())?;
    }
    out.extend_from_slice(tag);
    Ok(out)
}

/// Checks the tag and decrypts.
pub(crate) fn open(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    tag: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let context = Context::ccm(key, nonce, &mut tag.to_vec(), 0)?;
    context.announce(ciphertext.len())?;
    if !aad.is_empty() {
        context.authenticate(aad)?;
    }
    let mut out = Zeroizing::new(ciphertext.to_vec());
    context.crypt(&mut out, Error::DecryptFailed)?;
    Ok(out)
}
