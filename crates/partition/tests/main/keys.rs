//! Generating keys and key pairs.

use hsmsim_partition::{
    MechanismInfo, Mechanisms, Personality,
    api::{AttributeResult, OperationKind, Request},
    mechanism_info, mechanism_list,
};
use hsmsim_sim_config::{MechanismRule, MechanismUse, Profile};

use crate::support::*;

fn len(len: u64) -> Attribute {
    Attribute::ulong(CKA_VALUE_LEN, len)
}

fn bits(bits: u64) -> Vec<Attribute> {
    vec![Attribute::ulong(CKA_MODULUS_BITS, bits)]
}

fn number(client: &mut Client, object: ObjectId, kind: u64) -> u64 {
    match client.get(object, kind) {
        AttributeResult::Value(value) => value.as_ulong().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn secret_keys_of_every_kind_are_made() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let readable = || vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
    for (kind, key_type, wanted, made) in [
        (CKM_AES_KEY_GEN, CKK_AES, Some(16), 16),
        (CKM_AES_KEY_GEN, CKK_AES, Some(24), 24),
        (CKM_AES_KEY_GEN, CKK_AES, Some(32), 32),
        (CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET, Some(1), 1),
        (CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET, Some(100), 100),
        (CKM_SHA_1_KEY_GEN, CKK_SHA_1_HMAC, None, 20),
        (CKM_SHA224_KEY_GEN, CKK_SHA224_HMAC, None, 28),
        (CKM_SHA256_KEY_GEN, CKK_SHA256_HMAC, Some(40), 40),
        (CKM_SHA256_KEY_GEN, CKK_SHA256_HMAC, None, 32),
        (CKM_SHA384_KEY_GEN, CKK_SHA384_HMAC, None, 48),
        (CKM_SHA512_KEY_GEN, CKK_SHA512_HMAC, None, 64),
        (CKM_SHA3_224_KEY_GEN, CKK_SHA3_224_HMAC, None, 28),
        (CKM_SHA3_256_KEY_GEN, CKK_SHA3_256_HMAC, None, 32),
        (CKM_SHA3_384_KEY_GEN, CKK_SHA3_384_HMAC, None, 48),
        (CKM_SHA3_512_KEY_GEN, CKK_SHA3_512_HMAC, None, 64),
    ] {
        let template: Vec<_> = readable().into_iter().chain(wanted.map(len)).collect();
        let key = client.generate(kind, template.clone()).unwrap();
        let other = client.generate(kind, template).unwrap();
        assert_eq!(number(&mut client, key, CKA_KEY_TYPE), key_type);
        assert_eq!(number(&mut client, key, CKA_CLASS), CKO_SECRET_KEY);
        assert_eq!(number(&mut client, key, CKA_KEY_GEN_MECHANISM), kind);
        assert_eq!(number(&mut client, key, CKA_VALUE_LEN), made);
        assert!(client.flag(key, CKA_LOCAL));
        let value = client.bytes(key, CKA_VALUE);
        assert_eq!(value.len() as u64, made);
        assert!(made < 16 || value != client.bytes(other, CKA_VALUE));
    }
}

#[test]
fn generated_keys_are_careful_by_default() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let aes = client.generate(CKM_AES_KEY_GEN, vec![len(32)]).unwrap();
    let (public, private) = rsa_pair(&mut client);
    for key in [aes, private] {
        for flag in [
            CKA_SENSITIVE,
            CKA_ALWAYS_SENSITIVE,
            CKA_NEVER_EXTRACTABLE,
            CKA_PRIVATE,
            CKA_LOCAL,
            CKA_MODIFIABLE,
            CKA_COPYABLE,
            CKA_DESTROYABLE,
        ] {
            assert!(client.flag(key, flag), "{flag:#x}");
        }
        for flag in [CKA_EXTRACTABLE, CKA_TOKEN, CKA_WRAP_WITH_TRUSTED] {
            assert!(!client.flag(key, flag), "{flag:#x}");
        }
    }
    assert!(!client.flag(public, CKA_PRIVATE));
    assert_eq!(client.bytes(public, CKA_PUBLIC_EXPONENT), [1, 0, 1]);
    assert_eq!(number(&mut client, public, CKA_MODULUS_BITS), 2048);
    assert_eq!(
        client.bytes(public, CKA_PUBLIC_KEY_INFO),
        client.bytes(private, CKA_PUBLIC_KEY_INFO)
    );
    let open = client
        .generate(CKM_AES_KEY_GEN, vec![len(16), no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)])
        .unwrap();
    assert!(!client.flag(open, CKA_ALWAYS_SENSITIVE));
    assert!(!client.flag(open, CKA_NEVER_EXTRACTABLE));
}

