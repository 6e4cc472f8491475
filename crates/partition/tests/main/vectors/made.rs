//! What is made at random: each is used, and proves by it that it is what it should be.

use hsmsim_partition::api::{Reply, Request};

use super::{signatures::rsa_key, *};

/// Mechanism, type and length of the key that it makes; 0 where the template does not say it.
#[rustfmt::skip]
const SECRETS: &[(u64, u64, usize)] = &[
    (CKM_AES_KEY_GEN, CKK_AES, 32), (CKM_AES_XTS_KEY_GEN, CKK_AES_XTS, 64), (CKM_ARIA_KEY_GEN, CKK_ARIA, 24),
    (CKM_CAMELLIA_KEY_GEN, CKK_CAMELLIA, 16), (CKM_DES_KEY_GEN, CKK_DES, 0), (CKM_DES2_KEY_GEN, CKK_DES2, 0),
    (CKM_DES3_KEY_GEN, CKK_DES3, 0), (CKM_CHACHA20_KEY_GEN, CKK_CHACHA20, 0),
    (CKM_POLY1305_KEY_GEN, CKK_POLY1305, 0), (CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET, 40),
    (CKM_HKDF_KEY_GEN, CKK_HKDF, 33), (CKM_SHA_1_KEY_GEN, CKK_SHA_1_HMAC, 20),
    (CKM_SHA224_KEY_GEN, CKK_SHA224_HMAC, 28), (CKM_SHA256_KEY_GEN, CKK_SHA256_HMAC, 32),
    (CKM_SHA384_KEY_GEN, CKK_SHA384_HMAC, 48), (CKM_SHA512_KEY_GEN, CKK_SHA512_HMAC, 64),
    (CKM_SHA512_224_KEY_GEN, CKK_SHA512_224_HMAC, 28), (CKM_SHA512_256_KEY_GEN, CKK_SHA512_256_HMAC, 32),
    (CKM_SHA512_T_KEY_GEN, CKK_SHA512_T_HMAC, 30), (CKM_SHA3_224_KEY_GEN, CKK_SHA3_224_HMAC, 28),
    (CKM_SHA3_256_KEY_GEN, CKK_SHA3_256_HMAC, 32), (CKM_SHA3_384_KEY_GEN, CKK_SHA3_384_HMAC, 48),
    (CKM_SHA3_512_KEY_GEN, CKK_SHA3_512_HMAC, 64), (CKM_BLAKE2B_160_KEY_GEN, CKK_BLAKE2B_160_HMAC, 20),
    (CKM_BLAKE2B_256_KEY_GEN, CKK_BLAKE2B_256_HMAC, 32), (CKM_BLAKE2B_384_KEY_GEN, CKK_BLAKE2B_384_HMAC, 48),
    (CKM_BLAKE2B_512_KEY_GEN, CKK_BLAKE2B_512_HMAC, 64), (CKM_HOTP_KEY_GEN, CKK_HOTP, 20),
];

/// Bytes of the types whose length goes without saying.
fn fixed_len(key_type: u64) -> usize {
    match key_type {
        CKK_DES => 8,
        CKK_DES2 => 16,
        CKK_DES3 => 24,
        _ => 32,
    }
}

/// A key is of its type and length, no two are the same, no byte is constant, and its parity is odd where
/// it has one; what is imported with its value is the same key.
pub(super) fn secret_keys() -> Vec<u64> {
    let mut client = officer();
    for &(kind, key_type, len) in SECRETS {
        let mut template = vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
        template.extend((len != 0).then(|| Attribute::ulong(CKA_VALUE_LEN, len as u64)));
        let keys = [0; 8].map(|_| client.generate(kind, template.clone()).unwrap());
        let values = keys.map(|key| client.bytes(key, CKA_VALUE));
        let expected = if len == 0 { fixed_len(key_type) } else { len };
        for at in 0..expected {
            let first = values[0][at];
            assert!(values.iter().any(|value| value[at] != first), "{}, byte {at}", name(kind));
        }
        for (index, value) in values.iter().enumerate() {
            assert_eq!(value.len(), expected, "{}", name(kind));
            assert!(!values[..index].contains(value), "{}", name(kind));
            if matches!(key_type, CKK_DES | CKK_DES2 | CKK_DES3) {
                assert!(value.iter().all(|byte| byte.count_ones() % 2 == 1), "{}", name(kind));
            }
        }
        if kind != CKM_HOTP_KEY_GEN {
            let again = client.create(secret_key(key_type, &values[0])).unwrap();
            let check = |client: &mut Client, key| client.bytes(key, CKA_CHECK_VALUE);
            assert_eq!(check(&mut client, again), check(&mut client, keys[0]), "{}", name(kind));
        }
    }
    let mut made: Vec<u64> = SECRETS.iter().map(|row| row.0).collect();
    let values = [0; 2].map(|_| {
        let template = Template(vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)]);
        let mechanism = mechanism(CKM_TLS_PRE_MASTER_KEY_GEN, Params::Version(3, 2));
        let reply =
            client.ask(Request::GenerateKey { mechanism: mechanism.into(), template }).unwrap();
        let Reply::Created(made) = reply else { panic!() };
        client.bytes(made.objects[0].id, CKA_VALUE)
    });
    assert!(values.iter().all(|value| value.len() == 48 && value[..2] == [3, 2]));
    assert_ne!(values[0][2..], values[1][2..]);
    made.push(CKM_TLS_PRE_MASTER_KEY_GEN);
    made
}

