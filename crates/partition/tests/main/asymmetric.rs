//! Key pairs of every kind: made, used, taken out and in again. What the primitives compute is proved beside them,
//! with published vectors; here it is that the right one is asked, with the right parameters and codes.

use hsmsim_crypto::{
    digest::{HashAlg, hash},
    hss::{HssPrivateKey, Level},
};
use hsmsim_partition::api::{AttributeResult, OperationKind, Reply, Request};

use crate::support::{shapes::dsa_parameters, *};

/// DER of object identifiers of curves, as CKA_EC_PARAMS.
const P192: &[u8] = &[0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 1];
const P224: &[u8] = &[0x06, 5, 0x2B, 0x81, 4, 0, 33];
const BRAINPOOL_P256R1: &[u8] = &[0x06, 9, 0x2B, 0x24, 3, 3, 2, 8, 1, 1, 7];
const BRAINPOOL_P512T1: &[u8] = &[0x06, 9, 0x2B, 0x24, 3, 3, 2, 8, 1, 1, 14];
const ED448: &[u8] = &[0x06, 3, 0x2B, 0x65, 0x71];
const X448: &[u8] = &[0x06, 3, 0x2B, 0x65, 0x6F];

/// A kind of key pair that signs.
struct Signer {
    key_gen: u64,
    public: Vec<Attribute>,
    mechanisms: Vec<Mechanism>,
}

fn context(hash: Option<u64>) -> Params {
    Params::SignContext { hedge: CKH_DETERMINISTIC_REQUIRED, context: b"context".to_vec(), hash }
}

fn eddsa(prehash: bool, context: &[u8]) -> Mechanism {
    mechanism(CKM_EDDSA, Params::Eddsa { prehash, context: context.to_vec() })
}

fn plain(kinds: &[u64]) -> Vec<Mechanism> {
    kinds.iter().map(|&kind| Mechanism::plain(kind)).collect()
}

/// What an unwrapping has to say of a private key: class, and the type of another.
fn private_key_like(client: &mut Client, key: ObjectId) -> Vec<Attribute> {
    let AttributeResult::Value(key_type) = client.get(key, CKA_KEY_TYPE) else { panic!() };
    vec![
        Attribute::ulong(CKA_CLASS, CKO_PRIVATE_KEY),
        Attribute { kind: CKA_KEY_TYPE, value: key_type },
    ]
}

fn curve(params: &[u8]) -> Vec<Attribute> {
    vec![Attribute::bytes(CKA_EC_PARAMS, params)]
}

fn set(number: u64) -> Vec<Attribute> {
    vec![Attribute::ulong(CKA_PARAMETER_SET, number)]
}

fn signers() -> Vec<Signer> {
    let signer = |key_gen, public, mechanisms| Signer { key_gen, public, mechanisms };
    let mut signers = vec![
        signer(
            CKM_RSA_X9_31_KEY_PAIR_GEN,
            vec![Attribute::ulong(CKA_MODULUS_BITS, 1024)],
            plain(&[CKM_SHA1_RSA_X9_31, CKM_SHA256_RSA_PKCS]),
        ),
        signer(
            CKM_DSA_KEY_PAIR_GEN,
            dsa_parameters(),
            plain(&[CKM_DSA_SHA1, CKM_DSA_SHA256, CKM_DSA_SHA3_512, CKM_LUNA_DSA_SHA256]),
        ),
        signer(
            CKM_EC_EDWARDS_KEY_PAIR_GEN,
            curve(ED448),
            vec![
                Mechanism::plain(CKM_EDDSA),
                eddsa(false, b""),
                eddsa(false, b"context"),
                eddsa(true, b"context"),
            ],
        ),
        signer(
            CKM_EC_EDWARDS_KEY_PAIR_GEN,
            curve(&[0x06, 3, 0x2B, 0x65, 0x70]),
            vec![eddsa(false, b"context"), eddsa(true, b""), eddsa(true, b"context")],
        ),
        signer(
            CKM_SLH_DSA_KEY_PAIR_GEN,
            set(CKP_SLH_DSA_SHA2_128F),
            vec![
                mechanism(CKM_SLH_DSA, context(None)),
                mechanism(CKM_HASH_SLH_DSA_SHAKE128, context(None)),
                Mechanism::plain(CKM_HASH_SLH_DSA_SHA256),
            ],
        ),
    ];
    for params in [P192, P224, BRAINPOOL_P256R1, BRAINPOOL_P512T1] {
        let mechanisms = plain(&[CKM_ECDSA_SHA256, CKM_ECDSA_SHA512, CKM_ECDSA_SHA3_256]);
        signers.push(signer(CKM_EC_KEY_PAIR_GEN, curve(params), mechanisms));
    }
    for number in [CKP_ML_DSA_44, CKP_ML_DSA_65, CKP_ML_DSA_87] {
        let mechanisms = vec![
            Mechanism::plain(CKM_ML_DSA),
            mechanism(CKM_ML_DSA, context(None)),
            mechanism(CKM_HASH_ML_DSA_SHA512, context(None)),
            mechanism(CKM_HASH_ML_DSA_SHA3_256, context(None)),
            Mechanism::plain(CKM_HASH_ML_DSA_SHAKE256),
        ];
        signers.push(signer(CKM_ML_DSA_KEY_PAIR_GEN, set(number), mechanisms));
    }
    signers
}

