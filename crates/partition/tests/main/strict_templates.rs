//! Profiles with `strict_templates`: a usage that the key cannot have is refused, in every way an object
//! gets its attributes. Without the key of the profile it is kept and of no use.

use hsmsim_partition::{Personality, api::Request};
use hsmsim_sim_config::Profile;

use crate::support::{
    shapes::{PairShape, class, template},
    *,
};

fn of(name: &str) -> Personality {
    let profile = Profile::shipped(name).unwrap();
    Personality { pin_rounds: 2, ..Personality::from(&profile) }
}

const USAGES: &[(&str, u64)] = &[
    ("encrypt", CKA_ENCRYPT),
    ("decrypt", CKA_DECRYPT),
    ("sign", CKA_SIGN),
    ("sign_recover", CKA_SIGN_RECOVER),
    ("verify", CKA_VERIFY),
    ("verify_recover", CKA_VERIFY_RECOVER),
    ("wrap", CKA_WRAP),
    ("unwrap", CKA_UNWRAP),
    ("derive", CKA_DERIVE),
    ("encapsulate", CKA_ENCAPSULATE),
    ("decapsulate", CKA_DECAPSULATE),
];

/// What an A790 takes of each kind of key. The keys on curves, of DSA and the generic secrets have more than
/// they can do: CKDEMO sets it.
const TAKEN: &[(&str, &str)] = &[
    ("RSA public", "encrypt verify verify_recover wrap encapsulate"),
    ("RSA private", "decrypt sign sign_recover unwrap decapsulate"),
    ("EC public", "encrypt verify derive encapsulate"),
    ("EC private", "decrypt sign derive decapsulate"),
    ("Edwards public", "verify"),
    ("Edwards private", "sign"),
    ("Montgomery public", "derive encapsulate"),
    ("Montgomery private", "derive decapsulate"),
    ("DSA public", "encrypt verify wrap"),
    ("DSA private", "decrypt sign unwrap"),
    ("DH public", "derive"),
    ("DH private", "derive"),
    ("X9.42 public", "derive"),
    ("X9.42 private", "derive"),
    ("ML-KEM public", "encapsulate"),
    ("ML-KEM private", "decapsulate"),
    ("ML-DSA public", "verify"),
    ("ML-DSA private", "sign"),
    ("SLH-DSA public", "verify"),
    ("SLH-DSA private", "sign"),
    ("HSS public", "verify"),
    ("secret", "encrypt decrypt sign verify wrap unwrap derive"),
    ("OTP", "sign verify derive"),
];

#[test]
fn an_a790_takes_of_each_key_what_it_can_and_what_the_vendor_s_templates_set() {
    for name in ["a790", "a790-no-fips"] {
        let (_, partition) = provisioned(of(name));
        let mut client = Client::logged_in(&partition, 1);
        for (shape, taken) in TAKEN {
            let mut found = Vec::new();
            for (word, usage) in USAGES {
                match rv(client.create(with(template(shape), vec![yes(*usage)]))) {
                    CKR_OK => found.push(*word),
                    CKR_TEMPLATE_INCONSISTENT | CKR_ATTRIBUTE_TYPE_INVALID => {}
                    other => panic!("{shape}: {word}: {other:#x}"),
                }
                let off = rv(client.create(with(template(shape), vec![no(*usage)])));
                assert_ne!(off, CKR_TEMPLATE_INCONSISTENT, "{shape}: {word} is not asked for");
            }
            let mut expected = (*taken).to_owned();
            // FIPS mode has no CKM_ECIES, the other has: it takes both kinds of curve.
            if name == "a790-no-fips" {
                expected = expected
                    .replace("derive encapsulate", "encrypt derive encapsulate")
                    .replace("derive decapsulate", "decrypt derive decapsulate");
            }
            let on_weierstrass = shape.starts_with("EC ");
            let expected = if on_weierstrass { (*taken).to_owned() } else { expected };
            assert_eq!(found.join(" "), expected, "{name}: {shape}");
        }
    }
}

