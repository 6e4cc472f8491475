//! Luna's attributes: CKA_USAGE_LIMIT with CKA_USAGE_COUNT, fingerprints, and what every key says without
//! keeping it.

use hsmsim_crypto::digest::{HashAlg, hash};
use hsmsim_partition::{
    Personality,
    api::{AttributeResult, OperationKind, Reply, Request},
};

use crate::support::{
    shapes::{PAIRS, template},
    *,
};

fn limit(uses: u64) -> Attribute {
    Attribute::ulong(CKA_USAGE_LIMIT, uses)
}

fn count(client: &mut Client, key: ObjectId) -> Option<u64> {
    match client.get(key, CKA_USAGE_COUNT) {
        AttributeResult::Value(value) => value.as_ulong(),
        _ => None,
    }
}

fn luna() -> Personality {
    Personality { vendor_codes: true, ..open() }
}

const CMAC: Mechanism = Mechanism { kind: CKM_AES_CMAC, params: Params::None };
const KWP: Mechanism = Mechanism { kind: CKM_AES_KEY_WRAP_KWP, params: Params::None };

fn key(client: &mut Client, more: Vec<Attribute>) -> ObjectId {
    client.create(with(secret_key(CKK_AES, &[7; 16]), more)).unwrap()
}

/// The answer without the news that the key was used.
fn answer(reply: Reply) -> Reply {
    match reply {
        Reply::Counted { reply, .. } => *reply,
        other => other,
    }
}

#[test]
fn a_key_is_used_as_often_as_its_limit_says_and_no_more() {
    for (personality, code) in
        [(luna(), CKR_KEY_NOT_ACTIVE), (open(), CKR_KEY_FUNCTION_NOT_PERMITTED)]
    {
        let (_, partition) = provisioned(personality);
        let mut client = Client::logged_in(&partition, 1);
        for token in [true, false] {
            let key = key(&mut client, vec![Attribute::bool(CKA_TOKEN, token), limit(2)]);
            assert_eq!(count(&mut client, key), Some(0));
            for used in 1..=2 {
                assert!(client.sign(&CMAC, key, b"data").is_ok());
                assert_eq!(count(&mut client, key), Some(used));
            }
            assert_eq!(rv(client.sign(&CMAC, key, b"data")), code);
            let operation = operation(OperationKind::Sign, &CMAC, Some(key));
            assert_eq!(client.code(Request::Check { operation }), code, "C_SignInit");
            assert_eq!(count(&mut client, key), Some(2));
            // A new limit counts anew.
            assert_eq!(client.set(key, limit(1)), CKR_OK);
            assert_eq!(count(&mut client, key), Some(0));
            assert!(client.sign(&CMAC, key, b"data").is_ok());
            assert_eq!(rv(client.sign(&CMAC, key, b"data")), code);
        }
    }
}

#[test]
fn every_use_of_a_key_counts_and_a_refused_one_does_not() {
    let (_, partition) = provisioned(luna());
    let mut client = Client::logged_in(&partition, 1);
    let limited = key(&mut client, vec![limit(100)]);
    let other = key(&mut client, vec![]);
    let mut uses = 0;
    let mut used = |client: &mut Client, what: &str| {
        uses += 1;
        assert_eq!(count(client, limited), Some(uses), "{what}");
    };

    let parts = (&b"in parts"[..], &[][..]);
    client.in_parts(OperationKind::Sign, &CMAC, Some(limited), parts, 3).unwrap();
    used(&mut client, "several parts are one use");
    let wrapped = client.wrap(&KWP, limited, other).unwrap();
    used(&mut client, "C_WrapKey");
    let new = || {
        vec![Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY), Attribute::ulong(CKA_KEY_TYPE, CKK_AES)]
    };
    client.unwrap(&KWP, limited, &wrapped, new()).unwrap();
    used(&mut client, "C_UnwrapKey");
    let data = mechanism(CKM_AES_ECB_ENCRYPT_DATA, Params::DerivationData(vec![3; 32]));
    client.derive(&data, limited, vec![]).unwrap();
    used(&mut client, "C_DeriveKey");
    let mac = client.sign(&CMAC, limited, b"data").unwrap();
    used(&mut client, "C_Sign");
    assert_eq!(client.verify(&CMAC, limited, b"data", &mac), CKR_OK);
    used(&mut client, "C_Verify");

    assert_eq!(client.verify(&CMAC, limited, b"other", &mac), CKR_SIGNATURE_INVALID);
    let ecb = Mechanism::plain(CKM_AES_ECB);
    let refused = client.one_part(OperationKind::Encrypt, &ecb, Some(limited), b"no block");
    assert_eq!(rv(refused), CKR_DATA_LEN_RANGE);
    assert!(client.unwrap(&KWP, limited, b"nothing good", new()).is_err());
    assert_eq!(count(&mut client, limited), Some(6), "what was refused is no use");
    // A key that is carried does no work.
    client.wrap(&KWP, other, limited).unwrap();
    assert_eq!(count(&mut client, limited), Some(6));
    assert_eq!(count(&mut client, other), None, "without a limit nothing is counted");
}

