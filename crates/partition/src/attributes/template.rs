//! A caller's template, made orderly: every value of the right form, every attribute once.

use hsmsim_types::{
    Attribute, AttributeKind, AttributeValue, Result, Template, attribute, ck::*, error::fail,
};

use crate::object::Attributes;

/// Longest value that an attribute can have; a template that brings more is no template.
const VALUE_MAX: usize = 1 << 20;

/// Checks a template's values one by one and removes exact repetitions.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID for a value of the wrong form, CKR_TEMPLATE_INCONSISTENT for an
/// attribute with two values.
pub(crate) fn checked(template: Template) -> Result<Attributes> {
    let mut all = template.0;
    for attribute in &mut all {
        normalise(attribute);
        check_form(attribute)?;
    }
    all.sort_by_key(|attribute| attribute.kind);
    let twice = all.windows(2).find(|two| two[0].kind == two[1].kind && two[0] != two[1]);
    if let Some([attribute, _]) = twice {
        return fail(
            CKR_TEMPLATE_INCONSISTENT,
            format!("{} is given twice with different values", attribute.name()),
        );
    }
    all.dedup_by_key(|attribute| attribute.kind);
    Ok(Attributes::sorted(all))
}

/// Big integers have no leading zeros here (PKCS#11 3.1, 3.3: "most significant byte first", no rule
/// on zeros), so that the same number always compares equal.
pub(crate) fn normalise(attribute: &mut Attribute) {
    match attribute.kind {
        CKA_MODULUS | CKA_PUBLIC_EXPONENT | CKA_PRIVATE_EXPONENT | CKA_PRIME_1 | CKA_PRIME_2
        | CKA_EXPONENT_1 | CKA_EXPONENT_2 | CKA_COEFFICIENT | CKA_PRIME | CKA_SUBPRIME
        | CKA_BASE => {}
        _ => return,
    }
    if let Some([0, rest @ ..]) = attribute.value.as_bytes() {
        let zeros = rest.iter().take_while(|&&byte| byte == 0).count();
        *attribute = Attribute::bytes(attribute.kind, &rest[zeros..]);
    }
}

fn check_form(attribute: &Attribute) -> Result<()> {
    let fits = match (attribute::kind(attribute.kind), &attribute.value) {
        (AttributeKind::Bool, AttributeValue::Bool(_))
        | (AttributeKind::Ulong, AttributeValue::Ulong(_))
        | (AttributeKind::Mechanisms, AttributeValue::Mechanisms(_)) => true,
        (AttributeKind::Bytes, AttributeValue::Bytes(bytes)) => bytes.len() <= VALUE_MAX,
        (AttributeKind::Date, AttributeValue::Bytes(bytes)) => is_date(bytes),
        (AttributeKind::Template, AttributeValue::Template(inner)) => {
            checked(Template::clone(inner))?;
            // One level is all that the standard has a use for, and all that is stored.
            !inner.0.iter().any(|inner| matches!(inner.value, AttributeValue::Template(_)))
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    fail(CKR_ATTRIBUTE_VALUE_INVALID, format!("{} has no value of its form", attribute.name()))
}

/// Empty, or year, month and day in digits (CK_DATE).
fn is_date(bytes: &[u8]) -> bool {
    if bytes.is_empty() {
        return true;
    }
    let [_, _, _, _, m1, m2, d1, d2] = *bytes else { return false };
    let two = |tens: u8, ones: u8| (tens - b'0') * 10 + (ones - b'0');
    bytes.iter().all(u8::is_ascii_digit)
        && (1..=12).contains(&two(m1, m2))
        && (1..=31).contains(&two(d1, d2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_and_wrong_forms_have_their_codes() {
        let label = |text: &str| Attribute::bytes(CKA_LABEL, text);
        for (template, expected) in [
            (vec![label("a"), label("b")], CKR_TEMPLATE_INCONSISTENT),
            (vec![Attribute::ulong(CKA_TOKEN, 1)], CKR_ATTRIBUTE_VALUE_INVALID),
            (vec![Attribute::bytes(CKA_START_DATE, "2026-1-1")], CKR_ATTRIBUTE_VALUE_INVALID),
            (vec![Attribute::bytes(CKA_START_DATE, "20261301")], CKR_ATTRIBUTE_VALUE_INVALID),
            (
                vec![Attribute::bytes(CKA_LABEL, vec![0; VALUE_MAX + 1])],
                CKR_ATTRIBUTE_VALUE_INVALID,
            ),
        ] {
            assert_eq!(checked(Template(template)).unwrap_err().rv(), expected);
        }
        assert_eq!(checked(Template(vec![label("a"), label("a")])).unwrap().len(), 1);
        let date = Attribute::bytes(CKA_START_DATE, "20261231");
        assert!(checked(Template(vec![date])).is_ok());
    }

    #[test]
    fn templates_in_templates_in_templates_are_refused() {
        let nested = |inner| Attribute::template(CKA_UNWRAP_TEMPLATE, inner);
        assert!(checked(Template(vec![nested(vec![Attribute::bool(CKA_TOKEN, true)])])).is_ok());
        let error = checked(Template(vec![nested(vec![nested(vec![])])])).unwrap_err();
        assert_eq!(error.rv(), CKR_ATTRIBUTE_VALUE_INVALID);
    }

    #[test]
    fn big_integers_lose_leading_zeros() {
        let given = Attribute::bytes(CKA_PUBLIC_EXPONENT, [0, 0, 1, 0, 1]);
        let all = checked(Template(vec![given])).unwrap();
        assert_eq!(all.bytes(CKA_PUBLIC_EXPONENT), Some(&[1, 0, 1][..]));
    }
}
