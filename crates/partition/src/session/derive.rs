//! C_DeriveKey (PKCS#11 3.1, 5.18.5): ECDH (6.3.16, 6.3.17) and derivation by encryption (6.15).

use hsmsim_crypto::{
    asn1::unwrap_octet_string,
    block::{self, CipherMode},
    digest::{HashAlg, expand, hash},
    kdf::x963_kdf,
};
use hsmsim_types::{Error, Mechanism, ObjectId, Params, Result, Template, ck::*, error::fail};
use zeroize::Zeroizing;

use super::{Session, wrap::impose};
use crate::{
    api::Reply,
    attributes::{
        Way,
        build::{Origin, build},
        template::checked,
    },
    failure::{During, during},
    mechanisms::Scheme,
    object::{
        Attributes, Object,
        key::KeyMaterial,
        parts,
        secret_type::{Lengths, SecretType},
    },
    operation::{KEY_CODES, check_key},
    version,
};

impl Session {
    pub(super) fn derive(
        &self,
        mechanism: &Mechanism,
        base_key: &ObjectId,
        template: &Template,
    ) -> Result<Reply> {
        let entry = self.partition.personality().mechanisms.usable(mechanism.kind, CKF_DERIVE)?;
        let base = self.partition.object(&self.application, base_key, KEY_CODES.handle)?;
        check_key(&base, entry, CKA_DERIVE, &KEY_CODES)?;
        let mut given = checked(template)?;
        impose(&base, CKA_DERIVE_TEMPLATE, &mut given)?;
        if given.ulong(CKA_CLASS).is_some_and(|class| class != CKO_SECRET_KEY) {
            return fail(CKR_TEMPLATE_INCONSISTENT, "only secret keys are derived");
        }
        // 6.3.16: without a type the result is a generic secret.
        let key_type = given.ulong(CKA_KEY_TYPE).unwrap_or(CKK_GENERIC_SECRET);
        self.check_write_of(&given, CKO_SECRET_KEY, key_type)?;

        let wanted = wanted_len(&given)?;
        let material = base.material()?;
        let value = match entry.scheme {
            Scheme::Ecdh => agree(&mechanism.params, material, key_type, wanted)?,
            Scheme::DhDerive => {
                let (KeyMaterial::DhPrivate(key), Params::Bytes(peer)) =
                    (material, &mechanism.params)
                else {
                    return fail(CKR_MECHANISM_PARAM_INVALID, "the peer's public value is missing");
                };
                let secret = key.derive(peer).map_err(during(During::Derive))?;
                // 6.4.7: as from ECDH, bytes are taken away from the leading end.
                let len = key_len(secret.len(), key_type, wanted)?;
                Zeroizing::new(secret[secret.len() - len..].to_vec())
            }
            Scheme::DigestKey(alg) => {
                no_parameter(&mechanism.params)?;
                let secret = secret(material)?;
                leading(Zeroizing::new(hash(alg, secret)), key_type, wanted)?
            }
            Scheme::XofKey(xof) => {
                no_parameter(&mechanism.params)?;
                // 6.20.8: without a length, twice the strength in bits of the function.
                let available = wanted.unwrap_or(xof.usual_output_len());
                expand(xof, secret(material)?, key_len(available, key_type, wanted)?)
            }
            scheme => {
                let bytes = encrypted(scheme, &mechanism.params, material)?;
                leading(bytes, key_type, wanted)?
            }
        };

        let mut value = value;
        if let Some(secret) = SecretType::of(key_type) {
            secret.settle(&mut value);
        }
        let mut origin =
            Origin::of(Way::Derive, parts::secret(key_type, &value), self.is_officer());
        origin.base = Some((
            base.attributes.flag(CKA_ALWAYS_SENSITIVE),
            base.attributes.flag(CKA_NEVER_EXTRACTABLE),
        ));
        let id = self.partition.new_id()?;
        self.add(vec![Object::new(id, version::FIRST, build(&origin, &given, &id)?)])
    }
}

pub(super) fn wanted_len(given: &Attributes) -> Result<Option<usize>> {
    match given.ulong(CKA_VALUE_LEN) {
        None => Ok(None),
        Some(len @ 1..=0xFFFF) => Ok(Some(len as usize)),
        Some(_) => fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_VALUE_LEN is from 1 to 65535"),
    }
}

