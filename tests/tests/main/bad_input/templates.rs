//! Templates that lack something, have too much, or contradict themselves; and what the log says.

use std::ptr::null_mut;

use cryptoki_sys::*;
use hsmsim_tests::{
    Sandbox,
    apart::apart,
    raw::{Raw, attribute, mechanism, name},
    test_name,
};

use super::{NO, YES, aes, rsa_pair, table, well};

fn instant() -> Sandbox {
    Sandbox::new("instant")
}

#[test]
fn a_wrong_template_is_refused_and_the_log_names_the_attribute() {
    apart(test_name!(), instant, |sandbox| {
        let library = Raw::library();
        let s = library.session();
        library.login(s);
        let (public, secret, data): (CK_ULONG, CK_ULONG, CK_ULONG) =
            (CKO_PUBLIC_KEY, CKO_SECRET_KEY, CKO_DATA);
        let (rsa, aes): (CK_ULONG, CK_ULONG) = (CKK_RSA, CKK_AES);
        let (len, odd, bits): (CK_ULONG, CK_ULONG, CK_ULONG) = (32, 17, 2048);
        let (value, short, label) = ([7_u8; 16], [1_u8; 2], *b"label");

        // Templates for C_CreateObject: what is wrong, the code, and a word of the log.
        let created: &[(&[CK_ATTRIBUTE], &str, &str)] = &[
            (&[], "CKR_TEMPLATE_INCOMPLETE", "CKA_CLASS"),
            (
                &[attribute(CKA_CLASS, &secret), attribute(CKA_VALUE, &value)],
                "CKR_TEMPLATE_INCOMPLETE",
                "CKA_KEY_TYPE",
            ),
            (
                &[attribute(CKA_CLASS, &secret), attribute(CKA_KEY_TYPE, &aes)],
                "CKR_TEMPLATE_INCOMPLETE",
                "CKA_VALUE",
            ),
            (
                &[attribute(CKA_CLASS, &data), attribute(CKA_CLASS, &secret)],
                "CKR_TEMPLATE_INCONSISTENT",
                "CKA_CLASS",
            ),
            (
                &[attribute(CKA_CLASS, &data), attribute(CKA_MODULUS, &value)],
                "CKR_ATTRIBUTE_TYPE_INVALID",
                "CKA_MODULUS",
            ),
            (
                &[attribute(CKA_CLASS, &data), attribute(0x0fff_fff0, &value)],
                "CKR_ATTRIBUTE_TYPE_INVALID",
                "0x0FFFFFF0",
            ),
            (
                &[attribute(CKA_CLASS, &data), attribute(CKA_TOKEN, &short)],
                "CKR_ATTRIBUTE_VALUE_INVALID",
                "CKA_TOKEN",
            ),
            (
                &[
                    attribute(CKA_CLASS, &secret),
                    attribute(CKA_KEY_TYPE, &aes),
                    attribute(CKA_VALUE, &value),
                    attribute(CKA_LOCAL, &YES),
                ],
                "CKR_ATTRIBUTE_READ_ONLY",
                "CKA_LOCAL",
            ),
            (
                &[
                    attribute(CKA_CLASS, &secret),
                    attribute(CKA_KEY_TYPE, &aes),
                    attribute(CKA_VALUE, &short),
                ],
                "CKR_ATTRIBUTE_VALUE_INVALID",
                "CKA_VALUE",
            ),
        ];
        // Templates for C_GenerateKey with CKM_AES_KEY_GEN.
        let generated: &[(&[CK_ATTRIBUTE], &str, &str)] = &[
            (&[attribute(CKA_LABEL, &label)], "CKR_TEMPLATE_INCOMPLETE", "CKA_VALUE_LEN"),
            (&[attribute(CKA_VALUE_LEN, &odd)], "CKR_ATTRIBUTE_VALUE_INVALID", "CKA_VALUE_LEN"),
            (
                &[attribute(CKA_VALUE_LEN, &len), attribute(CKA_CLASS, &public)],
                "CKR_TEMPLATE_INCONSISTENT",
                "CKA_CLASS",
            ),
            (
                &[attribute(CKA_VALUE_LEN, &len), attribute(CKA_KEY_TYPE, &rsa)],
                "CKR_TEMPLATE_INCONSISTENT",
                "CKA_KEY_TYPE",
            ),
            (
                &[attribute(CKA_VALUE_LEN, &len), attribute(CKA_VALUE, &value)],
                "CKR_TEMPLATE_INCONSISTENT",
                "CKA_VALUE",
            ),
            (
                &[attribute(CKA_VALUE_LEN, &len), attribute(CKA_MODULUS_BITS, &bits)],
                "CKR_ATTRIBUTE_TYPE_INVALID",
                "CKA_MODULUS_BITS",
            ),
        ];
        let mut wrong = Vec::new();
        let mut check = |function: &str, template: &[CK_ATTRIBUTE], code: &str, word: &str| {
            let before = sandbox.log().len();
            let (list, count) = (template.as_ptr().cast_mut(), template.len() as CK_ULONG);
            let mut object = 0;
            // SAFETY: a template with its true length.
            let rv = unsafe {
                match function {
                    "C_CreateObject" => library.C_CreateObject(s, list, count, &mut object),
                    _ => {
                        let mut aes = mechanism(CKM_AES_KEY_GEN);
                        library.C_GenerateKey(s, &mut aes, list, count, &mut object)
                    }
                }
            };
            let log = sandbox.log().split_off(before);
            let line = log.lines().find(|line| line.contains(function)).unwrap_or_default();
            if name(rv) != code || !line.contains(word) || !line.contains(code) {
                wrong.push(format!("{function}: {}, not {code} with {word}; {line}", name(rv)));
            }
        };
        for (template, code, word) in created {
            check("C_CreateObject", template, code, word);
        }
        for (template, code, word) in generated {
            check("C_GenerateKey", template, code, word);
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        let mut found = 0;
        well!(library; C_FindObjectsInit(s, null_mut(), 0));
        let mut object = 0;
        well!(library; C_FindObjects(s, &mut object, 1, &mut found));
        assert_eq!(found, 0, "a refused template has left an object");
    });
}

#[test]
fn wrong_templates_for_key_pairs_are_refused() {
    apart(test_name!(), instant, |_| {
        let library = Raw::library();
        let s = library.session();
        library.login(s);
        let mut rsa = mechanism(CKM_RSA_PKCS_KEY_PAIR_GEN);
        let mut ec = mechanism(CKM_EC_KEY_PAIR_GEN);
        let (tiny, bits): (CK_ULONG, CK_ULONG) = (17, 2048);
        let (even, curve) = ([2_u8], [6_u8, 3, 0x2a, 3, 4]);
        let (mut a, mut b) = (0, 0);
        let tiny = [attribute(CKA_MODULUS_BITS, &tiny)];
        let even = [attribute(CKA_MODULUS_BITS, &bits), attribute(CKA_PUBLIC_EXPONENT, &even)];
        let no_curve = [attribute(CKA_TOKEN, &NO)];
        let other_curve = [attribute(CKA_EC_PARAMS, &curve)];
        let garbage = [attribute(CKA_EC_PARAMS, &[0xff_u8; 40])];
        let good = [attribute(CKA_MODULUS_BITS, &bits)];
        let (id, other) = (*b"id", *b"other");
        let twice = [attribute(CKA_ID, &id), attribute(CKA_ID, &other)];
        let list = |template: &[CK_ATTRIBUTE]| template.as_ptr().cast_mut();
        table!(library;
            C_GenerateKeyPair(s, &mut rsa, null_mut(), 0, null_mut(), 0, &mut a, &mut b)
                => CKR_TEMPLATE_INCOMPLETE;
            C_GenerateKeyPair(s, &mut rsa, list(&tiny), 1, null_mut(), 0, &mut a, &mut b)
                => CKR_KEY_SIZE_RANGE;
            C_GenerateKeyPair(s, &mut rsa, list(&even), 2, null_mut(), 0, &mut a, &mut b)
                => CKR_ATTRIBUTE_VALUE_INVALID;
            C_GenerateKeyPair(s, &mut rsa, list(&good), 1, list(&twice), 2, &mut a, &mut b)
                => CKR_TEMPLATE_INCONSISTENT;
            C_GenerateKeyPair(s, &mut ec, list(&no_curve), 1, null_mut(), 0, &mut a, &mut b)
                => CKR_TEMPLATE_INCOMPLETE;
            C_GenerateKeyPair(s, &mut ec, list(&other_curve), 1, null_mut(), 0, &mut a, &mut b)
                => CKR_CURVE_NOT_SUPPORTED;
            C_GenerateKeyPair(s, &mut ec, list(&garbage), 1, null_mut(), 0, &mut a, &mut b)
                => CKR_ATTRIBUTE_VALUE_INVALID;
        );
    });
}

#[test]
fn attributes_change_only_as_the_standard_lets_them() {
    apart(test_name!(), instant, |_| {
        let library = Raw::library();
        let s = library.session();
        library.login(s);
        let (_, private) = rsa_pair(&library, s);
        let secret = aes(&library, s);
        let class: CK_ULONG = CKO_DATA;
        let open = [attribute(CKA_SENSITIVE, &NO)];
        let closed = [attribute(CKA_SENSITIVE, &YES)];
        let extractable = [attribute(CKA_EXTRACTABLE, &YES)];
        let locked = [attribute(CKA_EXTRACTABLE, &NO)];
        let token = [attribute(CKA_TOKEN, &YES)];
        let other_class = [attribute(CKA_CLASS, &class)];
        let fixed = [attribute(CKA_MODIFIABLE, &NO)];
        let label = [attribute(CKA_LABEL, b"label")];
        let list = |template: &[CK_ATTRIBUTE; 1]| template.as_ptr().cast_mut();
        let mut value = [0_u8; 256];
        let mut asked = [CK_ATTRIBUTE {
            type_: CKA_PRIVATE_EXPONENT,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: 256,
        }];
        let mut copy = 0;
        table!(library;
            C_SetAttributeValue(s, private, list(&closed), 1) => CKR_OK;
            C_SetAttributeValue(s, private, list(&open), 1) => CKR_ATTRIBUTE_READ_ONLY;
            C_SetAttributeValue(s, private, list(&locked), 1) => CKR_OK;
            C_SetAttributeValue(s, private, list(&extractable), 1) => CKR_ATTRIBUTE_READ_ONLY;
            C_SetAttributeValue(s, private, list(&other_class), 1) => CKR_ATTRIBUTE_READ_ONLY;
            C_SetAttributeValue(s, private, list(&token), 1) => CKR_ATTRIBUTE_READ_ONLY;
            C_SetAttributeValue(s, private, list(&label), 1) => CKR_OK;
            C_GetAttributeValue(s, private, asked.as_mut_ptr(), 1) => CKR_ATTRIBUTE_SENSITIVE;
            C_CopyObject(s, secret, list(&fixed), 1, &mut copy) => CKR_OK;
            C_SetAttributeValue(s, copy, list(&label), 1) => CKR_ACTION_PROHIBITED;
        );
        assert_eq!(value, [0; 256]);
        assert_eq!({ asked[0].ulValueLen }, CK_UNAVAILABLE_INFORMATION);
    });
}