#[test]
fn every_kind_of_pair_signs_in_one_part_and_in_many_and_verifies() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let message: Vec<u8> = (0..100).collect();
    for Signer { key_gen, public, mechanisms } in signers() {
        let (public, private) = client.pair(key_gen, public, vec![]).unwrap();
        for mechanism in mechanisms {
            let name = format!("{mechanism:?}");
            let signature = client.sign(&mechanism, private, &message).unwrap();
            assert_eq!(client.verify(&mechanism, public, &message, &signature), CKR_OK, "{name}");
            let kind = OperationKind::Sign;
            let whole = (&message[..], &[][..]);
            let parts = client.in_parts(kind, &mechanism, Some(private), whole, 33).unwrap();
            assert_eq!(client.verify(&mechanism, public, &message, &parts), CKR_OK, "{name}");
            let kind = OperationKind::Verify;
            let whole = (&message[..], &signature[..]);
            assert!(client.in_parts(kind, &mechanism, Some(public), whole, 33).is_ok(), "{name}");

            let other = client.verify(&mechanism, public, b"another message", &signature);
            assert_eq!(other, CKR_SIGNATURE_INVALID, "{name}");
            let short = &signature[1..];
            let code = client.verify(&mechanism, public, &message, short);
            assert_eq!(code, CKR_SIGNATURE_LEN_RANGE, "{name}");
            assert_eq!(
                rv(client.sign(&mechanism, public, &message)),
                CKR_KEY_FUNCTION_NOT_PERMITTED
            );
        }
    }
}

#[test]
fn every_private_key_is_wrapped_as_privatekeyinfo_and_comes_back_the_same() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let aes = client.generate(CKM_AES_KEY_GEN, vec![Attribute::ulong(CKA_VALUE_LEN, 32)]).unwrap();
    let kwp = Mechanism::plain(CKM_AES_KEY_WRAP_KWP);
    for Signer { key_gen, public, mechanisms } in signers() {
        let (public, private) = client.pair(key_gen, public, vec![yes(CKA_EXTRACTABLE)]).unwrap();
        let wrapped = client.wrap(&kwp, aes, private).unwrap();
        let template = private_key_like(&mut client, private);
        let again = client.unwrap(&kwp, aes, &wrapped, template).unwrap();
        let mechanism = &mechanisms[0];
        let signature = client.sign(mechanism, again, b"message").unwrap();
        assert_eq!(client.verify(mechanism, public, b"message", &signature), CKR_OK);
        let [of_private, of_public, of_again] =
            [private, public, again].map(|key| client.bytes(key, CKA_PUBLIC_KEY_INFO));
        assert_eq!((&of_private, &of_public), (&of_again, &of_again), "{mechanism:?}");
    }
}

