//! The rules of attributes: what may be given, what follows, what is shown, what changes.

use hsmsim_partition::{
    Personality,
    api::{AttributeResult, Request},
};

use crate::support::*;

fn certificate() -> Vec<Attribute> {
    vec![
        Attribute::ulong(CKA_CLASS, CKO_CERTIFICATE),
        Attribute::ulong(CKA_CERTIFICATE_TYPE, CKC_X_509),
        Attribute::bytes(CKA_SUBJECT, "subject"),
        Attribute::bytes(CKA_VALUE, "certificate"),
    ]
}

fn data() -> Vec<Attribute> {
    vec![Attribute::ulong(CKA_CLASS, CKO_DATA), Attribute::bytes(CKA_VALUE, "value")]
}

fn ec_public(point: &[u8]) -> Vec<Attribute> {
    vec![
        Attribute::ulong(CKA_CLASS, CKO_PUBLIC_KEY),
        Attribute::ulong(CKA_KEY_TYPE, CKK_EC),
        Attribute::bytes(CKA_EC_PARAMS, P256),
        Attribute::bytes(CKA_EC_POINT, point),
    ]
}

fn ec_private(scalar: &[u8]) -> Vec<Attribute> {
    vec![
        Attribute::ulong(CKA_CLASS, CKO_PRIVATE_KEY),
        Attribute::ulong(CKA_KEY_TYPE, CKK_EC),
        Attribute::bytes(CKA_EC_PARAMS, P256),
        Attribute::bytes(CKA_VALUE, scalar),
    ]
}

