//! Signatures and MACs.

use hsmsim_crypto::{
    aes::{gmac, gmac_verify},
    constant_time_eq,
    digest::hash,
    edwards::SIGNATURE_LEN,
    mac::Mac,
};
use hsmsim_types::{Params, Result, ck::*, error::fail};

use super::{params::Work, unfit};
use crate::{
    failure::{During, during},
    object::key::KeyMaterial,
};

/// Length of a signature or MAC.
pub(super) fn signature_len(work: &Work, key: &KeyMaterial) -> Result<usize> {
    Ok(match (work, key) {
        (Work::Mac { len, .. }, _) => *len,
        (Work::Gmac { tag_bits }, _) => *tag_bits as usize / 8,
        (_, KeyMaterial::RsaPrivate(key)) => key.modulus_len(),
        (_, KeyMaterial::EcPrivate(key)) => key.curve().signature_len(),
        (_, KeyMaterial::EdPrivate(_)) => SIGNATURE_LEN,
        _ => return unfit(),
    })
}

/// Signs a message.
pub(super) fn sign(
    work: &Work,
    params: &Params,
    key: &KeyMaterial,
    data: &[u8],
) -> Result<Vec<u8>> {
    let during = during(During::Sign);
    if let Some(alg) = work.hash() {
        return sign_hashed(work, key, &hash(alg, data));
    }
    match (work, key) {
        (Work::RsaPkcs(None), KeyMaterial::RsaPrivate(key)) => key.sign_pkcs1(data).map_err(during),
        (Work::RsaRaw, KeyMaterial::RsaPrivate(key)) => {
            key.raw_private(data).map(|bytes| bytes.to_vec()).map_err(during)
        }
        (Work::RsaPss { .. } | Work::Ecdsa(None), _) => sign_hashed(work, key, data),
        (Work::Eddsa, KeyMaterial::EdPrivate(key)) => Ok(key.sign(data)),
        (Work::Mac { alg, .. }, KeyMaterial::Secret(key)) => {
            Ok(truncated(work, key.mac(*alg)?.sign(data)))
        }
        (Work::Gmac { tag_bits }, KeyMaterial::Secret(key)) => {
            gmac(key.aes()?, gmac_iv(params), *tag_bits, data).map_err(during)
        }
        _ => unfit(),
    }
}

/// The vector of AES-GMAC: by itself, or in CK_GCM_PARAMS.
fn gmac_iv(params: &Params) -> &[u8] {
    match params {
        Params::Bytes(iv) | Params::Gcm { iv, .. } => iv,
        _ => &[],
    }
}

/// Upper bound for what a signature gives back.
pub(super) fn recovered_len(work: &Work, key: &KeyMaterial) -> Result<usize> {
    match (work, key) {
        (Work::RsaPkcs(None), KeyMaterial::RsaPublic(key)) => Ok(key.modulus_len() - 11),
        (Work::RsaRaw, KeyMaterial::RsaPublic(key)) => Ok(key.modulus_len()),
        _ => unfit(),
    }
}

/// What was signed, out of the signature (C_VerifyRecover).
pub(super) fn recover(work: &Work, key: &KeyMaterial, signature: &[u8]) -> Result<Vec<u8>> {
    let during = during(During::Verify);
    match (work, key) {
        (Work::RsaPkcs(None), KeyMaterial::RsaPublic(key)) => {
            key.recover_pkcs1(signature).map_err(during)
        }
        (Work::RsaRaw, KeyMaterial::RsaPublic(key)) => {
            if signature.len() != key.modulus_len() {
                return fail(CKR_SIGNATURE_LEN_RANGE, "a signature is as long as the modulus");
            }
            key.raw_public(signature).map_err(during)
        }
        _ => unfit(),
    }
}

