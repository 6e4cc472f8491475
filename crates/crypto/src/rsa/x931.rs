//! ANSI X9.31: signatures (`CKM_RSA_X9_31`, `CKM_SHA1_RSA_X9_31`) and keys of strong primes
//! (`CKM_RSA_X9_31_KEY_PAIR_GEN`).
//!
//! ANSI X9.31 was withdrawn; what is here follows PKCS#11 (v3.1, "ANSI X9.31 RSA"), the block format
//! as OpenSSL has it, and for keys FIPS 186-4, B.3.6 with C.9, which states X9.31's construction anew:
//! p - 1 and p + 1 (and likewise of q) have a large prime factor each. All primes are probable primes.

use std::cmp::Ordering;

use super::{RsaPrivateKey, RsaPublicKey, primes::Progression};
use crate::digest::HashAlg;
use crate::ffi::bn::{Bn, TopBits};
use crate::{Error, Result};

/// Multiple of which a modulus of X9.31 must have bits.
const MODULUS_BITS_STEP: u32 = 256;

impl RsaPrivateKey {
    /// Generates a key pair whose primes meet X9.31, with a modulus of exactly `bits` bits and the
    /// public exponent `e` (big endian, odd, above 1 and with at most 256 bits; FIPS 186-4 wants it
    /// above 2^16).
    ///
    /// Both primes have their two highest bits set, so that every pair of them fits. Luna's
    /// `CKM_RSA_FIPS_186_3_AUX_PRIME_KEY_PAIR_GEN` is the same construction.
    ///
    /// # Errors
    /// As [`generate`](Self::generate); `bits` is a multiple of 256.
    pub fn generate_x931(bits: u32, e: &[u8]) -> Result<Self> {
        Self::generate_among(bits, MODULUS_BITS_STEP, e, |half| Ok([strong(half)?, strong(half)?]))
    }

    /// Signs given bytes, a digest and its trailer, with the header and padding of X9.31
    /// (`CKM_RSA_X9_31`).
    ///
    /// # Errors
    /// [`Error::DataTooLarge`] for more than [`modulus_len`](Self::modulus_len) - 2 bytes;
    /// [`Error::DataInvalid`] unless the last half byte is `c`, without which nothing could be
    /// verified; [`Error::KeySize`] unless the modulus has whole bytes.
    pub fn sign_x931(&self, data: &[u8]) -> Result<Vec<u8>> {
        let encoded = encode(data, self.modulus_bits())?;
        let signature = Bn::from_bytes(&self.raw_private(&encoded)?);
        let (n, _) = self.key.public_parts()?;
        // Of s and n - s the smaller one is the signature.
        let other = n.minus(&signature);
        let smaller = if other.compare(&signature) == Ordering::Less { other } else { signature };
        let mut out = vec![0; self.modulus_len()];
        smaller.write_padded(&mut out)?;
        Ok(out)
    }

    /// Signs a digest with X9.31, trailer included (`CKM_SHA1_RSA_X9_31` for SHA-1).
    ///
    /// # Errors
    /// [`Error::Unsupported`] for SHA-3, which X9.31 has no number for; [`Error::InvalidLength`] if
    /// the digest is not one of this function; [`Error::KeySize`] if it does not fit.
    pub fn sign_x931_hashed(&self, hash: HashAlg, digest: &[u8]) -> Result<Vec<u8>> {
        self.sign_x931(&with_trailer(hash, digest)?).map_err(too_small)
    }
}

impl RsaPublicKey {
    /// Verifies an X9.31 signature over given bytes, a digest and its trailer (`CKM_RSA_X9_31`).
    ///
    /// # Errors
    /// As [`RsaPrivateKey::sign_x931`]; [`Error::SignatureLength`], [`Error::VerifyFailed`].
    pub fn verify_x931(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        let encoded = encode(data, self.modulus_bits())?;
        if signature.len() != self.modulus_len() {
            return Err(Error::SignatureLength);
        }
        let (n, _) = self.key.public_parts()?;
        let given = Bn::from_bytes(signature);
        // Only the smaller of s and n - s is a signature.
        if given.shifted_left(1).compare(&n) == Ordering::Greater {
            return Err(Error::VerifyFailed);
        }
        let recovered = self.raw_public(signature).map_err(|_| Error::VerifyFailed)?;
        let (recovered, encoded) = (Bn::from_bytes(&recovered), Bn::from_bytes(&encoded));
        let genuine = [&recovered, &n.minus(&recovered)]
            .into_iter()
            .any(|candidate| candidate.compare(&encoded) == Ordering::Equal);
        if genuine { Ok(()) } else { Err(Error::VerifyFailed) }
    }