/// A generation, its public template, and the agreement with a peer's public value.
type Agreeing<'a> = (u64, Vec<Attribute>, &'a dyn Fn(Vec<u8>) -> Mechanism);

/// What the private half does, the public half undoes.
pub(super) fn pairs() -> Vec<u64> {
    let (known, mut client) = (Known::read(), officer());
    let curve = |params: &[u8]| vec![Attribute::bytes(CKA_EC_PARAMS, params)];
    let set = |number| vec![Attribute::ulong(CKA_PARAMETER_SET, number)];
    let bits = || vec![Attribute::ulong(CKA_MODULUS_BITS, 2048)];
    let part = |kind, name: &str| Attribute::bytes(kind, known.get(name));
    let dsa = vec![part(CKA_PRIME, "dsa.p"), part(CKA_SUBPRIME, "dsa.q"), part(CKA_BASE, "dsa.g")];
    let signing = [
        (CKM_RSA_PKCS_KEY_PAIR_GEN, bits(), CKM_SHA256_RSA_PKCS),
        (CKM_RSA_X9_31_KEY_PAIR_GEN, bits(), CKM_SHA256_RSA_PKCS),
        (CKM_RSA_FIPS_186_3_PRIME_KEY_PAIR_GEN, bits(), CKM_SHA256_RSA_PKCS),
        (CKM_RSA_FIPS_186_3_AUX_PRIME_KEY_PAIR_GEN, bits(), CKM_SHA256_RSA_PKCS),
        (CKM_EC_KEY_PAIR_GEN, curve(P256), CKM_ECDSA_SHA256),
        (CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS, curve(P384), CKM_ECDSA_SHA256),
        (CKM_EC_EDWARDS_KEY_PAIR_GEN, curve(ED25519), CKM_EDDSA),
        (CKM_LUNA_EC_EDWARDS_KEY_PAIR_GEN, curve(ED25519), CKM_EDDSA),
        (CKM_DSA_KEY_PAIR_GEN, dsa, CKM_DSA_SHA256),
        (CKM_ML_DSA_KEY_PAIR_GEN, set(CKP_ML_DSA_65), CKM_ML_DSA),
        (CKM_SLH_DSA_KEY_PAIR_GEN, set(CKP_SLH_DSA_SHAKE_128F), CKM_SLH_DSA),
    ];
    let mut made = Vec::new();
    for (kind, public, scheme) in signing {
        let (public, private) = client.pair(kind, public, vec![]).unwrap();
        let scheme = Mechanism::plain(scheme);
        let signature = client.sign(&scheme, private, b"abc").unwrap();
        verifies(&mut client, &scheme, public, b"abc", &signature);
        made.push(kind);
    }
    let group = |with_q: bool| {
        let mut all = vec![part(CKA_PRIME, "dh.p"), Attribute::bytes(CKA_BASE, [2])];
        all.extend(with_q.then(|| part(CKA_SUBPRIME, "dh.q")));
        all
    };
    let ecdh = |public_data| {
        mechanism(
            CKM_ECDH1_DERIVE,
            Params::Ecdh1 { kdf: CKD_NULL, shared_data: vec![], public_data },
        )
    };
    let agreeing: [Agreeing<'_>; 4] = [
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, curve(X25519), &ecdh),
        (CKM_LUNA_EC_MONTGOMERY_KEY_PAIR_GEN, curve(X25519), &ecdh),
        (CKM_DH_PKCS_KEY_PAIR_GEN, group(false), &|peer| {
            mechanism(CKM_DH_PKCS_DERIVE, Params::Bytes(peer))
        }),
        (CKM_X9_42_DH_KEY_PAIR_GEN, group(true), &|public_data| {
            let params = Params::X942 { kdf: CKD_NULL, other_info: vec![], public_data };
            mechanism(CKM_X9_42_DH_DERIVE, params)
        }),
    ];
    for (kind, given, agree) in agreeing {
        let (of, len) = match kind {
            CKM_DH_PKCS_KEY_PAIR_GEN | CKM_X9_42_DH_KEY_PAIR_GEN => (CKA_VALUE, 256),
            _ => (CKA_EC_POINT, 32),
        };
        let [one, other] = [0; 2].map(|_| client.pair(kind, given.clone(), vec![]).unwrap());
        let mut secret = |mine: (ObjectId, ObjectId), theirs: (ObjectId, ObjectId)| {
            let peer = client.bytes(theirs.0, of);
            derived(&mut client, &agree(peer), mine.1, len)
        };
        assert_eq!(secret(one, other), secret(other, one), "{}", name(kind));
        made.push(kind);
    }
    made.push(kem_pair(&mut client, set(CKP_ML_KEM_768)));
    // The file's own key agrees with what was made about what RSA is.
    let (public, _) = rsa_key(&known, &mut client);
    let forged = client.verify(&Mechanism::plain(CKM_SHA256_RSA_PKCS), public, b"abc", &[1; 256]);
    assert_eq!(forged, CKR_SIGNATURE_INVALID);
    made
}