/// Signs a digest.
pub(super) fn sign_hashed(work: &Work, key: &KeyMaterial, digest: &[u8]) -> Result<Vec<u8>> {
    let during = during(During::Sign);
    match (work, key) {
        (Work::RsaPkcs(Some(alg)), KeyMaterial::RsaPrivate(key)) => {
            key.sign_pkcs1_hashed(*alg, digest).map_err(during)
        }
        (Work::RsaPss { hash, mgf, salt_len, .. }, KeyMaterial::RsaPrivate(key)) => {
            key.sign_pss(*hash, *mgf, *salt_len, digest).map_err(during)
        }
        (Work::Ecdsa(_), KeyMaterial::EcPrivate(key)) => key.sign_digest(digest).map_err(during),
        _ => unfit(),
    }
}

/// The part of a MAC that the mechanism's parameter asks for.
pub(super) fn truncated(work: &Work, mut mac: Vec<u8>) -> Vec<u8> {
    if let Work::Mac { len, .. } = work {
        mac.truncate(*len);
    }
    mac
}

/// Verifies a signature of a message.
pub(super) fn verify(
    work: &Work,
    params: &Params,
    key: &KeyMaterial,
    data: &[u8],
    signature: &[u8],
) -> Result<()> {
    let during = during(During::Verify);
    if let Some(alg) = work.hash() {
        return verify_hashed(work, key, &hash(alg, data), signature);
    }
    match (work, key) {
        (Work::RsaPkcs(None), KeyMaterial::RsaPublic(key)) => {
            key.verify_pkcs1(data, signature).map_err(during)
        }
        (Work::RsaRaw, KeyMaterial::RsaPublic(key)) => {
            let len = key.modulus_len();
            if signature.len() != len {
                return fail(CKR_SIGNATURE_LEN_RANGE, "a signature is as long as the modulus");
            }
            if data.len() > len {
                return fail(CKR_DATA_LEN_RANGE, "the data is longer than the modulus");
            }
            let recovered = key.raw_public(signature).map_err(during)?;
            let (zeros, rest) = recovered.split_at(len - data.len());
            if zeros.iter().all(|&byte| byte == 0) && constant_time_eq(rest, data) {
                return Ok(());
            }
            fail(CKR_SIGNATURE_INVALID, "signature is invalid")
        }
        (Work::RsaPss { .. } | Work::Ecdsa(None), _) => verify_hashed(work, key, data, signature),
        (Work::Eddsa, KeyMaterial::EdPublic(key)) => key.verify(data, signature).map_err(during),
        (Work::Mac { alg, .. }, KeyMaterial::Secret(key)) => {
            let mut mac = key.mac(*alg)?.start();
            mac.update(data);
            verify_mac(work, mac, signature)
        }
        (Work::Gmac { tag_bits }, KeyMaterial::Secret(key)) => {
            if signature.len() != *tag_bits as usize / 8 {
                return fail(CKR_SIGNATURE_LEN_RANGE, "the MAC has another length");
            }
            gmac_verify(key.aes()?, gmac_iv(params), *tag_bits, data, signature).map_err(during)
        }
        _ => unfit(),
    }
}

/// Verifies a signature of a digest.
pub(super) fn verify_hashed(
    work: &Work,
    key: &KeyMaterial,
    digest: &[u8],
    signature: &[u8],
) -> Result<()> {
    let during = during(During::Verify);
    match (work, key) {
        (Work::RsaPkcs(Some(alg)), KeyMaterial::RsaPublic(key)) => {
            key.verify_pkcs1_hashed(*alg, digest, signature).map_err(during)
        }
        (Work::RsaPss { hash, mgf, salt_len, .. }, KeyMaterial::RsaPublic(key)) => {
            key.verify_pss(*hash, *mgf, *salt_len, digest, signature).map_err(during)
        }
        (Work::Ecdsa(_), KeyMaterial::EcPublic(key)) => {
            key.verify_digest(digest, signature).map_err(during)
        }
        _ => unfit(),
    }
}

/// Verifies a MAC of the length that the mechanism's parameter asks for.
pub(super) fn verify_mac(work: &Work, mac: Mac, expected: &[u8]) -> Result<()> {
    if !matches!(work, Work::Mac { len, .. } if *len == expected.len()) {
        return fail(CKR_SIGNATURE_LEN_RANGE, "the MAC has another length");
    }
    mac.verify_truncated(expected).map_err(during(During::Verify))
}
