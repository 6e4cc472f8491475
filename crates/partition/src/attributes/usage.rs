//! Which usages a template may ask for where the profile says `strict_templates`.
//!
//! A usage is for a key that can have it: one that is a default of its type, one that an offered mechanism
//! would use such a key for, or one that the vendor's own published templates set, since the device takes
//! those although nothing follows from some of them.

use hsmsim_types::{
    Attribute, Result,
    ck::*,
    error::fail,
    names::{key_type as key_type_name, or_hex},
};

use super::is_capable;
use crate::personality::Personality;

/// A usage attribute with the flag of the mechanisms that ask for it.
const USAGES: &[(CK_ATTRIBUTE_TYPE, CK_FLAGS)] = &[
    (CKA_ENCRYPT, CKF_ENCRYPT),
    (CKA_DECRYPT, CKF_DECRYPT),
    (CKA_SIGN, CKF_SIGN),
    (CKA_SIGN_RECOVER, CKF_SIGN_RECOVER),
    (CKA_VERIFY, CKF_VERIFY),
    (CKA_VERIFY_RECOVER, CKF_VERIFY_RECOVER),
    (CKA_WRAP, CKF_WRAP),
    (CKA_UNWRAP, CKF_UNWRAP),
    (CKA_DERIVE, CKF_DERIVE),
    (CKA_ENCAPSULATE, CKF_ENCAPSULATE),
    (CKA_DECAPSULATE, CKF_DECAPSULATE),
];

/// What the templates of Luna's CKDEMO set beyond what such keys do anything with. They are public in the
/// vendor's pycryptoki (`default_templates.py`).
const CKDEMO: &[(u64, &[CK_ATTRIBUTE_TYPE])] = &[
    (CKK_EC, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_DERIVE]),
    (CKK_DSA, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP]),
    (CKK_DH, &[CKA_DERIVE]),
    (CKK_X9_42_DH, &[CKA_DERIVE]),
    (CKK_GENERIC_SECRET, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP]),
];

/// Refuses a usage that is set to true and that such a key cannot have.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT.
pub(super) fn check(
    personality: &Personality,
    (class, key_type): (u64, u64),
    attribute: &Attribute,
) -> Result<()> {
    if !personality.strict_templates || attribute.value.as_bool() != Some(true) {
        return Ok(());
    }
    let Some(&(usage, flag)) = USAGES.iter().find(|(usage, _)| *usage == attribute.kind) else {
        return Ok(());
    };
    let published = || CKDEMO.iter().any(|(of, usages)| *of == key_type && usages.contains(&usage));
    if is_capable(class, key_type, usage)
        || published()
        || personality.mechanisms.any_serves(key_type, flag)
    {
        return Ok(());
    }
    fail(
        CKR_TEMPLATE_INCONSISTENT,
        format!("{} is not for keys of {}", attribute.name(), or_hex(key_type_name, key_type)),
    )
}
