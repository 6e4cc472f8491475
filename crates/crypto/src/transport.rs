//! Key wrapping by a key that lives for one wrapping only: `CKM_RSA_AES_KEY_WRAP` and the
//! `CKM_ECDH_..._AES_KEY_WRAP` family (PKCS#11 v3.2).
//!
//! The target key, a `PrivateKeyInfo` or a secret key's value, is wrapped with KWP under a temporary
//! AES key, which is either encrypted with RSA-OAEP or agreed on with a temporary EC key.

use zeroize::Zeroizing;

use crate::aes::{AesKey, kwp_unwrap, kwp_wrap};
use crate::asn1::{der, wrap_octet_string};
use crate::curve448::{X448_KEY_LEN, X448PrivateKey, X448PublicKey};
use crate::digest::HashAlg;
use crate::ec::{EcPrivateKey, EcPublicKey};
use crate::kdf::x963_kdf;
use crate::montgomery::{self, X25519PrivateKey, X25519PublicKey};
use crate::rsa::{RsaPrivateKey, RsaPublicKey};
use crate::{Error, Result, random};

/// Parameters of RSA-OAEP.
#[derive(Clone, Copy, Debug)]
pub struct Oaep<'a> {
    /// The hash function.
    pub hash: HashAlg,
    /// The hash function of the mask generation.
    pub mgf_hash: HashAlg,
    /// The label (`pSourceData`).
    pub label: &'a [u8],
}

/// Wraps with a random AES key of `aes_bits` bits (`CKM_RSA_AES_KEY_WRAP`): the AES key under OAEP,
/// as long as the modulus, then the target key under KWP.
///
/// # Errors
/// [`Error::InvalidParameter`] unless `aes_bits` is 128, 192 or 256; as
/// [`RsaPublicKey::encrypt_oaep`] and [`kwp_wrap`].
pub fn rsa_aes_wrap(
    key: &RsaPublicKey,
    aes_bits: u32,
    oaep: Oaep<'_>,
    target: &[u8],
) -> Result<Vec<u8>> {
    let mut temporary = Zeroizing::new(vec![0; aes_len(aes_bits)?]);
    random::fill(&mut temporary)?;
    let mut out = key.encrypt_oaep(oaep.hash, oaep.mgf_hash, oaep.label, &temporary)?;
    out.extend(kwp_wrap(&AesKey::new(&temporary)?, None, target)?);
    Ok(out)
}

/// Unwraps what [`rsa_aes_wrap`] made.
///
/// # Errors
/// [`Error::InvalidParameter`] for `aes_bits`; [`Error::InvalidLength`] for input that is too short;
/// [`Error::DecryptFailed`] for everything else that is not a wrapping by this key, also if its AES
/// key has another length.
pub fn rsa_aes_unwrap(
    key: &RsaPrivateKey,
    aes_bits: u32,
    oaep: Oaep<'_>,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let aes_len = aes_len(aes_bits)?;
    let (first, second) =
        wrapped.split_at_checked(key.modulus_len()).ok_or(Error::InvalidLength)?;
    let temporary = key.decrypt_oaep(oaep.hash, oaep.mgf_hash, oaep.label, first)?;
    if temporary.len() != aes_len {
        return Err(Error::DecryptFailed);
    }
    kwp_unwrap(&AesKey::new(&temporary)?, None, second)
}

/// How the temporary AES key comes from the agreed secret.
#[derive(Clone, Copy, Debug)]
pub struct Agreement<'a> {
    /// Length of the AES key in bits (`ulAESKeyBits`).
    pub aes_bits: u32,
    /// The function of ANSI X9.63 with this hash function; none (`CKD_NULL`) takes the first bytes.
    pub kdf: Option<HashAlg>,
    /// Shared data of the derivation; empty without one.
    pub shared_data: &'a [u8],
}

impl Agreement<'_> {
    fn aes_key(&self, secret: &[u8]) -> Result<AesKey> {
        let len = aes_len(self.aes_bits)?;
        match self.kdf {
            Some(hash) => AesKey::new(&x963_kdf(hash, secret, self.shared_data, len)?),
            None if !self.shared_data.is_empty() => Err(Error::InvalidParameter),
            None => AesKey::new(secret.get(..len).ok_or(Error::KeySize)?),
        }
    }
}