/// How long the key will be, given how many bytes there are: what its type asks for goes before what
/// the caller may say.
pub(super) fn key_len(available: usize, key_type: u64, wanted: Option<usize>) -> Result<usize> {
    let Some(secret) = SecretType::of(key_type) else {
        return fail(CKR_TEMPLATE_INCONSISTENT, "no such type of secret key");
    };
    let fixed = matches!(secret.lengths, Lengths::OneOf(_));
    let len = match (wanted, secret.usual_len()) {
        (Some(len), _) => len,
        (None, Some(len)) if fixed => len,
        (None, _) => available,
    };
    if !secret.takes(len) {
        return match wanted {
            Some(_) => {
                fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_VALUE_LEN is no length of such a key")
            }
            None => fail(CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing"),
        };
    }
    if len > available {
        return fail(
            CKR_TEMPLATE_INCONSISTENT,
            format!("the key would be longer than the {available} bytes that are derived"),
        );
    }
    Ok(len)
}

/// The first bytes of what encryption gave (6.15.2).
pub(super) fn leading(
    mut bytes: Zeroizing<Vec<u8>>,
    key_type: u64,
    wanted: Option<usize>,
) -> Result<Zeroizing<Vec<u8>>> {
    let len = key_len(bytes.len(), key_type, wanted)?;
    bytes.truncate(len);
    Ok(bytes)
}

/// ECDH, and the function that makes a key of the shared secret.
pub(super) fn agree(
    params: &Params,
    key: &KeyMaterial,
    key_type: u64,
    wanted: Option<usize>,
) -> Result<Zeroizing<Vec<u8>>> {
    let Params::Ecdh1 { kdf, shared_data, public_data } = params else {
        return fail(CKR_MECHANISM_PARAM_INVALID, "ECDH needs CK_ECDH1_DERIVE_PARAMS");
    };
    let hash = kdf_hash(*kdf)?;
    if hash.is_none() && !shared_data.is_empty() {
        return fail(CKR_MECHANISM_PARAM_INVALID, "CKD_NULL takes no shared data");
    }
    let secret = shared_secret(key, public_data)?;
    let Some(hash) = hash else {
        // 6.3.16: the truncation takes bytes away from the leading end.
        let len = key_len(secret.len(), key_type, wanted)?;
        return Ok(Zeroizing::new(secret[secret.len() - len..].to_vec()));
    };
    let available = wanted.unwrap_or(hash.output_len());
    let len = key_len(available, key_type, wanted)?;
    x963_kdf(hash, &secret, shared_data, len).map_err(during(During::Derive))
}

/// The hash of a key derivation function (CKD number); `None` for CKD_NULL.
pub(crate) fn kdf_hash(kdf: u64) -> Result<Option<HashAlg>> {
    Ok(Some(match kdf {
        CKD_NULL => return Ok(None),
        CKD_SHA1_KDF => HashAlg::Sha1,
        CKD_SHA224_KDF => HashAlg::Sha224,
        CKD_SHA256_KDF => HashAlg::Sha256,
        CKD_SHA384_KDF => HashAlg::Sha384,
        CKD_SHA512_KDF => HashAlg::Sha512,
        _ => return fail(CKR_MECHANISM_PARAM_INVALID, "the derivation function is not known here"),
    }))
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
            hsmsim_crypto::Error::Internal => crate::failure::because(During::Derive, cause),
            _ => Error::new(CKR_MECHANISM_PARAM_INVALID, "the peer's public key is no point here"),
        }),
        None => fail(CKR_KEY_TYPE_INCONSISTENT, "only private EC keys agree"),
    }
}

fn no_parameter(params: &Params) -> Result<()> {
    match params {
        Params::None => Ok(()),
        Params::Bytes(bytes) if bytes.is_empty() => Ok(()),
        _ => fail(CKR_MECHANISM_PARAM_INVALID, "the derivation takes no parameter"),
    }
}

/// The value of a secret key.
fn secret(key: &KeyMaterial) -> Result<&[u8]> {
    match key {
        KeyMaterial::Secret(key) => Ok(key.value()),
        _ => fail(CKR_KEY_TYPE_INCONSISTENT, "the derivation needs a secret key"),
    }
}

fn encrypted(scheme: Scheme, params: &Params, key: &KeyMaterial) -> Result<Zeroizing<Vec<u8>>> {
    let (family, mode, iv, data): (_, _, &[u8], _) = match (scheme, params) {
        (Scheme::EcbEncryptData(family), Params::DerivationData(data)) => {
            (family, CipherMode::Ecb, &[], data)
        }
        (Scheme::CbcEncryptData(family), Params::CbcEncryptData { iv, data }) => {
            (family, CipherMode::Cbc, iv, data)
        }
        _ => return fail(CKR_MECHANISM_PARAM_INVALID, "the derivation needs its data"),
    };
    let KeyMaterial::Secret(key) = key else {
        return fail(CKR_KEY_TYPE_INCONSISTENT, "derivation by encryption needs a secret key");
    };
    let alg = family.alg();
    if data.is_empty() || !data.len().is_multiple_of(alg.block_len()) {
        return fail(CKR_MECHANISM_PARAM_INVALID, "the data comes in whole blocks");
    }
    let cipher = key.block(alg)?;
    block::encrypt(mode, &*cipher, iv, data).map(Zeroizing::new).map_err(during(During::Derive))
}
