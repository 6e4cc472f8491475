//! Objects (4, 5.7): creation, copies, attributes, searches, and the codes of what is refused.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{
    case,
    material::{P256, RSA, data, secret},
};
use crate::{
    call,
    case::{Case, Template, expect, hold, ok},
};

const NO_OBJECT: CK_OBJECT_HANDLE = 0x7FFF_FFF5;
const INCOMPLETE: &[CK_RV] = &[CKR_TEMPLATE_INCOMPLETE];
const INCONSISTENT: &[CK_RV] = &[CKR_TEMPLATE_INCONSISTENT];
const VALUE: &[CK_RV] = &[CKR_ATTRIBUTE_VALUE_INVALID];
const TYPE: &[CK_RV] = &[CKR_ATTRIBUTE_TYPE_INVALID];
const READ_ONLY: &[CK_RV] = &[CKR_ATTRIBUTE_READ_ONLY];

fn aes() -> Template {
    secret(CKK_AES, &[7; 16], &[CKA_ENCRYPT, CKA_DECRYPT])
}

/// What C_CreateObject says to a template.
type Creation = (&'static str, &'static str, &'static str, fn() -> Template, &'static [CK_RV]);

#[rustfmt::skip]
const CREATIONS: &[Creation] = &[
    ("data", "4.5", "a data object can be made", || data("c", b"v"), &[CKR_OK]),
    ("data.empty", "4.5", "a data object needs nothing but its class", || Template::new().number(CKA_CLASS, CKO_DATA).flag(CKA_PRIVATE, false), &[CKR_OK]),
    ("secret", "4.10", "a secret key can be made", aes, &[CKR_OK]),
    ("rsa-public", "6.1.2", "an RSA public key can be made", || RSA.public_template(&[CKA_VERIFY]), &[CKR_OK]),
    ("rsa-private", "6.1.3", "an RSA private key can be made", || RSA.private_template(&[CKA_SIGN]), &[CKR_OK]),
    ("ec-public", "6.3.3", "an EC public key can be made", || P256.public_template(&[CKA_VERIFY]), &[CKR_OK]),
    ("ec-private", "6.3.4", "an EC private key can be made", || P256.private_template(&[CKA_SIGN]), &[CKR_OK]),
    ("no-class", "4.1.1", "a template without CKA_CLASS is incomplete", || data("c", b"v").without(CKA_CLASS), INCOMPLETE),
    ("empty", "4.1.1", "an empty template is incomplete", Template::new, INCOMPLETE),
    ("no-key-type", "4.7", "a key without CKA_KEY_TYPE is incomplete", || aes().without(CKA_KEY_TYPE), INCOMPLETE),
    ("no-value", "6.10.2", "a secret key without CKA_VALUE is incomplete", || aes().without(CKA_VALUE), INCOMPLETE),
    ("no-modulus", "6.1.2", "an RSA public key without a modulus is incomplete", || RSA.public_template(&[]).without(CKA_MODULUS), INCOMPLETE),
    ("no-point", "6.3.3", "an EC public key without a point is incomplete", || P256.public_template(&[]).without(CKA_EC_POINT), INCOMPLETE),
    ("no-params", "6.3.4", "an EC private key without parameters is incomplete", || P256.private_template(&[]).without(CKA_EC_PARAMS), INCOMPLETE),
    ("class-unknown", "4.1.1", "an unknown class is an invalid value", || data("c", b"v").number(CKA_CLASS, 0x7FFF_FF01), VALUE),
    ("attribute-unknown", "4.1.1", "an unknown attribute is CKR_ATTRIBUTE_TYPE_INVALID", || data("c", b"v").bytes(0x7FFF_FF02, b"x"), TYPE),
    ("attribute-foreign", "4.1.1", "an attribute of another class does not fit", || data("c", b"v").bytes(CKA_MODULUS, b"x"), &[CKR_ATTRIBUTE_TYPE_INVALID, CKR_TEMPLATE_INCONSISTENT]),
    ("value-len", "6.10.2", "CKA_VALUE_LEN is not for C_CreateObject", || aes().number(CKA_VALUE_LEN, 16), &[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT]),
    ("local", "4.7", "CKA_LOCAL is read-only", || aes().flag(CKA_LOCAL, true), &[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT]),
    ("always-sensitive", "4.10", "CKA_ALWAYS_SENSITIVE is read-only", || aes().flag(CKA_ALWAYS_SENSITIVE, true), &[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT]),
    ("never-extractable", "4.10", "CKA_NEVER_EXTRACTABLE is read-only", || aes().flag(CKA_NEVER_EXTRACTABLE, true), &[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT]),
    ("key-gen-mechanism", "4.7", "CKA_KEY_GEN_MECHANISM is read-only", || aes().number(CKA_KEY_GEN_MECHANISM, CKM_AES_KEY_GEN), &[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT]),
    ("bool-length", "4.1.1", "a CK_BBOOL of two bytes is an invalid value", || data("c", b"v").bytes(CKA_TOKEN, &[0, 0]), VALUE),
    ("number-length", "4.1.1", "a CK_ULONG of three bytes is an invalid value", || aes().bytes(CKA_KEY_TYPE, &[0, 0, 0]), VALUE),
    ("aes-17", "6.13.2", "an AES key of 17 bytes is refused", || aes().bytes(CKA_VALUE, &[7; 17]), &[CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE, CKR_TEMPLATE_INCONSISTENT]),
    ("point-off", "6.3.3", "a point that is not on its curve is refused", || {
        let mut point = P256.wrapped_point();
        *point.last_mut().unwrap() ^= 1;
        P256.public_template(&[]).bytes(CKA_EC_POINT, &point)
    }, &[CKR_ATTRIBUTE_VALUE_INVALID, CKR_PUBLIC_KEY_INVALID, CKR_TEMPLATE_INCONSISTENT]),
    ("twice-other", "4.1.1", "one attribute with two values is inconsistent", || {
        let mut template = data("c", b"v");
        template.0.push((CKA_LABEL, b"other".to_vec()));
        template
    }, INCONSISTENT),
];

