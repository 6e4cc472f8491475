//! ChaCha20-Poly1305 over whole messages.

use std::fmt;
use std::sync::OnceLock;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{ChaCha20, ChaCha20Key};
use crate::ffi::chacha::{Poly1305, XChaCha20Poly1305};
use crate::{Error, Result, constant_time_eq};

/// Bytes of a tag.
const TAG_LEN: usize = 16;

/// What a key needs for the libraries' own forms, made when first needed.
#[derive(Default)]
pub(super) struct Prepared {
    narrow: OnceLock<Option<LessSafeKey>>,
    extended: OnceLock<XChaCha20Poly1305>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}

impl ChaCha20Key {
    fn narrow(&self) -> Result<&LessSafeKey> {
        let prepare =
            || UnboundKey::new(&CHACHA20_POLY1305, &*self.bytes).ok().map(LessSafeKey::new);
        self.aead.narrow.get_or_init(prepare).as_ref().ok_or(Error::Internal)
    }

    fn extended(&self) -> &XChaCha20Poly1305 {
        self.aead.extended.get_or_init(|| XChaCha20Poly1305::new(&self.bytes))
    }
}

/// Encrypts and authenticates; returns `ciphertext || tag`. `CKM_CHACHA20_POLY1305`.
///
/// A nonce of 12 bytes is that of RFC 8439, one of 24 bytes XChaCha20-Poly1305, and one of 8 bytes
/// the original, which authenticates the lengths after each part and pads nothing.
///
/// # Errors
/// [`Error::InvalidParameter`] for a nonce of another length, [`Error::DataTooLarge`] above what a
/// message may hold.
pub fn chacha20_poly1305_seal(
    key: &ChaCha20Key,
    nonce: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(plaintext.len() + TAG_LEN);
    out.extend_from_slice(plaintext);
    match nonce.len() {
        8 => {
            let (mut stream, mac_key) = original(key, nonce)?;
            stream.apply(&mut out)?;
            let tag = original_tag(&mac_key, aad, &out);
            out.extend_from_slice(&tag);
        }
        12 => {
            let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Internal)?;
            key.narrow()?
                .seal_in_place_append_tag(nonce, Aad::from(aad), &mut out)
                .map_err(|_| Error::DataTooLarge)?;
        }
        24 => {
            let nonce = nonce.try_into().map_err(|_| Error::Internal)?;
            return key.extended().seal(nonce, aad, plaintext);
        }
        _ => return Err(Error::InvalidParameter),
    }
    Ok(out)
}

/// Checks and decrypts `ciphertext || tag`.
///
/// # Errors
/// As [`chacha20_poly1305_seal`], [`Error::InvalidLength`] for input shorter than a tag,
/// [`Error::DecryptFailed`] for a wrong tag.
pub fn chacha20_poly1305_open(
    key: &ChaCha20Key,
    nonce: &[u8],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    if !matches!(nonce.len(), 8 | 12 | 24) {
        return Err(Error::InvalidParameter);
    }
    let text_len = ciphertext.len().checked_sub(TAG_LEN).ok_or(Error::InvalidLength)?;
    let mut out = Zeroizing::new(ciphertext.to_vec());
    match nonce.len() {
        8 => {
            let (mut stream, mac_key) = original(key, nonce)?;
            out.truncate(text_len);
            if !constant_time_eq(&original_tag(&mac_key, aad, &out), &ciphertext[text_len..]) {
                return Err(Error::DecryptFailed);
            }
            stream.apply(&mut out)?;
        }
        12 => {
            let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Internal)?;
            key.narrow()?
                .open_in_place(nonce, Aad::from(aad), &mut out)
                .map_err(|_| Error::DecryptFailed)?;
            out.truncate(text_len);
        }
        _ => {
            let nonce = nonce.try_into().map_err(|_| Error::Internal)?;
            return key.extended().open(nonce, aad, ciphertext);
        }
    }
    Ok(out)
}

/// The original construction: the stream from its second block on, and the Poly1305 key, which the
/// first one begins with.
fn original(key: &ChaCha20Key, nonce: &[u8]) -> Result<(ChaCha20, Zeroizing<[u8; 32]>)> {
    let mut first = ChaCha20::new(key, nonce, 0)?;
    let mut mac_key = Zeroizing::new([0; 32]);
    first.apply(&mut *mac_key)?;
    Ok((ChaCha20::new(key, nonce, 1)?, mac_key))
}

fn original_tag(mac_key: &[u8; 32], aad: &[u8], ciphertext: &[u8]) -> [u8; TAG_LEN] {
    let mut mac = Poly1305::new(mac_key);
    for part in [aad, ciphertext] {
        mac.update(part);
        mac.update(&(part.len() as u64).to_le_bytes());
    }
    mac.finish()
}
