//! Signatures and MACs.

use hsmsim_crypto::{
    aes::{gmac, gmac_verify},
    constant_time_eq,
    curve448::ED448_SIGNATURE_LEN,
    digest::{HashAlg, hash},
    edwards::SIGNATURE_LEN,
    kdf::tls_verify_data,
    mac::Mac,
    prehash::PreHash,
};
use hsmsim_types::{Params, Result, ck::*, error::fail};

use super::{
    params::{Work, context},
    unfit,
};
use crate::{
    failure::{During, during},
    object::key::KeyMaterial,
};

/// Length of a signature or MAC.
pub(super) fn signature_len(work: &Work, key: &KeyMaterial) -> Result<usize> {
    Ok(match (work, key) {
        (Work::Mac { len, .. }, _) => *len,
        (Work::Gmac { tag_bits }, _) => *tag_bits as usize / 8,
        (Work::TlsMac { len, .. }, _) => *len,
        (_, KeyMaterial::RsaPrivate(key)) => key.modulus_len(),
        (_, KeyMaterial::EcPrivate(key)) => key.curve().signature_len(),
        (_, KeyMaterial::EdPrivate(_)) => SIGNATURE_LEN,
        (_, KeyMaterial::Ed448Private(_)) => ED448_SIGNATURE_LEN,
        (_, KeyMaterial::DsaPrivate(key)) => key.signature_len(),
        (_, KeyMaterial::MlDsaPrivate(key)) => key.parameter_set().signature_len(),
        (_, KeyMaterial::SlhDsaPrivate(key)) => key.parameter_set().signature_len(),
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
        return sign_hashed(work, params, key, &hash(alg, data));
    }
    let context = context(params);
    match (work, key) {
        (Work::RsaPkcs(None), KeyMaterial::RsaPrivate(key)) => key.sign_pkcs1(data).map_err(during),
        (Work::RsaRaw, KeyMaterial::RsaPrivate(key)) => {
            key.raw_private(data).map(|bytes| bytes.to_vec()).map_err(during)
        }
        (Work::RsaX931(None), KeyMaterial::RsaPrivate(key)) => key.sign_x931(data).map_err(during),
        (
            Work::RsaPss { .. }
            | Work::Ecdsa(None)
            | Work::Dsa(None)
            | Work::HashMlDsa { hashes: false, .. }
            | Work::HashSlhDsa { hashes: false, .. },
            _,
        ) => sign_hashed(work, params, key, data),
        (Work::HashMlDsa { hash: prehash, .. } | Work::HashSlhDsa { hash: prehash, .. }, _) => {
            sign_hashed(work, params, key, &prehash.digest(data))
        }
        (Work::Eddsa { prehash }, KeyMaterial::EdPrivate(key)) => match prehash {
            true => key.sign_digest(&hash(HashAlg::Sha512, data), context).map_err(during),
            false if context.is_empty() => Ok(key.sign(data)),
            false => key.sign_context(data, context).map_err(during),
        },
        (Work::Eddsa { prehash }, KeyMaterial::Ed448Private(key)) => match prehash {
            true => key.sign_digest(&PreHash::Shake256.digest(data), context),
            false => key.sign(data, context),
        }
        .map_err(during),
        (Work::MlDsa(hedge), KeyMaterial::MlDsaPrivate(key)) => {
            key.sign(data, context, *hedge).map_err(during)
        }
        (Work::MlDsaMu, KeyMaterial::MlDsaPrivate(key)) => key.sign_mu(data).map_err(during),
        (Work::SlhDsa(hedge), KeyMaterial::SlhDsaPrivate(key)) => {
            key.sign(data, context, *hedge).map_err(during)
        }
        (Work::Mac { alg, .. }, KeyMaterial::Secret(key)) => {
            Ok(truncated(work, key.mac(*alg)?.sign(data)))
        }
        (Work::Gmac { tag_bits }, KeyMaterial::Secret(key)) => {
            gmac(key.aes()?, gmac_iv(params), *tag_bits, data).map_err(during)
        }
        (Work::TlsMac { prf, side, len }, KeyMaterial::Secret(key)) => {
            tls_verify_data(*prf, key.value(), *side, data, *len).map_err(during)
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
pub(super) fn sign_hashed(
    work: &Work,
    params: &Params,
    key: &KeyMaterial,
    digest: &[u8],
) -> Result<Vec<u8>> {
    let during = during(During::Sign);
    match (work, key) {
        (Work::RsaPkcs(Some(alg)), KeyMaterial::RsaPrivate(key)) => {
            key.sign_pkcs1_hashed(*alg, digest).map_err(during)
        }
        (Work::RsaPss { hash, mgf, salt_len, .. }, KeyMaterial::RsaPrivate(key)) => {
            key.sign_pss(*hash, *mgf, *salt_len, digest).map_err(during)
        }
        (Work::RsaX931(Some(alg)), KeyMaterial::RsaPrivate(key)) => {
            key.sign_x931_hashed(*alg, digest).map_err(during)
        }
        (Work::Ecdsa(_), KeyMaterial::EcPrivate(key)) => key.sign_digest(digest).map_err(during),
        (Work::Dsa(_), KeyMaterial::DsaPrivate(key)) => key.sign_digest(digest).map_err(during),
        (Work::HashMlDsa { hash, hedge, .. }, KeyMaterial::MlDsaPrivate(key)) => {
            key.sign_digest(*hash, digest, context(params), *hedge).map_err(during)
        }
        (Work::HashSlhDsa { hash, hedge, .. }, KeyMaterial::SlhDsaPrivate(key)) => {
            key.sign_digest(*hash, digest, context(params), *hedge).map_err(during)
        }
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
        return verify_hashed(work, params, key, &hash(alg, data), signature);
    }
    let context = context(params);
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
        (Work::RsaX931(None), KeyMaterial::RsaPublic(key)) => {
            key.verify_x931(data, signature).map_err(during)
        }
        (
            Work::RsaPss { .. }
            | Work::Ecdsa(None)
            | Work::Dsa(None)
            | Work::HashMlDsa { hashes: false, .. }
            | Work::HashSlhDsa { hashes: false, .. },
            _,
        ) => verify_hashed(work, params, key, data, signature),
        (Work::HashMlDsa { hash: prehash, .. } | Work::HashSlhDsa { hash: prehash, .. }, _) => {
            verify_hashed(work, params, key, &prehash.digest(data), signature)
        }
        (Work::Eddsa { prehash }, KeyMaterial::EdPublic(key)) => match prehash {
            true => key.verify_digest(&hash(HashAlg::Sha512, data), context, signature),
            false if context.is_empty() => key.verify(data, signature),
            false => key.verify_context(data, context, signature),
        }
        .map_err(during),
        (Work::Eddsa { prehash }, KeyMaterial::Ed448Public(key)) => match prehash {
            true => key.verify_digest(&PreHash::Shake256.digest(data), context, signature),
            false => key.verify(data, context, signature),
        }
        .map_err(during),
        (Work::MlDsa(_), KeyMaterial::MlDsaPublic(key)) => {
            key.verify(data, context, signature).map_err(during)
        }
        (Work::MlDsaMu, KeyMaterial::MlDsaPublic(key)) => {
            key.verify_mu(data, signature).map_err(during)
        }
        (Work::SlhDsa(_), KeyMaterial::SlhDsaPublic(key)) => {
            key.verify(data, context, signature).map_err(during)
        }
        (Work::Hss, KeyMaterial::HssPublic(key)) => key.verify(data, signature).map_err(during),
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
        (Work::TlsMac { prf, side, len }, KeyMaterial::Secret(key)) => {
            if signature.len() != *len {
                return fail(CKR_SIGNATURE_LEN_RANGE, "the MAC has another length");
            }
            let mac = tls_verify_data(*prf, key.value(), *side, data, *len).map_err(during)?;
            if constant_time_eq(&mac, signature) {
                return Ok(());
            }
            fail(CKR_SIGNATURE_INVALID, "signature is invalid")
        }
        _ => unfit(),
    }
}

/// Verifies a signature of a digest.
pub(super) fn verify_hashed(
    work: &Work,
    params: &Params,
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
        (Work::RsaX931(Some(alg)), KeyMaterial::RsaPublic(key)) => {
            key.verify_x931_hashed(*alg, digest, signature).map_err(during)
        }
        (Work::Ecdsa(_), KeyMaterial::EcPublic(key)) => {
            key.verify_digest(digest, signature).map_err(during)
        }
        (Work::Dsa(_), KeyMaterial::DsaPublic(key)) => {
            key.verify_digest(digest, signature).map_err(during)
        }
        (Work::HashMlDsa { hash, .. }, KeyMaterial::MlDsaPublic(key)) => {
            key.verify_digest(*hash, digest, context(params), signature).map_err(during)
        }
        (Work::HashSlhDsa { hash, .. }, KeyMaterial::SlhDsaPublic(key)) => {
            key.verify_digest(*hash, digest, context(params), signature).map_err(during)
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