/// Attributes of a modifiable session key, what C_SetAttributeValue says to them.
type Change = (&'static str, &'static str, &'static str, fn() -> Template, &'static [CK_RV]);

#[rustfmt::skip]
const CHANGES: &[Change] = &[
    ("label", "4.1.2", "a label can be changed", || Template::new().bytes(CKA_LABEL, b"other"), &[CKR_OK]),
    ("id", "4.7", "an id can be changed", || Template::new().bytes(CKA_ID, b"other"), &[CKR_OK]),
    ("sensitive", "4.10", "a key can become sensitive", || Template::new().flag(CKA_SENSITIVE, true), &[CKR_OK]),
    ("not-extractable", "4.10", "a key can become unextractable", || Template::new().flag(CKA_EXTRACTABLE, false), &[CKR_OK]),
    ("class", "4.1.2", "the class is read-only", || Template::new().number(CKA_CLASS, CKO_DATA), READ_ONLY),
    ("key-type", "4.7", "the key type is read-only", || Template::new().number(CKA_KEY_TYPE, CKK_DES3), READ_ONLY),
    ("token", "4.4", "CKA_TOKEN is read-only", || Template::new().flag(CKA_TOKEN, true), READ_ONLY),
    ("value", "6.13.2", "a key's value is read-only", || Template::new().bytes(CKA_VALUE, &[1; 16]), READ_ONLY),
    ("local", "4.7", "CKA_LOCAL is read-only", || Template::new().flag(CKA_LOCAL, true), READ_ONLY),
    ("unknown", "5.7.6", "an unknown attribute is CKR_ATTRIBUTE_TYPE_INVALID", || Template::new().bytes(0x7FFF_FF02, b"x"), TYPE),
];

pub(super) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for &(id, chapter, statement, template, codes) in CREATIONS {
        all.push(case(format!("object.create.{id}"), chapter, statement, move |b| {
            let session = b.user()?;
            expect(session.create(&template()).0, codes, "C_CreateObject")
        }));
    }
    for &(id, chapter, statement, template, codes) in CHANGES {
        all.push(case(format!("object.set.{id}"), chapter, statement, move |b| {
            let session = b.user()?;
            let key = session.object(&aes())?;
            expect(session.set(key, &template()), codes, "C_SetAttributeValue")
        }));
    }
    all.extend(creation());
    all.extend(copies());
    all.extend(attributes());
    all.extend(searches());
    all
}

