//! How a new object gets its attributes: what the caller gives, what the operation knows, what
//! follows from these, and the defaults.

use std::{mem, sync::Arc};

use hsmsim_types::{
    Attribute, AttributeValue, Error, ObjectId, Result, SecretBytes,
    ck::*,
    error::fail,
    names::{self, or_hex},
};

use super::{Initial, Rule, Shape, Source, Way, computed, implied, is_capable, limit, usage};
use crate::{
    object::{Attributes, Object, key::KeyMaterial},
    personality::Personality,
    version,
};

/// Where a new object comes from.
pub(crate) struct Origin {
    /// By which function.
    pub(crate) way: Way,
    /// What the operation knows: class, key type, the key itself. Empty for C_CreateObject, where
    /// the caller says everything.
    pub(crate) known: Attributes,
    /// The same key as the primitives want it, where the operation has it.
    pub(crate) key: Option<KeyMaterial>,
    /// The mechanism that made the key on this token, if one did.
    pub(crate) generated_by: Option<CK_MECHANISM_TYPE>,
    /// For derived keys: CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE of the base key.
    pub(crate) base: Option<(bool, bool)>,
    /// Who asks.
    pub(crate) maker: Maker,
}

/// Who makes or changes an object, and in what sort of partition.
#[derive(Clone, Debug)]
pub(crate) struct Maker {
    /// Whether it is the SO: only then can CKA_TRUSTED be set.
    pub(crate) officer: bool,
    /// What the partition gives a key unasked, and which usages it lets a template ask for.
    pub(crate) personality: Arc<Personality>,
}

impl Origin {
    /// C_CreateObject.
    pub(crate) fn created(maker: Maker) -> Self {
        Self::of(Way::Create, Attributes::default(), maker)
    }

    /// Another way, with what it knows.
    pub(crate) fn of(way: Way, known: Attributes, maker: Maker) -> Self {
        Self { way, known, key: None, generated_by: None, base: None, maker }
    }
}

/// The class and kind of a new object, from the template or from what the operation knows.
///
/// # Errors
/// CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID.
fn shape_of(given: &Attributes, known: &Attributes) -> Result<(u64, u64, Shape)> {
    let number = |kind| -> Result<Option<u64>> {
        match (given.ulong(kind), known.ulong(kind)) {
            (Some(given), Some(known)) if given != known => {
                let name = or_hex(names::attribute, kind);
                fail(CKR_TEMPLATE_INCONSISTENT, format!("{name} is not what the mechanism makes"))
            }
            (given, known) => Ok(given.or(known)),
        }
    };
    let missing = |kind| {
        let name = or_hex(names::attribute, kind);
        Error::new(CKR_TEMPLATE_INCOMPLETE, format!("{name} is missing"))
    };
    let class = number(CKA_CLASS)?.ok_or_else(|| missing(CKA_CLASS))?;
    let kind = match class {
        CKO_CERTIFICATE => {
            number(CKA_CERTIFICATE_TYPE)?.ok_or_else(|| missing(CKA_CERTIFICATE_TYPE))?
        }
        CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY | CKO_OTP_KEY | CKO_DOMAIN_PARAMETERS => {
            number(CKA_KEY_TYPE)?.ok_or_else(|| missing(CKA_KEY_TYPE))?
        }
        _ => 0,
    };
    Ok((class, kind, Shape::of(class, kind)?))
}

/// What a template that was checked makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    class: u64,
    /// The key type or certificate type.
    kind: u64,
    shape: Shape,
    /// Whether it sets CKA_USAGE_LIMIT.
    limited: bool,
}

/// Checks, before anything costly is done, that a template can become an object.
///
/// # Errors
/// As [`build`], as far as the template alone shows.
pub(crate) fn check_template(origin: &Origin, given: &Attributes) -> Result<Plan> {
    let (class, kind, shape) = shape_of(given, &origin.known)?;
    check_given(origin, given, (class, kind), shape)?;
    Ok(Plan { class, kind, shape, limited: limit::is_set(given)? })
}

/// Footnote 2 of the tables of attributes (4.1.1; 6.1.2, 6.2, 6.4, 6.13.2, 6.65): the key or the domain says it
/// already.
const FOLLOWS: [CK_ATTRIBUTE_TYPE; 8] = [
    CKA_VALUE_LEN,
    CKA_MODULUS_BITS,
    CKA_PRIME_BITS,
    CKA_SUBPRIME_BITS,
    CKA_VALUE_BITS,
    CKA_HSS_LEVELS,
    CKA_HSS_LMS_TYPE,
    CKA_HSS_LMOTS_TYPE,
];

fn check_given(
    origin: &Origin,
    given: &Attributes,
    (class, kind): (u64, u64),
    shape: Shape,
) -> Result<()> {
    let mut rule_of = Rule::in_order(shape);
    for attribute in given.iter() {
        let Some(rule) = rule_of(attribute.kind) else {
            if attribute.kind & CKA_VENDOR_DEFINED != 0 {
                continue;
            }
            return fail(
                CKR_ATTRIBUTE_TYPE_INVALID,
                format!("{} is no attribute of such an object", attribute.name()),
            );
        };
        if rule.source == Source::Token {
            return fail(CKR_ATTRIBUTE_READ_ONLY, format!("{} is the token's", rule.name()));
        }
        if rule.by_officer && !origin.maker.officer && attribute.value.as_bool() == Some(true) {
            return fail(
                CKR_ATTRIBUTE_READ_ONLY,
                format!("only the SO makes {} true", rule.name()),
            );
        }
        usage::check(&origin.maker.personality, (class, kind), attribute)?;
        if origin.way == Way::Create {
            implied::check_given(attribute)?;
        }
        if origin.way == Way::Create && FOLLOWS.contains(&rule.kind) {
            return fail(
                CKR_TEMPLATE_INCONSISTENT,
                format!("{} is not for C_CreateObject", rule.name()),
            );
        }
        if origin.way != Way::Create && rule.secret {
            return fail(
                CKR_TEMPLATE_INCONSISTENT,
                format!("{} comes from the operation", rule.name()),
            );
        }
    }
    let missing = Rule::all(shape)
        .find(|rule| rule.is_required(origin.way) && given.get(rule.kind).is_none());
    match missing {
        Some(rule) => fail(CKR_TEMPLATE_INCOMPLETE, format!("{} is missing", rule.name())),
        None => Ok(()),
    }
}

