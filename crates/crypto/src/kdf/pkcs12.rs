//! Keys from passwords as PKCS#12 makes them (RFC 7292, appendix B).

use zeroize::Zeroizing;

use crate::digest::{HashAlg, Hasher, hash};
use crate::{Error, Result};

/// What is made; each gives other bytes from the same password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pkcs12Purpose {
    /// A key that encrypts. `CKM_PBE_SHA1_DES3_EDE_CBC` and its like.
    Encryption = 1,
    /// The IV beside it.
    Iv = 2,
    /// A key that authenticates. `CKM_PBA_SHA1_WITH_SHA1_HMAC`.
    Mac = 3,
}

/// `len` bytes from a password, which goes in as UTF-16 with its terminating zero.
///
/// # Errors
/// [`Error::InvalidParameter`] for no rounds.
pub fn pkcs12_kdf(
    alg: HashAlg,
    purpose: Pkcs12Purpose,
    password: &str,
    salt: &[u8],
    rounds: u32,
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    if rounds == 0 {
        return Err(Error::InvalidParameter);
    }
    let units = password.encode_utf16().chain([0]);
    let password: Zeroizing<Vec<u8>> = Zeroizing::new(units.flat_map(u16::to_be_bytes).collect());
    let block_len = alg.block_len();
    let purpose = vec![purpose as u8; block_len];
    let mut input = Zeroizing::new(Vec::new());
    for part in [salt, &password] {
        let filled = part.len().next_multiple_of(block_len);
        input.extend(part.iter().cycle().take(filled));
    }

    let mut out = Zeroizing::new(Vec::with_capacity(len.next_multiple_of(alg.output_len())));
    while out.len() < len {
        let mut hasher = Hasher::new(alg);
        hasher.update(&purpose);
        hasher.update(&input);
        let mut digest = Zeroizing::new(hasher.finish());
        for _ in 1..rounds {
            digest = Zeroizing::new(hash(alg, &digest));
        }
        out.extend_from_slice(&digest);
        // Each block of the input is a number, to which the digest, repeated, and one are added.
        let added: Zeroizing<Vec<u8>> =
            Zeroizing::new(digest.iter().copied().cycle().take(block_len).collect());
        for block in input.chunks_exact_mut(block_len) {
            let mut carry = 1;
            for (byte, added) in block.iter_mut().zip(&*added).rev() {
                let sum = u16::from(*byte) + u16::from(*added) + carry;
                *byte = sum as u8;
                carry = sum >> 8;
            }
        }
    }
    out.truncate(len);
    Ok(out)
}
