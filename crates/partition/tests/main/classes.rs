//! Classes of objects beside keys: certificates of every kind, trust, domain parameters; and the keys of such
//! domains.

use hsmsim_crypto::{
    digest::HashAlg,
    dsa::{generator, probable_primes},
};
use hsmsim_partition::api::AttributeResult;

use crate::support::*;

fn bytes(kind: u64, value: &[u8]) -> Attribute {
    Attribute::bytes(kind, value)
}

fn trust() -> Vec<Attribute> {
    vec![
        Attribute::ulong(CKA_CLASS, CKO_TRUST),
        bytes(CKA_ISSUER, b"issuer"),
        bytes(CKA_SERIAL_NUMBER, b"7"),
    ]
}

fn hashed() -> Vec<Attribute> {
    vec![
        bytes(CKA_HASH_OF_CERTIFICATE, &[5; 32]),
        Attribute::ulong(CKA_NAME_HASH_ALGORITHM, CKM_SHA256),
    ]
}

fn purpose(trust: u32) -> Attribute {
    Attribute::ulong(CKA_TRUST_SERVER_AUTH, trust.into())
}

#[test]
fn trust_is_bound_to_one_certificate_by_its_hash() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    for (template, expected) in [
        (trust(), CKR_OK),
        (with(trust(), hashed()), CKR_OK),
        (without(trust(), CKA_ISSUER), CKR_TEMPLATE_INCOMPLETE),
        (without(trust(), CKA_SERIAL_NUMBER), CKR_TEMPLATE_INCOMPLETE),
        (with(trust(), vec![purpose(CKT_NOT_TRUSTED)]), CKR_OK),
        (with(trust(), vec![purpose(CKT_TRUST_UNKNOWN)]), CKR_OK),
        (with(trust(), vec![purpose(CKT_TRUSTED)]), CKR_TEMPLATE_INCOMPLETE),
        (with(trust(), vec![purpose(CKT_TRUST_ANCHOR)]), CKR_TEMPLATE_INCOMPLETE),
        (with(trust(), vec![purpose(CKT_TRUST_MUST_VERIFY_TRUST)]), CKR_TEMPLATE_INCOMPLETE),
        (with(trust(), [hashed(), vec![purpose(CKT_TRUST_ANCHOR)]].concat()), CKR_OK),
        (with(trust(), [hashed(), vec![purpose(5)]].concat()), CKR_ATTRIBUTE_VALUE_INVALID),
    ] {
        let shown = format!("{template:?}");
        assert_eq!(rv(client.create(template)), expected, "{shown}");
    }
    let bare = client.create(trust()).unwrap();
    assert_eq!(client.set(bare, purpose(CKT_TRUST_ANCHOR)), CKR_TEMPLATE_INCOMPLETE);
    assert_eq!(client.set(bare, purpose(CKT_NOT_TRUSTED)), CKR_OK);
    assert!(!client.flag(bare, CKA_PRIVATE));
    assert_eq!(client.get(bare, CKA_TRUST_CLIENT_AUTH), AttributeResult::Invalid);
    let class = Attribute::ulong(CKA_CLASS, CKO_TRUST);
    assert_eq!(client.find(vec![class, purpose(CKT_NOT_TRUSTED)]).len(), 2);
}

#[test]
fn attribute_certificates_and_wtls_certificates_are_kept() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let certificate = |kind| {
        vec![
            Attribute::ulong(CKA_CLASS, CKO_CERTIFICATE),
            Attribute::ulong(CKA_CERTIFICATE_TYPE, kind),
        ]
    };
    let value = || vec![bytes(CKA_VALUE, b"abc"), yes(CKA_TOKEN)];
    let owner = || vec![bytes(CKA_OWNER, b"owner")];
    let attributes = with(certificate(CKC_X_509_ATTR_CERT), value());
    assert_eq!(rv(client.create(attributes.clone())), CKR_TEMPLATE_INCOMPLETE);
    let subject = with(attributes.clone(), vec![bytes(CKA_SUBJECT, b"x")]);
    assert_eq!(rv(client.create(subject)), CKR_ATTRIBUTE_TYPE_INVALID);
    let attributes = client.create(with(attributes, owner())).unwrap();
    // SHA-1 of "abc" (FIPS 180-4).
    assert_eq!(client.bytes(attributes, CKA_CHECK_VALUE), [0xa9, 0x99, 0x3e]);
    assert_eq!(client.set(attributes, bytes(CKA_AC_ISSUER, b"new")), CKR_OK);

    let wtls = with(certificate(CKC_WTLS), vec![bytes(CKA_SUBJECT, b"subject")]);
    assert_eq!(rv(client.create(wtls.clone())), CKR_TEMPLATE_INCOMPLETE);
    assert!(client.create(with(wtls, value())).is_ok());
    let empty = with(certificate(CKC_X_509_ATTR_CERT), vec![bytes(CKA_VALUE, b"")]);
    assert_eq!(rv(client.create(with(empty, owner()))), CKR_ATTRIBUTE_VALUE_INVALID);
}

/// A prime of 16 bits and its like: numbers that show lengths.
fn domain(class: u64, key_type: u64) -> Vec<Attribute> {
    let mut all = vec![
        Attribute::ulong(CKA_CLASS, class),
        Attribute::ulong(CKA_KEY_TYPE, key_type),
        bytes(CKA_PRIME, &[0, 0xFF, 0xF1]),
        bytes(CKA_BASE, &[0, 5]),
    ];
    if key_type != CKK_DH {
        all.push(bytes(CKA_SUBPRIME, &[0x0D, 0xA7]));
    }
    all
}