fn creation() -> Vec<Case> {
    vec![
        case(
            "object.create.null",
            "5.7.1",
            "no template, or no place for the handle, is refused",
            |b| {
                let session = b.user()?;
                let (mut raw, mut object) = (data("c", b"v").raw(), 0);
                let rv =
                    call!(b.module, C_CreateObject(session.handle, null_mut(), 3, &mut object));
                expect(rv, &[CKR_ARGUMENTS_BAD], "no template")?;
                let kept = data("c", b"v");
                raw.clone_from(&kept.raw());
                let rv = call!(
                    b.module,
                    C_CreateObject(session.handle, raw.as_mut_ptr(), 1, null_mut())
                );
                expect(rv, &[CKR_ARGUMENTS_BAD], "no place")
            },
        ),
        case(
            "object.create.read-only",
            "5.7.1",
            "a token object in a read-only session is CKR_SESSION_READ_ONLY",
            |b| {
                let session = b.open(0)?;
                let (rv, _) = session.create(&data("c", b"v").flag(CKA_TOKEN, true));
                expect(rv, &[CKR_SESSION_READ_ONLY], "C_CreateObject")
            },
        ),
        case("object.create.token", "4.4", "a token object outlives its session", |b| {
            let session = b.user()?;
            ok(
                session.create(&data("conformance-token", b"kept").flag(CKA_TOKEN, true)).0,
                "C_CreateObject",
            )?;
            ok(session.close(), "C_CloseSession")?;
            let session = b.user()?;
            let found = session.find(&Template::new().bytes(CKA_LABEL, b"conformance-token"))?;
            hold(found.len() == 1, || format!("found {}", found.len()))?;
            let value = session.value(found[0], CKA_VALUE)?;
            for object in found {
                ok(session.destroy(object), "C_DestroyObject")?;
            }
            hold(value == b"kept", || "another value".into())
        }),
        case("object.destroy", "5.7.3", "a destroyed object's handle is invalid", |b| {
            let session = b.user()?;
            let object = session.object(&data("c", b"v"))?;
            ok(session.destroy(object), "C_DestroyObject")?;
            let invalid = &[CKR_OBJECT_HANDLE_INVALID];
            expect(session.destroy(object), invalid, "C_DestroyObject again")?;
            expect(session.get(object, CKA_LABEL).0, invalid, "C_GetAttributeValue")?;
            expect(
                session.set(object, &Template::new().bytes(CKA_LABEL, b"x")),
                invalid,
                "C_SetAttributeValue",
            )?;
            expect(session.copy(object, &Template::new()).0, invalid, "C_CopyObject")?;
            let mut size = 0;
            let rv = call!(b.module, C_GetObjectSize(session.handle, object, &mut size));
            expect(rv, invalid, "C_GetObjectSize")
        }),
        case(
            "object.destroy.not-destroyable",
            "5.7.3",
            "CKA_DESTROYABLE false is CKR_ACTION_PROHIBITED",
            |b| {
                let session = b.user()?;
                let object = session.object(&data("c", b"v").flag(CKA_DESTROYABLE, false))?;
                expect(session.destroy(object), &[CKR_ACTION_PROHIBITED], "C_DestroyObject")
            },
        ),
        case(
            "object.destroy.read-only",
            "5.7.3",
            "a token object is not destroyed in a read-only session",
            |b| {
                let session = b.user()?;
                let reader = b.open(0)?;
                let object = session.object(&data("c", b"v").flag(CKA_TOKEN, true))?;
                let rv = reader.destroy(object);
                ok(session.destroy(object), "C_DestroyObject")?;
                expect(rv, &[CKR_SESSION_READ_ONLY], "C_DestroyObject in a read-only session")
            },
        ),
        case(
            "object.size",
            "5.7.4",
            "C_GetObjectSize gives a size, or says that there is none to be had",
            |b| {
                let session = b.user()?;
                let object = session.object(&data("c", b"v"))?;
                let mut size = 0;
                let rv = call!(b.module, C_GetObjectSize(session.handle, object, &mut size));
                expect(rv, &[CKR_OK, CKR_INFORMATION_SENSITIVE], "C_GetObjectSize")?;
                let rv = call!(b.module, C_GetObjectSize(session.handle, object, null_mut()));
                expect(rv, &[CKR_ARGUMENTS_BAD], "no place")
            },
        ),
    ]
}