#[test]
fn a_digest_is_signed_where_the_mechanism_takes_one() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (public, private) =
        client.pair(CKM_ML_DSA_KEY_PAIR_GEN, set(CKP_ML_DSA_44), vec![]).unwrap();
    let digest = hash(HashAlg::Sha256, b"message");
    let given = mechanism(CKM_HASH_ML_DSA, context(Some(CKM_SHA256)));
    let hashes = mechanism(CKM_HASH_ML_DSA_SHA256, context(None));
    let signature = client.sign(&given, private, &digest).unwrap();
    assert_eq!(client.verify(&hashes, public, b"message", &signature), CKR_OK);
    assert_eq!(client.sign(&hashes, private, b"message").unwrap(), signature, "deterministic");
    assert_eq!(rv(client.sign(&given, private, &digest[1..])), CKR_DATA_LEN_RANGE);
    for (mechanism, expected) in [
        (Mechanism::plain(CKM_HASH_ML_DSA), CKR_MECHANISM_PARAM_INVALID),
        (mechanism(CKM_HASH_ML_DSA, context(Some(CKM_MD5))), CKR_MECHANISM_PARAM_INVALID),
        (mechanism(CKM_HASH_ML_DSA, context(Some(CKM_AES_CBC))), CKR_MECHANISM_PARAM_INVALID),
        (mechanism(CKM_HASH_ML_DSA_SHA256, context(Some(CKM_SHA256))), CKR_MECHANISM_PARAM_INVALID),
        (
            mechanism(CKM_ML_DSA, Params::SignContext { hedge: 7, context: vec![], hash: None }),
            CKR_MECHANISM_PARAM_INVALID,
        ),
        (
            mechanism(
                CKM_ML_DSA,
                Params::SignContext { hedge: 0, context: vec![0; 256], hash: None },
            ),
            CKR_MECHANISM_PARAM_INVALID,
        ),
        (mechanism(CKM_ML_DSA, Params::Bytes(vec![1])), CKR_MECHANISM_PARAM_INVALID),
        (Mechanism::plain(CKM_SLH_DSA), CKR_KEY_TYPE_INCONSISTENT),
    ] {
        assert_eq!(rv(client.sign(&mechanism, private, &digest)), expected, "{mechanism:?}");
    }
    let hedged = Mechanism::plain(CKM_ML_DSA);
    let [one, two] = [0; 2].map(|_| client.sign(&hedged, private, b"m").unwrap());
    assert_ne!(one, two);
}

#[test]
fn a_post_quantum_private_key_is_its_seed_or_its_value() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    for (key_gen, key_type, number) in [
        (CKM_ML_DSA_KEY_PAIR_GEN, CKK_ML_DSA, CKP_ML_DSA_65),
        (CKM_ML_KEM_KEY_PAIR_GEN, CKK_ML_KEM, CKP_ML_KEM_768),
    ] {
        let shown = vec![yes(CKA_EXTRACTABLE), no(CKA_SENSITIVE)];
        let (public, private) = client.pair(key_gen, set(number), shown).unwrap();
        let (seed, value) = (client.bytes(private, CKA_SEED), client.bytes(private, CKA_VALUE));
        let mut import = |parts: Vec<Attribute>| {
            let mut template = vec![
                Attribute::ulong(CKA_CLASS, CKO_PRIVATE_KEY),
                Attribute::ulong(CKA_KEY_TYPE, key_type),
                Attribute::ulong(CKA_PARAMETER_SET, number),
            ];
            template.extend(parts);
            client.create(template)
        };
        let seed_alone = import(vec![Attribute::bytes(CKA_SEED, &seed[..])]).unwrap();
        let value_alone = import(vec![Attribute::bytes(CKA_VALUE, &value[..])]).unwrap();
        let mut wrong = value.clone();
        wrong[200] ^= 1;
        let two_keys =
            vec![Attribute::bytes(CKA_SEED, &seed[..]), Attribute::bytes(CKA_VALUE, wrong)];
        assert_eq!(rv(import(two_keys)), CKR_ATTRIBUTE_VALUE_INVALID);
        assert_eq!(rv(import(vec![])), CKR_TEMPLATE_INCOMPLETE);
        let short = vec![Attribute::bytes(CKA_SEED, &seed[1..])];
        assert_eq!(rv(import(short)), CKR_ATTRIBUTE_VALUE_INVALID);
        for again in [seed_alone, value_alone] {
            let info = CKA_PUBLIC_KEY_INFO;
            assert_eq!(client.bytes(again, info), client.bytes(public, info));
        }
    }
    let (key_gen, none) = (CKM_ML_DSA_KEY_PAIR_GEN, client_pair_code(&mut client, vec![]));
    assert_eq!(none, CKR_TEMPLATE_INCOMPLETE, "{key_gen:#x}");
    assert_eq!(client_pair_code(&mut client, set(99)), CKR_ATTRIBUTE_VALUE_INVALID);
}

fn client_pair_code(client: &mut Client, public: Vec<Attribute>) -> CK_RV {
    rv(client.pair(CKM_ML_DSA_KEY_PAIR_GEN, public, vec![]))
}

