//! Attributes that every object or every key has and that nobody keeps: they are worked out when they are asked for, so that no
//! object is larger for them.

use std::borrow::Cow;

use hsmsim_crypto::digest::{HashAlg, hash};
use hsmsim_types::{Attribute, AttributeValue, Result, ck::*, error::fail};

use super::crc64::crc64;
use crate::{
    built_in,
    object::{Attributes, Object},
};

/// The value of an attribute, kept or worked out.
pub(crate) fn value(object: &Object, kind: CK_ATTRIBUTE_TYPE) -> Option<Cow<'_, AttributeValue>> {
    match object.attributes.get(kind) {
        Some(value) => Some(Cow::Borrowed(value)),
        None => implied(object, kind).map(Cow::Owned),
    }
}

fn implied(object: &Object, kind: CK_ATTRIBUTE_TYPE) -> Option<AttributeValue> {
    match kind {
        // 4.4.1.
        CKA_UNIQUE_ID => return Some(Attribute::bytes(kind, object.id.to_string()).value),
        // Luna's own, which features of the device have none of.
        CKA_OUID if !built_in::is_one(&object.id) => {
            return Some(Attribute::bytes(kind, object.id.0).value);
        }
        _ => {}
    }
    let is_key =
        matches!(object.class, CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY | CKO_OTP_KEY);
    if !is_key {
        return None;
    }
    match kind {
        // 3.2, 4.8: which validations a key is in keeping with. Nothing here is validated.
        CKA_OBJECT_VALIDATION_FLAGS => Some(AttributeValue::Ulong(0)),
        CKA_FINGERPRINT_SHA1 => fingerprint(object, kind, HashAlg::Sha1),
        CKA_FINGERPRINT_SHA256 => fingerprint(object, kind, HashAlg::Sha256),
        CKA_CCM_PRIVATE => Some(AttributeValue::Bool(false)),
        // 3.2, 4.9: so that halves of a pair can be found by what they share. The chapters of RSA and EC keys, which
        // have no CKA_VALUE, do not say over what else.
        CKA_PUBLIC_CRC64_VALUE if object.class == CKO_PUBLIC_KEY => {
            let value = object.attributes.bytes(CKA_VALUE)?;
            Some(Attribute::bytes(kind, crc64(value)).value)
        }
        CKA_EKM_UID => Some(Attribute::bytes(kind, "").value),
        _ => None,
    }
}

/// The hash of what makes the key what it is: of a secret key its value, of both halves of a pair the
/// public key.
fn fingerprint(object: &Object, kind: CK_ATTRIBUTE_TYPE, alg: HashAlg) -> Option<AttributeValue> {
    let of = |kind| object.attributes.bytes(kind);
    let bytes = match object.class {
        CKO_SECRET_KEY | CKO_OTP_KEY => of(CKA_VALUE),
        // Public keys of HSS have no CKA_PUBLIC_KEY_INFO.
        CKO_PUBLIC_KEY => of(CKA_PUBLIC_KEY_INFO).or_else(|| of(CKA_VALUE)),
        _ => of(CKA_PUBLIC_KEY_INFO),
    }?;
    Some(Attribute::bytes(kind, &hash(alg, bytes)[..]).value)
}

/// What a caller says of CKA_OBJECT_VALIDATION_FLAGS of an object that it brings.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID for a validation that is not there.
pub(super) fn check_given(attribute: &Attribute) -> Result<()> {
    let none = AttributeValue::Ulong(0);
    if attribute.kind == CKA_OBJECT_VALIDATION_FLAGS && attribute.value != none {
        return fail(CKR_ATTRIBUTE_VALUE_INVALID, "nothing here is validated");
    }
    Ok(())
}

/// What a caller says of CKA_PUBLIC_CRC64_VALUE must be so; it is not kept.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID.
pub(super) fn settle(all: &mut Attributes) -> Result<()> {
    let Some(given) = all.bytes(CKA_PUBLIC_CRC64_VALUE) else { return Ok(()) };
    if all.bytes(CKA_VALUE).is_none_or(|value| given != crc64(value)) {
        return fail(
            CKR_ATTRIBUTE_VALUE_INVALID,
            "CKA_PUBLIC_CRC64_VALUE is not that of CKA_VALUE",
        );
    }
    all.remove(CKA_PUBLIC_CRC64_VALUE);
    Ok(())
}