#[test]
fn the_last_use_is_had_once_by_whoever_is_first() {
    let (_, partition) = provisioned(luna());
    let mut one = Client::logged_in(&partition, 1);
    let mut other = Client::logged_in(&partition, 2);
    let key = key(&mut one, vec![yes(CKA_TOKEN), limit(3)]);
    assert!(one.sign(&CMAC, key, b"1").is_ok());
    assert!(other.sign(&CMAC, key, b"2").is_ok());
    assert!(one.sign(&CMAC, key, b"3").is_ok());
    assert_eq!(rv(other.sign(&CMAC, key, b"4")), CKR_KEY_NOT_ACTIVE);
    assert_eq!((count(&mut one, key), count(&mut other, key)), (Some(3), Some(3)));
}

#[test]
fn the_reply_tells_which_key_was_used() {
    let (_, partition) = provisioned(luna());
    let mut client = Client::logged_in(&partition, 1);
    let limited = key(&mut client, vec![limit(2)]);
    let free = key(&mut client, vec![]);
    for (key, counted) in [(limited, true), (free, false)] {
        let check = || operation(OperationKind::Sign, &CMAC, Some(key));
        let reply = client.session.handle(Request::Check { operation: check() }, NOW).unwrap();
        let Reply::Checked(checked) = reply else { panic!() };
        assert_eq!((checked.counts_key, checked.on_primary()), (counted, counted));
        assert!(!checked.holds_on());
        let (data, signature) = (b"data".to_vec().into(), Vec::new());
        let request = Request::OnePart { operation: check(), data, signature };
        let reply = client.session.handle(request, NOW).unwrap();
        assert_eq!(matches!(reply, Reply::Counted { key: used, .. } if used == key), counted);
        assert!(matches!(answer(reply), Reply::Bytes(mac) if mac.len() == 16));
    }
}

#[test]
fn a_limit_is_from_1_to_32_bits_and_the_count_is_the_token_s() {
    let (_, partition) = provisioned(luna());
    let mut client = Client::logged_in(&partition, 1);
    let used = |count| Attribute::ulong(CKA_USAGE_COUNT, count);
    for (given, expected) in [
        (vec![limit(0)], CKR_ATTRIBUTE_VALUE_INVALID),
        (vec![limit(1)], CKR_OK),
        (vec![limit(0xFFFF_FFFF)], CKR_OK),
        (vec![limit(0x1_0000_0000)], CKR_ATTRIBUTE_VALUE_INVALID),
        (vec![limit(5), used(0)], CKR_OK),
        (vec![limit(5), used(1)], CKR_ATTRIBUTE_VALUE_INVALID),
        (vec![used(0)], CKR_ATTRIBUTE_READ_ONLY),
    ] {
        let created = client.create(with(secret_key(CKK_AES, &[7; 16]), given.clone()));
        assert_eq!(rv(created), expected, "{given:?}");
        let made = client.generate(
            CKM_AES_KEY_GEN,
            with(vec![Attribute::ulong(CKA_VALUE_LEN, 16)], given.clone()),
        );
        assert_eq!(rv(made), expected, "{given:?}");
        let key = key(&mut client, vec![]);
        let set = Request::SetAttributes { object: key, template: Template(given.clone()) };
        assert_eq!(client.code(set), expected, "{given:?}");
    }
    // Nothing but the key's own maker keeps a fixed key fixed.
    let fixed = key(&mut client, vec![no(CKA_MODIFIABLE), limit(1)]);
    assert_eq!(client.set(fixed, limit(9)), CKR_ACTION_PROHIBITED);
    assert!(client.sign(&CMAC, fixed, b"data").is_ok());
    assert_eq!(rv(client.sign(&CMAC, fixed, b"data")), CKR_KEY_NOT_ACTIVE);
    // A copy has what was left.
    let used_up = key(&mut client, vec![limit(1)]);
    assert!(client.sign(&CMAC, used_up, b"data").is_ok());
    let copy = Request::Copy { object: used_up, template: Template(vec![]) };
    let Ok(Reply::Created(copied)) = client.ask(copy) else { panic!() };
    assert_eq!(rv(client.sign(&CMAC, copied.objects[0].id, b"data")), CKR_KEY_NOT_ACTIVE);
}