#[test]
fn an_encapsulated_secret_is_the_same_on_both_sides() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let ecdh = || Params::Ecdh1 {
        kdf: CKD_SHA256_KDF,
        shared_data: b"shared".to_vec(),
        public_data: vec![],
    };
    let rsa = vec![Attribute::ulong(CKA_MODULUS_BITS, 2048)];
    let oaep = || Params::Oaep {
        hash: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        label: vec![],
    };
    for (key_gen, public, kind, params, len) in [
        (CKM_ML_KEM_KEY_PAIR_GEN, set(CKP_ML_KEM_512), CKM_ML_KEM, Params::None, 768),
        (CKM_ML_KEM_KEY_PAIR_GEN, set(CKP_ML_KEM_768), CKM_ML_KEM, Params::None, 1088),
        (CKM_ML_KEM_KEY_PAIR_GEN, set(CKP_ML_KEM_1024), CKM_ML_KEM, Params::None, 1568),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, curve(X448), CKM_ECDH1_DERIVE, ecdh(), 56),
        (CKM_EC_KEY_PAIR_GEN, curve(BRAINPOOL_P256R1), CKM_ECDH1_DERIVE, ecdh(), 65),
        (CKM_RSA_PKCS_KEY_PAIR_GEN, rsa.clone(), CKM_RSA_PKCS, Params::None, 256),
        (CKM_RSA_PKCS_KEY_PAIR_GEN, rsa.clone(), CKM_RSA_X_509, Params::None, 256),
        (CKM_RSA_PKCS_KEY_PAIR_GEN, rsa, CKM_RSA_PKCS_OAEP, oaep(), 256),
    ] {
        let (public_key, private_key) = client.pair(key_gen, public, vec![]).unwrap();
        let mechanism = mechanism(kind, params);
        let template = || {
            Template(vec![
                Attribute::ulong(CKA_KEY_TYPE, CKK_AES),
                Attribute::ulong(CKA_VALUE_LEN, 32),
            ])
        };
        let encapsulate = |room| Request::Encapsulate {
            mechanism: mechanism.clone().into(),
            public_key,
            template: template(),
            room,
        };
        for room in [None, Some(len - 1)] {
            let Reply::Size(needed) = client.ask(encapsulate(room)).unwrap() else { panic!() };
            assert_eq!(needed as usize, len);
        }
        let Reply::Created(made) = client.ask(encapsulate(Some(len))).unwrap() else { panic!() };
        assert_eq!(made.output.len(), len);
        let decapsulate = |ciphertext: &[u8]| Request::Decapsulate {
            mechanism: mechanism.clone().into(),
            private_key,
            ciphertext: ciphertext.to_vec(),
            template: template(),
        };
        let Reply::Created(again) = client.ask(decapsulate(&made.output)).unwrap() else {
            panic!()
        };
        let check = CKA_CHECK_VALUE;
        let [ours, theirs] = [&made, &again].map(|made| client.bytes(made.objects[0].id, check));
        assert_eq!(ours, theirs, "{mechanism:?}");
        let code = client.code(decapsulate(&made.output[1..]));
        assert_eq!(code, CKR_ENCRYPTED_DATA_LEN_RANGE, "{mechanism:?}");
    }
}

