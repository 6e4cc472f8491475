//! C_SetAttributeValue and C_CopyObject: what may change, and in which direction.

use hsmsim_types::{Attribute, Result, ck::*, error::fail};

use super::{Initial, Later, Rule, Shape, Way, build::Maker, computed::check_trust, limit, usage};
use crate::object::{Attributes, Object};

/// The object's attributes after C_SetAttributeValue.
///
/// # Errors
/// CKR_ACTION_PROHIBITED for an object that is not modifiable, CKR_ATTRIBUTE_READ_ONLY,
/// CKR_ATTRIBUTE_TYPE_INVALID, CKR_TEMPLATE_INCONSISTENT for a usage that a strict profile refuses.
pub(crate) fn set(object: &Object, given: &Attributes, maker: &Maker) -> Result<Attributes> {
    if !object.attributes.flag(CKA_MODIFIABLE) {
        return fail(CKR_ACTION_PROHIBITED, "CKA_MODIFIABLE of the object is false");
    }
    changed(object, given, Way::Set, maker)
}

/// The attributes of a copy.
///
/// # Errors
/// CKR_ACTION_PROHIBITED for an object that is not copyable, CKR_TEMPLATE_INCONSISTENT for a public
/// copy of a private object or a usage that a strict profile refuses, CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID.
pub(crate) fn copy(object: &Object, given: &Attributes, maker: &Maker) -> Result<Attributes> {
    if !object.attributes.flag(CKA_COPYABLE) {
        return fail(CKR_ACTION_PROHIBITED, "CKA_COPYABLE of the object is false");
    }
    let mut all = changed(object, given, Way::Copy, maker)?;
    if object.private && !all.flag(CKA_PRIVATE) {
        return fail(CKR_TEMPLATE_INCONSISTENT, "a private object has no public copy");
    }
    // Older versions kept what an object's identity implies.
    all.remove(CKA_UNIQUE_ID);
    all.remove(CKA_OUID);
    Ok(all)
}

fn changed(object: &Object, given: &Attributes, way: Way, maker: &Maker) -> Result<Attributes> {
    let limited = limit::is_set(given)?;
    let mut all = object.attributes.clone();
    for attribute in given.iter() {
        check_change(object, attribute, way, maker)?;
        if is_taken_away(object, attribute) {
            all.remove(attribute.kind);
        } else {
            all.set(attribute.clone());
        }
    }
    if limited {
        limit::begin(&mut all);
    }
    if object.class == CKO_TRUST {
        check_trust(&all)?;
    }
    Ok(all)
}

/// Whether setting an attribute means that the object has it no more (4.11: CKA_CHECK_VALUE).
fn is_taken_away(object: &Object, attribute: &Attribute) -> bool {
    Shape::of_object(object)
        .and_then(|shape| Rule::find(attribute.kind, shape))
        .is_some_and(|rule| rule.later == Later::ToEmpty)
        && is_empty(attribute)
}

fn is_empty(attribute: &Attribute) -> bool {
    attribute.value.as_bytes().is_some_and(<[u8]>::is_empty)
}

fn check_change(object: &Object, attribute: &Attribute, way: Way, maker: &Maker) -> Result<()> {
    let rule = Shape::of_object(object).and_then(|shape| Rule::find(attribute.kind, shape));
    let Some(rule) = rule else {
        if attribute.kind & CKA_VENDOR_DEFINED != 0 {
            return Ok(());
        }
        return fail(
            CKR_ATTRIBUTE_TYPE_INVALID,
            format!("{} is no attribute of this object", attribute.name()),
        );
    };
    let old = object.attributes.get(attribute.kind);
    // What never changes is refused even as it is: a secret must not be guessed by setting it.
    if old == Some(&attribute.value) && rule.later != Later::No {
        return Ok(());
    }
    if rule.later == Later::AsItIs {
        // 4.10: what is given must belong to the key.
        return fail(
            CKR_ATTRIBUTE_VALUE_INVALID,
            format!("{} is not that of the key", rule.name()),
        );
    }
    let wanted = attribute.value.as_bool();
    if !maker.officer && is_under_trust(object, rule, wanted) {
        return fail(
            CKR_ATTRIBUTE_READ_ONLY,
            format!("{}: the SO trusts the object as it is", rule.name()),
        );
    }
    let allowed = match rule.later {
        Later::No => false,
        Later::InCopies => way == Way::Copy,
        Later::Free => true,
        Later::ToTrue => wanted == Some(true),
        Later::ToFalse => wanted == Some(false),
        Later::ToEmpty => is_empty(attribute),
        Later::AsItIs => true,
    };
    if !allowed {
        return fail(CKR_ATTRIBUTE_READ_ONLY, format!("{} cannot be changed so", rule.name()));
    }
    if rule.by_officer && !maker.officer && wanted == Some(true) {
        return fail(CKR_ATTRIBUTE_READ_ONLY, format!("only the SO makes {} true", rule.name()));
    }
    usage::check(&maker.personality, (object.class, object.key_type), attribute)
}

/// Whether a change would make more of an object that the SO has marked as trusted. A trusted
/// certificate does not change at all (4.6); a trusted key must not learn what the SO did not trust it
/// with, or keys that only trusted ones may wrap would come out through its CKA_DECRYPT.
fn is_under_trust(object: &Object, rule: &Rule, wanted: Option<bool>) -> bool {
    if !object.attributes.flag(CKA_TRUSTED) || rule.kind == CKA_TRUSTED {
        return false;
    }
    match object.class {
        CKO_CERTIFICATE => rule.later != Later::InCopies,
        _ => rule.initial == Initial::IfCapable && wanted == Some(true),
    }
}
