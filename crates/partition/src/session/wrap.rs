//! C_WrapKey and C_UnwrapKey (PKCS#11 3.1, 5.18.3 and 5.18.4): secret keys as they are, private keys
//! as PrivateKeyInfo. What an AEAD's parameter is in both is in [`aead`].

use hsmsim_crypto::{
    asn1::without_zeros_behind,
    block::CipherMode,
    digest::HashAlg,
    transport::{
        Agreement, Oaep, ecdh_aes_unwrap, ecdh_aes_wrap, rsa_aes_unwrap, rsa_aes_wrap,
        x448_aes_unwrap, x448_aes_wrap, x25519_aes_unwrap, x25519_aes_wrap,
    },
};
use hsmsim_types::{
    AttributeValue, Error, Mechanism, ObjectId, Params, Result, Template, ck::*, error::fail,
};
use zeroize::Zeroizing;

use super::{
    Session,
    aead::{self, Sealing},
};
use crate::{
    api::Reply,
    attributes::{
        Way,
        build::{Origin, build, check_template},
        template::checked,
    },
    failure::{During, during},
    object::{
        Attributes, Object, key::KeyMaterial, parts, private_key::PrivateKey,
        secret_type::SecretType,
    },
    operation::{
        Act, KeyCodes, check_key,
        cipher::{decrypt, encrypt},
        params::Work,
    },
};

const WRAPPING: KeyCodes = KeyCodes {
    handle: CKR_WRAPPING_KEY_HANDLE_INVALID,
    kind: CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
    size: CKR_WRAPPING_KEY_SIZE_RANGE,
};

const UNWRAPPING: KeyCodes = KeyCodes {
    handle: CKR_UNWRAPPING_KEY_HANDLE_INVALID,
    kind: CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
    size: CKR_UNWRAPPING_KEY_SIZE_RANGE,
};

impl Session {
    pub(super) fn wrap(
        &self,
        mechanism: &Mechanism,
        wrapping_key: &ObjectId,
        key: &ObjectId,
        associated: Option<Vec<u8>>,
    ) -> Result<Reply> {
        let entry = self.partition.personality().mechanisms.usable_with(mechanism, CKF_WRAP)?;
        aead::check(entry.scheme, associated.is_some())?;
        let wrapping = self.partition.object(&self.application, wrapping_key, WRAPPING.handle)?;
        check_key(&wrapping, entry, CKA_WRAP, &WRAPPING)?;
        let key = self.partition.object(&self.application, key, CKR_KEY_HANDLE_INVALID)?;
        check_wrappable(&key, &wrapping)?;
        let mut plain = plain_key(&key)?;
        let sealing = Sealing { act: Act::Encrypt, associated, data_len: plain.len() };
        let (params, nonce) = sealing.params(entry.scheme, &mechanism.params)?;
        let work = Work::new(entry.scheme, &params)?;

        if key.class != CKO_SECRET_KEY && wraps_values_only(&work) {
            return fail(CKR_KEY_NOT_WRAPPABLE, "the mechanism wraps secret keys only");
        }
        if let Some(unit) = filled_up(mechanism, &work) {
            let whole = plain.len().next_multiple_of(unit);
            let mut padded = Zeroizing::new(vec![0; whole]);
            padded[..plain.len()].copy_from_slice(&plain);
            plain = padded;
        }
        let bytes = wrapped(&work, &params, wrapping.material()?, &plain)?;
        Ok(match nonce {
            Some(nonce) => Reply::message(nonce, bytes),
            None => Reply::Bytes(bytes),
        })
    }

