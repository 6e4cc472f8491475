//! Wild templates, and the convention of C_GetAttributeValue.

use std::{
    ffi::c_void,
    ptr::{null_mut, without_provenance_mut},
};

use hsmsim_types::ck::*;

use super::*;

fn raw(kind: CK_ATTRIBUTE_TYPE, value: &mut [u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: value.as_mut_ptr().cast(),
        ulValueLen: value.len() as CK_ULONG,
    }
}

fn wild(kind: CK_ATTRIBUTE_TYPE, value: *mut c_void, len: CK_ULONG) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE { type_: kind, pValue: value, ulValueLen: len }
}

fn read(attributes: &mut [CK_ATTRIBUTE]) -> Result<Template> {
    // SAFETY: the attributes of these tests are valid, or wild in ways that are refused unread.
    unsafe { TemplateIn::new(attributes.as_mut_ptr(), attributes.len() as CK_ULONG) }.read()
}

#[test]
fn each_kind_of_value_is_read_as_what_it_is() {
    let mut class = CKO_SECRET_KEY.to_ne_bytes();
    let mut mechanisms = [CKM_AES_CBC.to_ne_bytes(), CKM_AES_GCM.to_ne_bytes()].concat();
    let mut nested = [raw(CKA_EXTRACTABLE, &mut [1])];
    let template = read(&mut [
        raw(CKA_TOKEN, &mut [1]),
        raw(CKA_PRIVATE, &mut [0]),
        raw(CKA_CLASS, &mut class),
        raw(CKA_LABEL, &mut b"key".to_owned()),
        wild(CKA_ID, null_mut(), 0),
        raw(CKA_START_DATE, &mut b"20261123".to_owned()),
        wild(CKA_END_DATE, null_mut(), 0),
        raw(CKA_ALLOWED_MECHANISMS, &mut mechanisms),
        wild(CKA_UNWRAP_TEMPLATE, nested.as_mut_ptr().cast(), ATTRIBUTE_LEN as u64),
        raw(0x8765_4321, &mut [9, 9]),
    ])
    .expect("a good template");
    let expected = [
        Attribute::bool(CKA_TOKEN, true),
        Attribute::bool(CKA_PRIVATE, false),
        Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY),
        Attribute::bytes(CKA_LABEL, b"key"),
        Attribute::bytes(CKA_ID, b""),
        Attribute::bytes(CKA_START_DATE, b"20261123"),
        Attribute::bytes(CKA_END_DATE, b""),
        Attribute::mechanisms(CKA_ALLOWED_MECHANISMS, vec![CKM_AES_CBC, CKM_AES_GCM]),
        Attribute::template(CKA_UNWRAP_TEMPLATE, vec![Attribute::bool(CKA_EXTRACTABLE, true)]),
        Attribute::bytes(0x8765_4321, [9, 9]),
    ];
    assert_eq!(template.0, expected);
}

#[test]
fn wild_values_are_refused_with_the_attributes_name() {
    let nowhere = without_provenance_mut::<c_void>(16);
    let mut byte = [1; 32];
    let at = byte.as_mut_ptr().cast::<c_void>();
    for (attribute, what) in [
        (wild(CKA_TOKEN, null_mut(), 0), "a flag of no byte"),
        (wild(CKA_TOKEN, null_mut(), 1), "a flag at NULL"),
        (wild(CKA_TOKEN, at, 2), "a flag of two bytes"),
        (wild(CKA_TOKEN, at, 8), "a flag of eight bytes"),
        (raw(CKA_TOKEN, &mut [2]), "a flag that is neither"),
        (raw(CKA_TOKEN, &mut [0xFF]), "a flag that is neither"),
        (wild(CKA_CLASS, at, 4), "a number of four bytes"),
        (wild(CKA_CLASS, at, 7), "a number of seven bytes"),
        (wild(CKA_CLASS, at, 9), "a number of nine bytes"),
        (wild(CKA_CLASS, null_mut(), 8), "a number at NULL"),
        (wild(CKA_VALUE, null_mut(), 16), "a value at NULL"),
        (wild(CKA_VALUE, nowhere, CK_UNAVAILABLE_INFORMATION), "an unavailable length"),
        (wild(CKA_VALUE, nowhere, i64::MAX as u64), "an absurd length"),
        (wild(CKA_LABEL, nowhere, 1 << 40), "an absurd length"),
        (wild(CKA_START_DATE, at, 7), "a date of seven bytes"),
        (wild(CKA_ALLOWED_MECHANISMS, at, 12), "one and a half mechanisms"),
        (wild(CKA_ALLOWED_MECHANISMS, null_mut(), 8), "mechanisms at NULL"),
        (wild(CKA_WRAP_TEMPLATE, at, 23), "almost an attribute"),
        (wild(CKA_WRAP_TEMPLATE, null_mut(), 24), "a template at NULL"),
        (wild(CKA_WRAP_TEMPLATE, nowhere, 24 * 89_478_485), "too many attributes"),
    ] {
        let name = names::or_hex(names::attribute, attribute.type_);
        let error = read(&mut [attribute]).expect_err(what);
        assert_eq!(error.rv(), CKR_ATTRIBUTE_VALUE_INVALID, "{what}");
        assert!(error.rule().starts_with(&name), "{what}: {error}");
    }
}