fn copies() -> Vec<Case> {
    vec![
        case(
            "object.copy",
            "5.7.2",
            "a copy has the attributes, changed where the template says",
            |b| {
                let session = b.user()?;
                let object =
                    session.object(&aes().bytes(CKA_LABEL, b"first").bytes(CKA_ID, b"id"))?;
                let (rv, copy) = session.copy(object, &Template::new().bytes(CKA_LABEL, b"second"));
                ok(rv, "C_CopyObject")?;
                hold(copy != object, || "the same handle".into())?;
                let seen = [CKA_LABEL, CKA_ID, CKA_VALUE].map(|kind| session.get(copy, kind).1);
                hold(seen == [b"second".to_vec(), b"id".to_vec(), vec![7; 16]], || {
                    format!("{seen:?}")
                })
            },
        ),
        case(
            "object.copy.not-copyable",
            "5.7.2",
            "CKA_COPYABLE false is CKR_ACTION_PROHIBITED",
            |b| {
                let session = b.user()?;
                let object = session.object(&aes().flag(CKA_COPYABLE, false))?;
                expect(
                    session.copy(object, &Template::new()).0,
                    &[CKR_ACTION_PROHIBITED],
                    "C_CopyObject",
                )
            },
        ),
        case("object.copy.less-sensitive", "5.7.2", "a copy cannot be less sensitive", |b| {
            let session = b.user()?;
            let object = session.object(&aes().flag(CKA_SENSITIVE, true))?;
            let (rv, _) = session.copy(object, &Template::new().flag(CKA_SENSITIVE, false));
            expect(rv, &[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT], "C_CopyObject")
        }),
        case("object.copy.more-extractable", "5.7.2", "a copy cannot be more extractable", |b| {
            let session = b.user()?;
            let object = session.object(&aes().flag(CKA_EXTRACTABLE, false))?;
            let (rv, _) = session.copy(object, &Template::new().flag(CKA_EXTRACTABLE, true));
            expect(rv, &[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT], "C_CopyObject")
        }),
        case("object.copy.value", "5.7.2", "a copy cannot have another value", |b| {
            let session = b.user()?;
            let object = session.object(&aes())?;
            let (rv, _) = session.copy(object, &Template::new().bytes(CKA_VALUE, &[1; 16]));
            expect(rv, &[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT], "C_CopyObject")
        }),
        case("object.copy.read-only", "5.7.2", "no token copy in a read-only session", |b| {
            let session = b.open(0)?;
            let object = session.object(&data("c", b"v"))?;
            let (rv, _) = session.copy(object, &Template::new().flag(CKA_TOKEN, true));
            expect(rv, &[CKR_SESSION_READ_ONLY], "C_CopyObject")
        }),
    ]
}

