//! Key derivation: PBKDF2, the functions of ECDH (X9.63, SP 800-56C), HKDF; and in files of their own, re-exported
//! here, SP 800-108 (`sp800_108.rs`), X9.42 (`x942.rs`), PKCS#12 (`pkcs12.rs`), TLS (`tls.rs`) and IKE (`ike.rs`).
//!
//! Deriving a key by a plain hash (`CKM_SHA256_KEY_DERIVATION` and so on) is [`crate::digest::hash`],
//! with SHAKE [`crate::digest::expand`].

mod ike;
mod pkcs12;
mod sp800_108;
mod tls;
mod x942;

use zeroize::Zeroizing;

pub use self::ike::{
    ike_prf, ike_prf_key, ike_prf_of_secret, ike1_extended, ike1_prf, ike2_prf_plus,
};
pub use self::pkcs12::{Pkcs12Purpose, pkcs12_kdf};
pub use self::sp800_108::{
    DkmLength, Field, LunaPrfKdfScheme, Mode, NumberFormat, luna_prf_kdf, sp800_108,
};
pub use self::tls::{
    MASTER_SECRET_LEN, TlsKeyBlock, TlsPrf, TlsSide, tls_export, tls_extended_master_secret,
    tls_key_block, tls_master_secret, tls_prf, tls_verify_data,
};
pub use self::x942::{x942_kdf_asn1, x942_kdf_concatenate};
use crate::block::xor;
use crate::digest::{HashAlg, Hasher};
use crate::mac::{MacAlg, MacKey};
use crate::{Error, Result, ffi};

/// PBKDF2 with HMAC-SHA-256 (RFC 8018, 5.2), filling `out`.
///
/// # Errors
/// [`Error::InvalidParameter`] for no rounds.
pub fn pbkdf2_hmac_sha256(password: &[u8], salt: &[u8], rounds: u32, out: &mut [u8]) -> Result<()> {
    pbkdf2_hmac(HashAlg::Sha256, password, salt, rounds, out)
}

/// PBKDF2 (RFC 8018, 5.2) with HMAC of any hash function, filling `out`.
///
/// # Errors
/// [`Error::InvalidParameter`] for no rounds.
pub fn pbkdf2_hmac(
    hash: HashAlg,
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    out: &mut [u8],
) -> Result<()> {
    if rounds == 0 {
        return Err(Error::InvalidParameter);
    }
    match hash {
        HashAlg::Md5
        | HashAlg::Ripemd160
        | HashAlg::Blake2b160
        | HashAlg::Blake2b256
        | HashAlg::Blake2b384
        | HashAlg::Blake2b512
        | HashAlg::Sha512T(_) => pbkdf2(MacAlg::Hmac(hash), password, salt, rounds, out),
        _ => ffi::pbkdf2::derive(hash, password, salt, rounds, out),
    }
}

/// PBKDF2 with a MAC that AWS-LC's own PBKDF2 does not have.
fn pbkdf2(alg: MacAlg, password: &[u8], salt: &[u8], rounds: u32, out: &mut [u8]) -> Result<()> {
    let key = MacKey::new(alg, password)?;
    for (number, block) in (1_u32..).zip(out.chunks_mut(alg.output_len())) {
        let mut mac = key.start();
        mac.update(salt);
        mac.update(&number.to_be_bytes());
        let mut last = Zeroizing::new(mac.finish());
        let mut sum = last.clone();
        for _ in 1..rounds {
            last = Zeroizing::new(key.sign(&last));
            xor(&mut sum, &last);
        }
        block.copy_from_slice(&sum[..block.len()]);
    }
    Ok(())
}

/// The key derivation function of ANSI X9.63 (SEC 1, 3.6.1): `len` bytes from the shared secret `z`.
///
/// # Errors
/// [`Error::InvalidLength`] for more than 2^32 - 1 digests.
pub fn x963_kdf(
    hash: HashAlg,
    z: &[u8],
    shared_info: &[u8],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    counted_digests(hash, &[z], &[shared_info], len)
}

/// The one-step function of NIST SP 800-56C, 4.1, with a hash function: as [`x963_kdf`], but the
/// counter comes before the shared secret. `CKD_SHA256_KDF_SP800` and its like.
///
/// # Errors
/// As [`x963_kdf`].
pub fn sp800_56c_one_step(
    hash: HashAlg,
    z: &[u8],
    fixed_info: &[u8],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    counted_digests(hash, &[], &[z, fixed_info], len)
}

/// `len` bytes of digests, each over a counter of 32 bits between two lists of parts.
fn counted_digests(
    hash: HashAlg,
    before: &[&[u8]],
    after: &[&[u8]],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let blocks = len.div_ceil(hash.output_len());
    let blocks = u32::try_from(blocks).map_err(|_| Error::InvalidLength)?;
    let mut out = Zeroizing::new(Vec::with_capacity(blocks as usize * hash.output_len()));
    for counter in 1..=blocks {
        let mut hasher = Hasher::new(hash);
        for part in before {
            hasher.update(part);
        }
        hasher.update(&counter.to_be_bytes());
        for part in after {
            hasher.update(part);
        }
        out.extend_from_slice(&Zeroizing::new(hasher.finish()));
    }
    out.truncate(len);
    Ok(out)
}

/// First half of HKDF (RFC 5869, 2.2): a pseudorandom key as long as the digest. An empty salt
/// counts as a digest of zeros, as in the standard.
///
/// # Errors
/// [`Error::Internal`], never in practice.
pub fn hkdf_extract(hash: HashAlg, salt: &[u8], ikm: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    // HMAC pads its key with zeros, so that an empty key is the digest of zeros.
    Ok(Zeroizing::new(MacKey::new(MacAlg::Hmac(hash), salt)?.sign(ikm)))
}

/// Second half of HKDF (RFC 5869, 2.3): `len` bytes from a pseudorandom key.
///
/// # Errors
/// [`Error::InvalidLength`] for more than 255 digests.
pub fn hkdf_expand(
    hash: HashAlg,
    prk: &[u8],
    info: &[u8],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let blocks = len.div_ceil(hash.output_len());
    let blocks = u8::try_from(blocks).map_err(|_| Error::InvalidLength)?;
    let key = MacKey::new(MacAlg::Hmac(hash), prk)?;
    let mut out = Zeroizing::new(Vec::with_capacity(usize::from(blocks) * hash.output_len()));
    let mut previous = Zeroizing::new(Vec::new());
    for counter in 1..=blocks {
        let mut mac = key.start();
        mac.update(&previous);
        mac.update(info);
        mac.update(&[counter]);
        previous = Zeroizing::new(mac.finish());
        out.extend_from_slice(&previous);
    }
    out.truncate(len);
    Ok(out)
}

/// HKDF as a whole (RFC 5869).
///
/// # Errors
/// As [`hkdf_expand`].
pub fn hkdf(
    hash: HashAlg,
    salt: &[u8],
    ikm: &[u8],
    info: &[u8],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    hkdf_expand(hash, &hkdf_extract(hash, salt, ikm)?, info, len)
}
