//! Attributes that follow from others: lengths, check values, public halves. What a caller says of
//! them must agree.

use hsmsim_crypto::{
    asn1::wrap_octet_string,
    block::{self, CipherMode},
    dh::DhPublicKey,
    digest::{HashAlg, hash},
};
use hsmsim_types::{
    Attribute, Error, Result,
    ck::*,
    error::fail,
    names::{self, or_hex},
};

use super::{Shape, field};
use crate::{
    failure::{During, during},
    object::{
        Attributes,
        key::KeyMaterial,
        secret_type::{CheckValue, SecretType},
    },
};

/// Fills in what follows from the rest, and refuses what contradicts it. Gives the key, if it is one: that of the
/// attributes is computed unless the caller has it.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID for values that make no key or certificate, CKR_CURVE_NOT_SUPPORTED,
/// CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT.
pub(crate) fn complete(
    shape: Shape,
    all: &mut Attributes,
    key: Option<KeyMaterial>,
) -> Result<Option<KeyMaterial>> {
    let key_of = |all: &mut Attributes| {
        let key = key.map_or_else(|| KeyMaterial::from_attributes(all), Ok)?;
        complete_key(&key, all)?;
        Ok(Some(key))
    };
    match shape {
        Shape::Data => Ok(None),
        Shape::Certificate | Shape::WtlsCertificate => complete_certificate(all).map(|()| None),
        Shape::AttributeCertificate => complete_attribute_certificate(all).map(|()| None),
        Shape::Trust => check_trust(all).map(|()| None),
        Shape::DsaParameters | Shape::DhParameters | Shape::X942Parameters => {
            field::complete(shape, all).map(|()| None)
        }
        shape if shape.is_of_a_field() => {
            field::complete(shape, all)?;
            key_of(all)
        }
        _ => key_of(all),
    }
}

fn complete_certificate(all: &mut Attributes) -> Result<()> {
    let has = |kind| all.bytes(kind).is_some_and(|bytes| !bytes.is_empty());
    if !has(CKA_VALUE) {
        // 4.6.3: a certificate is here or somewhere else.
        if !has(CKA_URL) {
            return fail(CKR_TEMPLATE_INCOMPLETE, "a certificate needs CKA_VALUE or CKA_URL");
        }
        if !has(CKA_HASH_OF_SUBJECT_PUBLIC_KEY) || !has(CKA_HASH_OF_ISSUER_PUBLIC_KEY) {
            return fail(
                CKR_TEMPLATE_INCOMPLETE,
                "a certificate by CKA_URL needs the hashes of both public keys",
            );
        }
        return Ok(());
    }
    agree_certificate_check_value(all)
}

fn agree_certificate_check_value(all: &mut Attributes) -> Result<()> {
    let check = hash(HashAlg::Sha1, all.bytes(CKA_VALUE).unwrap_or_default());
    agree_check_value(all, &check[..3])
}

fn complete_attribute_certificate(all: &mut Attributes) -> Result<()> {
    if all.bytes(CKA_VALUE).is_none_or(<[u8]>::is_empty) {
        return fail(CKR_ATTRIBUTE_VALUE_INVALID, "an attribute certificate is not empty");
    }
    agree_certificate_check_value(all)
}

/// The purposes of a trust object.
pub(crate) const PURPOSES: [CK_ATTRIBUTE_TYPE; 7] = [
    CKA_TRUST_SERVER_AUTH,
    CKA_TRUST_CLIENT_AUTH,
    CKA_TRUST_CODE_SIGNING,
    CKA_TRUST_EMAIL_PROTECTION,
    CKA_TRUST_IPSEC_IKE,
    CKA_TRUST_TIME_STAMPING,
    CKA_TRUST_OCSP_SIGNING,
];

/// Whether a trust object says what it must: trust needs the certificate's hash, so that it is not
/// trust in another one of the same name and number (3.2, 4.7).
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID for what is no CK_TRUST, CKR_TEMPLATE_INCOMPLETE without the hash.
pub(crate) fn check_trust(all: &Attributes) -> Result<()> {
    let mut trusts = false;
    for purpose in PURPOSES {
        let Some(trust) = all.ulong(purpose) else { continue };
        if trust > u64::from(CKT_TRUST_MUST_VERIFY_TRUST) {
            let name = or_hex(names::attribute, purpose);
            return fail(CKR_ATTRIBUTE_VALUE_INVALID, format!("{name} has no value of CK_TRUST"));
        }
        trusts |= ![CKT_TRUST_UNKNOWN, CKT_NOT_TRUSTED].map(u64::from).contains(&trust);
    }
    let has_hash = all.bytes(CKA_HASH_OF_CERTIFICATE).is_some_and(|hash| !hash.is_empty());
    if trusts && !(has_hash && all.get(CKA_NAME_HASH_ALGORITHM).is_some()) {
        return fail(
            CKR_TEMPLATE_INCOMPLETE,
            "trust needs CKA_HASH_OF_CERTIFICATE and CKA_NAME_HASH_ALGORITHM",
        );
    }
    Ok(())
}

