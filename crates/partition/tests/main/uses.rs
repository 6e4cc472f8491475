//! C_GetMechanismInfo and what operations answer: a use that the flags list is one, and no other is.

use hsmsim_partition::{
    Personality,
    api::{OperationKind, Request},
    mechanism_info, mechanism_list,
};
use hsmsim_sim_config::Profile;
use hsmsim_types::names::{self, or_hex};

use crate::{derivation::hex, support::*};

/// Every use, and the flag for it.
#[derive(Clone, Copy, Debug)]
enum Use {
    Operation(OperationKind),
    Generate,
    GeneratePair,
    Wrap,
    Unwrap,
    Derive,
    Encapsulate,
    Decapsulate,
}

const USES: [(u64, Use); 18] = [
    (CKF_ENCRYPT, Use::Operation(OperationKind::Encrypt)),
    (CKF_DECRYPT, Use::Operation(OperationKind::Decrypt)),
    (CKF_DIGEST, Use::Operation(OperationKind::Digest)),
    (CKF_SIGN, Use::Operation(OperationKind::Sign)),
    (CKF_VERIFY, Use::Operation(OperationKind::Verify)),
    (CKF_SIGN_RECOVER, Use::Operation(OperationKind::SignRecover)),
    (CKF_VERIFY_RECOVER, Use::Operation(OperationKind::VerifyRecover)),
    (CKF_MESSAGE_ENCRYPT, Use::Operation(OperationKind::MessageEncrypt)),
    (CKF_MESSAGE_DECRYPT, Use::Operation(OperationKind::MessageDecrypt)),
    (CKF_MESSAGE_SIGN, Use::Operation(OperationKind::MessageSign)),
    (CKF_MESSAGE_VERIFY, Use::Operation(OperationKind::MessageVerify)),
    (CKF_GENERATE, Use::Generate),
    (CKF_GENERATE_KEY_PAIR, Use::GeneratePair),
    (CKF_WRAP, Use::Wrap),
    (CKF_UNWRAP, Use::Unwrap),
    (CKF_DERIVE, Use::Derive),
    (CKF_ENCAPSULATE, Use::Encapsulate),
    (CKF_DECAPSULATE, Use::Decapsulate),
];

fn request(used: Use, mechanism: Mechanism, key: ObjectId, wrapped: ObjectId) -> Request {
    let template = Template::default();
    match used {
        Use::Operation(kind) => {
            let key = (kind != OperationKind::Digest).then_some(key);
            Request::Check { operation: operation(kind, &mechanism, key) }
        }
        Use::Generate => Request::GenerateKey { mechanism: mechanism.into(), template },
        Use::GeneratePair => {
            let (public, private) = (template.clone(), template);
            Request::GenerateKeyPair { mechanism: mechanism.into(), public, private }
        }
        Use::Wrap => Request::Wrap {
            mechanism: mechanism.into(),
            wrapping_key: key,
            key: wrapped,
            associated: None,
            room: Some(usize::MAX),
        },
        Use::Unwrap => Request::Unwrap {
            mechanism: mechanism.into(),
            unwrapping_key: key,
            wrapped: vec![1; 40],
            template,
            associated: None,
        },
        Use::Derive => Request::Derive { mechanism: mechanism.into(), base_key: key, template },
        Use::Encapsulate => Request::Encapsulate {
            mechanism: mechanism.into(),
            public_key: key,
            template,
            room: None,
        },
        Use::Decapsulate => {
            let ciphertext = vec![1; 256];
            Request::Decapsulate {
                mechanism: mechanism.into(),
                private_key: key,
                ciphertext,
                template,
            }
        }
    }
}

/// Parameters of any kind, good and bad.
fn parameters() -> Vec<Params> {
    vec![
        Params::None,
        Params::Malformed("nothing that anybody takes".to_owned()),
        Params::Bytes(vec![7; 16]),
        Params::Bytes(vec![7; 8]),
        Params::Length(8),
        Params::Ctr { counter_bits: 32, block: [1; 16] },
        Params::Gcm { iv: vec![1; 12], iv_bits: 96, aad: vec![], tag_bits: 128 },
        Params::Message(Box::default()),
    ]
}