#[test]
fn a_fingerprint_is_of_the_value_or_of_the_public_key() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let secret = client.create(with(secret_key(CKK_AES, &[7; 16]), vec![yes(CKA_SENSITIVE)]));
    let secret = secret.unwrap();
    let of = |alg, bytes: &[u8]| hash(alg, bytes).to_vec();
    assert_eq!(client.bytes(secret, CKA_FINGERPRINT_SHA1), of(HashAlg::Sha1, &[7; 16]));
    assert_eq!(client.bytes(secret, CKA_FINGERPRINT_SHA256), of(HashAlg::Sha256, &[7; 16]));
    for pair in PAIRS {
        let halves = [pair.names.0, pair.names.1];
        let [public, private] = halves.map(|half| client.create(template(half)).unwrap());
        let info = client.bytes(public, CKA_PUBLIC_KEY_INFO);
        for half in [public, private] {
            let found = client.bytes(half, CKA_FINGERPRINT_SHA256);
            assert_eq!(found, of(HashAlg::Sha256, &info), "{halves:?}");
        }
        let fingerprint = Attribute::bytes(CKA_FINGERPRINT_SHA1, of(HashAlg::Sha1, &info));
        assert_eq!(client.find(vec![fingerprint]).len(), 2, "{halves:?}");
    }
    let data = client.create(template("data")).unwrap();
    assert_eq!(client.get(data, CKA_FINGERPRINT_SHA1), AttributeResult::Invalid);
}

#[test]
fn a_public_key_with_a_value_says_its_crc_and_takes_no_other() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    for pair in PAIRS {
        let shape = pair.names.0;
        let public = client.create(template(shape)).unwrap();
        let AttributeResult::Value(crc) = client.get(public, CKA_PUBLIC_CRC64_VALUE) else {
            // Keys of RSA and on curves have no CKA_VALUE.
            assert_eq!(client.get(public, CKA_VALUE), AttributeResult::Invalid, "{shape}");
            continue;
        };
        let crc = Attribute { kind: CKA_PUBLIC_CRC64_VALUE, value: crc };
        assert_eq!(crc.value.as_bytes().map(<[u8]>::len), Some(8), "{shape}");
        assert_eq!(client.find(vec![crc.clone()]), [public], "{shape}");
        client.create(with(template(shape), vec![crc.clone()])).unwrap();
        assert_eq!(client.find(vec![crc]).len(), 2, "{shape}");
        let wrong = Attribute::bytes(CKA_PUBLIC_CRC64_VALUE, [0; 8]);
        let refused = client.create(with(template(shape), vec![wrong]));
        assert_eq!(rv(refused), CKR_ATTRIBUTE_VALUE_INVALID, "{shape}");
        let private = client.create(template(pair.names.1)).unwrap();
        assert_eq!(client.get(private, CKA_PUBLIC_CRC64_VALUE), AttributeResult::Invalid);
    }
}

#[test]
fn what_every_key_says_without_keeping_it() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = key(&mut client, vec![]);
    let value = |value| AttributeResult::Value(value);
    let flags = || AttributeValue::Ulong(0);
    assert_eq!(client.get(key, CKA_OBJECT_VALIDATION_FLAGS), value(flags()));
    assert_eq!(client.get(key, CKA_CCM_PRIVATE), value(AttributeValue::Bool(false)));
    assert_eq!(client.bytes(key, CKA_EKM_UID), b"");
    let wanted = |flags| vec![Attribute::ulong(CKA_OBJECT_VALIDATION_FLAGS, flags)];
    assert_eq!(client.find(wanted(0)), [key]);
    assert_eq!(client.find(wanted(1)), []);
    // 4.8, footnotes 4 and 6; a validation that there is not.
    let brought = |flags| with(secret_key(CKK_AES, &[7; 16]), wanted(flags));
    assert_eq!(rv(client.create(brought(0))), CKR_OK);
    assert_eq!(rv(client.create(brought(1))), CKR_ATTRIBUTE_VALUE_INVALID);
    let len = vec![Attribute::ulong(CKA_VALUE_LEN, 16)];
    let generated = client.generate(CKM_AES_KEY_GEN, with(len, wanted(0)));
    assert_eq!(rv(generated), CKR_TEMPLATE_INCONSISTENT);
    assert_eq!(client.set(key, wanted(0).remove(0)), CKR_ATTRIBUTE_READ_ONLY);
    // An application's own EKM name stays.
    assert_eq!(client.set(key, Attribute::bytes(CKA_EKM_UID, "name")), CKR_OK);
    assert_eq!(client.bytes(key, CKA_EKM_UID), b"name");
}