fn complete_key(key: &KeyMaterial, all: &mut Attributes) -> Result<()> {
    match key {
        KeyMaterial::RsaPublic(key) => {
            agree(all, Attribute::ulong(CKA_MODULUS_BITS, key.modulus_bits() as u64))?;
            agree_public_key_info(all, key.to_spki())
        }
        KeyMaterial::RsaPrivate(key) => {
            let parts = key.components().map_err(during(During::Import))?;
            for (kind, bytes) in [
                (CKA_MODULUS, &parts.n),
                (CKA_PUBLIC_EXPONENT, &parts.e),
                (CKA_PRIVATE_EXPONENT, &parts.d),
                (CKA_PRIME_1, &parts.p),
                (CKA_PRIME_2, &parts.q),
                (CKA_EXPONENT_1, &parts.dp),
                (CKA_EXPONENT_2, &parts.dq),
                (CKA_COEFFICIENT, &parts.qi),
            ] {
                agree(all, Attribute::bytes(kind, &bytes[..]))?;
            }
            let public = key.public().map_err(during(During::Import))?;
            agree_public_key_info(all, public.to_spki())
        }
        KeyMaterial::EcPublic(key) => {
            all.set(point(key.point()));
            agree_public_key_info(all, key.to_spki())
        }
        KeyMaterial::EcPrivate(key) => {
            let scalar = key.scalar().map_err(during(During::Import))?;
            all.set(Attribute::bytes(CKA_VALUE, &scalar[..]));
            agree_point(all, key.public_point())?;
            agree_public_key_info(all, key.public().to_spki())
        }
        KeyMaterial::EdPublic(key) => {
            all.set(point(key.as_bytes()));
            agree_public_key_info(all, key.to_spki())
        }
        KeyMaterial::EdPrivate(key) => {
            agree_point(all, key.public().as_bytes())?;
            agree_public_key_info(all, key.public().to_spki())
        }
        KeyMaterial::XPublic(key) => {
            all.set(point(key.as_bytes()));
            agree_public_key_info(all, key.to_spki())
        }
        KeyMaterial::XPrivate(key) => {
            agree_point(all, key.public().as_bytes())?;
            agree_public_key_info(all, key.public().to_spki())
        }
        KeyMaterial::Ed448Public(key) => {
            all.set(point(key.as_bytes()));
            agree_public_key_info(all, key.to_spki())
        }
        KeyMaterial::Ed448Private(key) => {
            agree_point(all, key.public().as_bytes())?;
            agree_public_key_info(all, key.public().to_spki())
        }
        KeyMaterial::X448Public(key) => {
            all.set(point(key.as_bytes()));
            agree_public_key_info(all, key.to_spki())
        }
        KeyMaterial::X448Private(key) => {
            agree_point(all, key.public().as_bytes())?;
            agree_public_key_info(all, key.public().to_spki())
        }
        KeyMaterial::DsaPublic(key) => agree_public_key_info(all, key.to_spki()),
        KeyMaterial::DsaPrivate(key) => agree_public_key_info(all, key.public().to_spki()),
        KeyMaterial::DhPublic(key) => agree_public_key_info(all, key.to_spki()),
        KeyMaterial::DhPrivate(key) => {
            if key.parameters().q.is_none() {
                agree(all, Attribute::ulong(CKA_VALUE_BITS, key.x_bits() as u64))?;
            }
            let public = DhPublicKey::from_components(&key.parameters(), &key.y())
                .map_err(during(During::Import))?;
            agree_public_key_info(all, public.to_spki())
        }
        KeyMaterial::MlKemPublic(key) => agree_public_key_info(all, key.to_spki()),
        KeyMaterial::MlKemPrivate(key) => {
            let value = key.decapsulation_key().map_err(during(During::Import))?;
            agree_seed(all, key.seed(), &value)?;
            let public = key.public().map_err(during(During::Import))?;
            agree_public_key_info(all, public.to_spki())
        }
        KeyMaterial::MlDsaPublic(key) => agree_public_key_info(all, key.to_spki()),
        KeyMaterial::MlDsaPrivate(key) => {
            agree_seed(all, key.seed(), key.expanded())?;
            let public = key.public().map_err(during(During::Import))?;
            agree_public_key_info(all, public.to_spki())
        }
        KeyMaterial::SlhDsaPublic(key) => agree_public_key_info(all, key.to_spki()),
        KeyMaterial::SlhDsaPrivate(key) => agree_public_key_info(all, key.public().to_spki()),
        KeyMaterial::HssPublic(key) => {
            let top = key.top_level();
            agree(all, Attribute::ulong(CKA_HSS_LEVELS, key.levels() as u64))?;
            agree(all, Attribute::ulong(CKA_HSS_LMS_TYPE, top.lms_type.into()))?;
            agree(all, Attribute::ulong(CKA_HSS_LMOTS_TYPE, top.lmots_type.into()))
        }
        KeyMaterial::Secret(key) => {
            let secret = SecretType::of(all.ulong(CKA_KEY_TYPE).unwrap_or(u64::MAX));
            if secret.is_none_or(SecretType::has_value_len) {
                agree(all, Attribute::ulong(CKA_VALUE_LEN, key.value().len() as u64))?;
            }
            match secret.map(|secret| secret.check_value) {
                Some(CheckValue::Cipher(alg)) => {
                    let cipher = key.block(alg)?;
                    let zeros = vec![0; alg.block_len()];
                    let block = block::encrypt(CipherMode::Ecb, &*cipher, &[], &zeros)
                        .map_err(during(During::Import))?;
                    agree_check_value(all, &block[..3])
                }
                _ => agree_check_value(all, &hash(HashAlg::Sha1, key.value())[..3]),
            }
        }
    }
}