fn attributes() -> Vec<Case> {
    vec![
        case(
            "object.get.length",
            "5.7.5",
            "C_GetAttributeValue: the length, too small a place, enough",
            |b| {
                let session = b.user()?;
                let object = session.object(&data("twelve bytes", b"v"))?;
                let (m, s) = (b.module, session.handle);
                let mut asked =
                    CK_ATTRIBUTE { type_: CKA_LABEL, pValue: null_mut(), ulValueLen: 0 };
                ok(call!(m, C_GetAttributeValue(s, object, &mut asked, 1)), "the length")?;
                let len = asked.ulValueLen;
                hold(len == 12, || format!("length {len}"))?;
                let mut place = [0_u8; 12];
                asked.pValue = place.as_mut_ptr().cast();
                asked.ulValueLen = 11;
                let rv = call!(m, C_GetAttributeValue(s, object, &mut asked, 1));
                expect(rv, &[CKR_BUFFER_TOO_SMALL], "one byte too few")?;
                let len = asked.ulValueLen;
                hold(len == CK_UNAVAILABLE_INFORMATION, || format!("length {len} after that"))?;
                asked.ulValueLen = 12;
                ok(call!(m, C_GetAttributeValue(s, object, &mut asked, 1)), "enough")?;
                hold(&place == b"twelve bytes", || format!("{place:?}"))
            },
        ),
        case(
            "object.get.sensitive",
            "5.7.5",
            "a sensitive value is CKR_ATTRIBUTE_SENSITIVE and the rest is given",
            |b| {
                let session = b.user()?;
                let object =
                    session.object(&aes().flag(CKA_SENSITIVE, true).bytes(CKA_LABEL, b"l"))?;
                let (mut value, mut label) = ([0_u8; 16], [0_u8; 4]);
                let mut asked = [
                    CK_ATTRIBUTE {
                        type_: CKA_VALUE,
                        pValue: value.as_mut_ptr().cast(),
                        ulValueLen: 16,
                    },
                    CK_ATTRIBUTE {
                        type_: CKA_LABEL,
                        pValue: label.as_mut_ptr().cast(),
                        ulValueLen: 4,
                    },
                ];
                let rv = call!(
                    b.module,
                    C_GetAttributeValue(session.handle, object, asked.as_mut_ptr(), 2)
                );
                expect(rv, &[CKR_ATTRIBUTE_SENSITIVE], "C_GetAttributeValue")?;
                let lens = [asked[0].ulValueLen, asked[1].ulValueLen];
                hold(lens == [CK_UNAVAILABLE_INFORMATION, 1], || format!("lengths {lens:?}"))?;
                hold(value == [0; 16] && label[0] == b'l', || "what was given is wrong".into())
            },
        ),
        case(
            "object.get.unextractable",
            "5.7.5",
            "an unextractable value is CKR_ATTRIBUTE_SENSITIVE",
            |b| {
                let session = b.user()?;
                let object = session.object(&aes().flag(CKA_EXTRACTABLE, false))?;
                expect(
                    session.get(object, CKA_VALUE).0,
                    &[CKR_ATTRIBUTE_SENSITIVE],
                    "C_GetAttributeValue",
                )
            },
        ),
        case(
            "object.get.unknown",
            "5.7.5",
            "an attribute the object has not is CKR_ATTRIBUTE_TYPE_INVALID",
            |b| {
                let session = b.user()?;
                let object = session.object(&data("c", b"v"))?;
                expect(session.get(object, CKA_MODULUS).0, TYPE, "CKA_MODULUS")?;
                expect(session.get(object, 0x7FFF_FF02).0, TYPE, "an unknown one")
            },
        ),
        case(
            "object.get.no-object",
            "5.7.5",
            "a handle of no object is CKR_OBJECT_HANDLE_INVALID",
            |b| {
                let session = b.user()?;
                expect(
                    session.get(NO_OBJECT, CKA_LABEL).0,
                    &[CKR_OBJECT_HANDLE_INVALID],
                    "C_GetAttributeValue",
                )
            },
        ),
        case(
            "object.defaults",
            "4.4",
            "a generated key tells what it is and how it came to be",
            |b| {
                let session = b.user()?;
                let mechanism = crate::case::Mechanism::plain(CKM_AES_KEY_GEN);
                let template = Template::new()
                    .number(CKA_VALUE_LEN, 16)
                    .flag(CKA_SENSITIVE, true)
                    .flag(CKA_EXTRACTABLE, false);
                let (rv, key) = session.generate(&mechanism, &template);
                ok(rv, "C_GenerateKey")?;
                let rows: [(&str, CK_ATTRIBUTE_TYPE, &[u8]); 7] = [
                    ("CKA_CLASS", CKA_CLASS, &CKO_SECRET_KEY.to_ne_bytes()),
                    ("CKA_KEY_TYPE", CKA_KEY_TYPE, &CKK_AES.to_ne_bytes()),
                    ("CKA_LOCAL", CKA_LOCAL, &[1]),
                    ("CKA_ALWAYS_SENSITIVE", CKA_ALWAYS_SENSITIVE, &[1]),
                    ("CKA_NEVER_EXTRACTABLE", CKA_NEVER_EXTRACTABLE, &[1]),
                    (
                        "CKA_KEY_GEN_MECHANISM",
                        CKA_KEY_GEN_MECHANISM,
                        &CKM_AES_KEY_GEN.to_ne_bytes(),
                    ),
                    ("CKA_TOKEN", CKA_TOKEN, &[0]),
                ];
                rows.into_iter().try_for_each(|(name, kind, wanted)| {
                    let value = session.value(key, kind)?;
                    hold(value == wanted, || format!("{name} is {value:?}"))
                })
            },
        ),
        case(
            "object.created.not-local",
            "4.7",
            "a key that was given is not local, nor ever was sensitive",
            |b| {
                let session = b.user()?;
                let key = session
                    .object(&aes().flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false))?;
                for kind in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
                    let value = session.value(key, kind)?;
                    hold(value == [0], || format!("{kind:#x} is {value:?}"))?;
                }
                Ok(())
            },
        ),
        case(
            "object.set.not-modifiable",
            "4.4",
            "CKA_MODIFIABLE false is CKR_ACTION_PROHIBITED",
            |b| {
                let session = b.user()?;
                let object = session.object(&data("c", b"v").flag(CKA_MODIFIABLE, false))?;
                let rv = session.set(object, &Template::new().bytes(CKA_LABEL, b"x"));
                expect(rv, &[CKR_ACTION_PROHIBITED], "C_SetAttributeValue")
            },
        ),
        case(
            "object.set.one-way",
            "4.10",
            "CKA_SENSITIVE and CKA_EXTRACTABLE change one way only",
            |b| {
                let session = b.user()?;
                let key = session
                    .object(&aes().flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false))?;
                expect(
                    session.set(key, &Template::new().flag(CKA_SENSITIVE, false)),
                    READ_ONLY,
                    "CKA_SENSITIVE",
                )?;
                expect(
                    session.set(key, &Template::new().flag(CKA_EXTRACTABLE, true)),
                    READ_ONLY,
                    "CKA_EXTRACTABLE",
                )
            },
        ),
        case("object.set.whole", "5.7.6", "a change that is refused changes nothing", |b| {
            let session = b.user()?;
            let key = session.object(&aes().bytes(CKA_LABEL, b"before"))?;
            let both = Template::new().bytes(CKA_LABEL, b"after").number(CKA_CLASS, CKO_DATA);
            expect(session.set(key, &both), READ_ONLY, "C_SetAttributeValue")?;
            let label = session.value(key, CKA_LABEL)?;
            hold(label == b"before", || format!("the label is {label:?}"))
        }),
        case(
            "object.set.read-only",
            "5.7.6",
            "a token object is not changed in a read-only session",
            |b| {
                let session = b.user()?;
                let reader = b.open(0)?;
                let object = session.object(&data("c", b"v").flag(CKA_TOKEN, true))?;
                let rv = reader.set(object, &Template::new().bytes(CKA_LABEL, b"x"));
                ok(session.destroy(object), "C_DestroyObject")?;
                expect(rv, &[CKR_SESSION_READ_ONLY], "C_SetAttributeValue")
            },
        ),
        case("object.trusted", "4.6", "CKA_TRUSTED is the SO's to set", |b| {
            let session = b.user()?;
            let (rv, _) = session.create(&aes().flag(CKA_TRUSTED, true));
            expect(
                rv,
                &[CKR_ATTRIBUTE_READ_ONLY, CKR_USER_NOT_LOGGED_IN],
                "C_CreateObject(CKA_TRUSTED)",
            )
        }),
        case("object.unique-id", "4.4", "CKA_UNIQUE_ID differs from object to object", |b| {
            let session = b.user()?;
            let (one, other) =
                (session.object(&data("c", b"v"))?, session.object(&data("c", b"v"))?);
            let (rv, first) = session.get(one, CKA_UNIQUE_ID);
            if rv == CKR_ATTRIBUTE_TYPE_INVALID && b.module.list.version.major < 3 {
                return Err(crate::case::Stop::Unsupported("CKA_UNIQUE_ID came with 3.0".into()));
            }
            ok(rv, "CKA_UNIQUE_ID")?;
            let second = session.value(other, CKA_UNIQUE_ID)?;
            hold(!first.is_empty() && first != second, || "they are the same, or empty".into())
        }),
    ]
}