#[test]
fn what_a_secret_key_may_follows_from_its_type() {
    let (_, partition) = provisioned(of("a790"));
    let mut client = Client::logged_in(&partition, 1);
    for (kind, len, usage, expected) in [
        (CKK_GENERIC_SECRET, 16, CKA_ENCRYPT, CKR_OK),
        (CKK_GENERIC_SECRET, 16, CKA_WRAP, CKR_OK),
        (CKK_SHA256_HMAC, 32, CKA_SIGN, CKR_OK),
        (CKK_SHA256_HMAC, 32, CKA_ENCRYPT, CKR_TEMPLATE_INCONSISTENT),
        (CKK_SHA256_HMAC, 32, CKA_UNWRAP, CKR_TEMPLATE_INCONSISTENT),
        (CKK_AES_XTS, 32, CKA_ENCRYPT, CKR_OK),
        (CKK_AES_XTS, 32, CKA_SIGN, CKR_TEMPLATE_INCONSISTENT),
    ] {
        let key = with(secret_key(kind, &[7; 32][..len]), vec![yes(usage)]);
        assert_eq!(rv(client.create(key)), expected, "{kind:#x} {usage:#x}");
    }
}

/// A usage that no RSA key can have.
const REFUSED: u64 = CKA_DERIVE;

#[test]
fn every_way_to_make_and_to_change_a_key_is_strict() {
    let (_, partition) = provisioned(Personality { strict_templates: true, ..open() });
    let mut client = Client::logged_in(&partition, 1);
    let refused = CKR_TEMPLATE_INCONSISTENT;

    let (pair, _) = PairShape::of("RSA public").unwrap();
    let key_gen = pair.key_gen;
    for (public, private) in [(vec![yes(REFUSED)], vec![]), (vec![], vec![yes(REFUSED)])] {
        let public = with((pair.needs)(), public);
        assert_eq!(rv(client.pair(key_gen, public, private)), refused);
    }
    let hmac = |more| with(vec![Attribute::ulong(CKA_VALUE_LEN, 32)], more);
    let made = client.generate(CKM_SHA256_KEY_GEN, hmac(vec![yes(CKA_ENCRYPT)]));
    assert_eq!(rv(made), refused, "C_GenerateKey");

    let extractable = || vec![yes(CKA_EXTRACTABLE), no(CKA_SENSITIVE)];
    let (_, private) = client.pair(key_gen, (pair.needs)(), extractable()).unwrap();
    let wrapping = client.create(secret_key(CKK_AES, &[7; 16])).unwrap();
    let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
    let wrapped = client.wrap(&kwp, wrapping, private).unwrap();
    let new = |more| with(class(CKO_PRIVATE_KEY, CKA_KEY_TYPE, CKK_RSA), more);
    let unwrapped = client.unwrap(&kwp, wrapping, &wrapped, new(vec![yes(REFUSED)]));
    assert_eq!(rv(unwrapped), refused, "C_UnwrapKey");
    assert!(client.unwrap(&kwp, wrapping, &wrapped, new(vec![yes(CKA_SIGN)])).is_ok());

    let data = mechanism(CKM_AES_ECB_ENCRYPT_DATA, Params::DerivationData(vec![3; 32]));
    let hmac = |usage| with(class(CKO_SECRET_KEY, CKA_KEY_TYPE, CKK_SHA256_HMAC), vec![yes(usage)]);
    assert_eq!(rv(client.derive(&data, wrapping, hmac(CKA_WRAP))), refused, "C_DeriveKey");
    assert!(client.derive(&data, wrapping, hmac(CKA_SIGN)).is_ok());

    let public = Mechanism::plain(CKM_PUB_KEY_FROM_PRIV_KEY);
    assert_eq!(rv(client.derive(&public, private, vec![yes(REFUSED)])), refused);
    assert!(client.derive(&public, private, vec![]).is_ok());

    for object in [private, client.create(template("RSA public")).unwrap()] {
        let change = || Template(vec![yes(REFUSED)]);
        let copy = Request::Copy { object, template: change() };
        assert_eq!(client.code(copy), refused, "C_CopyObject");
        let set = Request::SetAttributes { object, template: change() };
        assert_eq!(client.code(set), refused, "C_SetAttributeValue");
        assert!(!client.flag(object, REFUSED));
        assert_eq!(client.set(object, no(REFUSED)), CKR_OK);
    }
}

#[test]
fn elsewhere_such_a_usage_is_kept_and_of_no_use() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = client.create(with(template("RSA private"), vec![yes(REFUSED)])).unwrap();
    assert!(client.flag(key, REFUSED));
}
