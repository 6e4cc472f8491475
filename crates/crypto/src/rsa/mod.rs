//! RSA keys: generation, import with every check that can be made, and their numbers.
//!
//! A pair is made in `generate.rs`, its primes are found in `primes.rs`.
//! The operations are in `private.rs` (signing, decryption) and `public.rs` (verification,
//! encryption). A key is parsed and checked once; operations on it run on any number of threads at
//! once, blinded, and every private result is checked with the public exponent before it leaves.

mod generate;
mod import;
mod primes;
mod private;
mod public;
mod x931;

use std::fmt;

use zeroize::Zeroizing;

use crate::digest::HashAlg;
use crate::ffi;
use crate::ffi::bn::Bn;
use crate::{Error, Result};

/// The smallest modulus that is taken, in bits.
pub const MODULUS_BITS_MIN: u32 = 1024;
/// The largest modulus that is taken, in bits.
pub const MODULUS_BITS_MAX: u32 = 8192;
/// The largest public exponent, in bits (FIPS 186-5, A.1.1).
pub const EXPONENT_BITS_MAX: usize = 256;

/// The numbers of a private key (RFC 8017, 3.2), each big endian without leading zeros.
///
/// For import, what is absent is empty: `p` and `q` are then recovered from the exponents, and `dp`,
/// `dq`, `qi` are computed. Components read from a key are always complete.
#[derive(Clone, Default)]
pub struct RsaComponents {
    /// Modulus.
    pub n: Vec<u8>,
    /// Public exponent. When absent, the customary ones are tried.
    pub e: Vec<u8>,
    /// Private exponent.
    pub d: Zeroizing<Vec<u8>>,
    /// First prime.
    pub p: Zeroizing<Vec<u8>>,
    /// Second prime.
    pub q: Zeroizing<Vec<u8>>,
    /// `d mod (p - 1)`.
    pub dp: Zeroizing<Vec<u8>>,
    /// `d mod (q - 1)`.
    pub dq: Zeroizing<Vec<u8>>,
    /// `q^-1 mod p`.
    pub qi: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for RsaComponents {
    /// Shows the public numbers' sizes only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaComponents")
            .field("modulus_len", &self.n.len())
            .field("e_len", &self.e.len())
            .finish_non_exhaustive()
    }
}

/// A private key, checked and ready for use. Share it in an `Arc`.
pub struct RsaPrivateKey {
    key: ffi::rsa::Rsa,
}

impl RsaPrivateKey {
    /// Imports a private key, completes and checks it.
    ///
    /// Needed are `n` and `d`; see [`RsaComponents`] for the rest. What is given is never replaced:
    /// parts that contradict each other are refused.
    ///
    /// # Errors
    /// [`Error::KeySize`] for a modulus outside the limits, [`Error::InvalidKey`] otherwise.
    pub fn from_components(components: &RsaComponents) -> Result<Self> {
        let parts = import::complete(components)?;
        Ok(RsaPrivateKey { key: ffi::rsa::Rsa::private(&parts)? })
    }

    /// All numbers of the key.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice: a constructed key is complete.
    pub fn components(&self) -> Result<RsaComponents> {
        let parts = self.key.private_parts()?;
        Ok(RsaComponents {
            n: parts.n.to_bytes().to_vec(),
            e: parts.e.to_bytes().to_vec(),
            d: parts.d.to_bytes(),
            p: parts.p.to_bytes(),
            q: parts.q.to_bytes(),
            dp: parts.dp.to_bytes(),
            dq: parts.dq.to_bytes(),
            qi: parts.qi.to_bytes(),
        })
    }

    /// The public key of this private key.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice.
    pub fn public(&self) -> Result<RsaPublicKey> {
        let (n, e) = self.key.public_parts()?;
        Ok(RsaPublicKey { key: ffi::rsa::Rsa::public(&n, &e)? })
    }

    /// Length of the modulus in bytes: of every signature and ciphertext.
    pub fn modulus_len(&self) -> usize {
        self.key.size()
    }

    /// Length of the modulus in bits.
    pub fn modulus_bits(&self) -> usize {
        self.key.bits()
    }
}

impl fmt::Debug for RsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaPrivateKey")
            .field("modulus_bits", &self.modulus_bits())
            .finish_non_exhaustive()
    }
}

/// A public key, checked and ready for use. Share it in an `Arc`.
pub struct RsaPublicKey {
    key: ffi::rsa::Rsa,
}