    /// Verifies an X9.31 signature over a digest, trailer included.
    ///
    /// # Errors
    /// As [`RsaPrivateKey::sign_x931_hashed`]; [`Error::SignatureLength`], [`Error::VerifyFailed`].
    pub fn verify_x931_hashed(&self, hash: HashAlg, digest: &[u8], signature: &[u8]) -> Result<()> {
        self.verify_x931(&with_trailer(hash, digest)?, signature).map_err(too_small)
    }
}

fn too_small(error: Error) -> Error {
    match error {
        Error::DataTooLarge => Error::KeySize,
        other => other,
    }
}

/// Header `6`, padding `b...ba`, then the data.
fn encode(data: &[u8], modulus_bits: usize) -> Result<Vec<u8>> {
    if !modulus_bits.is_multiple_of(8) {
        return Err(Error::KeySize);
    }
    let len = modulus_bits / 8;
    if data.len() + 2 > len {
        return Err(Error::DataTooLarge);
    }
    if data.last().is_none_or(|last| last & 0x0f != 0x0c) {
        return Err(Error::DataInvalid);
    }
    let mut out = vec![0xbb; len - data.len()];
    let last = out.len() - 1;
    out[0] = 0x6b;
    out[last] = 0xba;
    out.extend_from_slice(data);
    Ok(out)
}

/// A digest, the number of its hash function (ISO/IEC 10118), and `cc`.
fn with_trailer(hash: HashAlg, digest: &[u8]) -> Result<Vec<u8>> {
    if digest.len() != hash.output_len() {
        return Err(Error::InvalidLength);
    }
    let number = match hash {
        HashAlg::Sha1 => 0x33,
        HashAlg::Sha256 => 0x34,
        HashAlg::Sha512 => 0x35,
        HashAlg::Sha384 => 0x36,
        HashAlg::Sha224 => 0x38,
        HashAlg::Sha512_224 => 0x39,
        HashAlg::Sha512_256 => 0x3a,
        _ => return Err(Error::Unsupported),
    };
    Ok([digest, &[number, 0xcc]].concat())
}

/// Draws progressions of numbers `p` of `bits` bits for which `p - 1` and `p + 1` have one large prime factor each, the
/// same in every progression (FIPS 186-4, C.9).
fn strong(bits: usize) -> Result<impl Fn() -> Result<Progression>> {
    // FIPS 186-4, table B.1: more than 100, 140 and 170 bits.
    let auxiliary_bits = match bits {
        ..1024 => 101,
        1024..1536 => 141,
        _ => 171,
    };
    let (r1, r2) = (auxiliary_prime(auxiliary_bits)?, auxiliary_prime(auxiliary_bits)?);
    let double = r1.shifted_left(1);
    // The number that is 1 modulo 2 * r1 and -1 modulo r2: 1 + 2 * r1 * k.
    let k = r2.minus(&Bn::from_word(2)).times_modulo(&double.modulo(&r2)?.inverse(&r2)?, &r2)?;
    let remainder = double.times(&k).plus(&Bn::from_word(1));
    let step = double.times(&r2);
    Ok(move || {
        let x = Bn::random(bits, TopBits::Two)?;
        // The first number from x on that leaves this remainder.
        let offset = remainder.plus(&step).minus(&x.modulo(&step)?).modulo(&step)?;
        Ok(Progression { start: x.plus(&offset), step: step.clone() })
    })
}

/// The first prime from a random number on.
fn auxiliary_prime(bits: usize) -> Result<Bn> {
    let mut candidate = Bn::random(bits, TopBits::One)?;
    if !candidate.is_odd() {
        candidate = candidate.plus(&Bn::from_word(1));
    }
    while !candidate.is_prime()? {
        candidate = candidate.plus(&Bn::from_word(2));
    }
    Ok(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_progression_have_large_factors_below_and_above() {
        for (bits, auxiliary_bits) in [(512, 101), (1024, 141), (1536, 171)] {
            let draw = strong(bits).unwrap();
            let (one, two) = (draw().unwrap(), draw().unwrap());
            assert_eq!(one.step.compare(&two.step), Ordering::Equal);
            assert_ne!(one.start.compare(&two.start), Ordering::Equal);
            for Progression { start, step } in [one, two] {
                let number = start.plus(&step.times(&Bn::from_word(5)));
                // Of the step, which is twice their product, each has the one factor.
                let below = number.minus_one().gcd(&step);
                let above = number.plus(&Bn::from_word(1)).gcd(&step);
                for factor in [&below, &above] {
                    let prime = factor.shifted_right(1);
                    assert!(!factor.is_odd() && prime.is_prime().unwrap());
                    assert_eq!(prime.bits(), auxiliary_bits);
                }
                assert_eq!(below.times(&above).compare(&step.shifted_left(1)), Ordering::Equal);
            }
        }
    }
}