/// A key of each type that mechanisms take, with every usage that the type has.
fn keys(client: &mut Client) -> Vec<ObjectId> {
    let mut keys = Vec::new();
    let secret = [
        (CKK_AES, 16),
        (CKK_AES_XTS, 32),
        (CKK_DES, 8),
        (CKK_DES2, 16),
        (CKK_DES3, 24),
        (CKK_ARIA, 16),
        (CKK_CAMELLIA, 16),
        (CKK_CHACHA20, 32),
        (CKK_POLY1305, 32),
        (CKK_GENERIC_SECRET, 48),
        (CKK_HKDF, 32),
    ];
    for (key_type, len) in secret {
        // Of odd parity, where that counts.
        let value: Vec<u8> = (0..len).map(|at| [0x01, 0x02, 0x04, 0x07][at % 4]).collect();
        let uses =
            [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE];
        let template = with(secret_key(key_type, &value), uses.map(yes).to_vec());
        keys.push(client.create(template).unwrap());
    }
    let (public, private) = rsa_pair(client);
    keys.extend([public, private]);
    for (kind, params) in [
        (CKM_EC_KEY_PAIR_GEN, P256),
        (CKM_EC_EDWARDS_KEY_PAIR_GEN, ED25519),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, X25519),
    ] {
        let (public, private) = ec_pair(client, kind, params);
        keys.extend([public, private]);
    }
    keys
}

fn title(kind: u64, used: Use, params: &Params) -> String {
    format!("{} {used:?} with {params:?}", or_hex(names::mechanism, kind))
}

fn flags_are_kept(personality: &Personality) {
    let (_, partition) = provisioned(personality.clone());
    let mut client = Client::logged_in(&partition, 1);
    let keys = keys(&mut client);
    let wrapped = client.create(secret_key(CKK_AES, &[5; 16])).unwrap();
    for kind in mechanism_list(personality) {
        let flags = mechanism_info(personality, kind).unwrap().flags;
        for (flag, used) in USES {
            for params in parameters() {
                let mut ask = |key| {
                    let mechanism = mechanism(kind, params.clone());
                    client.code(request(used, mechanism, key, wrapped))
                };
                if flags & flag == 0 {
                    let code = ask(keys[0]);
                    assert_eq!(code, CKR_MECHANISM_INVALID, "{}", title(kind, used, &params));
                    continue;
                }
                for &key in &keys {
                    let code = ask(key);
                    assert_ne!(code, CKR_MECHANISM_INVALID, "{}", title(kind, used, &params));
                    if matches!(params, Params::Malformed(_)) {
                        let wanted = CKR_MECHANISM_PARAM_INVALID;
                        assert_eq!(code, wanted, "{}", title(kind, used, &params));
                    }
                    if matches!(used, Use::Generate | Use::GeneratePair) {
                        break;
                    }
                }
            }
        }
    }
}

#[test]
fn in_profile_open_a_use_is_refused_as_such_exactly_where_no_flag_lists_it() {
    flags_are_kept(&open());
}

#[test]
fn profile_a790_lists_none_of_the_uses_and_curves_that_only_open_has() {
    let profile = Profile::shipped("a790-no-fips").unwrap();
    let personality = Personality { pin_rounds: 2, ..Personality::from(&profile) };
    let (wrap, encrypt) = (CKF_WRAP | CKF_UNWRAP, CKF_ENCRYPT | CKF_DECRYPT);
    for (kind, more) in [
        (CKM_LUNA_AES_KW, encrypt),
        (CKM_LUNA_AES_KWP, encrypt),
        (CKM_AES_CTR, wrap),
        (CKM_LUNA_AES_OFB, wrap),
        (CKM_LUNA_AES_CFB8, wrap),
        (CKM_RSA_X_509, wrap),
    ] {
        let flags = mechanism_info(&personality, kind).map_or(0, |info| info.flags);
        assert_eq!(flags & more, 0, "{kind:#x}");
    }
    assert_eq!(mechanism_info(&personality, CKM_RSA_X_509).unwrap().flags & encrypt, encrypt);
    for kind in mechanism_list(&personality) {
        let flags = mechanism_info(&personality, kind).unwrap().flags;
        let more = CKF_EC_COMPRESS | CKF_EC_CURVENAME | CKF_EC_ECPARAMETERS;
        assert_eq!(flags & more, 0, "{kind:#x}");
    }
}