#[test]
fn two_parties_of_diffie_hellman_agree() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let group = small_group();
    let parameters = || {
        vec![Attribute::bytes(CKA_PRIME, &group.p[..]), Attribute::bytes(CKA_BASE, &group.g[..])]
    };
    let key_gen = CKM_DH_PKCS_KEY_PAIR_GEN;
    let private = || vec![Attribute::ulong(CKA_VALUE_BITS, 200)];
    let (public_1, private_1) = client.pair(key_gen, parameters(), private()).unwrap();
    let (public_2, private_2) = client.pair(key_gen, parameters(), vec![]).unwrap();
    let mut derive = |private, public| {
        let peer = client.bytes(public, CKA_VALUE);
        let template =
            vec![Attribute::ulong(CKA_KEY_TYPE, CKK_AES), Attribute::ulong(CKA_VALUE_LEN, 32)];
        let mechanism = mechanism(CKM_DH_PKCS_DERIVE, Params::Bytes(peer));
        let key = client.derive(&mechanism, private, template).unwrap();
        client.bytes(key, CKA_CHECK_VALUE)
    };
    assert_eq!(derive(private_1, public_2), derive(private_2, public_1));
    let nothing = mechanism(CKM_DH_PKCS_DERIVE, Params::Bytes(vec![1]));
    assert_eq!(rv(client.derive(&nothing, private_1, vec![])), CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn hss_signatures_of_others_are_verified() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    // LMS_SHA256_M32_H5, LMOTS_SHA256_N32_W8 (RFC 8554, 3.3 and 4.1).
    let mut signer = HssPrivateKey::generate(&[Level { lms_type: 5, lmots_type: 4 }]).unwrap();
    let template = |value: Vec<u8>| {
        vec![
            Attribute::ulong(CKA_CLASS, CKO_PUBLIC_KEY),
            Attribute::ulong(CKA_KEY_TYPE, CKK_HSS),
            Attribute::bytes(CKA_VALUE, value),
        ]
    };
    let value = signer.public().to_bytes();
    let key = client.create(template(value.clone())).unwrap();
    let signature = signer.sign(b"firmware").unwrap();
    let hss = Mechanism::plain(CKM_HSS);
    assert_eq!(client.verify(&hss, key, b"firmware", &signature), CKR_OK);
    assert_eq!(client.verify(&hss, key, b"other", &signature), CKR_SIGNATURE_INVALID);
    assert_eq!(rv(client.create(template(value[1..].to_vec()))), CKR_ATTRIBUTE_VALUE_INVALID);
}

#[test]
fn a_key_travels_under_a_public_key_of_any_size() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let oaep = || Params::Oaep {
        hash: CKM_SHA384,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        label: b"label".to_vec(),
    };
    let ecdh = || Params::EcdhAesWrap {
        aes_bits: 256,
        kdf: CKD_SHA256_KDF,
        shared_data: b"shared".to_vec(),
    };
    let rsa = || Params::RsaAesWrap { aes_bits: 256, oaep: Box::new(oaep()) };
    let bits = vec![Attribute::ulong(CKA_MODULUS_BITS, 2048)];
    for (key_gen, public, kind, params) in [
        (CKM_RSA_PKCS_KEY_PAIR_GEN, bits, CKM_RSA_AES_KEY_WRAP, rsa()),
        (CKM_EC_KEY_PAIR_GEN, curve(P256), CKM_ECDH_AES_KEY_WRAP, ecdh()),
        (CKM_EC_KEY_PAIR_GEN, curve(P256), CKM_ECDH_COF_AES_KEY_WRAP, ecdh()),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, curve(X448), CKM_ECDH_X_AES_KEY_WRAP, ecdh()),
    ] {
        let public = [public, vec![yes(CKA_WRAP)]].concat();
        let (wrapping, unwrapping) = client.pair(key_gen, public, vec![yes(CKA_UNWRAP)]).unwrap();
        // A private key is longer than an RSA modulus has room for.
        let (public, target) = client
            .pair(CKM_EC_KEY_PAIR_GEN, curve(BRAINPOOL_P512T1), vec![yes(CKA_EXTRACTABLE)])
            .unwrap();
        let mechanism = mechanism(kind, params);
        let wrapped = client.wrap(&mechanism, wrapping, target).unwrap();
        let template = private_key_like(&mut client, target);
        let again = client.unwrap(&mechanism, unwrapping, &wrapped, template.clone()).unwrap();
        let ecdsa = Mechanism::plain(CKM_ECDSA_SHA256);
        let signature = client.sign(&ecdsa, again, b"message").unwrap();
        assert_eq!(client.verify(&ecdsa, public, b"message", &signature), CKR_OK);
        let mut broken = wrapped;
        *broken.last_mut().unwrap() ^= 1;
        let code = rv(client.unwrap(&mechanism, unwrapping, &broken, template));
        assert_eq!(code, CKR_WRAPPED_KEY_INVALID, "{mechanism:?}");
    }
}