fn number(client: &mut Client, object: ObjectId, kind: u64) -> u64 {
    match client.get(object, kind) {
        AttributeResult::Value(value) => value.as_ulong().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn templates_that_cannot_be_are_refused_by_code() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let aes = || secret_key(CKK_AES, &[7; 16]);
    let (rsa, _) = rsa_pair(&mut client);
    let modulus = client.bytes(rsa, CKA_MODULUS);
    let rsa_public = |exponent: &[u8]| {
        vec![
            Attribute::ulong(CKA_CLASS, CKO_PUBLIC_KEY),
            Attribute::ulong(CKA_KEY_TYPE, CKK_RSA),
            Attribute::bytes(CKA_MODULUS, &modulus[..]),
            Attribute::bytes(CKA_PUBLIC_EXPONENT, exponent),
        ]
    };
    for (template, expected) in [
        (vec![], CKR_TEMPLATE_INCOMPLETE),
        (without(aes(), CKA_CLASS), CKR_TEMPLATE_INCOMPLETE),
        (without(aes(), CKA_KEY_TYPE), CKR_TEMPLATE_INCOMPLETE),
        (without(aes(), CKA_VALUE), CKR_TEMPLATE_INCOMPLETE),
        (without(certificate(), CKA_CERTIFICATE_TYPE), CKR_TEMPLATE_INCOMPLETE),
        (without(certificate(), CKA_SUBJECT), CKR_TEMPLATE_INCOMPLETE),
        (without(certificate(), CKA_VALUE), CKR_TEMPLATE_INCOMPLETE),
        (
            with(without(certificate(), CKA_VALUE), vec![Attribute::bytes(CKA_URL, "u")]),
            CKR_TEMPLATE_INCOMPLETE,
        ),
        (without(ec_public(&[4]), CKA_EC_POINT), CKR_TEMPLATE_INCOMPLETE),
        (without(ec_private(&[1]), CKA_EC_PARAMS), CKR_TEMPLATE_INCOMPLETE),
        (
            with(aes(), vec![Attribute::ulong(CKA_CLASS, CKO_HW_FEATURE)]),
            CKR_ATTRIBUTE_VALUE_INVALID,
        ),
        (
            with(aes(), vec![Attribute::ulong(CKA_CLASS, CKO_DOMAIN_PARAMETERS)]),
            CKR_ATTRIBUTE_VALUE_INVALID,
        ),
        (with(aes(), vec![Attribute::ulong(CKA_KEY_TYPE, CKK_DES3)]), CKR_ATTRIBUTE_VALUE_INVALID),
        (
            with(certificate(), vec![Attribute::ulong(CKA_CERTIFICATE_TYPE, CKC_VENDOR_DEFINED)]),
            CKR_ATTRIBUTE_VALUE_INVALID,
        ),
        (with(aes(), vec![Attribute::bytes(CKA_VALUE, vec![7; 17])]), CKR_ATTRIBUTE_VALUE_INVALID),
        (secret_key(CKK_GENERIC_SECRET, b""), CKR_ATTRIBUTE_VALUE_INVALID),
        (with(aes(), vec![Attribute::ulong(CKA_TOKEN, 1)]), CKR_ATTRIBUTE_VALUE_INVALID),
        (with(aes(), vec![Attribute::bytes(CKA_CHECK_VALUE, "no!")]), CKR_ATTRIBUTE_VALUE_INVALID),
        (with(aes(), vec![Attribute::bytes(CKA_END_DATE, "2026")]), CKR_ATTRIBUTE_VALUE_INVALID),
        (ec_public(&[4; 65]), CKR_ATTRIBUTE_VALUE_INVALID),
        (ec_private(&[0; 32]), CKR_ATTRIBUTE_VALUE_INVALID),
        (ec_private(&[0xFF; 32]), CKR_ATTRIBUTE_VALUE_INVALID),
        (rsa_public(&[2]), CKR_ATTRIBUTE_VALUE_INVALID),
        (
            with(rsa_public(&[3]), vec![Attribute::bytes(CKA_MODULUS, vec![0xFF; 16])]),
            CKR_ATTRIBUTE_VALUE_INVALID,
        ),
        (
            with(ec_private(&[1]), vec![Attribute::bytes(CKA_EC_PARAMS, "??")]),
            CKR_ATTRIBUTE_VALUE_INVALID,
        ),
        (
            with(
                ec_private(&[1]),
                vec![Attribute::bytes(CKA_EC_PARAMS, [6, 5, 0x2b, 0x81, 4, 0, 1])],
            ),
            CKR_CURVE_NOT_SUPPORTED,
        ),
        (with(aes(), vec![Attribute::bytes(CKA_MODULUS, "x")]), CKR_ATTRIBUTE_TYPE_INVALID),
        (with(data(), vec![yes(CKA_SIGN)]), CKR_ATTRIBUTE_TYPE_INVALID),
        (with(aes(), vec![Attribute::bytes(0x1234, "x")]), CKR_ATTRIBUTE_TYPE_INVALID),
        (with(aes(), vec![yes(CKA_LOCAL)]), CKR_ATTRIBUTE_READ_ONLY),
        (with(aes(), vec![yes(CKA_ALWAYS_SENSITIVE)]), CKR_ATTRIBUTE_READ_ONLY),
        (with(aes(), vec![yes(CKA_NEVER_EXTRACTABLE)]), CKR_ATTRIBUTE_READ_ONLY),
        (with(aes(), vec![Attribute::ulong(CKA_KEY_GEN_MECHANISM, 0)]), CKR_ATTRIBUTE_READ_ONLY),
        (with(aes(), vec![Attribute::bytes(CKA_UNIQUE_ID, "mine")]), CKR_ATTRIBUTE_READ_ONLY),
        (with(aes(), vec![Attribute::bytes(CKA_OUID, "mine")]), CKR_ATTRIBUTE_READ_ONLY),
        (with(aes(), vec![yes(CKA_TRUSTED)]), CKR_ATTRIBUTE_READ_ONLY),
        (
            [aes(), vec![yes(CKA_EXTRACTABLE), no(CKA_EXTRACTABLE)]].concat(),
            CKR_TEMPLATE_INCONSISTENT,
        ),
        (with(aes(), vec![Attribute::ulong(CKA_VALUE_LEN, 32)]), CKR_TEMPLATE_INCONSISTENT),
        (
            with(rsa_public(&[3]), vec![Attribute::ulong(CKA_MODULUS_BITS, 1024)]),
            CKR_TEMPLATE_INCONSISTENT,
        ),
        (
            with(ec_private(&[1]), vec![Attribute::bytes(CKA_EC_POINT, "x")]),
            CKR_TEMPLATE_INCONSISTENT,
        ),
        (
            with(ec_private(&[1]), vec![yes(CKA_ALWAYS_AUTHENTICATE), no(CKA_PRIVATE)]),
            CKR_TEMPLATE_INCONSISTENT,
        ),
    ] {
        let shown = format!("{template:?}");
        let error = client.create(template).expect_err(&shown);
        assert_eq!(error.rv(), expected, "{error} for {shown}");
        assert!(error.rule().len() > 10, "a sentence for the log: {error}");
    }
    // The same twice is no contradiction.
    assert!(client.create([aes(), aes()].concat()).is_ok());
}

#[test]
fn refusals_name_the_attribute() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let error = client.create(without(secret_key(CKK_AES, &[7; 16]), CKA_VALUE)).unwrap_err();
    assert!(error.rule().contains("CKA_VALUE"), "{error}");
    let error = client.create(with(data(), vec![yes(CKA_SIGN)])).unwrap_err();
    assert!(error.rule().contains("CKA_SIGN"), "{error}");
}

