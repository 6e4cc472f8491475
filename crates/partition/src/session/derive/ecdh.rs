//! ECDH (6.3.16, 6.3.17) and the functions that make a key of what was agreed.

use hsmsim_crypto::{
    asn1::unwrap_octet_string,
    digest::HashAlg,
    kdf::{sp800_56c_one_step, x963_kdf},
};
use hsmsim_types::{Error, Params, Result, ck::*, error::fail};
use zeroize::Zeroizing;

use super::{derived, invalid, key_len};
use crate::{
    failure::{During, because},
    object::key::KeyMaterial,
};

/// ECDH, and the function that makes a key of the shared secret.
pub(in crate::session) fn agree(
    params: &Params,
    key: &KeyMaterial,
    key_type: u64,
    wanted: Option<usize>,
) -> Result<Zeroizing<Vec<u8>>> {
    let Params::Ecdh1 { kdf, shared_data, public_data } = params else {
        return invalid("ECDH needs CK_ECDH1_DERIVE_PARAMS");
    };
    let function = function(*kdf)?;
    if function.is_none() && !shared_data.is_empty() {
        return invalid("CKD_NULL takes no shared data");
    }
    let secret = shared_secret(key, public_data)?;
    let Some((function, hash)) = function else {
        // 6.3.16: the truncation takes bytes away from the leading end.
        let len = key_len(secret.len(), key_type, wanted)?;
        return Ok(Zeroizing::new(secret[secret.len() - len..].to_vec()));
    };
    let available = wanted.unwrap_or(hash.output_len());
    let len = key_len(available, key_type, wanted)?;
    function(hash, &secret, shared_data, len).map_err(derived)
}

/// Makes bytes of a shared secret and shared data.
type Function = fn(HashAlg, &[u8], &[u8], usize) -> hsmsim_crypto::Result<Zeroizing<Vec<u8>>>;

/// A key derivation function by its CKD number; `None` for CKD_NULL.
fn function(kdf: u64) -> Result<Option<(Function, HashAlg)>> {
    let (x963, sp800): (Function, Function) = (x963_kdf, sp800_56c_one_step);
    Ok(Some(match kdf {
        CKD_NULL => return Ok(None),
        CKD_SHA1_KDF => (x963, HashAlg::Sha1),
        CKD_SHA224_KDF => (x963, HashAlg::Sha224),
        CKD_SHA256_KDF => (x963, HashAlg::Sha256),
        CKD_SHA384_KDF => (x963, HashAlg::Sha384),
        CKD_SHA512_KDF => (x963, HashAlg::Sha512),
        CKD_SHA3_224_KDF => (x963, HashAlg::Sha3_224),
        CKD_SHA3_256_KDF => (x963, HashAlg::Sha3_256),
        CKD_SHA3_384_KDF => (x963, HashAlg::Sha3_384),
        CKD_SHA3_512_KDF => (x963, HashAlg::Sha3_512),
        CKD_BLAKE2B_160_KDF => (x963, HashAlg::Blake2b160),
        CKD_BLAKE2B_256_KDF => (x963, HashAlg::Blake2b256),
        CKD_BLAKE2B_384_KDF => (x963, HashAlg::Blake2b384),
        CKD_BLAKE2B_512_KDF => (x963, HashAlg::Blake2b512),
        CKD_SHA1_KDF_SP800 => (sp800, HashAlg::Sha1),
        CKD_SHA224_KDF_SP800 => (sp800, HashAlg::Sha224),
        CKD_SHA256_KDF_SP800 => (sp800, HashAlg::Sha256),
        CKD_SHA384_KDF_SP800 => (sp800, HashAlg::Sha384),
        CKD_SHA512_KDF_SP800 => (sp800, HashAlg::Sha512),
        CKD_SHA3_224_KDF_SP800 => (sp800, HashAlg::Sha3_224),
        CKD_SHA3_256_KDF_SP800 => (sp800, HashAlg::Sha3_256),
        CKD_SHA3_384_KDF_SP800 => (sp800, HashAlg::Sha3_384),
        CKD_SHA3_512_KDF_SP800 => (sp800, HashAlg::Sha3_512),
        _ => return invalid("the derivation function is not known here"),
    }))
}

/// The hash of the X9.63 function that a CKD number names, which alone goes with an AES key between
/// (6.3.20); `None` for CKD_NULL.
///
/// # Errors
/// CKR_MECHANISM_PARAM_INVALID.
pub(crate) fn x963_hash(kdf: u64) -> Result<Option<HashAlg>> {
    match kdf {
        CKD_SHA1_KDF_SP800
        | CKD_SHA224_KDF_SP800
        | CKD_SHA256_KDF_SP800
        | CKD_SHA384_KDF_SP800
        | CKD_SHA512_KDF_SP800
        | CKD_SHA3_224_KDF_SP800
        | CKD_SHA3_256_KDF_SP800
        | CKD_SHA3_384_KDF_SP800
        | CKD_SHA3_512_KDF_SP800 => invalid("the derivation function does not go with a wrapping"),
        kdf => Ok(function(kdf)?.map(|(_, hash)| hash)),
    }
}

/// The shared secret with a peer, whose point comes bare or as a DER OCTET STRING.
fn shared_secret(key: &KeyMaterial, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let with = |point: &[u8]| match key {
        KeyMaterial::EcPrivate(key) => Some(key.ecdh(point)),
        KeyMaterial::XPrivate(key) => Some(key.agree(point)),
        KeyMaterial::X448Private(key) => Some(key.agree(point)),
        _ => None,
    };
    if let Ok(inner) = unwrap_octet_string(peer)
        && let Some(Ok(secret)) = with(&inner)
    {
        return Ok(secret);
    }
    match with(peer) {
        Some(secret) => secret.map_err(|cause| match cause {
            hsmsim_crypto::Error::Internal => because(During::Derive, cause),
            _ => Error::new(CKR_MECHANISM_PARAM_INVALID, "the peer's public key is no point here"),
        }),
        None => fail(CKR_KEY_TYPE_INCONSISTENT, "only private EC keys agree"),
    }
}