#[test]
fn the_public_exponent_can_be_chosen() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let exponent = Attribute::bytes(CKA_PUBLIC_EXPONENT, [0, 3]);
    let template = [bits(2048), vec![exponent]].concat();
    for kind in [CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_FIPS_186_3_PRIME_KEY_PAIR_GEN] {
        let (public, private) = client.pair(kind, template.clone(), vec![]).unwrap();
        assert_eq!(client.bytes(public, CKA_PUBLIC_EXPONENT), [3]);
        assert_eq!(client.bytes(private, CKA_PUBLIC_EXPONENT), [3]);
    }
}

#[test]
fn a_des_key_may_be_asked_for_with_the_length_that_it_has() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    for template in [vec![len(24)], vec![]] {
        let key = client.generate(CKM_DES3_KEY_GEN, template).unwrap();
        assert!(matches!(client.get(key, CKA_VALUE_LEN), AttributeResult::Invalid));
    }
    let short = client.generate(CKM_DES3_KEY_GEN, vec![len(16)]);
    assert_eq!(rv(short), CKR_ATTRIBUTE_VALUE_INVALID);
}

#[test]
fn impossible_keys_are_refused_by_code() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let class = |class| Attribute::ulong(CKA_CLASS, class);
    let key_type = |kind| Attribute::ulong(CKA_KEY_TYPE, kind);
    for (kind, template, expected) in [
        (CKM_AES_KEY_GEN, vec![], CKR_TEMPLATE_INCOMPLETE),
        (CKM_AES_KEY_GEN, vec![len(17)], CKR_ATTRIBUTE_VALUE_INVALID),
        (CKM_AES_KEY_GEN, vec![len(16), class(CKO_PRIVATE_KEY)], CKR_TEMPLATE_INCONSISTENT),
        (CKM_AES_KEY_GEN, vec![len(16), key_type(CKK_DES3)], CKR_TEMPLATE_INCONSISTENT),
        (
            CKM_AES_KEY_GEN,
            vec![len(16), Attribute::bytes(CKA_VALUE, vec![0; 16])],
            CKR_TEMPLATE_INCONSISTENT,
        ),
        (CKM_AES_KEY_GEN, vec![len(16), yes(CKA_LOCAL)], CKR_ATTRIBUTE_READ_ONLY),
        (
            CKM_AES_KEY_GEN,
            vec![len(16), Attribute::bytes(CKA_MODULUS, "")],
            CKR_ATTRIBUTE_TYPE_INVALID,
        ),
        (CKM_GENERIC_SECRET_KEY_GEN, vec![len(0)], CKR_KEY_SIZE_RANGE),
        (CKM_GENERIC_SECRET_KEY_GEN, vec![len(1 << 40)], CKR_KEY_SIZE_RANGE),
        (CKM_RSA_PKCS_KEY_PAIR_GEN, vec![len(16)], CKR_MECHANISM_INVALID),
        (CKM_AES_CBC, vec![len(16)], CKR_MECHANISM_INVALID),
        (CKM_RC4_KEY_GEN, vec![], CKR_MECHANISM_INVALID),
    ] {
        assert_eq!(rv(client.generate(kind, template.clone())), expected, "{template:?}");
    }
    let ec = |params: &[u8]| vec![Attribute::bytes(CKA_EC_PARAMS, params)];
    let even = [bits(2048), vec![Attribute::bytes(CKA_PUBLIC_EXPONENT, [4])]].concat();
    for (kind, public, private, expected) in [
        (CKM_RSA_PKCS_KEY_PAIR_GEN, vec![], vec![], CKR_TEMPLATE_INCOMPLETE),
        (CKM_RSA_PKCS_KEY_PAIR_GEN, bits(512), vec![], CKR_KEY_SIZE_RANGE),
        (CKM_RSA_PKCS_KEY_PAIR_GEN, bits(1 << 33), vec![], CKR_KEY_SIZE_RANGE),
        (CKM_RSA_PKCS_KEY_PAIR_GEN, bits(2049), vec![], CKR_KEY_SIZE_RANGE),
        (CKM_RSA_PKCS_KEY_PAIR_GEN, even, vec![], CKR_ATTRIBUTE_VALUE_INVALID),
        (
            CKM_RSA_PKCS_KEY_PAIR_GEN,
            bits(2048),
            vec![class(CKO_PUBLIC_KEY)],
            CKR_TEMPLATE_INCONSISTENT,
        ),
        (CKM_RSA_PKCS_KEY_PAIR_GEN, bits(2048), bits(2048), CKR_ATTRIBUTE_TYPE_INVALID),
        (CKM_EC_KEY_PAIR_GEN, vec![], vec![], CKR_TEMPLATE_INCOMPLETE),
        (CKM_EC_KEY_PAIR_GEN, ec(ED25519), vec![], CKR_CURVE_NOT_SUPPORTED),
        (CKM_EC_KEY_PAIR_GEN, ec(b"junk"), vec![], CKR_ATTRIBUTE_VALUE_INVALID),
        (CKM_EC_KEY_PAIR_GEN, ec(P256), ec(P384), CKR_TEMPLATE_INCONSISTENT),
        (CKM_EC_KEY_PAIR_GEN, ec(P256), ec(P256), CKR_OK),
        (CKM_EC_EDWARDS_KEY_PAIR_GEN, ec(P256), vec![], CKR_CURVE_NOT_SUPPORTED),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, ec(ED25519), vec![], CKR_CURVE_NOT_SUPPORTED),
        (CKM_AES_KEY_GEN, vec![len(16)], vec![], CKR_MECHANISM_INVALID),
    ] {
        let result = client.pair(kind, public.clone(), private);
        assert_eq!(rv(result), expected, "{kind:#x} {public:?}");
    }
    let request = Request::GenerateKey {
        mechanism: mechanism(CKM_AES_KEY_GEN, Params::Bytes(vec![1])).into(),
        template: Template(vec![len(16)]),
    };
    assert_eq!(client.code(request), CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn a_pair_is_made_whole_or_not_at_all() {
    let (_, partition) = provisioned(Personality { objects_max: Some(1), ..open() });
    let mut client = Client::logged_in(&partition, 1);
    let token = || vec![yes(CKA_TOKEN)];
    let public = [vec![Attribute::bytes(CKA_EC_PARAMS, P256)], token()].concat();
    assert_eq!(rv(client.pair(CKM_EC_KEY_PAIR_GEN, public.clone(), token())), CKR_DEVICE_MEMORY);
    assert!(client.find(vec![]).is_empty());
    // One of the two on the token is a pair as well.
    let (public, private) = client.pair(CKM_EC_KEY_PAIR_GEN, public, vec![]).unwrap();
    assert_eq!(client.find(vec![]), [public, private]);
    assert_eq!(client.find(token()), [public]);
}

#[test]
fn keys_are_not_made_before_it_is_known_that_they_may_be() {
    let (_, partition) = provisioned(open());
    let mut client = Client::new(&partition, 1, 1);
    let private_key = client.pair(CKM_RSA_PKCS_KEY_PAIR_GEN, bits(4096), vec![]);
    assert_eq!(rv(private_key), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(rv(client.generate(CKM_AES_KEY_GEN, vec![len(16)])), CKR_USER_NOT_LOGGED_IN);
    let public_key = vec![len(16), no(CKA_PRIVATE)];
    assert!(client.generate(CKM_AES_KEY_GEN, public_key.clone()).is_ok());
    let mut reader = Client::with(&partition, 1, 2, false);
    let token_key = [public_key, vec![yes(CKA_TOKEN)]].concat();
    assert_eq!(rv(reader.generate(CKM_AES_KEY_GEN, token_key)), CKR_SESSION_READ_ONLY);
}

#[test]
fn the_shipped_profiles_are_as_they_say() {
    let of = |name| Personality::from(&Profile::shipped(name).unwrap());
    let (open, a790) = (of("open"), of("a790"));
    assert_eq!(mechanism_list(&open), mechanism_list(&Personality::default()));
    assert_eq!((open.pin.min, open.pin.max, open.vendor_codes), (4, 255, false));
    assert_eq!((a790.pin.min, a790.pin.max, a790.vendor_codes), (7, 255, true));
    let list = mechanism_list(&a790);
    for there in [CKM_RSA_PKCS, CKM_ECDSA_SHA256, CKM_LUNA_ECDSA_SHA256, CKM_AES_GCM] {
        assert!(list.contains(&there), "{there:#x}");
    }
    // FIPS mode, old firmware; and nothing that is not implemented.
    for missing in [CKM_RSA_X_509, CKM_AES_CTR, CKM_EDDSA, CKM_MD5, CKM_AES_CCM] {
        assert!(!list.contains(&missing), "{missing:#x}");
    }
    assert_eq!(
        mechanism_info(&a790, CKM_RSA_PKCS_KEY_PAIR_GEN).unwrap(),
        MechanismInfo { min: 2048, max: 8192, flags: CKF_HW | CKF_GENERATE_KEY_PAIR }
    );
}

#[test]
fn a_device_with_a_limit_takes_no_more_in_one_call() {
    let (_, partition) = provisioned(Personality { data_max: Some(64), ..open() });
    let mut client = Client::logged_in(&partition, 1);
    let key = client.create(secret_key(CKK_AES, &[7; 16])).unwrap();
    let cmac = Mechanism::plain(CKM_AES_CMAC);
    let whole = client.sign(&cmac, key, &[1; 64]);
    assert!(whole.is_ok());
    assert_eq!(rv(client.sign(&cmac, key, &[1; 65])), CKR_DEVICE_ERROR);
    let (kind, data) = (OperationKind::Sign, [1; 65]);
    let in_parts = client.in_parts(kind, &cmac, Some(key), (&data, &[]), 33);
    assert!(in_parts.is_ok());
    let in_parts = client.in_parts(kind, &cmac, Some(key), (&data, &[]), 65);
    assert_eq!(rv(in_parts), CKR_DEVICE_ERROR);
}

#[test]
fn a_profile_decides_which_mechanisms_and_sizes_there_are() {
    let rule = |name: &str, key_min| MechanismRule {
        name: name.to_owned(),
        number: None,
        key_min,
        key_max: None,
        uses: Some(vec![MechanismUse::Sign, MechanismUse::GenerateKeyPair]),
        curve: None,
    };
    let personality = Personality {
        mechanisms: Mechanisms::restricted(&[
            rule("CKM_RSA_PKCS_KEY_PAIR_GEN", None),
            rule("CKM_SHA256_RSA_PKCS", Some(3072)),
            rule("CKM_RSA_FIPS_186_3_PRIME_KEY_PAIR_GEN", None),
        ]),
        ..open()
    };
    assert_eq!(
        mechanism_list(&personality),
        [CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_SHA256_RSA_PKCS, CKM_RSA_FIPS_186_3_PRIME_KEY_PAIR_GEN]
    );
    assert_eq!(
        mechanism_info(&personality, CKM_SHA256_RSA_PKCS).unwrap(),
        MechanismInfo { min: 3072, max: 8192, flags: CKF_HW | CKF_SIGN }
    );
    let (_, partition) = provisioned(personality);
    let mut client = Client::logged_in(&partition, 1);
    let (_, private) = rsa_pair(&mut client);
    let (hashed, bare) = (Mechanism::plain(CKM_SHA256_RSA_PKCS), Mechanism::plain(CKM_RSA_PKCS));
    assert_eq!(rv(client.sign(&hashed, private, b"x")), CKR_KEY_SIZE_RANGE);
    assert_eq!(rv(client.sign(&bare, private, b"x")), CKR_MECHANISM_INVALID);
}