#[test]
fn imported_keys_get_what_follows_from_them() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    // FIPS-197 keys: the check value is the ciphertext of a zero block.
    let aes = client.create(secret_key(CKK_AES, &[0; 16])).unwrap();
    assert_eq!(client.bytes(aes, CKA_CHECK_VALUE), [0x66, 0xe9, 0x4b]);
    assert_eq!(number(&mut client, aes, CKA_VALUE_LEN), 16);
    let generic = client.create(secret_key(CKK_GENERIC_SECRET, b"abc")).unwrap();
    assert_eq!(client.bytes(generic, CKA_CHECK_VALUE), [0xa9, 0x99, 0x3e]);
    for key in [aes, generic] {
        for flag in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_TOKEN] {
            assert!(!client.flag(key, flag));
        }
        assert!(client.flag(key, CKA_PRIVATE));
        assert_eq!(number(&mut client, key, CKA_KEY_GEN_MECHANISM), CK_UNAVAILABLE_INFORMATION);
        assert_eq!(client.bytes(key, CKA_UNIQUE_ID), key.to_string().as_bytes());
        assert_eq!(client.bytes(key, CKA_OUID), key.0);
    }
    let without_check =
        with(secret_key(CKK_AES, &[0; 16]), vec![Attribute::bytes(CKA_CHECK_VALUE, "")]);
    let key = client.create(without_check).unwrap();
    assert_eq!(client.get(key, CKA_CHECK_VALUE), AttributeResult::Invalid);
    let cert =
        client.create(with(certificate(), vec![Attribute::bytes(CKA_VALUE, "abc")])).unwrap();
    assert_eq!(client.bytes(cert, CKA_CHECK_VALUE), [0xa9, 0x99, 0x3e]);
    assert!(!client.flag(cert, CKA_PRIVATE));
    assert!(!client.flag(cert, CKA_TRUSTED));
}

