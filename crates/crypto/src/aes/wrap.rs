//! AES key wrap: KW (RFC 3394, NIST SP 800-38F), KWP, with padding (RFC 5649), and KW over PKCS#7
//! padding.

use zeroize::Zeroizing;

use super::{AesKey, BLOCK_LEN, CipherMode, decrypt, encrypt};
use crate::block::unpadded_len;
use crate::{Error, Result, constant_time_eq};

/// What comes out of unwrapping when nothing was tampered with (RFC 3394, 2.2.3.1).
const KW_IV: [u8; 8] = [0xa6; 8];
/// The constant half of KWP's initial value; the message's length is the other (RFC 5649, 3).
const KWP_IV: [u8; 4] = [0xa6, 0x59, 0x59, 0xa6];
/// Half a block, the unit that key wrap works in.
const SEMIBLOCK_LEN: usize = 8;

/// Wraps data of at least 16 bytes, a multiple of 8; the result is 8 bytes longer. Without `iv`
/// (8 bytes) the standard's is used.
///
/// # Errors
/// [`Error::InvalidParameter`] for the IV, [`Error::InvalidLength`] for the data.
pub fn kw_wrap(key: &AesKey, iv: Option<&[u8]>, data: &[u8]) -> Result<Vec<u8>> {
    let iv = given_or(iv, KW_IV)?;
    if data.len() < 2 * SEMIBLOCK_LEN || !data.len().is_multiple_of(SEMIBLOCK_LEN) {
        return Err(Error::InvalidLength);
    }
    key.encryption()?.wrap(iv, data)
}

/// Unwraps what [`kw_wrap`] made.
///
/// # Errors
/// [`Error::InvalidParameter`] for the IV, [`Error::InvalidLength`] for data that cannot be a
/// wrapping, [`Error::DecryptFailed`] for one of another key or IV.
pub fn kw_unwrap(key: &AesKey, iv: Option<&[u8]>, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let iv = given_or(iv, KW_IV)?;
    if data.len() < 3 * SEMIBLOCK_LEN || !data.len().is_multiple_of(SEMIBLOCK_LEN) {
        return Err(Error::InvalidLength);
    }
    key.decryption()?.unwrap(iv, data)
}

/// Wraps data of any length from 1 byte; the result is padded to a multiple of 8 bytes, and 8 bytes
/// longer. Without `iv` (4 bytes) the standard's is used.
///
/// # Errors
/// [`Error::InvalidParameter`] for the IV, [`Error::InvalidLength`] for empty data or 2^32 bytes.
pub fn kwp_wrap(key: &AesKey, iv: Option<&[u8]>, data: &[u8]) -> Result<Vec<u8>> {
    let iv = given_or(iv, KWP_IV)?;
    if data.is_empty() {
        return Err(Error::InvalidLength);
    }
    let iv = initial_value(iv, data.len())?;
    let mut padded = Zeroizing::new(vec![0; data.len().next_multiple_of(SEMIBLOCK_LEN)]);
    padded[..data.len()].copy_from_slice(data);
    if padded.len() > SEMIBLOCK_LEN {
        return key.encryption()?.wrap(iv, &padded);
    }
    // One semiblock is encrypted together with the initial value, as a block (RFC 5649, 4.1).
    let block = Zeroizing::new([&iv[..], &padded].concat());
    encrypt(CipherMode::Ecb, key, &[], &block)
}

/// Unwraps what [`kwp_wrap`] made.
///
/// # Errors
/// [`Error::InvalidParameter`] for the IV, [`Error::InvalidLength`] for data that cannot be a
/// wrapping, [`Error::DecryptFailed`] for one of another key or IV.
pub fn kwp_unwrap(key: &AesKey, iv: Option<&[u8]>, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let iv = given_or(iv, KWP_IV)?;
    if data.len() < BLOCK_LEN || !data.len().is_multiple_of(SEMIBLOCK_LEN) {
        return Err(Error::InvalidLength);
    }
    if iv == KWP_IV {
        return key.decryption()?.unwrap_padded(data);
    }
    // The library knows only the standard's IV. The message may have eight lengths, and each
    // belongs to another initial value of the unpadded function.
    let padded_len = data.len() - SEMIBLOCK_LEN;
    for len in padded_len - SEMIBLOCK_LEN + 1..=padded_len {
        let Ok(mut message) = unwrap_length(key, iv, len, data) else {
            continue;
        };
        if message[len..].iter().any(|byte| *byte != 0) {
            break;
        }
        message.truncate(len);
        return Ok(message);
    }
    Err(Error::DecryptFailed)
}

/// Wraps data of any length from 8 bytes, padded as PKCS#7 does to a multiple of 8 bytes; always
/// longer than the data, by 9 to 16 bytes. Without `iv` (8 bytes) the standard's of KW is used.
/// `CKM_AES_KEY_WRAP_PKCS7`.
///
/// # Errors
/// [`Error::InvalidParameter`] for the IV, [`Error::InvalidLength`] for less than 8 bytes, which KW
/// cannot take even when padded.
pub fn kw_pkcs7_wrap(key: &AesKey, iv: Option<&[u8]>, data: &[u8]) -> Result<Vec<u8>> {
    let pad = SEMIBLOCK_LEN - data.len() % SEMIBLOCK_LEN;
    let mut padded = Zeroizing::new(Vec::with_capacity(data.len() + pad));
    padded.extend_from_slice(data);
    // At most a semiblock, so that it fits a byte.
    padded.resize(data.len() + pad, pad as u8);
    kw_wrap(key, iv, &padded)
}

/// Unwraps what [`kw_pkcs7_wrap`] made.
///
/// # Errors
/// As [`kw_unwrap`], and [`Error::DecryptFailed`] for bad padding.
pub fn kw_pkcs7_unwrap(key: &AesKey, iv: Option<&[u8]>, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut message = kw_unwrap(key, iv, data)?;
    let before = message.len() - SEMIBLOCK_LEN;
    let kept = unpadded_len(&message[before..])?;
    message.truncate(before + kept);
    Ok(message)
}

/// Unwraps data if its message has this length; padding stays.
fn unwrap_length(key: &AesKey, iv: [u8; 4], len: usize, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let iv = initial_value(iv, len)?;
    if data.len() > BLOCK_LEN {
        return key.decryption()?.unwrap(iv, data);
    }
    let block = decrypt(CipherMode::Ecb, key, &[], data)?;
    let (found, message) = block.split_at(SEMIBLOCK_LEN);
    if constant_time_eq(found, &iv) {
        Ok(Zeroizing::new(message.to_vec()))
    } else {
        Err(Error::DecryptFailed)
    }
}

/// KWP's initial value: the constant, then the message's length (RFC 5649, 3).
fn initial_value(iv: [u8; 4], len: usize) -> Result<[u8; 8]> {
    let len = u32::try_from(len).map_err(|_| Error::InvalidLength)?;
    let mut value = [0; 8];
    value[..4].copy_from_slice(&iv);
    value[4..].copy_from_slice(&len.to_be_bytes());
    Ok(value)
}

fn given_or<const N: usize>(iv: Option<&[u8]>, standard: [u8; N]) -> Result<[u8; N]> {
    iv.map_or(Ok(standard), |iv| iv.try_into().map_err(|_| Error::InvalidParameter))
}