/// Seed and value of a post-quantum private key: the value follows from the seed.
fn agree_seed(all: &mut Attributes, seed: Option<&[u8]>, value: &[u8]) -> Result<()> {
    for (kind, bytes) in [(CKA_SEED, seed), (CKA_VALUE, Some(value))] {
        if all.bytes(kind).is_some_and(<[u8]>::is_empty) {
            all.remove(kind);
        }
        if let Some(bytes) = bytes {
            agree(all, Attribute::bytes(kind, bytes))?;
        }
    }
    Ok(())
}

/// Digits that a one-time password can have.
const OTP_DIGITS: std::ops::RangeInclusive<u64> = 6..=9;

/// What one-time passwords are made of (6.45.2): decimal digits, counted from zero if nobody says otherwise.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID.
pub(crate) fn complete_otp(all: &mut Attributes) -> Result<()> {
    all.set_default(Attribute::bytes(CKA_OTP_COUNTER, [0; 8]));
    if all.bytes(CKA_OTP_COUNTER).is_none_or(|counter| counter.len() != 8) {
        return fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_OTP_COUNTER of CKK_HOTP has eight bytes");
    }
    if all.ulong(CKA_OTP_FORMAT) != Some(CK_OTP_FORMAT_DECIMAL) {
        return fail(CKR_ATTRIBUTE_VALUE_INVALID, "the passwords of CKK_HOTP are decimal");
    }
    if all.ulong(CKA_OTP_LENGTH).is_none_or(|len| !OTP_DIGITS.contains(&len)) {
        return fail(CKR_ATTRIBUTE_VALUE_INVALID, "the passwords of CKK_HOTP have 6 to 9 digits");
    }
    Ok(())
}

/// CKA_EC_POINT: a DER OCTET STRING around the point.
fn point(bytes: &[u8]) -> Attribute {
    Attribute::bytes(CKA_EC_POINT, wrap_octet_string(bytes))
}

/// A private key's point as far as the caller gave one, which may be bare.
fn agree_point(all: &mut Attributes, bytes: &[u8]) -> Result<()> {
    if all.bytes(CKA_EC_POINT) == Some(bytes) {
        all.remove(CKA_EC_POINT);
    }
    agree(all, point(bytes))
}

/// An empty CKA_PUBLIC_KEY_INFO asks for the one of the key; another one than that is refused (4.10).
fn agree_public_key_info(all: &mut Attributes, info: Vec<u8>) -> Result<()> {
    match all.bytes(CKA_PUBLIC_KEY_INFO) {
        Some(given) if !given.is_empty() && given != info => {
            fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_PUBLIC_KEY_INFO is not that of the key")
        }
        _ => {
            all.set(Attribute::bytes(CKA_PUBLIC_KEY_INFO, info));
            Ok(())
        }
    }
}

/// An empty CKA_CHECK_VALUE asks for an object without one (4.6.2).
fn agree_check_value(all: &mut Attributes, value: &[u8]) -> Result<()> {
    match all.bytes(CKA_CHECK_VALUE) {
        Some([]) => {
            all.remove(CKA_CHECK_VALUE);
            Ok(())
        }
        Some(given) if given != value => {
            fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_CHECK_VALUE is not that of the value")
        }
        _ => {
            all.set(Attribute::bytes(CKA_CHECK_VALUE, value));
            Ok(())
        }
    }
}

/// Sets what was computed, unless the caller said otherwise.
pub(super) fn agree(all: &mut Attributes, computed: Attribute) -> Result<()> {
    match all.get(computed.kind) {
        Some(given) if *given != computed.value => {
            let name = or_hex(names::attribute, computed.kind);
            Err(Error::new(
                CKR_TEMPLATE_INCONSISTENT,
                format!("{name} contradicts the rest of the key"),
            ))
        }
        _ => {
            all.set(computed);
            Ok(())
        }
    }
}