/// A new object, with the key that its attributes were checked by.
///
/// # Errors
/// CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_TYPE_INVALID,
/// CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_READ_ONLY, CKR_CURVE_NOT_SUPPORTED.
pub(crate) fn build(origin: Origin, given: Attributes, id: ObjectId) -> Result<Object> {
    let plan = check_template(&origin, &given)?;
    build_planned(origin, given, plan, id)
}

/// The same with a template that was checked, and has lost at most attributes since.
///
/// # Errors
/// As [`build`].
pub(crate) fn build_planned(
    mut origin: Origin,
    given: Attributes,
    Plan { class, kind, shape, limited }: Plan,
    id: ObjectId,
) -> Result<Object> {
    let (mut all, given) = if origin.way == Way::Create {
        (given, None)
    } else {
        let mut known = mem::take(&mut origin.known);
        known.set_default(Attribute::ulong(CKA_CLASS, class));
        known.set_default(Attribute::ulong(CKA_KEY_TYPE, kind));
        (known, Some(given))
    };
    let key = computed::complete(shape, &mut all, origin.key.take())?;
    implied::settle(&mut all)?;
    if let Some(given) = given {
        merge(given, shape, &mut all)?;
    }

    // Of keys that a caller brings the vendor's table of defaults says nothing.
    let generous = origin.maker.personality.generous_usage || origin.way == Way::Create;
    all.set_defaults(Rule::with_default(shape), |rule| match rule.initial {
        Initial::Flag(flag) => AttributeValue::Bool(flag),
        Initial::Number(number) => AttributeValue::Ulong(number),
        Initial::IfCapable => AttributeValue::Bool(generous && is_capable(class, kind, rule.kind)),
        Initial::Empty | Initial::Absent => AttributeValue::Bytes(SecretBytes::default()),
    });
    if shape == Shape::Otp {
        computed::complete_otp(&mut all)?;
    }
    if all.flag(CKA_ALWAYS_AUTHENTICATE) && !all.flag(CKA_PRIVATE) {
        return fail(
            CKR_TEMPLATE_INCONSISTENT,
            "CKA_ALWAYS_AUTHENTICATE makes sense for private objects only",
        );
    }
    if limited {
        limit::begin(&mut all);
    }
    // Said by the token whenever it is asked for: not kept.
    all.remove(CKA_OBJECT_VALIDATION_FLAGS);
    // Clients choke on an empty list; it means the same as none.
    if all.get(CKA_ALLOWED_MECHANISMS).is_some_and(is_empty_list) {
        all.remove(CKA_ALLOWED_MECHANISMS);
    }
    set_history(&origin, shape, &mut all);
    Ok(Object::of_key(id, version::FIRST, all.exact(), key))
}

fn is_empty_list(value: &AttributeValue) -> bool {
    matches!(value, AttributeValue::Mechanisms(list) if list.is_empty())
}

/// Puts the caller's attributes to those of the operation.
fn merge(given: Attributes, shape: Shape, all: &mut Attributes) -> Result<()> {
    let mut rule_of = Rule::in_order(shape);
    for attribute in given.into_iter() {
        let by_operation =
            rule_of(attribute.kind).is_some_and(|rule| rule.source == Source::Operation);
        if !by_operation {
            all.set(attribute);
        } else if all.get(attribute.kind) != Some(&attribute.value) {
            let empty = attribute.value.as_bytes().is_some_and(<[u8]>::is_empty);
            match (attribute.kind, empty) {
                // 4.11 and 4.10: no bytes ask for an object without the one, and for the key's own other.
                (CKA_CHECK_VALUE, true) => drop(all.remove(CKA_CHECK_VALUE)),
                (CKA_PUBLIC_KEY_INFO, true) => {}
                (kind, _) => {
                    let rv = match kind {
                        CKA_CHECK_VALUE | CKA_PUBLIC_KEY_INFO => CKR_ATTRIBUTE_VALUE_INVALID,
                        _ => CKR_TEMPLATE_INCONSISTENT,
                    };
                    return fail(
                        rv,
                        format!("{} is not what the operation makes", attribute.name()),
                    );
                }
            }
        }
    }
    Ok(())
}

/// What the token remembers of a key's origin (4.7, 4.9, 4.10).
fn set_history(origin: &Origin, shape: Shape, all: &mut Attributes) {
    if let Some(mechanism) = origin.generated_by {
        all.set(Attribute::bool(CKA_LOCAL, true));
        all.set(Attribute::ulong(CKA_KEY_GEN_MECHANISM, mechanism));
    }
    if Rule::find(CKA_ALWAYS_SENSITIVE, shape).is_some() {
        let (was_sensitive, was_inside) =
            origin.base.unwrap_or((origin.generated_by.is_some(), origin.generated_by.is_some()));
        let sensitive = was_sensitive && all.flag(CKA_SENSITIVE);
        let inside = was_inside && !all.flag(CKA_EXTRACTABLE);
        all.set(Attribute::bool(CKA_ALWAYS_SENSITIVE, sensitive));
        all.set(Attribute::bool(CKA_NEVER_EXTRACTABLE, inside));
    }
}