#[test]
fn a_message_representative_is_signed_as_the_message_would_be() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let (public, private) =
        client.pair(CKM_ML_DSA_KEY_PAIR_GEN, set(CKP_ML_DSA_65), vec![]).unwrap();
    // FIPS 204, 5.2: the hash of the public key, then of it with the encoded message.
    let shake = |len, data: &[u8]| {
        hsmsim_crypto::digest::expand(hsmsim_crypto::digest::Xof::Shake256, data, len).to_vec()
    };
    let tr = shake(64, &client.bytes(public, CKA_VALUE));
    let mu = shake(64, &[&tr[..], &[0, 0], b"message"].concat());
    let external = Mechanism::plain(CKM_LUNA_EXTMU_ML_DSA);
    let signature = client.sign(&external, private, &mu).unwrap();
    let whole = Mechanism::plain(CKM_ML_DSA);
    assert_eq!(client.verify(&whole, public, b"message", &signature), CKR_OK);
    let signature = client.sign(&whole, private, b"message").unwrap();
    assert_eq!(client.verify(&external, public, &mu, &signature), CKR_OK);
    assert_eq!(rv(client.sign(&external, private, &mu[1..])), CKR_DATA_LEN_RANGE);
}

#[test]
fn shake_digests_to_the_length_asked_for_and_sha_512_t_to_its_t() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let mut digest = |kind, params: Params| {
        let mechanism = mechanism(kind, params);
        let kind = OperationKind::Digest;
        let whole = client.one_part(kind, &mechanism, None, b"abc")?;
        let parts = client.in_parts(kind, &mechanism, None, (b"abc", &[]), 2)?;
        assert_eq!(whole, parts);
        Ok(whole.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    };
    // NIST's examples for FIPS 202 and FIPS 180-4.
    let shake128 = "5881092dd818bf5cf8a3ddb793fbcba74097d5c526a6d35f97b83351940f2cc8";
    assert_eq!(digest(CKM_LUNA_SHAKE_128, Params::None).unwrap(), shake128);
    assert_eq!(digest(CKM_LUNA_SHAKE_128, Params::Length(4)).unwrap(), shake128[..8]);
    let sha512_256 = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23";
    assert_eq!(digest(CKM_SHA512_T, Params::Length(256)).unwrap(), sha512_256);
    for (kind, params) in [
        (CKM_LUNA_SHAKE_256, Params::Length(0)),
        (CKM_SHA512_T, Params::Length(384)),
        (CKM_SHA512_T, Params::None),
    ] {
        assert_eq!(rv(digest(kind, params)), CKR_MECHANISM_PARAM_INVALID);
    }
}

#[test]
fn domain_parameters_are_made_and_make_key_pairs() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let of_seed = |hash, seed: &[u8]| Params::DsaParameterGen { hash, seed: seed.to_vec() };
    let bits = |prime, subprime: Option<u64>| {
        let mut all = vec![Attribute::ulong(CKA_PRIME_BITS, prime)];
        all.extend(subprime.map(|bits| Attribute::ulong(CKA_SUBPRIME_BITS, bits)));
        Template(all)
    };
    let key_pair = CKM_DSA_KEY_PAIR_GEN;
    for (kind, params, template, key_gen) in [
        (CKM_DSA_PARAMETER_GEN, Params::None, bits(1024, None), key_pair),
        (CKM_DSA_PROBABILISTIC_PARAMETER_GEN, of_seed(CKM_SHA256, b""), bits(1024, None), key_pair),
        (CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN, of_seed(CKM_SHA256, b""), bits(1024, None), key_pair),
        (CKM_DSA_PARAMETER_GEN, Params::None, bits(1024, Some(160)), key_pair),
        (CKM_DH_PKCS_PARAMETER_GEN, Params::None, bits(512, None), CKM_DH_PKCS_KEY_PAIR_GEN),
        (CKM_X9_42_DH_PARAMETER_GEN, Params::None, bits(512, Some(160)), CKM_X9_42_DH_KEY_PAIR_GEN),
    ] {
        let mechanism = mechanism(kind, params);
        let request = Request::GenerateKey { mechanism: mechanism.clone().into(), template };
        let Reply::Created(made) = client.ask(request).unwrap() else { panic!() };
        let domain = made.objects[0].id;
        assert!(client.flag(domain, CKA_LOCAL));
        let mut kinds = vec![CKA_PRIME, CKA_BASE];
        if key_gen != CKM_DH_PKCS_KEY_PAIR_GEN {
            kinds.push(CKA_SUBPRIME);
        }
        let numbers: Vec<_> = kinds
            .into_iter()
            .map(|kind| Attribute::bytes(kind, client.bytes(domain, kind)))
            .collect();
        assert!(client.pair(key_gen, numbers, vec![]).is_ok(), "{mechanism:?}");
    }
    let mut code = |kind, params, template| {
        client.code(Request::GenerateKey { mechanism: mechanism(kind, params).into(), template })
    };
    let probable = CKM_DSA_PROBABILISTIC_PARAMETER_GEN;
    for (kind, params, template, expected) in [
        (CKM_DSA_PARAMETER_GEN, Params::None, Template(vec![]), CKR_TEMPLATE_INCOMPLETE),
        (CKM_DSA_PARAMETER_GEN, Params::None, bits(512, None), CKR_KEY_SIZE_RANGE),
        (CKM_DSA_PARAMETER_GEN, Params::None, bits(1536, None), CKR_KEY_SIZE_RANGE),
        (CKM_DSA_PARAMETER_GEN, Params::None, bits(1024, Some(256)), CKR_KEY_SIZE_RANGE),
        (probable, of_seed(CKM_SHA256, b""), bits(3072, Some(224)), CKR_KEY_SIZE_RANGE),
        (probable, Params::None, bits(1024, None), CKR_MECHANISM_PARAM_INVALID),
        (probable, of_seed(CKM_AES_CBC, b""), bits(1024, None), CKR_MECHANISM_PARAM_INVALID),
        (probable, of_seed(CKM_SHA_1, b""), bits(2048, None), CKR_MECHANISM_PARAM_INVALID),
        (probable, of_seed(CKM_SHA256, b"short"), bits(1024, None), CKR_MECHANISM_PARAM_INVALID),
        (CKM_X9_42_DH_PARAMETER_GEN, Params::None, bits(512, None), CKR_TEMPLATE_INCOMPLETE),
    ] {
        assert_eq!(code(kind, params, template), expected, "{kind:#x}");
    }
}