#[test]
fn an_imported_pair_has_one_public_key() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let readable = vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
    let (public, private) = client
        .pair(CKM_EC_KEY_PAIR_GEN, vec![Attribute::bytes(CKA_EC_PARAMS, P256)], readable.clone())
        .unwrap();
    let point = client.bytes(public, CKA_EC_POINT);
    assert_eq!(point[..3], [4, 65, 4], "an OCTET STRING around an uncompressed point");
    let info = client.bytes(public, CKA_PUBLIC_KEY_INFO);
    assert_eq!(client.bytes(private, CKA_PUBLIC_KEY_INFO), info);
    assert_eq!(client.bytes(private, CKA_EC_POINT), point);
    // A bare point is taken and shown as the standard has it.
    let bare = client.create(ec_public(&point[2..])).unwrap();
    assert_eq!(client.bytes(bare, CKA_EC_POINT), point);
    let scalar = client.bytes(private, CKA_VALUE);
    for with_point in [None, Some(&point[..]), Some(&point[2..])] {
        let extra = with_point.map(|point| Attribute::bytes(CKA_EC_POINT, point));
        let again = client.create(with(ec_private(&scalar), extra.into_iter().collect())).unwrap();
        assert_eq!(client.bytes(again, CKA_PUBLIC_KEY_INFO), info);
        let mechanism = Mechanism::plain(CKM_ECDSA_SHA256);
        let signature = client.sign(&mechanism, again, b"data").unwrap();
        assert_eq!(client.verify(&mechanism, bare, b"data", &signature), CKR_OK);
    }

    let bits = vec![Attribute::ulong(CKA_MODULUS_BITS, 2048)];
    let (public, private) = client.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, bits, readable).unwrap();
    let mut few = vec![
        Attribute::ulong(CKA_CLASS, CKO_PRIVATE_KEY),
        Attribute::ulong(CKA_KEY_TYPE, CKK_RSA),
        no(CKA_SENSITIVE),
        yes(CKA_EXTRACTABLE),
    ];
    for kind in [CKA_MODULUS, CKA_PRIVATE_EXPONENT] {
        // Leading zeros, as some libraries write big integers.
        let padded = [&[0, 0], &client.bytes(private, kind)[..]].concat();
        few.push(Attribute::bytes(kind, padded));
    }
    let again = client.create(few.clone()).unwrap();
    for kind in [CKA_PRIME_1, CKA_COEFFICIENT, CKA_PUBLIC_EXPONENT, CKA_PUBLIC_KEY_INFO] {
        assert_eq!(client.bytes(again, kind), client.bytes(private, kind));
    }
    let mechanism = Mechanism::plain(CKM_SHA256_RSA_PKCS);
    let signature = client.sign(&mechanism, again, b"data").unwrap();
    assert_eq!(client.verify(&mechanism, public, b"data", &signature), CKR_OK);
    few.push(Attribute::bytes(CKA_PRIME_1, client.bytes(private, CKA_PRIME_1)));
    few.push(Attribute::bytes(CKA_PRIME_2, client.bytes(private, CKA_PRIME_1)));
    assert_eq!(rv(client.create(few)), CKR_ATTRIBUTE_VALUE_INVALID);
}

#[test]
fn usage_left_out_is_what_the_key_can_do() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (rsa_public, rsa_private) = rsa_pair(&mut client);
    let (ec_public, ec_private) = ec_pair(&mut client, CKM_EC_KEY_PAIR_GEN, P256);
    let (ed_public, ed_private) = ec_pair(&mut client, CKM_EC_EDWARDS_KEY_PAIR_GEN, ED25519);
    let (x_public, x_private) = ec_pair(&mut client, CKM_EC_MONTGOMERY_KEY_PAIR_GEN, X25519);
    let aes = client.create(secret_key(CKK_AES, &[7; 16])).unwrap();
    let generic = client.create(secret_key(CKK_GENERIC_SECRET, &[7; 16])).unwrap();
    let hmac = client.create(secret_key(CKK_SHA256_HMAC, &[7; 16])).unwrap();
    let all_secret =
        vec![CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE];
    for (key, can) in [
        (rsa_public, vec![CKA_ENCRYPT, CKA_VERIFY, CKA_WRAP]),
        (rsa_private, vec![CKA_DECRYPT, CKA_SIGN, CKA_UNWRAP]),
        (ec_public, vec![CKA_VERIFY]),
        (ec_private, vec![CKA_SIGN, CKA_DERIVE]),
        (ed_public, vec![CKA_VERIFY]),
        (ed_private, vec![CKA_SIGN]),
        (x_public, vec![]),
        (x_private, vec![CKA_DERIVE]),
        (aes, all_secret.clone()),
        (generic, vec![CKA_SIGN, CKA_VERIFY, CKA_DERIVE]),
        (hmac, vec![CKA_SIGN, CKA_VERIFY]),
    ] {
        for usage in &all_secret {
            let is = match client.get(key, *usage) {
                AttributeResult::Value(value) => value.as_bool() == Some(true),
                _ => false,
            };
            assert_eq!(is, can.contains(usage), "{usage:#x} of {key}");
        }
    }
}