fn number(client: &mut Client, object: ObjectId, kind: u64) -> Option<u64> {
    match client.get(object, kind) {
        AttributeResult::Value(value) => value.as_ulong(),
        _ => None,
    }
}

#[test]
fn domains_of_dsa_and_diffie_hellman_are_kept_with_their_lengths() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    for (key_type, subprime_bits) in [(CKK_DSA, Some(12)), (CKK_DH, None), (CKK_X9_42_DH, Some(12))]
    {
        let parameters = client.create(domain(CKO_DOMAIN_PARAMETERS, key_type)).unwrap();
        assert_eq!(client.bytes(parameters, CKA_PRIME), [0xFF, 0xF1], "no leading zeros");
        assert_eq!(number(&mut client, parameters, CKA_PRIME_BITS), Some(16));
        assert_eq!(number(&mut client, parameters, CKA_SUBPRIME_BITS), subprime_bits);
        assert!(!client.flag(parameters, CKA_LOCAL));
        assert!(!client.flag(parameters, CKA_PRIVATE));
        for missing in [CKA_PRIME, CKA_BASE] {
            let template = without(domain(CKO_DOMAIN_PARAMETERS, key_type), missing);
            assert_eq!(rv(client.create(template)), CKR_TEMPLATE_INCOMPLETE);
        }
        for wrong in [
            bytes(CKA_PRIME, &[0xFF, 0xF0]),
            bytes(CKA_PRIME, &[1]),
            bytes(CKA_BASE, &[0]),
            bytes(CKA_BASE, &[0xFF, 0xF1]),
        ] {
            let template = with(domain(CKO_DOMAIN_PARAMETERS, key_type), vec![wrong]);
            assert_eq!(rv(client.create(template)), CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }
    let subprime = vec![bytes(CKA_SUBPRIME, &[7])];
    let dh = with(domain(CKO_DOMAIN_PARAMETERS, CKK_DH), subprime);
    assert_eq!(rv(client.create(dh)), CKR_ATTRIBUTE_TYPE_INVALID);
    let other = domain(CKO_DOMAIN_PARAMETERS, CKK_RSA);
    assert_eq!(rv(client.create(other)), CKR_ATTRIBUTE_VALUE_INVALID);
}

#[test]
fn private_numbers_of_dsa_and_diffie_hellman_stay_inside() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let primes = probable_primes(1024, 160, HashAlg::Sha256, None).unwrap();
    let base = generator(&primes.p, &primes.q, None).unwrap();
    for key_type in [CKK_DSA, CKK_DH, CKK_X9_42_DH] {
        let key = |class, value: &[u8]| {
            let mut all = vec![
                Attribute::ulong(CKA_CLASS, class),
                Attribute::ulong(CKA_KEY_TYPE, key_type),
                // Leading zeros mean nothing.
                bytes(CKA_PRIME, &[&[0], &primes.p[..]].concat()),
                bytes(CKA_BASE, &base),
                bytes(CKA_VALUE, value),
            ];
            if key_type != CKK_DH {
                all.push(bytes(CKA_SUBPRIME, &primes.q));
            }
            all
        };
        let private = client.create(key(CKO_PRIVATE_KEY, &[0, 1, 0])).unwrap();
        assert_eq!(client.get(private, CKA_VALUE), AttributeResult::Sensitive);
        assert_eq!(client.bytes(private, CKA_PRIME), primes.p);
        let bits = (key_type == CKK_DH).then_some(9);
        assert_eq!(number(&mut client, private, CKA_VALUE_BITS), bits);
        let too_large = key(CKO_PRIVATE_KEY, &primes.p);
        assert_eq!(rv(client.create(too_large)), CKR_ATTRIBUTE_VALUE_INVALID);
        let public = client.create(key(CKO_PUBLIC_KEY, &base)).unwrap();
        assert_eq!(client.bytes(public, CKA_VALUE), base);
    }
}

#[test]
fn a_trusted_certificate_does_not_change() {
    let (_, partition) = provisioned(open());
    let mut so = Client::new(&partition, 1, 100);
    so.login(Role::SecurityOfficer, SO_PIN).unwrap();
    let certificate = so
        .create(vec![
            Attribute::ulong(CKA_CLASS, CKO_CERTIFICATE),
            Attribute::ulong(CKA_CERTIFICATE_TYPE, CKC_X_509),
            bytes(CKA_SUBJECT, b"subject"),
            bytes(CKA_VALUE, b"certificate"),
            yes(CKA_TOKEN),
            yes(CKA_TRUSTED),
        ])
        .unwrap();
    so.ask(hsmsim_partition::api::Request::Logout).unwrap();
    so.login(Role::CryptoOfficer, USER_PIN).unwrap();
    for change in [bytes(CKA_ID, b"new"), bytes(CKA_ISSUER, b"new"), bytes(CKA_LABEL, b"new")] {
        assert_eq!(so.set(certificate, change), CKR_ATTRIBUTE_READ_ONLY);
    }
    assert_eq!(so.set(certificate, no(CKA_TRUSTED)), CKR_OK);
    assert_eq!(so.set(certificate, bytes(CKA_ID, b"new")), CKR_OK);
}