#[test]
fn a_base_that_is_none_of_the_group_makes_no_key_pair() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let dsa = dsa_parameters();
    let dh = without(dsa.clone(), CKA_SUBPRIME);
    let prime = dsa.iter().find(|attribute| attribute.kind == CKA_PRIME).unwrap();
    let prime = prime.value.as_bytes().unwrap().to_vec();
    let mut longer = prime.clone();
    longer.push(1);
    for (kind, domain) in [
        (CKM_DSA_KEY_PAIR_GEN, &dsa),
        (CKM_DH_PKCS_KEY_PAIR_GEN, &dh),
        (CKM_X9_42_DH_KEY_PAIR_GEN, &dsa),
    ] {
        assert!(client.pair(kind, domain.clone(), vec![]).is_ok(), "{kind:#x}");
        for base in [&[][..], &[0], &[1], &[0, 0, 1], &prime, &longer] {
            let wrong = with(domain.clone(), vec![Attribute::bytes(CKA_BASE, base)]);
            let code = rv(client.pair(kind, wrong, vec![]));
            assert_eq!(code, CKR_ATTRIBUTE_VALUE_INVALID, "{kind:#x}, {base:x?}");
        }
    }
}

#[test]
fn two_parties_of_x9_42_agree_with_every_function() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key_gen = CKM_X9_42_DH_KEY_PAIR_GEN;
    let parameters = dsa_parameters();
    let [(public_1, private_1), (public_2, private_2)] =
        [0; 2].map(|_| client.pair(key_gen, parameters.clone(), vec![]).unwrap());
    // OtherInfo of RFC 2631, 2.1.2: 3DES wrap, counter, suppPubInfo of 192 bits.
    let other_info = [
        &[0x30, 0x1D, 0x30, 0x13][..],
        &[0x06, 0x0B, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 16, 3, 6],
        &[0x04, 4, 0, 0, 0, 1],
        &[0xA2, 6, 0x04, 4, 0, 0, 0, 192],
    ]
    .concat();
    for (kdf, other_info) in [
        (CKD_NULL, vec![]),
        (CKD_SHA1_KDF_CONCATENATE, b"anything".to_vec()),
        (CKD_SHA1_KDF_ASN1, other_info),
    ] {
        let mut derive = |private, public| {
            let public_data = client.bytes(public, CKA_VALUE);
            let params = Params::X942 { kdf, other_info: other_info.clone(), public_data };
            let template =
                vec![Attribute::ulong(CKA_KEY_TYPE, CKK_AES), Attribute::ulong(CKA_VALUE_LEN, 32)];
            let mechanism = mechanism(CKM_X9_42_DH_DERIVE, params);
            let key = client.derive(&mechanism, private, template).unwrap();
            client.bytes(key, CKA_CHECK_VALUE)
        };
        assert_eq!(derive(private_1, public_2), derive(private_2, public_1), "{kdf}");
    }
}
