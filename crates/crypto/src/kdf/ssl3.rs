//! What SSL 3.0 derives and authenticates with (RFC 6101, 6.1, 6.2 and 5.2.3.1); for what is old.

use zeroize::Zeroizing;

use crate::digest::{HashAlg, Hasher};
use crate::{Error, Result};

/// `len` bytes from a secret and two random numbers: the master secret (48 bytes) from the premaster
/// secret, the client's and the server's; the key block from the master secret, the server's and the
/// client's. `CKM_SSL3_MASTER_KEY_DERIVE`, `CKM_SSL3_KEY_AND_MAC_DERIVE`.
///
/// # Errors
/// [`Error::InvalidLength`] for more than 26 digests of MD5: the letters of the alphabet number them.
pub fn ssl3_derive(
    secret: &[u8],
    first_random: &[u8],
    second_random: &[u8],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let blocks = len.div_ceil(HashAlg::Md5.output_len());
    if blocks > 26 {
        return Err(Error::InvalidLength);
    }
    let mut out = Zeroizing::new(Vec::with_capacity(blocks * HashAlg::Md5.output_len()));
    for (count, letter) in (1..=blocks).zip(b'A'..) {
        let letters = vec![letter; count];
        let inner = hashed(HashAlg::Sha1, &[&letters, secret, first_random, second_random]);
        out.extend_from_slice(&hashed(HashAlg::Md5, &[secret, &inner]));
    }
    out.truncate(len);
    Ok(out)
}

/// The MAC of SSL 3.0 with MD5 or SHA-1, untruncated. `CKM_SSL3_MD5_MAC`, `CKM_SSL3_SHA1_MAC`.
///
/// # Errors
/// [`Error::Unsupported`] for another hash function.
pub fn ssl3_mac(hash: HashAlg, secret: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    let pad_len = match hash {
        HashAlg::Md5 => 48,
        HashAlg::Sha1 => 40,
        _ => return Err(Error::Unsupported),
    };
    let (first, second) = (vec![0x36; pad_len], vec![0x5c; pad_len]);
    let inner = hashed(hash, &[secret, &first, data]);
    Ok(hashed(hash, &[secret, &second, &inner]).to_vec())
}

fn hashed(hash: HashAlg, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut hasher = Hasher::new(hash);
    for part in parts {
        hasher.update(part);
    }
    Zeroizing::new(hasher.finish())
}