#[test]
fn wild_counts_are_refused_unread() {
    let nowhere = without_provenance_mut(8);
    for (ptr, count) in [
        (null_mut(), 1),
        (null_mut(), u64::MAX),
        (nowhere, MAX_ATTRIBUTES as u64 + 1),
        (nowhere, u64::MAX),
        (nowhere, u64::MAX / 24 + 1),
    ] {
        // SAFETY: what is not NULL has a count that is refused unread.
        unsafe {
            let refused = TemplateIn::new(ptr, count).read().expect_err("refused");
            assert_eq!(refused.rv(), CKR_ARGUMENTS_BAD, "{count}");
            let refused = TemplateOut::new(ptr, count).kinds().expect_err("refused");
            assert_eq!(refused.rv(), CKR_ARGUMENTS_BAD, "{count}");
        }
    }
    // SAFETY: no attribute at all.
    let empty = unsafe { TemplateIn::new(null_mut(), 0) }.read();
    assert_eq!(empty, Ok(Template::default()));
}

#[test]
fn a_template_that_contains_itself_ends() {
    let mut attribute = wild(CKA_WRAP_TEMPLATE, null_mut(), ATTRIBUTE_LEN as u64);
    attribute.pValue = (&raw mut attribute).cast();
    // SAFETY: one valid attribute whose value is itself.
    let error = unsafe { TemplateIn::new(&raw mut attribute, 1) }.read().expect_err("endless");
    assert_eq!(error.rv(), CKR_ATTRIBUTE_VALUE_INVALID);
}

#[test]
fn templates_that_contain_each_other_end_soon() {
    let mut attributes = [wild(CKA_WRAP_TEMPLATE, null_mut(), 0); 64];
    let at = (&raw mut attributes).cast();
    for attribute in &mut attributes {
        attribute.pValue = at;
        attribute.ulValueLen = 64 * ATTRIBUTE_LEN as u64;
    }
    assert_eq!(read(&mut attributes).map_err(|e| e.rv()), Err(CKR_ATTRIBUTE_VALUE_INVALID));
}

#[test]
fn a_template_at_an_odd_address_is_read() {
    let mut value = [1_u8];
    let mut memory = [0_u8; ATTRIBUTE_LEN + 1];
    let place = memory[1..].as_mut_ptr().cast::<CK_ATTRIBUTE>();
    // SAFETY: the room behind the first byte is one attribute long.
    let template = unsafe {
        place.write_unaligned(raw(CKA_TOKEN, &mut value));
        TemplateIn::new(place, 1).read()
    };
    assert_eq!(template, Ok(Template(vec![Attribute::bool(CKA_TOKEN, true)])));
}

fn write(attributes: &mut [CK_ATTRIBUTE], results: &[AttributeResult]) -> CK_RV {
    // SAFETY: the attributes of these tests are valid.
    unsafe { TemplateOut::new(attributes.as_mut_ptr(), attributes.len() as CK_ULONG) }
        .write(results)
        .map_or_else(|error| error.rv(), |()| CKR_OK)
}

fn value(attribute: Attribute) -> AttributeResult {
    AttributeResult::Value(attribute.value)
}