#[test]
fn secrets_never_come_out() {
    let (store, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let secret = [0xC5; 32];
    for protection in [
        vec![yes(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)],
        vec![no(CKA_SENSITIVE), no(CKA_EXTRACTABLE)],
        vec![yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE), yes(CKA_TOKEN)],
    ] {
        let key = client.create(with(secret_key(CKK_AES, &secret), protection)).unwrap();
        assert_eq!(client.get(key, CKA_VALUE), AttributeResult::Sensitive);
        // Neither by searching for the value, nor by setting it to what it may be.
        let probe = Attribute::bytes(CKA_VALUE, secret);
        assert!(client.find(vec![probe.clone()]).is_empty());
        assert_eq!(client.set(key, probe.clone()), CKR_ATTRIBUTE_READ_ONLY);
        let copy = Request::Copy { object: key, template: Template(vec![probe]) };
        assert_eq!(client.code(copy), CKR_ATTRIBUTE_READ_ONLY);
        for softer in [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)] {
            let already = client.flag(key, softer.kind) == (softer.kind == CKA_EXTRACTABLE);
            let expected = if already { CKR_OK } else { CKR_ATTRIBUTE_READ_ONLY };
            assert_eq!(client.set(key, softer.clone()), expected);
            let template = Template(vec![softer]);
            assert_eq!(client.code(Request::Copy { object: key, template }), expected);
        }
        let template = Template(vec![no(CKA_PRIVATE)]);
        let public_copy = Request::Copy { object: key, template };
        assert_eq!(client.code(public_copy), CKR_TEMPLATE_INCONSISTENT);
    }
    assert!(!store.dump().windows(8).any(|bytes| bytes == [0xC5; 8]));

    let (_, private) = rsa_pair(&mut client);
    for kind in [
        CKA_PRIVATE_EXPONENT,
        CKA_PRIME_1,
        CKA_PRIME_2,
        CKA_EXPONENT_1,
        CKA_EXPONENT_2,
        CKA_COEFFICIENT,
    ] {
        assert_eq!(client.get(private, kind), AttributeResult::Sensitive);
    }
    assert!(!client.bytes(private, CKA_MODULUS).is_empty());
    let (_, private) = ec_pair(&mut client, CKM_EC_KEY_PAIR_GEN, P256);
    assert_eq!(client.get(private, CKA_VALUE), AttributeResult::Sensitive);
    assert_eq!(client.get(private, CKA_MODULUS), AttributeResult::Invalid);
}

#[test]
fn flags_go_one_way() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = client.create(secret_key(CKK_AES, &[7; 16])).unwrap();
    for (there, back) in [
        (yes(CKA_WRAP_WITH_TRUSTED), no(CKA_WRAP_WITH_TRUSTED)),
        (no(CKA_COPYABLE), yes(CKA_COPYABLE)),
        (yes(CKA_SENSITIVE), no(CKA_SENSITIVE)),
        (no(CKA_EXTRACTABLE), yes(CKA_EXTRACTABLE)),
    ] {
        assert_eq!(client.set(key, there.clone()), CKR_OK, "{there:?}");
        assert_eq!(client.set(key, back.clone()), CKR_ATTRIBUTE_READ_ONLY, "{back:?}");
        assert_eq!(client.set(key, there), CKR_OK, "as it is");
    }
    assert!(!client.flag(key, CKA_ALWAYS_SENSITIVE), "it was not always");
    for fixed in [
        Attribute::ulong(CKA_CLASS, CKO_DATA),
        Attribute::ulong(CKA_KEY_TYPE, CKK_DES),
        yes(CKA_TOKEN),
        no(CKA_PRIVATE),
        no(CKA_MODIFIABLE),
        no(CKA_DESTROYABLE),
        yes(CKA_LOCAL),
        Attribute::ulong(CKA_VALUE_LEN, 16),
        Attribute::bytes(CKA_UNIQUE_ID, ""),
    ] {
        assert_eq!(client.set(key, fixed.clone()), CKR_ATTRIBUTE_READ_ONLY, "{fixed:?}");
    }
    for free in [
        Attribute::bytes(CKA_LABEL, "new"),
        Attribute::bytes(CKA_ID, "new"),
        Attribute::bytes(CKA_START_DATE, "20260101"),
        no(CKA_ENCRYPT),
        yes(CKA_ENCRYPT),
    ] {
        assert_eq!(client.set(key, free.clone()), CKR_OK, "{free:?}");
        assert_eq!(client.get(key, free.kind), AttributeResult::Value(free.value));
    }
    assert_eq!(client.set(key, Attribute::bytes(CKA_SUBJECT, "")), CKR_ATTRIBUTE_TYPE_INVALID);
    assert_eq!(client.set(key, Attribute::bytes(CKA_ENCRYPT, "x")), CKR_ATTRIBUTE_VALUE_INVALID);
}