fn kem_pair(client: &mut Client, set: Vec<Attribute>) -> u64 {
    let (public_key, private_key) = client.pair(CKM_ML_KEM_KEY_PAIR_GEN, set, vec![]).unwrap();
    let mechanism = || Mechanism::plain(CKM_ML_KEM);
    let template = || {
        let key_type = Attribute::ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
        Template(vec![key_type, no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)])
    };
    let (mechanism_1, template_1, room) = (mechanism(), template(), Some(1088));
    let request = Request::Encapsulate {
        mechanism: mechanism_1.into(),
        public_key,
        template: template_1,
        room,
    };
    let Reply::Created(made) = client.ask(request).unwrap() else { panic!() };
    let ciphertext = made.output.clone();
    let (mechanism, template) = (mechanism(), template());
    let request =
        Request::Decapsulate { mechanism: mechanism.into(), private_key, ciphertext, template };
    let Reply::Created(again) = client.ask(request).unwrap() else { panic!() };
    let [sent, come] = [&made, &again].map(|made| client.bytes(made.objects[0].id, CKA_VALUE));
    assert_eq!(sent, come);
    CKM_ML_KEM_KEY_PAIR_GEN
}

pub(super) fn parameters() -> Vec<u64> {
    let (known, mut client) = (Known::read(), officer());
    let mut made = |kind, params, prime: u64, subprime: u64| {
        let mut template = vec![Attribute::ulong(CKA_PRIME_BITS, prime)];
        if subprime != 0 {
            template.push(Attribute::ulong(CKA_SUBPRIME_BITS, subprime));
        }
        let (mechanism, template) = (mechanism(kind, params), Template(template));
        let Reply::Created(made) =
            client.ask(Request::GenerateKey { mechanism: mechanism.into(), template }).unwrap()
        else {
            panic!()
        };
        let domain = made.objects[0].id;
        let mut part = |kind| match client.get(domain, kind) {
            hsmsim_partition::api::AttributeResult::Value(value) => {
                value.as_bytes().unwrap().to_vec()
            }
            _ => Vec::new(),
        };
        [part(CKA_PRIME), part(CKA_SUBPRIME), part(CKA_BASE)]
    };
    let of_seed = |hash, seed| Params::DsaParameterGen { hash, seed };
    let seed = of_seed(CKM_SHA256, known.get("dsa_primes.seed"));
    let [p, q, g] = made(CKM_DSA_PROBABILISTIC_PARAMETER_GEN, seed, 2048, 0);
    assert_eq!((p, q), (known.get("dsa_primes.p"), known.get("dsa_primes.q")));
    assert!(!g.is_empty());
    let seed = of_seed(CKM_SHA384, known.get("gnutls.seed"));
    let [p, q, _] = made(CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN, seed, 2048, 0);
    assert_eq!((p, q), (known.get("gnutls.p"), known.get("gnutls.q")));
    // Random ones: primes of which one divides the other less one, and a generator of that order.
    for (kind, prime, subprime) in
        [(CKM_DSA_PARAMETER_GEN, 1024, 0), (CKM_X9_42_DH_PARAMETER_GEN, 1024, 160)]
    {
        let [p, q, g] = made(kind, Params::None, prime, subprime);
        assert_eq!((p.len() as u64, q.len()), (prime / 8, 20), "{}", name(kind));
        let group = hsmsim_crypto::dsa::DsaParameters { p, q, g };
        assert!(group.check_primes().is_ok(), "{}", name(kind));
    }
    let [p, _, g] = made(CKM_DH_PKCS_PARAMETER_GEN, Params::None, 512, 0);
    assert!(p.len() == 64 && p[63] % 2 == 1 && g == [2]);
    let group = vec![Attribute::bytes(CKA_PRIME, p), Attribute::bytes(CKA_BASE, g)];
    let [one, other] =
        [0; 2].map(|_| client.pair(CKM_DH_PKCS_KEY_PAIR_GEN, group.clone(), vec![]).unwrap());
    let mut secret = |mine: (ObjectId, ObjectId), theirs: (ObjectId, ObjectId)| {
        let peer = client.bytes(theirs.0, CKA_VALUE);
        let agree = mechanism(CKM_DH_PKCS_DERIVE, Params::Bytes(peer));
        derived(&mut client, &agree, mine.1, 64)
    };
    assert_eq!(secret(one, other), secret(other, one));
    vec![
        CKM_DSA_PROBABILISTIC_PARAMETER_GEN,
        CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN,
        CKM_DSA_PARAMETER_GEN,
        CKM_X9_42_DH_PARAMETER_GEN,
        CKM_DH_PKCS_PARAMETER_GEN,
    ]
}