    pub(super) fn unwrap(
        &self,
        mechanism: &Mechanism,
        unwrapping_key: &ObjectId,
        wrapped: &[u8],
        template: Template,
        associated: Option<Vec<u8>>,
    ) -> Result<Reply> {
        let entry = self.partition.personality().mechanisms.usable_with(mechanism, CKF_UNWRAP)?;
        aead::check(entry.scheme, associated.is_some())?;
        let unwrapping =
            self.partition.object(&self.application, unwrapping_key, UNWRAPPING.handle)?;
        check_key(&unwrapping, entry, CKA_UNWRAP, &UNWRAPPING)?;
        let sealing = Sealing { act: Act::Decrypt, associated, data_len: wrapped.len() };
        let (params, _) = sealing.params(entry.scheme, &mechanism.params)?;
        let work = Work::new(entry.scheme, &params)?;
        let mut given = checked(template)?;
        impose(&unwrapping, CKA_UNWRAP_TEMPLATE, &mut given)?;
        let class = given
            .ulong(CKA_CLASS)
            .ok_or_else(|| Error::new(CKR_TEMPLATE_INCOMPLETE, "CKA_CLASS is missing"))?;
        let key_type = given
            .ulong(CKA_KEY_TYPE)
            .ok_or_else(|| Error::new(CKR_TEMPLATE_INCOMPLETE, "CKA_KEY_TYPE is missing"))?;
        if !matches!(class, CKO_SECRET_KEY | CKO_PRIVATE_KEY) {
            return fail(
                CKR_TEMPLATE_INCONSISTENT,
                "only secret and private keys can be unwrapped",
            );
        }
        if class != CKO_SECRET_KEY && changes_unnoticed(&work) {
            return fail(CKR_TEMPLATE_INCONSISTENT, "the mechanism unwraps secret keys only");
        }
        // All that the template alone decides comes before the ciphertext is looked at: what is refused
        // afterwards must tell nothing but that there is no such key in it.
        self.check_write_of(&given, class, key_type)?;
        let origin = Origin::of(Way::Unwrap, parts::kind(class, key_type), self.maker());
        check_template(&origin, &given)?;
        let plain = unwrapped(&work, &params, unwrapping.material()?, wrapped)?;
        let filled = filled_up(mechanism, &work).is_some();
        let object = self.unwrapped_object(&work, filled, &given, &plain).map_err(|error| {
            // Behind a padding that anybody can make, and without the structure that a private key has,
            // any other answer would show that the padding was good (Bleichenbacher, Vaudenay).
            let padded = matches!(work, Work::RsaPkcs(_) | Work::Cipher(_, CipherMode::CbcPad));
            if padded && class == CKO_SECRET_KEY {
                Error::new(CKR_WRAPPED_KEY_INVALID, error.rule().to_owned())
            } else {
                error
            }
        })?;
        self.add([object])
    }

    /// The key that was wrapped, with the attributes that are asked for.
    fn unwrapped_object(
        &self,
        work: &Work,
        filled: bool,
        given: &Attributes,
        plain: &[u8],
    ) -> Result<Object> {
        let mut private = None;
        let known = if given.ulong(CKA_CLASS) == Some(CKO_SECRET_KEY) {
            let key_type = given.ulong(CKA_KEY_TYPE).unwrap_or(u64::MAX);
            secret_of(key_type, work, filled, given, plain)?
        } else {
            let plain = if filled { without_zeros_behind(plain) } else { plain };
            let key = PrivateKey::from_pkcs8(plain).map_err(|cause| {
                Error::new(CKR_WRAPPED_KEY_INVALID, format!("no private key inside: {cause}"))
            })?;
            let known = key.private(None)?;
            private = Some(key.into());
            known
        };
        let mut origin = Origin::of(Way::Unwrap, known, self.maker());
        origin.key = private;
        let id = self.partition.new_id()?;
        build(origin, given.clone(), id)
    }
}

/// What a mechanism fills a key up to multiples of, with zeros, before it wraps it: the blocks of ECB and CBC (6.13.5), the
/// semiblocks of CKM_AES_KEY_WRAP (6.16.3 of 3.2, SoftHSM too). Luna's own number is SP 800-38F's KW, which takes whole ones.
fn filled_up(mechanism: &Mechanism, work: &Work) -> Option<usize> {
    match work {
        Work::Cipher(alg, CipherMode::Ecb | CipherMode::Cbc) => Some(alg.block_len()),
        Work::Kw if mechanism.kind == CKM_AES_KEY_WRAP => Some(8),
        _ => None,
    }
}

/// Whether a mechanism wraps a value and no structure: RSA, which has no room for one, and ciphers that do
/// not keep its length or let it be changed.
fn wraps_values_only(work: &Work) -> bool {
    matches!(
        work,
        Work::RsaPkcs(_)
            | Work::RsaRaw
            | Work::RsaOaep { .. }
            | Work::Cipher(_, CipherMode::Ecb | CipherMode::Cbc)
    ) || changes_unnoticed(work)
}

/// Whether every bit of what was wrapped can be turned over from outside: a private key of which one number
/// is wrong gives itself away in what it signs, so it is neither wrapped nor unwrapped so.
fn changes_unnoticed(work: &Work) -> bool {
    matches!(
        work,
        Work::Xts
            | Work::ChaCha20
            | Work::Cipher(
                _,
                CipherMode::Ctr { .. } | CipherMode::Ofb | CipherMode::Cfb { .. } | CipherMode::Cts
            )
    )
}