#[test]
fn mechanisms_on_curves_say_which_curves_and_points_they_take() {
    let personality = open();
    let flags = |kind| mechanism_info(&personality, kind).unwrap().flags;
    let named = CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_CURVENAME | CKF_EC_COMPRESS;
    let all = named | CKF_EC_ECPARAMETERS | CKF_EC_UNCOMPRESS;
    for kind in [CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, CKM_ECDSA_SHA256, CKM_ECDH1_DERIVE, CKM_ECIES] {
        assert_eq!(flags(kind) & (all | CKF_EC_F_2M), all, "{kind:#x}");
    }
    for kind in [CKM_EDDSA, CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EC_MONTGOMERY_KEY_PAIR_GEN] {
        assert_eq!(flags(kind) & (all | CKF_EC_F_2M), named, "{kind:#x}");
    }
    // And so it is: a curve by its name, and a peer's point compressed.
    let (_, partition) = provisioned(personality);
    let mut client = Client::logged_in(&partition, 1);
    let name = [&[0x13, 9][..], b"secp256r1"].concat();
    for params in [P256.to_vec(), name] {
        let template = vec![Attribute::bytes(CKA_EC_PARAMS, params)];
        let derives = vec![yes(CKA_DERIVE)];
        let (public, private) = client.pair(CKM_EC_KEY_PAIR_GEN, template, derives).unwrap();
        let point = client.bytes(public, CKA_EC_POINT)[2..].to_vec();
        let compressed = [&[2 + (point[64] & 1)][..], &point[1..33]].concat();
        let mut secrets = [point, compressed].map(|public_data| {
            let params = Params::Ecdh1 { kdf: CKD_NULL, shared_data: vec![], public_data };
            let len = Attribute::ulong(CKA_VALUE_LEN, 32);
            let template = vec![len, no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
            let key = client.derive(&mechanism(CKM_ECDH1_DERIVE, params), private, template);
            let key = key.unwrap();
            client.bytes(key, CKA_VALUE)
        });
        let other = secrets[1].split_off(0);
        assert_eq!(secrets[0], other);
    }
}

/// RFC 3394, 4.1; RFC 5649, 6: key, data, what is wrapped.
const KEY_WRAPS: [(u64, &str, &str, &str); 3] = [
    (
        CKM_AES_KEY_WRAP,
        "000102030405060708090a0b0c0d0e0f",
        "00112233445566778899aabbccddeeff",
        "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5",
    ),
    (
        CKM_AES_KEY_WRAP_KWP,
        "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
        "c37b7e6492584340bed12207808941155068f738",
        "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
    ),
    (
        CKM_LUNA_AES_KWP,
        "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
        "466f7250617369",
        "afbeb0f07dfbf5419200f2ccb50bb24f",
    ),
];

#[test]
fn key_wraps_encrypt_data_in_one_part() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (encrypt, decrypt) = (OperationKind::Encrypt, OperationKind::Decrypt);
    for (kind, key, data, wanted) in KEY_WRAPS {
        let key = Some(client.create(secret_key(CKK_AES, &hex(key))).unwrap());
        let plain = Mechanism::plain(kind);
        let sealed = client.one_part(encrypt, &plain, key, &hex(data)).unwrap();
        assert_eq!(sealed, hex(wanted));
        assert_eq!(client.one_part(decrypt, &plain, key, &sealed).unwrap(), hex(data));
        let mut altered = sealed.clone();
        altered[3] ^= 1;
        let refused = client.one_part(decrypt, &plain, key, &altered);
        assert_eq!(rv(refused), CKR_ENCRYPTED_DATA_INVALID);
        let refused = client.one_part(decrypt, &plain, key, &sealed[1..]);
        assert_eq!(rv(refused), CKR_ENCRYPTED_DATA_LEN_RANGE);
        let operation = operation(encrypt, &plain, key);
        let begun = client.code(Request::Begin { operation, data: hex(data).into() });
        assert_eq!(begun, CKR_FUNCTION_NOT_SUPPORTED, "one part only (6.16.3 of 3.2)");
    }
    let key = Some(client.create(secret_key(CKK_AES, &[7; 16])).unwrap());
    for len in [0, 8, 15, 17] {
        let refused =
            client.one_part(encrypt, &Mechanism::plain(CKM_AES_KEY_WRAP), key, &vec![1; len]);
        assert_eq!(rv(refused), CKR_DATA_LEN_RANGE, "{len}");
    }
    // Lengths that are announced are the lengths that come.
    for kind in [CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP, CKM_AES_KEY_WRAP_PKCS7] {
        for len in [16, 24, 32] {
            let plain = Mechanism::plain(kind);
            let sealed = client.one_part(encrypt, &plain, key, &vec![1; len]).unwrap();
            let check = |client: &mut Client, kind| {
                let operation = operation(kind, &plain, key);
                match client.ask(Request::Check { operation }).unwrap() {
                    hsmsim_partition::api::Reply::Checked(checked) => checked.output,
                    other => panic!("{other:?}"),
                }
            };
            assert_eq!(check(&mut client, encrypt).one_part(len), sealed.len(), "{plain:?} {len}");
            assert!(check(&mut client, decrypt).one_part(sealed.len()) >= len);
        }
    }
}