fn searches() -> Vec<Case> {
    vec![
        case("object.find", "5.7.7", "a search finds what matches, each once, in portions", |b| {
            let session = b.user()?;
            let mut made = Vec::new();
            for _ in 0..5 {
                made.push(session.object(&data("conformance-find", b"v"))?);
            }
            session.object(&data("conformance-other", b"v"))?;
            let template = Template::new().bytes(CKA_LABEL, b"conformance-find");
            let (m, s, mut raw) = (b.module, session.handle, template.raw());
            ok(call!(m, C_FindObjectsInit(s, raw.as_mut_ptr(), 1)), "C_FindObjectsInit")?;
            let mut all = Vec::new();
            for wanted in [2, 2, 1, 0] {
                let (mut some, mut found) = ([0; 2], 9);
                ok(call!(m, C_FindObjects(s, some.as_mut_ptr(), 2, &mut found)), "C_FindObjects")?;
                hold(found == wanted, || format!("{found} instead of {wanted}"))?;
                all.extend_from_slice(&some[..found as usize]);
            }
            ok(call!(m, C_FindObjectsFinal(s)), "C_FindObjectsFinal")?;
            all.sort_unstable();
            made.sort_unstable();
            hold(all == made, || format!("{all:?} instead of {made:?}"))
        }),
        case(
            "object.find.active",
            "5.7.7",
            "a second C_FindObjectsInit is CKR_OPERATION_ACTIVE",
            |b| {
                let session = b.user()?;
                let (m, s) = (b.module, session.handle);
                ok(call!(m, C_FindObjectsInit(s, null_mut(), 0)), "C_FindObjectsInit")?;
                let rv = call!(m, C_FindObjectsInit(s, null_mut(), 0));
                expect(rv, &[CKR_OPERATION_ACTIVE], "C_FindObjectsInit again")?;
                ok(call!(m, C_FindObjectsFinal(s)), "C_FindObjectsFinal")
            },
        ),
        case(
            "object.find.order",
            "5.7.8",
            "C_FindObjects and C_FindObjectsFinal need a search",
            |b| {
                let session = b.user()?;
                let (m, s, mut object, mut found) = (b.module, session.handle, 0, 0);
                let not = &[CKR_OPERATION_NOT_INITIALIZED];
                expect(
                    call!(m, C_FindObjects(s, &mut object, 1, &mut found)),
                    not,
                    "C_FindObjects",
                )?;
                expect(call!(m, C_FindObjectsFinal(s)), not, "C_FindObjectsFinal")
            },
        ),
        case("object.find.value", "5.7.7", "a search by an unknown attribute finds nothing", |b| {
            let session = b.user()?;
            session.object(&data("c", b"v"))?;
            let found = session.find(&Template::new().bytes(0x7FFF_FF02, b"x"))?;
            hold(found.is_empty(), || format!("found {}", found.len()))
        }),
        case(
            "object.find.sensitive",
            "5.7.7",
            "a search by a sensitive value does not betray it",
            |b| {
                let session = b.user()?;
                session.object(&aes().flag(CKA_SENSITIVE, true).bytes(CKA_VALUE, &[0x5A; 16]))?;
                let found = session.find(&Template::new().bytes(CKA_VALUE, &[0x5A; 16]))?;
                hold(found.is_empty(), || "the key is found by its secret value".into())
            },
        ),
        case(
            "object.find.hidden-features",
            "4.3",
            "an empty template finds no hardware features and no mechanisms",
            |b| {
                let session = b.user()?;
                for object in session.find(&Template::new())? {
                    let class = session.value(object, CKA_CLASS)?;
                    for hidden in [CKO_HW_FEATURE, CKO_MECHANISM, CKO_PROFILE] {
                        let is = class == hidden.to_ne_bytes() && hidden != CKO_PROFILE;
                        hold(!is, || format!("class {class:?} is found"))?;
                    }
                }
                Ok(())
            },
        ),
    ]
}