/// Wraps with an AES key agreed on with a temporary key on the same curve
/// (`CKM_ECDH_COF_AES_KEY_WRAP`, and `CKM_ECDH_AES_KEY_WRAP` of v3.1; every cofactor here is 1): the
/// temporary public key as DER `OCTET STRING` of the uncompressed point, which is what
/// `CKA_EC_POINT` holds, then the target key under KWP.
///
/// # Errors
/// [`Error::InvalidParameter`] for the length of the AES key and for shared data without a
/// derivation, [`Error::KeySize`] if the secret is shorter than the AES key; as [`kwp_wrap`].
pub fn ecdh_aes_wrap(
    key: &EcPublicKey,
    agreement: Agreement<'_>,
    target: &[u8],
) -> Result<Vec<u8>> {
    let temporary = EcPrivateKey::generate(key.curve())?;
    let aes = agreement.aes_key(&temporary.ecdh(key.point())?)?;
    let mut out = wrap_octet_string(temporary.public_point());
    out.extend(kwp_wrap(&aes, None, target)?);
    Ok(out)
}

/// Unwraps what [`ecdh_aes_wrap`] made. The point may also stand without its `OCTET STRING`, as some
/// writers of v3.1 have it.
///
/// # Errors
/// As [`ecdh_aes_wrap`]; [`Error::InvalidLength`] for input that is too short,
/// [`Error::DecryptFailed`] for what is not a wrapping for this key.
pub fn ecdh_aes_unwrap(
    key: &EcPrivateKey,
    agreement: Agreement<'_>,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let point_len = 1 + 2 * key.curve().field_len();
    // Both forms begin with 04; only the encoded one goes on with the point's length and format.
    let header = wrap_octet_string(&vec![0; point_len]).len() - point_len;
    let encoded = wrapped.split_at_checked(header + point_len).filter(|(first, _)| {
        let mut reader = der::Reader::new(first);
        reader.expect(der::OCTET_STRING).is_ok_and(|point| {
            point.len() == point_len && EcPublicKey::from_point(key.curve(), point).is_ok()
        })
    });
    let (point, rest) = match encoded {
        Some((first, rest)) => (&first[header..], rest),
        None => wrapped.split_at_checked(point_len).ok_or(Error::InvalidLength)?,
    };
    let secret = key.ecdh(point).map_err(|_| Error::DecryptFailed)?;
    kwp_unwrap(&agreement.aes_key(&secret)?, None, rest)
}

/// The same on Curve25519 (`CKM_ECDH_X_AES_KEY_WRAP`): the temporary public key as it is, then the
/// target key under KWP.
///
/// # Errors
/// As [`ecdh_aes_wrap`], and [`Error::InvalidParameter`] for a public key of low order.
pub fn x25519_aes_wrap(
    key: &X25519PublicKey,
    agreement: Agreement<'_>,
    target: &[u8],
) -> Result<Vec<u8>> {
    let temporary = X25519PrivateKey::generate()?;
    let aes = agreement.aes_key(&temporary.agree(key.as_bytes())?)?;
    let mut out = temporary.public().as_bytes().to_vec();
    out.extend(kwp_wrap(&aes, None, target)?);
    Ok(out)
}

/// Unwraps what [`x25519_aes_wrap`] made.
///
/// # Errors
/// As [`ecdh_aes_unwrap`].
pub fn x25519_aes_unwrap(
    key: &X25519PrivateKey,
    agreement: Agreement<'_>,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let split = wrapped.split_at_checked(montgomery::KEY_LEN);
    let (public, rest) = split.ok_or(Error::InvalidLength)?;
    let secret = key.agree(public).map_err(|_| Error::DecryptFailed)?;
    kwp_unwrap(&agreement.aes_key(&secret)?, None, rest)
}

/// The same on Curve448 (`CKM_ECDH_X_AES_KEY_WRAP`).
///
/// # Errors
/// As [`x25519_aes_wrap`].
pub fn x448_aes_wrap(
    key: &X448PublicKey,
    agreement: Agreement<'_>,
    target: &[u8],
) -> Result<Vec<u8>> {
    let temporary = X448PrivateKey::generate()?;
    let aes = agreement.aes_key(&temporary.agree(key.as_bytes())?)?;
    let mut out = temporary.public().as_bytes().to_vec();
    out.extend(kwp_wrap(&aes, None, target)?);
    Ok(out)
}

/// Unwraps what [`x448_aes_wrap`] made.
///
/// # Errors
/// As [`ecdh_aes_unwrap`].
pub fn x448_aes_unwrap(
    key: &X448PrivateKey,
    agreement: Agreement<'_>,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let (public, rest) = wrapped.split_at_checked(X448_KEY_LEN).ok_or(Error::InvalidLength)?;
    let secret = key.agree(public).map_err(|_| Error::DecryptFailed)?;
    kwp_unwrap(&agreement.aes_key(&secret)?, None, rest)
}

fn aes_len(bits: u32) -> Result<usize> {
    match bits {
        128 | 192 | 256 => Ok(bits as usize / 8),
        _ => Err(Error::InvalidParameter),
    }
}