/// The rules that protect a key from being wrapped.
fn check_wrappable(key: &Object, wrapping: &Object) -> Result<()> {
    if !matches!(key.class, CKO_SECRET_KEY | CKO_PRIVATE_KEY) {
        return fail(CKR_KEY_HANDLE_INVALID, "only secret and private keys can be wrapped");
    }
    if !key.attributes.flag(CKA_EXTRACTABLE) {
        return fail(CKR_KEY_UNEXTRACTABLE, "CKA_EXTRACTABLE of the key is false");
    }
    if key.attributes.flag(CKA_WRAP_WITH_TRUSTED) && !wrapping.attributes.flag(CKA_TRUSTED) {
        return fail(
            CKR_KEY_NOT_WRAPPABLE,
            "CKA_WRAP_WITH_TRUSTED: the wrapping key is not trusted",
        );
    }
    if let Some(AttributeValue::Template(wanted)) = wrapping.attributes.get(CKA_WRAP_TEMPLATE)
        && !key.matches(wanted)
    {
        // This code and no other, 5.18.3.
        return fail(
            CKR_KEY_HANDLE_INVALID,
            "CKA_WRAP_TEMPLATE of the wrapping key does not match",
        );
    }
    Ok(())
}

/// Puts the attributes that an unwrapping or base key prescribes to those of the new key.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT when the caller wants something else.
pub(super) fn impose(key: &Object, by: CK_ATTRIBUTE_TYPE, given: &mut Attributes) -> Result<()> {
    let Some(AttributeValue::Template(imposed)) = key.attributes.get(by) else { return Ok(()) };
    for attribute in &imposed.0 {
        match given.get(attribute.kind) {
            Some(value) if *value != attribute.value => {
                return fail(
                    CKR_TEMPLATE_INCONSISTENT,
                    format!("{} is prescribed by the key", attribute.name()),
                );
            }
            _ => given.set(attribute.clone()),
        }
    }
    Ok(())
}

/// What is wrapped of a key.
pub(super) fn plain_key(key: &Object) -> Result<Zeroizing<Vec<u8>>> {
    let failed = during(During::Wrap);
    match key.material()? {
        KeyMaterial::Secret(secret) => Ok(Zeroizing::new(secret.value().to_vec())),
        KeyMaterial::RsaPrivate(key) => key.to_pkcs8().map_err(failed),
        KeyMaterial::EcPrivate(key) => key.to_pkcs8().map_err(failed),
        KeyMaterial::EdPrivate(key) => Ok(key.to_pkcs8()),
        KeyMaterial::XPrivate(key) => Ok(key.to_pkcs8()),
        KeyMaterial::Ed448Private(key) => Ok(key.to_pkcs8()),
        KeyMaterial::X448Private(key) => Ok(key.to_pkcs8()),
        KeyMaterial::DsaPrivate(key) => Ok(key.to_pkcs8()),
        KeyMaterial::DhPrivate(key) => Ok(key.to_pkcs8()),
        KeyMaterial::MlKemPrivate(key) => key.to_pkcs8().map_err(failed),
        KeyMaterial::MlDsaPrivate(key) => Ok(key.to_pkcs8()),
        KeyMaterial::SlhDsaPrivate(key) => Ok(key.to_pkcs8()),
        _ => fail(CKR_KEY_NOT_WRAPPABLE, "public keys are not wrapped"),
    }
}

/// The OAEP of CKM_RSA_AES_KEY_WRAP.
fn oaep(hash: HashAlg, mgf_hash: HashAlg, params: &Params) -> Oaep<'_> {
    let label = match params {
        Params::RsaAesWrap { oaep, .. } => match &**oaep {
            Params::Oaep { label, .. } => label.as_slice(),
            _ => &[],
        },
        _ => &[],
    };
    Oaep { hash, mgf_hash, label }
}

/// The agreement of CKM_ECDH_AES_KEY_WRAP and its kin.
fn agreement(aes_bits: u32, kdf: Option<HashAlg>, params: &Params) -> Agreement<'_> {
    let shared_data = match params {
        Params::EcdhAesWrap { shared_data, .. } => shared_data.as_slice(),
        _ => &[],
    };
    Agreement { aes_bits, kdf, shared_data }
}

