//! Hash functions that may stand before a post-quantum signature: HashML-DSA (FIPS 204, 5.4) and
//! HashSLH-DSA (FIPS 205, 10.2.2).

use crate::digest::{HashAlg, hash};
use crate::ffi::shake::{Shake, shake};

/// A hash function with an output of fixed length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PreHash {
    /// SHA-2 or SHA-3. PKCS#11 v3.2 has no mechanism for SHA-1 and the truncated forms of SHA-512;
    /// SHA-1 is refused by both signatures.
    Hash(HashAlg),
    /// SHAKE128 with 32 bytes.
    Shake128,
    /// SHAKE256 with 64 bytes.
    Shake256,
}

impl PreHash {
    /// The functions for which PKCS#11 v3.2 has mechanisms (`CKM_HASH_ML_DSA_...`,
    /// `CKM_HASH_SLH_DSA_...`).
    pub const ALL: [PreHash; 10] = [
        PreHash::Hash(HashAlg::Sha224),
        PreHash::Hash(HashAlg::Sha256),
        PreHash::Hash(HashAlg::Sha384),
        PreHash::Hash(HashAlg::Sha512),
        PreHash::Hash(HashAlg::Sha3_224),
        PreHash::Hash(HashAlg::Sha3_256),
        PreHash::Hash(HashAlg::Sha3_384),
        PreHash::Hash(HashAlg::Sha3_512),
        PreHash::Shake128,
        PreHash::Shake256,
    ];

    /// Length of the digest in bytes.
    pub const fn output_len(self) -> usize {
        match self {
            PreHash::Hash(alg) => alg.output_len(),
            PreHash::Shake128 => 32,
            PreHash::Shake256 => 64,
        }
    }

    /// The digest of a whole message.
    pub fn digest(self, message: &[u8]) -> Vec<u8> {
        let function = match self {
            PreHash::Hash(alg) => return hash(alg, message),
            PreHash::Shake128 => Shake::Shake128,
            PreHash::Shake256 => Shake::Shake256,
        };
        let mut out = vec![0; self.output_len()];
        shake(function, &[message], &mut out);
        out
    }

    /// DER of the function's OID, below NIST's `hashAlgs`; `None` for one that FIPS 204 and 205 do
    /// not allow.
    pub(crate) fn oid(self) -> Option<[u8; 11]> {
        let arc = match self {
            PreHash::Hash(HashAlg::Sha256) => 1,
            PreHash::Hash(HashAlg::Sha384) => 2,
            PreHash::Hash(HashAlg::Sha512) => 3,
            PreHash::Hash(HashAlg::Sha224) => 4,
            PreHash::Hash(HashAlg::Sha512_224) => 5,
            PreHash::Hash(HashAlg::Sha512_256) => 6,
            PreHash::Hash(HashAlg::Sha3_224) => 7,
            PreHash::Hash(HashAlg::Sha3_256) => 8,
            PreHash::Hash(HashAlg::Sha3_384) => 9,
            PreHash::Hash(HashAlg::Sha3_512) => 10,
            PreHash::Shake128 => 11,
            PreHash::Shake256 => 12,
            _ => return None,
        };
        Some([0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, arc])
    }
}

/// Whether a signature takes fresh random numbers (`CK_HEDGE_TYPE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hedge {
    /// With random numbers: `CKH_HEDGE_REQUIRED`, and what `CKH_HEDGE_PREFERRED` gives.
    Hedged,
    /// The same signature every time: `CKH_DETERMINISTIC_REQUIRED`.
    Deterministic,
}

/// The longest context string in bytes (FIPS 204, 5.2; FIPS 205, 10.2; RFC 8032, 2).
pub const CONTEXT_LEN_MAX: usize = 255;