#[test]
fn a_refused_change_changes_nothing() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = client.create(with(secret_key(CKK_AES, &[7; 16]), vec![yes(CKA_TOKEN)])).unwrap();
    let template = Template(vec![Attribute::bytes(CKA_LABEL, "new"), yes(CKA_LOCAL)]);
    let set = Request::SetAttributes { object: key, template };
    assert_eq!(client.code(set), CKR_ATTRIBUTE_READ_ONLY);
    assert!(client.bytes(key, CKA_LABEL).is_empty());
}

#[test]
fn attributes_of_a_vendor_are_kept_as_they_came() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let own = Attribute::bytes(CKA_GENERIC_1, "whatever");
    let key = client.create(with(secret_key(CKK_AES, &[7; 16]), vec![own.clone()])).unwrap();
    assert_eq!(client.bytes(key, CKA_GENERIC_1), b"whatever");
    assert_eq!(client.find(vec![own]), [key]);
    assert_eq!(client.set(key, Attribute::bytes(CKA_GENERIC_1, "else")), CKR_OK);
    assert_eq!(client.bytes(key, CKA_GENERIC_1), b"else");
}

#[test]
fn only_the_so_makes_something_trusted() {
    let (_, partition) = provisioned(open());
    let mut user = Client::logged_in(&partition, 1);
    let cert = user.create(with(certificate(), vec![yes(CKA_TOKEN)])).unwrap();
    assert_eq!(user.set(cert, yes(CKA_TRUSTED)), CKR_ATTRIBUTE_READ_ONLY);
    user.ask(Request::Logout).unwrap();
    user.login(Role::SecurityOfficer, SO_PIN).unwrap();
    assert_eq!(user.set(cert, yes(CKA_TRUSTED)), CKR_OK);
    assert!(user.flag(cert, CKA_TRUSTED));
}

#[test]
fn where_usage_must_be_asked_for_a_key_may_nothing_else() {
    let (_, partition) = provisioned(Personality { generous_usage: false, ..open() });
    let mut client = Client::logged_in(&partition, 1);
    let len = Attribute::ulong(CKA_VALUE_LEN, 16);
    let cmac = Mechanism::plain(CKM_AES_CMAC);
    let silent = client.generate(CKM_AES_KEY_GEN, vec![len.clone()]).unwrap();
    assert_eq!(rv(client.sign(&cmac, silent, b"data")), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let signer = client.generate(CKM_AES_KEY_GEN, vec![len, yes(CKA_SIGN)]).unwrap();
    assert!(client.sign(&cmac, signer, b"data").is_ok());
    for usage in [CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE, CKA_VERIFY] {
        assert!(!client.flag(signer, usage), "{usage:#x}");
    }
    let (public, private) = ec_pair(&mut client, CKM_EC_KEY_PAIR_GEN, P256);
    assert!(!client.flag(public, CKA_VERIFY) && !client.flag(private, CKA_SIGN));
    let brought = client.create(secret_key(CKK_AES, &[7; 16])).unwrap();
    assert!(client.flag(brought, CKA_SIGN), "of these nothing is published");
}