fn wrapped(work: &Work, params: &Params, key: &KeyMaterial, plain: &[u8]) -> Result<Vec<u8>> {
    let failed = during(During::Wrap);
    match (work, key) {
        (Work::RsaAesWrap { aes_bits, hash, mgf }, KeyMaterial::RsaPublic(key)) => {
            rsa_aes_wrap(key, *aes_bits, oaep(*hash, *mgf, params), plain).map_err(failed)
        }
        (Work::EcdhAesWrap { aes_bits, kdf }, key) => {
            let agreement = agreement(*aes_bits, *kdf, params);
            match key {
                KeyMaterial::EcPublic(key) => ecdh_aes_wrap(key, agreement, plain),
                KeyMaterial::XPublic(key) => x25519_aes_wrap(key, agreement, plain),
                KeyMaterial::X448Public(key) => x448_aes_wrap(key, agreement, plain),
                _ => return fail(WRAPPING.kind, "the mechanism takes a public key on a curve"),
            }
            .map_err(failed)
        }
        // The same as encrypting, except that the data is a key: 5.18.3 has codes of its own.
        _ => encrypt(work, params, key, plain.into()).map_err(|error| match error.rv() {
            CKR_DATA_LEN_RANGE | CKR_DATA_INVALID => {
                Error::new(CKR_KEY_SIZE_RANGE, "the key is too long for the mechanism")
            }
            CKR_KEY_TYPE_INCONSISTENT => {
                Error::new(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, error.rule().to_owned())
            }
            _ => error,
        }),
    }
}

fn unwrapped(
    work: &Work,
    params: &Params,
    key: &KeyMaterial,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let failed = during(During::Unwrap);
    match (work, key) {
        (Work::RsaAesWrap { aes_bits, hash, mgf }, KeyMaterial::RsaPrivate(key)) => {
            rsa_aes_unwrap(key, *aes_bits, oaep(*hash, *mgf, params), wrapped).map_err(failed)
        }
        (Work::EcdhAesWrap { aes_bits, kdf }, key) => {
            let agreement = agreement(*aes_bits, *kdf, params);
            match key {
                KeyMaterial::EcPrivate(key) => ecdh_aes_unwrap(key, agreement, wrapped),
                KeyMaterial::XPrivate(key) => x25519_aes_unwrap(key, agreement, wrapped),
                KeyMaterial::X448Private(key) => x448_aes_unwrap(key, agreement, wrapped),
                _ => return fail(UNWRAPPING.kind, "the mechanism takes a private key on a curve"),
            }
            .map_err(failed)
        }
        _ => decrypt(work, params, key, wrapped).map(Zeroizing::new).map_err(|error| {
            match error.rv() {
                CKR_ENCRYPTED_DATA_LEN_RANGE => {
                    Error::new(CKR_WRAPPED_KEY_LEN_RANGE, error.rule().to_owned())
                }
                CKR_ENCRYPTED_DATA_INVALID => {
                    Error::new(CKR_WRAPPED_KEY_INVALID, error.rule().to_owned())
                }
                CKR_KEY_TYPE_INCONSISTENT => {
                    Error::new(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, error.rule().to_owned())
                }
                _ => error,
            }
        }),
    }
}

/// A secret key out of what was unwrapped.
fn secret_of(
    key_type: u64,
    work: &Work,
    filled: bool,
    given: &Attributes,
    plain: &[u8],
) -> Result<Attributes> {
    let mut value = plain;
    if filled && let Some(len) = given.ulong(CKA_VALUE_LEN) {
        // 6.13.5: the zeros that filled up the last block are not part of the key.
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        value = plain.get(..len).ok_or_else(|| {
            Error::new(CKR_WRAPPED_KEY_LEN_RANGE, "CKA_VALUE_LEN is more than was wrapped")
        })?;
        if matches!(work, Work::Kw) && plain.len() - len > 7 {
            // 6.16.3 of 3.2.
            return fail(CKR_TEMPLATE_INCONSISTENT, "CKA_VALUE_LEN leaves out more than zeros");
        }
    }
    if matches!(work, Work::RsaRaw) {
        // 6.1.13: the end of what has the length of the modulus, as long as the template says.
        let len = given.ulong(CKA_VALUE_LEN).map(|len| usize::try_from(len).unwrap_or(usize::MAX));
        let len = len.or(SecretType::of(key_type).and_then(SecretType::usual_len));
        let Some(len) = len else {
            return fail(CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing");
        };
        value = plain.len().checked_sub(len).map(|at| &plain[at..]).ok_or_else(|| {
            Error::new(CKR_WRAPPED_KEY_LEN_RANGE, "CKA_VALUE_LEN is more than was wrapped")
        })?;
    }
    let secret =
        SecretType::of(key_type).filter(|secret| secret.takes(value.len())).ok_or_else(|| {
            Error::new(CKR_WRAPPED_KEY_LEN_RANGE, "what was wrapped is no key of this type")
        })?;
    secret
        .check(value)
        .map_err(|error| Error::new(CKR_WRAPPED_KEY_INVALID, error.rule().to_owned()))?;
    Ok(parts::secret(key_type, value))
}