#[test]
fn lengths_are_told_where_no_room_is_given() {
    let mut template = [CKA_TOKEN, CKA_CLASS, CKA_LABEL, CKA_ID, CKA_ALLOWED_MECHANISMS]
        .map(|kind| wild(kind, null_mut(), 77));
    let results = [
        value(Attribute::bool(CKA_TOKEN, true)),
        value(Attribute::ulong(CKA_CLASS, 3)),
        value(Attribute::bytes(CKA_LABEL, "label")),
        value(Attribute::bytes(CKA_ID, "")),
        AttributeResult::Value(AttributeValue::Mechanisms([1, 2, 3].into())),
    ];
    assert_eq!(write(&mut template, &results), CKR_OK);
    assert_eq!(template.map(|attribute| attribute.ulValueLen), [1, 8, 5, 0, 24]);
}

#[test]
fn one_refused_attribute_does_not_keep_the_others_back() {
    let (mut label, mut flag, mut small) = ([0; 16], [7], [0; 2]);
    let mut template = [
        raw(CKA_VALUE, &mut [0; 32]),
        raw(CKA_LABEL, &mut label),
        wild(CKA_MODULUS, null_mut(), 0),
        raw(CKA_ID, &mut small),
        raw(CKA_TOKEN, &mut flag),
    ];
    let results = [
        AttributeResult::Sensitive,
        value(Attribute::bytes(CKA_LABEL, "label")),
        AttributeResult::Invalid,
        value(Attribute::bytes(CKA_ID, "too long")),
        value(Attribute::bool(CKA_TOKEN, false)),
    ];
    let rv = write(&mut template, &results);
    assert!(
        [CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL].contains(&rv)
    );
    let unavailable = CK_UNAVAILABLE_INFORMATION;
    let lengths = template.map(|attribute| attribute.ulValueLen);
    assert_eq!(lengths, [unavailable, 5, unavailable, unavailable, 1]);
    assert_eq!((&label[..6], flag, small), (&b"label\0"[..], [0], [0; 2]));
}

#[test]
fn each_refusal_has_its_code() {
    let mut small = [0; 7];
    for (attribute, result, expected) in [
        (wild(CKA_VALUE, null_mut(), 0), AttributeResult::Sensitive, CKR_ATTRIBUTE_SENSITIVE),
        (wild(CKA_VALUE, null_mut(), 0), AttributeResult::Invalid, CKR_ATTRIBUTE_TYPE_INVALID),
        (raw(CKA_CLASS, &mut small), value(Attribute::ulong(CKA_CLASS, 3)), CKR_BUFFER_TOO_SMALL),
    ] {
        let mut template = [attribute];
        assert_eq!(write(&mut template, &[result]), expected);
        assert_eq!(template[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    }
}

#[test]
fn nested_templates_are_written_in_their_three_steps() {
    let inner = Template(vec![
        Attribute::bool(CKA_EXTRACTABLE, false),
        Attribute::bytes(CKA_LABEL, "inner"),
    ]);
    let results = [AttributeResult::Value(AttributeValue::Template(Box::new(inner)))];
    let mut outer = [wild(CKA_UNWRAP_TEMPLATE, null_mut(), 0)];
    assert_eq!(write(&mut outer, &results), CKR_OK);
    assert_eq!(outer[0].ulValueLen, 2 * ATTRIBUTE_LEN as u64);

    let mut nested = [wild(0, null_mut(), 0), wild(0, null_mut(), 0)];
    outer[0].pValue = nested.as_mut_ptr().cast();
    assert_eq!(write(&mut outer, &results), CKR_OK);
    assert_eq!(
        nested.map(|raw| (raw.type_, raw.ulValueLen)),
        [(CKA_EXTRACTABLE, 1), (CKA_LABEL, 5)]
    );

    let (mut flag, mut label) = ([9], [0; 5]);
    nested = [raw(0, &mut flag), raw(0, &mut label)];
    outer[0].pValue = nested.as_mut_ptr().cast();
    assert_eq!(write(&mut outer, &results), CKR_OK);
    assert_eq!((flag, &label), ([0], b"inner"));

    nested[1].ulValueLen = 4;
    assert_eq!(write(&mut outer, &results), CKR_BUFFER_TOO_SMALL);
    assert_eq!(nested[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
}
