//! CKA_USAGE_LIMIT and CKA_USAGE_COUNT: how often a key may be used, and how often it was (Luna guide, "Object
//! Usage Count"). The count goes on with the key's uses (`session/usage_count.rs`).

use hsmsim_types::{Attribute, Result, ck::*, error::fail};

use crate::object::Attributes;

/// The limits that there can be.
const LIMITS: std::ops::RangeInclusive<u64> = 1..=0xFFFF_FFFF;

/// Whether a template sets a limit. A count alone is the token's.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID for a limit that there cannot be and a count that is not 0,
/// CKR_ATTRIBUTE_READ_ONLY for a count without a limit.
pub(super) fn is_set(given: &Attributes) -> Result<bool> {
    let (limit, count) = (given.get(CKA_USAGE_LIMIT), given.get(CKA_USAGE_COUNT));
    let Some(limit) = limit else {
        if count.is_none() {
            return Ok(false);
        }
        return fail(CKR_ATTRIBUTE_READ_ONLY, "CKA_USAGE_COUNT goes with CKA_USAGE_LIMIT only");
    };
    if !limit.as_ulong().is_some_and(|limit| LIMITS.contains(&limit)) {
        return fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_USAGE_LIMIT is from 1 to FFFFFFFF");
    }
    if count.is_some_and(|count| count.as_ulong() != Some(0)) {
        return fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_USAGE_COUNT begins with 0");
    }
    Ok(true)
}

/// Whoever sets a limit sets the count to 0 with it.
pub(super) fn begin(all: &mut Attributes) {
    all.set(Attribute::ulong(CKA_USAGE_COUNT, 0));
}