impl RsaPublicKey {
    /// Imports modulus and public exponent, both big endian.
    ///
    /// # Errors
    /// [`Error::KeySize`] for a modulus outside the limits; [`Error::InvalidKey`] for an even
    /// modulus, or an exponent that is even, below 3 or above [`EXPONENT_BITS_MAX`].
    pub fn from_components(n: &[u8], e: &[u8]) -> Result<Self> {
        let n = Bn::from_bytes(n);
        let e = Bn::from_bytes(e);
        import::check_modulus(&n)?;
        if e.bits() > EXPONENT_BITS_MAX {
            return Err(Error::InvalidKey);
        }
        Ok(RsaPublicKey { key: ffi::rsa::Rsa::public(&n, &e)? })
    }

    /// The modulus, big endian without leading zeros.
    pub fn modulus(&self) -> Vec<u8> {
        self.key.public_parts().map(|(n, _)| n.to_bytes().to_vec()).unwrap_or_default()
    }

    /// The public exponent, big endian without leading zeros.
    pub fn exponent(&self) -> Vec<u8> {
        self.key.public_parts().map(|(_, e)| e.to_bytes().to_vec()).unwrap_or_default()
    }

    /// Length of the modulus in bytes: of every signature and ciphertext.
    pub fn modulus_len(&self) -> usize {
        self.key.size()
    }

    /// Length of the modulus in bits.
    pub fn modulus_bits(&self) -> usize {
        self.key.bits()
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaPublicKey")
            .field("modulus_bits", &self.modulus_bits())
            .finish_non_exhaustive()
    }
}

/// Bytes that PKCS#1 v1.5 padding takes at least (RFC 8017, 7.2.1 and 9.2).
const PKCS1_OVERHEAD: usize = 11;

/// Message of a raw operation, left-padded with zeros to the length of the modulus.
fn left_padded(data: &[u8], modulus_len: usize) -> Result<Zeroizing<Vec<u8>>> {
    let pad = modulus_len.checked_sub(data.len()).ok_or(Error::DataTooLarge)?;
    let mut padded = Zeroizing::new(vec![0; modulus_len]);
    padded[pad..].copy_from_slice(data);
    Ok(padded)
}

/// `DigestInfo` of RFC 8017, 9.2: what a hashed PKCS#1 v1.5 signature pads and signs.
fn digest_info(hash: HashAlg, digest: &[u8]) -> Result<Vec<u8>> {
    if digest.len() != hash.output_len() {
        return Err(Error::InvalidLength);
    }
    // All digests of SHA-2 and SHA-3 hang below 2.16.840.1.101.3.4.2 (NIST's hashAlgs); only the
    // last arc differs. Every structure here is shorter than 128 bytes, so lengths are one byte.
    let nist = |arc: u8| vec![0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, arc];
    let oid = match hash {
        HashAlg::Sha1 => vec![0x2b, 0x0e, 0x03, 0x02, 0x1a],
        HashAlg::Sha256 => nist(1),
        HashAlg::Sha384 => nist(2),
        HashAlg::Sha512 => nist(3),
        HashAlg::Sha224 => nist(4),
        HashAlg::Sha512_224 => nist(5),
        HashAlg::Sha512_256 => nist(6),
        HashAlg::Sha3_224 => nist(7),
        HashAlg::Sha3_256 => nist(8),
        HashAlg::Sha3_384 => nist(9),
        HashAlg::Sha3_512 => nist(10),
        HashAlg::Md5 => vec![0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05],
        HashAlg::Ripemd160 => vec![0x2b, 0x24, 0x03, 0x02, 0x01],
        // No identifier is agreed on with which others would verify.
        HashAlg::Blake2b160
        | HashAlg::Blake2b256
        | HashAlg::Blake2b384
        | HashAlg::Blake2b512
        | HashAlg::Sha512T(_) => return Err(Error::Unsupported),
    };
    use crate::asn1::der;
    let algorithm = der::sequence(&[&der::tlv(der::OBJECT_IDENTIFIER, &oid), &der::null()]);
    Ok(der::sequence(&[&algorithm, &der::tlv(der::OCTET_STRING, digest)]).to_vec())
}

/// Salt length in the C library's type, checked against what the modulus can hold.
///
/// The encoded message has one bit less than the modulus (RFC 8017, 9.1.1).
fn checked_salt_len(modulus_bits: usize, hash: HashAlg, salt_len: usize) -> Result<i32> {
    let encoded_len = (modulus_bits - 1).div_ceil(8);
    let available = encoded_len.checked_sub(hash.output_len() + 2).ok_or(Error::KeySize)?;
    if salt_len > available {
        return Err(Error::InvalidParameter);
    }
    i32::try_from(salt_len).map_err(|_| Error::InvalidParameter)
}
